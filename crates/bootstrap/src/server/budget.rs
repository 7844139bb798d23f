//! How many bytes may go out.

use picot_clock::{Millis, Timestamp};

/// A rate with a bounded burst: what was sent is paid for by waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    per_second: u64,
    burst: Millis,
    /// When everything that was sent will have been paid for.
    paid_at: Timestamp,
}

impl Budget {
    pub(super) const fn new(per_second: u64, burst: Millis) -> Self {
        Self {
            per_second,
            burst,
            paid_at: Timestamp::EPOCH,
        }
    }

    /// When something may be sent: now, or later.
    pub(super) fn free_at(&self) -> Timestamp {
        self.paid_at
            .checked_sub(self.burst)
            .unwrap_or(Timestamp::EPOCH)
    }

    pub(super) fn spend(&mut self, now: Timestamp, bytes: u64) {
        let cost = bytes.saturating_mul(1_000).checked_div(self.per_second);
        let from = self.paid_at.max(now);
        let paid_at = from.checked_add(Millis(cost.unwrap_or(0)));
        self.paid_at = paid_at.unwrap_or(Timestamp::MAX);
    }
}
