//! Telling threads that wait to stop.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use crate::Millis;

/// A handle to end waits: all clones are one.
///
/// Whoever waits shares a clone; [`stop`](Self::stop) ends every wait now and in future. It may be
/// called from any thread and as often as one likes, but not inside a signal handler, since it takes
/// a lock for a moment.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    stopped: bool,
    rings: u64,
}

impl Stop {
    /// A handle that is not stopped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all waits, for good.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.shared.changed.notify_all();
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Makes whoever waits for a time read its clock again, because the clock was changed.
    pub fn ring(&self) {
        let mut state = self.lock();
        state.rings = state.rings.wrapping_add(1);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Sleeps for `length` on the monotonic clock, or less if stopped; tells whether it is stopped.
    #[must_use]
    pub fn pause(&self, length: Millis) -> bool {
        let waited =
            self.shared
                .changed
                .wait_timeout_while(self.lock(), Duration::from(length), |state| !state.stopped);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stopped
    }

    /// The rings so far, to be read before the clock is and then given to
    /// [`pause_unless_rung`](Self::pause_unless_rung): no ring in between gets lost.
    pub(crate) fn rings(&self) -> u64 {
        self.lock().rings
    }

    /// Sleeps like [`pause`](Self::pause), but not after a ring that came after `seen_rings`.
    pub(crate) fn pause_unless_rung(&self, seen_rings: u64, length: Millis) {
        let waited =
            self.shared
                .changed
                .wait_timeout_while(self.lock(), Duration::from(length), |state| {
                    !state.stopped && state.rings == seen_rings
                });
        drop(waited);
    }

    /// The same handle for a list that must not keep it alive.
    pub(crate) fn downgrade(&self) -> WeakStop {
        WeakStop {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// A panic elsewhere leaves two plain values that are still true.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Stop`] that goes when its last user goes.
#[derive(Clone, Debug)]
pub(crate) struct WeakStop {
    shared: Weak<Shared>,
}

impl WeakStop {
    pub(crate) fn upgrade(&self) -> Option<Stop> {
        self.shared.upgrade().map(|shared| Stop { shared })
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.shared.strong_count() == 0
    }

    pub(crate) fn is(&self, stop: &Stop) -> bool {
        Weak::as_ptr(&self.shared) == Arc::as_ptr(&stop.shared)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn stopping_ends_a_pause_of_any_length_on_every_clone() {
        let stop = Stop::new();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let stop = stop.clone();
                thread::spawn(move || stop.pause(Millis::MAX))
            })
            .collect();
        stop.stop();
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        assert!(stop.pause(Millis::MAX), "and every pause after it");
    }

    #[test]
    fn a_pause_that_is_not_stopped_ends_by_itself() {
        assert!(!Stop::new().pause(Millis(1)));
    }

    #[test]
    fn a_ring_before_the_pause_is_not_lost() {
        let stop = Stop::new();
        let seen_rings = stop.rings();
        stop.ring();
        stop.pause_unless_rung(seen_rings, Millis::MAX);
        assert!(!stop.is_stopped(), "a ring does not stop");
    }

    #[test]
    fn a_weak_handle_does_not_keep_the_stop_alive() {
        let stop = Stop::new();
        let weak = stop.downgrade();
        assert!(weak.is(&stop) && !weak.is(&Stop::new()) && !weak.is_gone());
        drop(stop);
        assert!(weak.is_gone() && weak.upgrade().is_none());
    }
}
