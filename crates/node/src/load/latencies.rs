//! Percentiles of times in bounded memory: exact under 128 ms, to 1 part in 64 above.

/// Times that have a bucket each.
const EXACT: u64 = 128;
/// Buckets between a power of two and the next.
const PER_DOUBLING: u64 = 64;

/// How often which time was measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    max_ms: u64,
}

impl Latencies {
    pub(super) fn add(&mut self, ms: u64) {
        let Ok(bucket) = usize::try_from(bucket_of(ms)) else {
            return;
        };
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket.saturating_add(1), 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.max_ms = self.max_ms.max(ms);
    }

    pub(super) const fn max_ms(&self) -> u64 {
        self.max_ms
    }

    /// The time that this many of a hundred did not pass; none without times.
    pub(super) fn percentile_ms(&self, percent: u64) -> Option<u64> {
        let rank = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut passed = 0_u64;
        for (bucket, count) in (0_u64..).zip(&self.buckets) {
            passed = passed.saturating_add(*count);
            if passed >= rank {
                return Some(last_of(bucket).min(self.max_ms));
            }
        }
        None
    }
}

/// From 128 on, the leading seven bits and their place tell the bucket.
fn bucket_of(ms: u64) -> u64 {
    if ms < EXACT {
        return ms;
    }
    let shift = u64::from(ms.ilog2()).saturating_sub(6);
    let leading = ms >> shift;
    // `leading` is from 64 to 127, `shift` at least 1.
    shift.saturating_mul(PER_DOUBLING).saturating_add(leading)
}

/// The longest time of a bucket.
fn last_of(bucket: u64) -> u64 {
    if bucket < EXACT {
        return bucket;
    }
    let shift = bucket.saturating_div(PER_DOUBLING).saturating_sub(1);
    let leading = bucket.saturating_sub(shift.saturating_mul(PER_DOUBLING));
    let next = u128::from(leading).saturating_add(1) << shift;
    u64::try_from(next.saturating_sub(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        times.into_iter().for_each(|ms| latencies.add(ms));
        latencies
    }

    #[test]
    fn short_times_are_exact() {
        let latencies = of(1..=100);
        for percent in [1, 50, 90, 99, 100] {
            assert_eq!(latencies.percentile_ms(percent), Some(percent));
        }
        assert_eq!(latencies.max_ms(), 100);
    }

    #[test]
    fn long_times_are_told_to_a_part_in_64_and_never_too_short() {
        for ms in [127, 128, 129, 1_000, 12_345, 999_999, 1 << 40] {
            // A longer one, so that the maximum does not hide the rounding.
            let told = of([ms, u64::MAX]).percentile_ms(50).unwrap();
            assert!(told >= ms && told - ms <= ms / 64, "{ms}: {told}");
        }
        assert_eq!(of([u64::MAX]).percentile_ms(50), Some(u64::MAX));
        assert_eq!(of([1_000]).percentile_ms(99), Some(1_000));
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut last = 0;
        for ms in 1..100_000 {
            let bucket = bucket_of(ms);
            assert!(bucket == last || bucket == last + 1, "{ms}");
            assert!(last_of(bucket) >= ms);
            last = bucket;
        }
    }

    #[test]
    fn without_times_there_is_no_percentile() {
        assert_eq!(Latencies::default().percentile_ms(50), None);
    }
}
