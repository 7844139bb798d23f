//! Sums of times.

use picot_clock::{Millis, Timestamp};

/// So long after a time; never before it.
pub(crate) fn after(time: Timestamp, wait: Millis) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}
