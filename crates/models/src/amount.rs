//! Coins, as a checked count of nano-coins.

use displaydoc::Display;
use picot_serialization::{Decode, DecodeError, Encode, IResult};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Nano-coins in a coin.
const NANO_PER_COIN: u64 = 1_000_000_000;
/// Decimals of a coin.
const DECIMALS: usize = 9;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
pub enum AmountError {
    /// an amount is digits with at most one point between them, such as `12.5`
    NotDecimal,
    /// an amount has at most 9 decimals, got {0}
    TooManyDecimals(usize),
    /// an amount is at most 18446744073.709551615 coins
    TooLarge,
}

/// A number of coins: a `u64` count of nano-coins. Text form `"12.5"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u64);

impl Amount {
    /// No coins.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// From nano-coins.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole coins; `None` past the largest amount.
    #[must_use]
    pub const fn from_coins(coins: u64) -> Option<Self> {
        match coins.checked_mul(NANO_PER_COIN) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The count of nano-coins.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whether there are no coins.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; `None` past the largest amount.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The difference; `None` below zero.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// This many times the amount; `None` past the largest amount.
    #[must_use]
    pub const fn checked_mul(self, factor: u64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The amount divided, rounded down; `None` by zero.
    #[must_use]
    pub const fn checked_div(self, divisor: u64) -> Option<Self> {
        match self.0.checked_div(divisor) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The difference, or zero where it would be below.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coins = self.0.checked_div(NANO_PER_COIN).unwrap_or(0);
        let nanos = self.0.checked_rem(NANO_PER_COIN).unwrap_or(0);
        if nanos == 0 {
            return formatter.pad(&coins.to_string());
        }
        let text = format!("{coins}.{nanos:09}");
        formatter.pad(text.trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (coins, decimals) = match text.split_once('.') {
            Some((coins, decimals)) => (coins, Some(decimals)),
            None => (text, None),
        };
        let is_digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(coins) || !decimals.is_none_or(is_digits) {
            return Err(AmountError::NotDecimal);
        }
        let decimals = decimals.unwrap_or("0");
        if decimals.len() > DECIMALS {
            return Err(AmountError::TooManyDecimals(decimals.len()));
        }
        let coins: u64 = coins.parse().map_err(|_| AmountError::TooLarge)?;
        let nanos: u64 = format!("{decimals:0<DECIMALS$}")
            .parse()
            .map_err(|_| AmountError::TooLarge)?;
        coins
            .checked_mul(NANO_PER_COIN)
            .and_then(|whole| whole.checked_add(nanos))
            .map(Self)
            .ok_or(AmountError::TooLarge)
    }
}

impl Encode for Amount {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }
}

impl Decode for Amount {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        u64::decode(input).map(|(rest, nanos)| (rest, Self(nanos)))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
