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

#[cfg(test)]
mod tests {
    use picot_serialization::testing::{check_canonical, check_round_trip};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(Timestamp(2).checked_add(Millis(3)), Some(Timestamp(5)));
        assert_eq!(Timestamp::MAX.checked_add(Millis(1)), None);
        assert_eq!(Timestamp(3).checked_sub(Millis(2)), Some(Timestamp(1)));
        assert_eq!(Timestamp(3).checked_sub(Millis(4)), None);
        assert_eq!(Timestamp(3).since(Timestamp(1)), Some(Millis(2)));
        assert_eq!(Timestamp(1).since(Timestamp(3)), None);
    }

    #[test]
    fn an_offset_has_a_sign_and_stays_in_64_bits() {
        assert_eq!(Timestamp(5).offset_ms_from(Timestamp(7)), -2);
        assert_eq!(Timestamp(7).offset_ms_from(Timestamp(5)), 2);
        assert_eq!(Timestamp::MAX.offset_ms_from(Timestamp::EPOCH), i64::MAX);
        assert_eq!(Timestamp::EPOCH.offset_ms_from(Timestamp::MAX), -i64::MAX);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_json_form_is_a_number_of_milliseconds() {
        assert_eq!(serde_json::to_string(&Timestamp(1_500)).unwrap(), "1500");
        assert_eq!(
            serde_json::from_str::<Timestamp>("1500").unwrap(),
            Timestamp(1_500)
        );
        assert_eq!(
            serde_json::from_str::<Millis>("1500").unwrap(),
            Millis(1_500)
        );
        for refused in ["-1", "1.5", "\"1500\"", "18446744073709551616"] {
            assert!(
                serde_json::from_str::<Timestamp>(refused).is_err(),
                "{refused}"
            );
        }
    }

    proptest! {
        #[test]
        fn bytes_keep_the_codec_laws(ms: u64, bytes: [u8; 2]) {
            check_round_trip(&Timestamp(ms));
            check_canonical::<Timestamp>(&bytes);
        }

        #[test]
        fn adding_and_subtracting_are_inverse(time: u64, length: u64) {
            let (time, length) = (Timestamp(time), Millis(length));
            if let Some(later) = time.checked_add(length) {
                prop_assert_eq!(later.checked_sub(length), Some(time));
                prop_assert_eq!(later.since(time), Some(length));
            }
        }
    }
}
