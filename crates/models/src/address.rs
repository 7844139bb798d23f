//! Addresses of keys and of contracts, and the thread that each belongs to.

use crate::text::{self, Text, TextError, TextKind};
use displaydoc::Display;
use picot_clock::Slot;
use picot_crypto::{Context, CryptoError, Hash, Hasher, PublicKey};
use picot_serialization::{Encode, codec_enum};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Why no address can be made.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum AddressError {
    /// this public key cannot own an address
    WeakKey(#[source] CryptoError),
}

/// Who owns coins: a key or a contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// The BLAKE3 of a public key.
    Key(Hash),
    /// The BLAKE3 of a deployer, a slot and an index.
    Contract(Hash),
}

codec_enum!(Address { 0 => Key(hash), 1 => Contract(hash) });

impl Address {
    /// The address of a public key, whatever the key: for looking a signer up.
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        Self::Key(Context::Address.hash(key.as_bytes()))
    }

    /// The address of a public key that is fit to own coins.
    ///
    /// # Errors
    /// A key of small order, or one that is no curve point (design 02, 'Verification criteria').
    pub fn new_owner(key: &PublicKey) -> Result<Self, AddressError> {
        key.check_for_address().map_err(AddressError::WeakKey)?;
        Ok(Self::of_key(key))
    }

    /// The address of the contract deployed by the `index`-th deployment of a slot.
    #[must_use]
    pub fn of_contract(deployer: &Self, slot: Slot, index: u32) -> Self {
        let mut hasher = Hasher::new(Context::ContractAddress);
        hasher.update(&deployer.to_bytes());
        hasher.update(&slot.to_bytes());
        hasher.update(&index.to_bytes());
        Self::Contract(hasher.finalize())
    }

    /// The hash behind the address.
    #[must_use]
    pub const fn as_hash(&self) -> &Hash {
        match self {
            Self::Key(hash) | Self::Contract(hash) => hash,
        }
    }

    /// Whether this is the address of a contract.
    #[must_use]
    pub const fn is_contract(&self) -> bool {
        matches!(self, Self::Contract(_))
    }

    /// The thread of the address: the top `log2(thread_count)` bits of its hash (design 02).
    ///
    /// `thread_count` is a power of two from 1 to 64, as the chain parameters guarantee; any other
    /// number is taken as the power of two below it.
    #[must_use]
    pub fn thread(&self, thread_count: u8) -> u8 {
        let bits = thread_count.max(1).ilog2();
        let [first, ..] = *self.as_hash().as_bytes();
        first.checked_shr(8_u32.saturating_sub(bits)).unwrap_or(0)
    }
}

impl Text for Address {
    fn to_text(&self) -> String {
        let kind = if self.is_contract() {
            TextKind::ContractAddress
        } else {
            TextKind::KeyAddress
        };
        text::encode(kind, self.as_hash().as_bytes())
    }

    fn from_text(text: &str) -> Result<Self, TextError> {
        match text::decode(TextKind::KeyAddress, text) {
            Ok(bytes) => Ok(Self::Key(Hash(bytes))),
            Err(error) => text::decode(TextKind::ContractAddress, text)
                .map(|bytes| Self::Contract(Hash(bytes)))
                .map_err(|_| error),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.to_text())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.to_text())
    }
}

impl FromStr for Address {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::from_text(text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text::as_text::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::as_text::deserialize(deserializer)
    }
}
