//! Waiting for a point of the wall clock without trusting it: design 03, clock.

use crate::{Clock, Millis, Stop, Timestamp};

/// The longest sleep before the wall clock is read again.
///
/// So late at most is a step of the wall clock, or the end of a suspension, which the monotonic
/// clock does not count, noticed. Ten short wakes a second cost nothing that can be measured.
pub const MAX_SLEEP: Millis = Millis(100);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wait {
    /// The clock shows the point waited for, or a later one.
    Reached,
    /// The [`Stop`] was given.
    Stopped,
}

/// Blocks until `clock` shows `deadline` or later, or `stop` is given; a given stop comes first.
///
/// Sleeps are on the monotonic clock and at most [`MAX_SLEEP`] long, and the clock is read again
/// after each.
pub fn wait_until(clock: &dyn Clock, stop: &Stop, deadline: Timestamp) -> Wait {
    let reached = wait_for(clock, stop, |now| match deadline.since(now) {
        None | Some(Millis::ZERO) => Poll::Ready(()),
        Some(left) => Poll::After(left),
    });
    if reached.is_some() {
        Wait::Reached
    } else {
        Wait::Stopped
    }
}

/// What a reading of the clock means to a waiter.
pub(crate) enum Poll<T> {
    /// The wait is over.
    Ready(T),
    /// Nothing before this much time has passed, unless the clock is changed.
    After(Millis),
}

/// Reads the clock until `poll` is ready, sleeping in between; `None` if stopped.
pub(crate) fn wait_for<T>(
    clock: &dyn Clock,
    stop: &Stop,
    mut poll: impl FnMut(Timestamp) -> Poll<T>,
) -> Option<T> {
    clock.ring_on_change(stop);
    loop {
        // The order matters: a change of the clock after this line ends the sleep below.
        let seen_rings = stop.rings();
        if stop.is_stopped() {
            return None;
        }
        match poll(clock.now()) {
            Poll::Ready(value) => return Some(value),
            Poll::After(left) => stop.pause_unless_rung(seen_rings, left.min(MAX_SLEEP)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::{ManualClock, SystemClock, mocks::MockClock};

    #[test]
    fn a_deadline_that_has_passed_is_reached_at_once() {
        let clock = ManualClock::new(Timestamp(10));
        assert_eq!(
            wait_until(&clock, &Stop::new(), Timestamp(10)),
            Wait::Reached
        );
        assert_eq!(
            wait_until(&clock, &Stop::new(), Timestamp(3)),
            Wait::Reached
        );
    }

    #[test]
    fn a_wait_ends_when_the_clock_is_set_to_its_deadline_and_not_before() {
        let clock = ManualClock::new(Timestamp(0));
        let waiter = thread::spawn({
            let clock = clock.clone();
            move || {
                let wait = wait_until(&clock, &Stop::new(), Timestamp(1_000_000));
                (wait, clock.now())
            }
        });
        clock.set(Timestamp(999_999));
        clock.set(Timestamp(1_000_000));
        assert_eq!(
            waiter.join().unwrap(),
            (Wait::Reached, Timestamp(1_000_000))
        );
    }

    #[test]
    fn a_wait_ends_when_stopped_on_any_clock() {
        for clock in [&SystemClock as &dyn Clock, &ManualClock::default()] {
            let stop = Stop::new();
            thread::scope(|scope| {
                let waiter = scope.spawn(|| wait_until(clock, &stop, Timestamp::MAX));
                stop.stop();
                assert_eq!(waiter.join().unwrap(), Wait::Stopped);
            });
        }
    }

    #[test]
    fn a_given_stop_comes_before_a_reached_deadline() {
        let stop = Stop::new();
        stop.stop();
        assert_eq!(
            wait_until(&ManualClock::default(), &stop, Timestamp(0)),
            Wait::Stopped
        );
    }

    #[test]
    fn a_clock_that_never_rings_is_read_again_by_itself() {
        let mut clock = MockClock::new();
        let mut readings = [5, 3, 1_000_000].into_iter();
        clock
            .expect_now()
            .times(3)
            .returning(move || Timestamp(readings.next().unwrap()));
        assert_eq!(
            wait_until(&clock, &Stop::new(), Timestamp(20_000)),
            Wait::Reached
        );
    }
}
