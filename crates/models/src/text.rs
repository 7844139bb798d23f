//! Text forms of identifiers: bech32m with a human-readable part for the kind, then a version
//! byte and the content (design 02, 'Identifiers').

use bech32::{Bech32m, Hrp};
use displaydoc::Display;
use picot_crypto::{PublicKey, SecretKey, Signature};
use thiserror::Error;

/// The version byte of every text form written today.
pub const TEXT_VERSION: u8 = 0;

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    /// An address of a key: `addr`.
    KeyAddress,
    /// An address of a contract: `con`.
    ContractAddress,
    /// A public key: `pub`.
    PublicKey,
    /// A secret key: `sec`.
    SecretKey,
    /// A block id: `blk`.
    Block,
    /// An operation id: `op`.
    Operation,
    /// An endorsement id: `end`.
    Endorsement,
    /// A denunciation id: `den`.
    Denunciation,
    /// A signature: `sig`.
    Signature,
    /// A chain id: `chain`.
    Chain,
    /// The id of a vote, for logs: `vote`.
    Vote,
    /// The id of a round proposal, for logs: `prop`.
    Proposal,
    /// The id of a checkpoint: `chk`.
    Checkpoint,
    /// The hash of a checkpoint whoever signed it: `ckp`.
    CheckpointHash,
}

impl TextKind {
    /// Every kind, to find which one a text is of.
    pub const ALL: [Self; 14] = [
        Self::KeyAddress,
        Self::ContractAddress,
        Self::PublicKey,
        Self::SecretKey,
        Self::Block,
        Self::Operation,
        Self::Endorsement,
        Self::Denunciation,
        Self::Signature,
        Self::Chain,
        Self::Vote,
        Self::Proposal,
        Self::Checkpoint,
        Self::CheckpointHash,
    ];

    /// The human-readable part.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::KeyAddress => "addr",
            Self::ContractAddress => "con",
            Self::PublicKey => "pub",
            Self::SecretKey => "sec",
            Self::Block => "blk",
            Self::Operation => "op",
            Self::Endorsement => "end",
            Self::Denunciation => "den",
            Self::Signature => "sig",
            Self::Chain => "chain",
            Self::Vote => "vote",
            Self::Proposal => "prop",
            Self::Checkpoint => "chk",
            Self::CheckpointHash => "ckp",
        }
    }

    /// What a person calls it, with its article.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyAddress => "an address",
            Self::ContractAddress => "a contract address",
            Self::PublicKey => "a public key",
            Self::SecretKey => "a secret key",
            Self::Block => "a block id",
            Self::Operation => "an operation id",
            Self::Endorsement => "an endorsement id",
            Self::Denunciation => "a denunciation id",
            Self::Signature => "a signature",
            Self::Chain => "a chain id",
            Self::Vote => "a vote id",
            Self::Proposal => "a round proposal id",
            Self::Checkpoint => "a checkpoint id",
            Self::CheckpointHash => "a checkpoint hash",
        }
    }

    fn of_prefix(prefix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.prefix() == prefix)
    }
}

/// Why a text is not the identifier that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum TextError {
    /// expected {expected} (`{prefix}1…`), got {found}
    WrongKind {
        /// What was asked for, with its article.
        expected: &'static str,
        /// The human-readable part of what was asked for.
        prefix: &'static str,
        /// What was given, with its article, or its unknown human-readable part.
        found: String,
    },
    /// expected {expected}, got text that is not bech32m: {reason}
    NotBech32m {
        /// What was asked for, with its article.
        expected: &'static str,
        /// What the bech32m reader says.
        reason: String,
    },
    /// {expected} of version {version} is not known, only version 0 is
    UnknownVersion {
        /// What was asked for, with its article.
        expected: &'static str,
        /// The version byte found.
        version: u8,
    },
    /// {expected} has {wanted} bytes, got {found}
    WrongLength {
        /// What was asked for, with its article.
        expected: &'static str,
        /// Bytes that the kind has.
        wanted: usize,
        /// Bytes found.
        found: usize,
    },
}

/// Writes `bytes` as text of a kind.
#[must_use]
pub fn encode(kind: TextKind, bytes: &[u8]) -> String {
    let mut payload = Vec::with_capacity(bytes.len().saturating_add(1));
    payload.push(TEXT_VERSION);
    payload.extend_from_slice(bytes);
    // The parts are constants of a few lower-case letters and the payload is at most 65 bytes, so
    // neither call fails; an empty text would be refused by every reader.
    Hrp::parse(kind.prefix())
        .ok()
        .and_then(|hrp| bech32::encode::<Bech32m>(hrp, &payload).ok())
        .unwrap_or_default()
}

/// Reads text of a kind: `N` bytes behind the version byte.
///
/// # Errors
/// Another kind (the error names both), not bech32m, another version, another length.
pub fn decode<const N: usize>(kind: TextKind, text: &str) -> Result<[u8; N], TextError> {
    let expected = kind.name();
    let not_bech32m = |reason: String| TextError::NotBech32m { expected, reason };
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text)
        .map_err(|error| not_bech32m(error.to_string()))?;
    let found = checked.hrp().to_lowercase();
    if found != kind.prefix() {
        let found = TextKind::of_prefix(&found).map_or_else(
            || format!("unknown kind `{found}`"),
            |kind| kind.name().to_owned(),
        );
        return Err(TextError::WrongKind {
            expected,
            prefix: kind.prefix(),
            found,
        });
    }
    let payload: Vec<u8> = checked.byte_iter().collect();
    let Some((&version, bytes)) = payload.split_first() else {
        return Err(TextError::WrongLength {
            expected,
            wanted: N,
            found: 0,
        });
    };
    if version != TEXT_VERSION {
        return Err(TextError::UnknownVersion { expected, version });
    }
    bytes.try_into().map_err(|_| TextError::WrongLength {
        expected,
        wanted: N,
        found: bytes.len(),
    })
}

/// A type that has a text form.
pub trait Text: Sized {
    /// Writes the text form.
    fn to_text(&self) -> String;

    /// Reads the text form.
    ///
    /// # Errors
    /// As [`decode`].
    fn from_text(text: &str) -> Result<Self, TextError>;
}

impl Text for PublicKey {
    fn to_text(&self) -> String {
        encode(TextKind::PublicKey, self.as_bytes())
    }

    fn from_text(text: &str) -> Result<Self, TextError> {
        decode(TextKind::PublicKey, text).map(Self)
    }
}

impl Text for Signature {
    fn to_text(&self) -> String {
        encode(TextKind::Signature, self.as_bytes())
    }

    fn from_text(text: &str) -> Result<Self, TextError> {
        decode(TextKind::Signature, text).map(Self)
    }
}

/// Writes a secret key as text: for an export that a person asked for, and nothing else.
#[must_use]
pub fn export_secret_key(key: &SecretKey) -> String {
    encode(TextKind::SecretKey, key.to_bytes().as_slice())
}

/// Reads a secret key from text.
///
/// # Errors
/// As [`decode`].
pub fn import_secret_key(text: &str) -> Result<SecretKey, TextError> {
    decode(TextKind::SecretKey, text).map(SecretKey::from_seed)
}

/// `#[serde(with = "picot_models::text::as_text")]` for a type with a text form.
pub mod as_text {
    use super::Text;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the text form.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_text())
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Those of [`Text::from_text`].
    pub fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::from_text(&text).map_err(D::Error::custom)
    }
}

/// `#[serde(with = "picot_models::text::as_hex")]` for byte strings that have no kind of their own.
pub mod as_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Write;

    /// Writes two lower-case digits a byte.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        bytes: &impl AsRef<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = bytes.as_ref();
        let mut text = String::with_capacity(bytes.len().saturating_mul(2));
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }

    /// Reads two lower-case digits a byte: bytes have one text.
    ///
    /// # Errors
    /// An odd number of digits, a character that is none, or a length that the type refuses.
    pub fn deserialize<'de, T: TryFrom<Vec<u8>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = parse(&text).map_err(D::Error::custom)?;
        let length = bytes.len();
        T::try_from(bytes)
            .map_err(|_| D::Error::custom(format!("{length} bytes is a wrong length here")))
    }

    fn parse(text: &str) -> Result<Vec<u8>, String> {
        let digits = text.as_bytes();
        if !digits.len().is_multiple_of(2) {
            return Err(format!(
                "hexadecimal text has an odd number of digits ({})",
                digits.len()
            ));
        }
        digits
            .chunks_exact(2)
            .enumerate()
            .map(|(index, pair)| {
                std::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| {
                        pair.bytes()
                            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
                    })
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or_else(|| {
                        format!("byte {index} is not two hexadecimal digits in lower case")
                    })
            })
            .collect()
    }
}
