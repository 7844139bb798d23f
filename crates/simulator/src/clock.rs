//! The clock of one node: apart from the true time, drifting, and stepped back and forth.

use crate::latency::MICROS_PER_MILLI;
use picot_clock::Timestamp;

/// Millionths in a whole.
const MILLION: i64 = 1_000_000;

/// A clock that is some time ahead of the true one, and goes a little too fast or too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeClock {
    since_us: u64,
    ahead_us: i64,
    rate_ppm: i64,
}

impl NodeClock {
    /// A clock that is so much ahead (or behind, if negative), and goes right.
    #[must_use]
    pub(crate) fn new(now_us: u64, ahead_ms: i64) -> Self {
        Self {
            since_us: now_us,
            ahead_us: ahead_ms.saturating_mul(signed(MICROS_PER_MILLI)),
            rate_ppm: 0,
        }
    }

    /// By how many microseconds it is ahead.
    #[must_use]
    pub(crate) fn ahead_us(&self, now_us: u64) -> i64 {
        let elapsed = signed(now_us.saturating_sub(self.since_us));
        self.ahead_us
            .saturating_add(elapsed.saturating_mul(self.rate_ppm) / MILLION)
    }

    /// What it shows.
    #[must_use]
    pub(crate) fn local(&self, now_us: u64) -> Timestamp {
        Timestamp(self.local_us(now_us) / MICROS_PER_MILLI)
    }

    fn local_us(&self, now_us: u64) -> u64 {
        now_us.saturating_add_signed(self.ahead_us(now_us))
    }

    /// Steps it, back if negative, and lets it gain so many millionths from now on, or lose.
    pub(crate) fn change(&mut self, now_us: u64, step_us: i64, rate_ppm: i64) {
        self.ahead_us = self.ahead_us(now_us).saturating_add(step_us);
        self.since_us = now_us;
        self.rate_ppm = rate_ppm;
    }

    /// After how many microseconds of true time it shows a time, if it goes on as it does: none if
    /// it shows it now.
    #[must_use]
    pub(crate) fn until_us(&self, now_us: u64, at: Timestamp) -> Option<u64> {
        let left =
            at.0.saturating_mul(MICROS_PER_MILLI)
                .checked_sub(self.local_us(now_us))
                .filter(|left| *left > 0)?;
        let speed = MILLION.saturating_add(self.rate_ppm).max(1);
        let scaled = u128::from(left) * u128::from(MILLION.unsigned_abs());
        let takes = scaled.div_ceil(u128::from(speed.unsigned_abs()));
        Some(u64::try_from(takes).unwrap_or(u64::MAX))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_gains_is_ahead_in_proportion_to_the_time_that_passed() {
        let mut clock = NodeClock::new(1_000_000, -5);
        assert_eq!(clock.local(1_000_000), Timestamp(995));
        clock.change(1_000_000, 0, 2_000);
        assert_eq!(clock.ahead_us(6_000_000), 5_000);
        clock.change(6_000_000, -7_000, 0);
        assert_eq!(clock.local(9_000_000), Timestamp(8_998));
    }

    #[test]
    fn it_shows_a_time_after_what_it_says_whatever_its_rate() {
        for rate in [-30_000, -7, 0, 7, 30_000] {
            let mut clock = NodeClock::new(0, 3);
            clock.change(500, 0, rate);
            let left = clock.until_us(500, Timestamp(4_321)).unwrap();
            assert!(clock.local(500 + left) >= Timestamp(4_321), "{rate}");
            assert!(clock.local(500 + left - 100) < Timestamp(4_321), "{rate}");
        }
        let clock = NodeClock::new(0, 3);
        assert_eq!(clock.until_us(0, Timestamp(3)), None);
    }
}
