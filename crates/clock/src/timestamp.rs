//! Points in time.

use std::fmt;

use picot_serialization::codec_struct;

use crate::{Millis, civil::UtcDateTime};

/// A point in time: milliseconds since the Unix epoch.
///
/// It is shown as UTC, `2026-01-31T12:00:00.250Z`, and is a plain number in canonical bytes and in
/// JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timestamp(pub u64);

codec_struct!(Timestamp(ms));

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The last point in time.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// `length` later, or `None` past 64 bits.
    #[must_use]
    pub fn checked_add(self, length: Millis) -> Option<Self> {
        self.0.checked_add(length.0).map(Self)
    }

    /// `length` earlier, or `None` before the epoch.
    #[must_use]
    pub fn checked_sub(self, length: Millis) -> Option<Self> {
        self.0.checked_sub(length.0).map(Self)
    }

    /// The time since `earlier`, or `None` if that is later than this.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Millis> {
        self.0.checked_sub(earlier.0).map(Millis)
    }

    /// How far this is after `other` in milliseconds, negative if it is before, at most `i64`'s
    /// bounds.
    #[must_use]
    pub fn offset_ms_from(self, other: Self) -> i64 {
        let distance_ms = i64::try_from(self.0.abs_diff(other.0)).unwrap_or(i64::MAX);
        if self >= other {
            distance_ms
        } else {
            distance_ms.saturating_neg()
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        UtcDateTime::from(*self).fmt(f)
    }
}
