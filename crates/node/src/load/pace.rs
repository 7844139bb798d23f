//! When the next batch is due.

use picot_clock::{Millis, Timestamp};

/// What a second has of the unit that is counted in here, so that a millisecond's part is not lost.
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Batches at even distances. Who is late catches up, but never by more than a second's worth, or a
/// pause of the nodes would end in a burst.
pub(super) struct Pace {
    rate: u64,
    next_ns: u64,
}

impl Pace {
    /// Operations per second, from `start` on.
    pub(super) fn new(rate: u64, start: Timestamp) -> Self {
        Self {
            rate: rate.max(1),
            next_ns: nanos(start),
        }
    }

    /// Takes the turn of a batch, and gives how long to wait for it.
    pub(super) fn turn(&mut self, now: Timestamp, operations: usize) -> Millis {
        let now_ns = nanos(now);
        let due = self.next_ns.max(now_ns.saturating_sub(NANOS_PER_SECOND));
        let operations = u64::try_from(operations).unwrap_or(u64::MAX);
        let length = operations
            .saturating_mul(NANOS_PER_SECOND)
            .saturating_div(self.rate);
        self.next_ns = due.saturating_add(length);
        Millis(due.saturating_sub(now_ns).div_ceil(NANOS_PER_MILLI))
    }
}

fn nanos(time: Timestamp) -> u64 {
    time.as_millis().saturating_mul(NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000);

    #[test]
    fn batches_are_due_at_even_distances() {
        let mut pace = Pace::new(200, START);
        let waits = [0; 4].map(|_| pace.turn(START, 10).0);
        assert_eq!(waits, [0, 50, 100, 150]);
    }

    #[test]
    fn a_rate_that_no_millisecond_divides_is_kept_in_the_long_run() {
        let mut pace = Pace::new(300, START);
        let last = (0..=3_000).map(|_| pace.turn(START, 1).0).last().unwrap();
        assert_eq!(last, 10_000);
    }

    #[test]
    fn who_is_late_catches_up_by_a_second_at_most() {
        let mut pace = Pace::new(10, START);
        let late = Timestamp(START.0 + 60_000);
        let at_once = (0..100).take_while(|_| pace.turn(late, 1).0 == 0).count();
        assert_eq!(at_once, 11);
    }
}
