//! Lengths of time.

use std::{fmt, time::Duration};

use picot_serialization::codec_struct;

/// A length of time in milliseconds.
///
/// Whole milliseconds, and no sign: consensus never sees a fraction. Arithmetic is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Millis(pub u64);

codec_struct!(Millis(ms));

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest length.
    pub const MAX: Self = Self(u64::MAX);

    /// As a number of milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The sum, or `None` past 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` if `other` is longer.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `count` times this length, or `None` past 64 bits.
    #[must_use]
    pub fn checked_mul(self, count: u64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// One of `parts` equal parts, rounded down, or `None` if `parts` is 0.
    #[must_use]
    pub fn checked_div(self, parts: u64) -> Option<Self> {
        self.0.checked_div(parts).map(Self)
    }

    /// The difference, or zero if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl From<Millis> for Duration {
    fn from(length: Millis) -> Self {
        Self::from_millis(length.0)
    }
}

#[cfg(test)]
mod tests {
    use picot_serialization::testing::{check_canonical, check_round_trip};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(Millis(2).checked_add(Millis(3)), Some(Millis(5)));
        assert_eq!(Millis::MAX.checked_add(Millis(1)), None);
        assert_eq!(Millis(2).checked_sub(Millis(3)), None);
        assert_eq!(Millis(2).saturating_sub(Millis(3)), Millis::ZERO);
        assert_eq!(Millis::MAX.checked_mul(2), None);
        assert_eq!(Millis(7).checked_div(2), Some(Millis(3)));
        assert_eq!(Millis(7).checked_div(0), None);
    }

    #[test]
    fn the_text_form_has_the_unit() {
        assert_eq!(Millis(1_500).to_string(), "1500 ms");
    }

    proptest! {
        #[test]
        fn bytes_keep_the_codec_laws(ms: u64, bytes: [u8; 2]) {
            check_round_trip(&Millis(ms));
            check_canonical::<Millis>(&bytes);
        }
    }
}
