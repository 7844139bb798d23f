//! Rates: a bucket that fills with time and is emptied by use.

use std::time::Duration;

const MICROS: u128 = 1_000_000;

/// Tokens that come at a rate, up to a most, and are spent; they may be owed. Time is passed in, as
/// the time since any fixed moment.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_second: u64,
    most: i64,
    level: i64,
    /// Millionths of a token that are not a token yet.
    carried: u64,
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn full(per_second: u64, most: u64, now: Duration) -> Self {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Self {
            per_second,
            most,
            level: most,
            carried: 0,
            at: now,
        }
    }

    /// Lets the time until `now` fill it; a time before the last one fills nothing.
    pub(crate) fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let millionths = elapsed
            .as_micros()
            .saturating_mul(u128::from(self.per_second))
            .saturating_add(u128::from(self.carried));
        let tokens = i64::try_from(millionths.checked_div(MICROS).unwrap_or(0)).unwrap_or(i64::MAX);
        self.carried = u64::try_from(millionths.checked_rem(MICROS).unwrap_or(0)).unwrap_or(0);
        self.level = self.level.saturating_add(tokens);
        if self.level >= self.most {
            self.level = self.most;
            self.carried = 0;
        }
    }

    /// Takes `tokens` if there are as many.
    pub(crate) fn take(&mut self, tokens: u32, now: Duration) -> bool {
        self.refill(now);
        let enough = self.level >= i64::from(tokens);
        if enough {
            self.spend(tokens.into());
        }
        enough
    }

    /// Takes `tokens`, owing what is missing.
    pub(crate) fn spend(&mut self, tokens: u64) {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.level = self.level.saturating_sub(tokens);
    }

    /// How long it takes from the last refill until there are more than `tokens`; nothing if there
    /// are.
    pub(crate) fn until_above(&self, tokens: u64) -> Option<Duration> {
        let wanted = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_add(1);
        let missing = u128::try_from(wanted.saturating_sub(self.level)).ok()?;
        if missing == 0 {
            return None;
        }
        let millionths = missing
            .saturating_mul(MICROS)
            .saturating_sub(self.carried.into());
        let micros = millionths.div_ceil(u128::from(self.per_second.max(1)));
        Some(Duration::from_micros(
            u64::try_from(micros).unwrap_or(u64::MAX),
        ))
    }

    /// Whether nothing of it has been used, or all has come back.
    pub(crate) const fn is_full(&self) -> bool {
        self.level >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_taken_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::full(2, 3, ms(0));
        assert!((0..3).all(|_| bucket.take(1, ms(0))));
        assert!(!bucket.take(1, ms(499)));
        assert!(bucket.take(1, ms(500)));
        assert!(!bucket.take(1, ms(999)));
        assert!(bucket.take(1, ms(1_000)));
        assert!((0..3).all(|_| bucket.take(1, ms(60_000))));
        assert!(!bucket.take(1, ms(60_000)));
    }

    #[test]
    fn what_is_owed_comes_first() {
        let mut bucket = Bucket::full(1_000, 10, ms(0));
        bucket.spend(110);
        assert_eq!(bucket.until_above(0), Some(ms(101)));
        bucket.refill(ms(101));
        assert_eq!(bucket.until_above(0), None);
        assert_eq!(bucket.until_above(5), Some(ms(5)));
    }

    proptest! {
        #[test]
        fn never_more_is_given_than_the_burst_and_the_rate(
            per_second in 1_u64..1_000,
            most in 1_u64..100,
            steps in prop::collection::vec((0_u64..5_000, 1_u32..20), 1..100),
        ) {
            let mut bucket = Bucket::full(per_second, most, ms(0));
            let (mut micros, mut given) = (0_u64, 0_u64);
            for (wait, tokens) in steps {
                micros += wait;
                if bucket.take(tokens, Duration::from_micros(micros)) {
                    given += u64::from(tokens);
                }
                prop_assert!(given <= most + micros * per_second / 1_000_000);
            }
        }

        #[test]
        fn after_the_wait_that_it_tells_it_is_above(
            per_second in 1_u64..1_000_000,
            spent in 0_u64..1_000,
            reserve in 0_u64..50,
            start in 0_u64..1_000_000,
        ) {
            let start = Duration::from_micros(start);
            let mut bucket = Bucket::full(per_second, 100, Duration::ZERO);
            bucket.refill(start);
            bucket.spend(spent);
            if let Some(wait) = bucket.until_above(reserve) {
                prop_assert!(wait > Duration::ZERO);
                bucket.refill(start + wait);
            }
            prop_assert_eq!(bucket.until_above(reserve), None);
        }
    }
}
