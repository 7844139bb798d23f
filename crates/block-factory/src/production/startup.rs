//! The wait after a start in which nothing is signed.

use picot_clock::{Millis, Timestamp};

/// How long a node that has just started signs nothing: it may already have signed for the current
/// slots before it was restarted (design 08, 'Start-up safety').
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupWait {
    /// When the process started.
    pub start: Timestamp,
    /// How long it waits from then on.
    pub delay: Millis,
    /// Whether genesis, staking keys and signing log were all made by this very start: then nothing
    /// can have been signed before, and there is no wait.
    pub fresh: bool,
}

impl StartupWait {
    /// When the wait ends, or `None` if there is none.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        let end = self.start.checked_add(self.delay).unwrap_or(Timestamp::MAX);
        Some(end).filter(|_| !self.fresh)
    }

    /// Whether something may be signed at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.end().is_none_or(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: StartupWait = StartupWait {
        start: Timestamp(1_000),
        delay: Millis(4_000),
        fresh: false,
    };

    #[test]
    fn the_wait_lasts_the_whole_delay_from_the_start() {
        assert!(!WAIT.is_over(Timestamp(1_000)));
        assert!(!WAIT.is_over(Timestamp(4_999)));
        assert!(WAIT.is_over(Timestamp(5_000)));
        assert_eq!(WAIT.end(), Some(Timestamp(5_000)));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_end_the_wait() {
        assert!(!WAIT.is_over(Timestamp::EPOCH));
    }

    #[test]
    fn a_chain_made_by_this_very_start_does_not_wait() {
        let fresh = StartupWait {
            fresh: true,
            ..WAIT
        };
        assert!(fresh.is_over(Timestamp(1_000)));
        assert_eq!(fresh.end(), None);
    }

    #[test]
    fn a_delay_past_64_bits_ends_at_the_end_of_time() {
        let endless = StartupWait {
            delay: Millis::MAX,
            ..WAIT
        };
        assert_eq!(endless.end(), Some(Timestamp::MAX));
        assert!(!endless.is_over(Timestamp(u64::MAX - 1)));
    }
}
