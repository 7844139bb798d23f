//! A clock that is driven by hand, for tests and the simulator.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Clock, ClockError, Millis, Stop, Timestamp, stop::WeakStop};

/// A clock that shows what it was last set to: all clones are one.
///
/// Setting it wakes the threads that wait for its time, so a test of a waiting thread need not
/// sleep. It may be set back.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    now: Timestamp,
    waiters: Vec<WeakStop>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            shared: Arc::new(Mutex::new(State {
                now,
                waiters: Vec::new(),
            })),
        }
    }

    /// Sets the clock forward or back.
    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
        self.ring();
    }

    /// Sets the clock forward by `length` and gives the new time.
    ///
    /// # Errors
    /// [`ClockError::OutOfTime`] past 64 bits; the clock is then unchanged.
    pub fn advance(&self, length: Millis) -> Result<Timestamp, ClockError> {
        let mut state = self.lock();
        let from = state.now;
        let now = from
            .checked_add(length)
            .ok_or(ClockError::OutOfTime { from, length })?;
        state.now = now;
        drop(state);
        self.ring();
        Ok(now)
    }

    /// Ringing takes the waiters' locks, one after the other, and never inside ours.
    fn ring(&self) {
        let waiters = self.lock().waiters.clone();
        waiters
            .iter()
            .filter_map(WeakStop::upgrade)
            .for_each(|waiter| waiter.ring());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn ring_on_change(&self, stop: &Stop) {
        let waiters = &mut self.lock().waiters;
        waiters.retain(|waiter| !waiter.is_gone());
        if !waiters.iter().any(|waiter| waiter.is(stop)) {
            waiters.push(stop.downgrade());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_are_one_clock() {
        let clock = ManualClock::new(Timestamp(10));
        let clone = clock.clone();
        clone.set(Timestamp(7));
        assert_eq!(clock.now(), Timestamp(7));
        assert_eq!(clock.advance(Millis(5)), Ok(Timestamp(12)));
        assert_eq!(clone.now(), Timestamp(12));
    }

    #[test]
    fn advancing_past_the_end_of_time_is_an_error_and_changes_nothing() {
        let clock = ManualClock::new(Timestamp(10));
        let (from, length) = (Timestamp(10), Millis::MAX);
        assert_eq!(
            clock.advance(length),
            Err(ClockError::OutOfTime { from, length })
        );
        assert_eq!(clock.now(), Timestamp(10));
    }

    #[test]
    fn waiters_are_kept_once_and_only_while_they_live() {
        let clock = ManualClock::default();
        let stop = Stop::new();
        for _ in 0..3 {
            clock.ring_on_change(&stop);
            clock.ring_on_change(&Stop::new());
        }
        assert!(clock.lock().waiters.len() <= 2);
        clock.advance(Millis(1)).unwrap();
        assert_eq!(stop.rings(), 1);
    }
}
