//! Log lines that others can cause: so many, and then their number.

use std::time::Duration;

use crate::bucket::Bucket;

const PER_SECOND: u64 = 1;
const AT_ONCE: u64 = 20;

/// Decides which lines are written.
#[derive(Debug)]
pub(crate) struct LogLimit {
    bucket: Bucket,
    left_out: u64,
}

impl LogLimit {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            bucket: Bucket::full(PER_SECOND, AT_ONCE, now),
            left_out: 0,
        }
    }

    /// Whether a line is written: then how many were not since the last one.
    pub(crate) fn line(&mut self, now: Duration) -> Option<u64> {
        if self.bucket.take(1, now) {
            return Some(std::mem::take(&mut self.left_out));
        }
        self.left_out = self.left_out.saturating_add(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_not_written() {
        let mut limit = LogLimit::new(Duration::ZERO);
        let written = (0..1_000).filter(|_| limit.line(Duration::ZERO).is_some());
        assert_eq!(written.count(), 20);
        assert_eq!(limit.line(Duration::from_secs(1)), Some(980));
        assert_eq!(limit.line(Duration::from_secs(2)), Some(0));
    }
}
