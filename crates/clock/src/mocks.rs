//! Mocks and test data, with the feature `mocks`.

use crate::{Clock, Millis, SlotClock, Timestamp};

mockall::mock! {
    /// A [`Clock`] that answers as a test says. It keeps the provided
    /// [`ring_on_change`](Clock::ring_on_change), so that only `now` is expected.
    pub Clock {}

    impl Clock for Clock {
        fn now(&self) -> Timestamp;
    }
}

/// Genesis of [`slot_clock`]: `2026-01-01T00:00:00.000Z`.
pub const GENESIS_TIMESTAMP: Timestamp = Timestamp(1_767_225_600_000);

/// A calendar from [`GENESIS_TIMESTAMP`].
///
/// # Panics
/// If [`SlotClock::new`] refuses the numbers.
#[must_use]
#[allow(clippy::unwrap_used, reason = "the numbers are written in a test")]
pub fn slot_clock(thread_count: u8, t0: Millis) -> SlotClock {
    SlotClock::new(GENESIS_TIMESTAMP, t0, thread_count).unwrap()
}
