//! Where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Stop, Timestamp};

/// Gives the time.
///
/// `now` never blocks and may be called as often as one likes, from any thread. It follows the wall
/// clock and may therefore step back or leap forward between two calls; nothing holds over a
/// restart.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Asks a clock that does not run by itself to [ring](Stop::ring) whenever its time is changed.
    ///
    /// Waiters call it before they wait. A clock that runs by itself has nothing to do: waiters
    /// sleep for bounded times and read it again.
    fn ring_on_change(&self, _stop: &Stop) {}
}

/// The wall clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Times before 1970 are given as the epoch.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one door to the wall clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ManualClock, mocks::MockClock};

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > Timestamp(1_767_225_600_000));
    }

    #[test]
    fn a_clock_is_shared_as_a_trait_object() {
        let mut mock = MockClock::new();
        mock.expect_now().return_const(Timestamp(3));
        let clocks: [Arc<dyn Clock>; 2] =
            [Arc::new(mock), Arc::new(ManualClock::new(Timestamp(3)))];
        for clock in clocks {
            clock.ring_on_change(&Stop::new());
            assert_eq!(clock.now(), Timestamp(3));
        }
    }
}
