//! Why a key, a signature or a text is refused.

use displaydoc::Display;
use thiserror::Error;

use crate::PublicKey;

/// Why a key, a signature or a text is refused.
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// the public key {0:?} is not the encoding of a point of the curve
    KeyNotOnCurve(PublicKey),
    /// the public key {0:?} is of small order, anybody could sign for it
    SmallOrderKey(PublicKey),
    /// the scalar S of a signature by {0:?} is not below the order of the group
    ScalarNotCanonical(PublicKey),
    /// the point R of a signature by {0:?} is not the encoding of a point of the curve
    CommitmentNotOnCurve(PublicKey),
    /// a signature by {0:?} does not belong to its message
    WrongSignature(PublicKey),
    /// a hash as text is 64 hexadecimal digits in lower case
    NotHexadecimal,
}
