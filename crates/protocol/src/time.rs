//! Sums of times.

use picot_clock::{Millis, Timestamp};

/// So long after a time; never before it.
pub(crate) fn after(time: Timestamp, wait: Millis) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Whether it is time for what was to wait until then, and for so long at most: if the clock has stepped back
/// since, it is.
pub(crate) fn is_due(now: Timestamp, due: Timestamp, wait: Millis) -> bool {
    due <= now || due > after(now, wait)
}
