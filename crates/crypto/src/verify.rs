//! The one predicate of validity: ZIP-215 (<https://zips.z.cash/zip-0215>).
//!
//! `S` must be canonical, `A` and `R` are any encodings that decompress, and the equation is
//! `[8][S]B = [8]R + [8][k]A` with `k` over the encodings as they were sent.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};

use crate::hash::write_hex;
use crate::{CryptoError, Hash, PublicKey, Signature};

/// A public key with its point, which costs a tenth of a verification to find: worth keeping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey {
    public_key: PublicKey,
    point: EdwardsPoint,
}

/// The parts of a signature whose encodings were accepted.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    /// The commitment `R`.
    pub(crate) commitment: EdwardsPoint,
    /// The scalar `S`.
    pub(crate) response: Scalar,
    /// The challenge `k`, a hash of `R`, `A` and the message.
    pub(crate) challenge: Scalar,
}

impl TryFrom<&PublicKey> for VerifyingKey {
    type Error = CryptoError;

    fn try_from(public_key: &PublicKey) -> Result<Self, CryptoError> {
        match CompressedEdwardsY(public_key.0).decompress() {
            Some(point) => Ok(Self {
                public_key: *public_key,
                point,
            }),
            None => Err(CryptoError::KeyNotOnCurve(*public_key)),
        }
    }
}

impl TryFrom<PublicKey> for VerifyingKey {
    type Error = CryptoError;

    fn try_from(public_key: PublicKey) -> Result<Self, CryptoError> {
        Self::try_from(&public_key)
    }
}

impl VerifyingKey {
    /// The bytes that this key was read from.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// As [`PublicKey::verify`].
    ///
    /// # Errors
    /// Which rule the signature breaks.
    pub fn verify(&self, message: &Hash, signature: &Signature) -> Result<(), CryptoError> {
        self.verify_bytes(message.as_bytes(), signature)
    }

    /// As [`PublicKey::verify_bytes`].
    ///
    /// # Errors
    /// Which rule the signature breaks.
    pub fn verify_bytes(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let opened = open(&self.public_key, message, signature)?;
        if self.satisfies(&opened) {
            Ok(())
        } else {
            Err(CryptoError::WrongSignature(self.public_key))
        }
    }

    /// Whether the point is one of the eight of small order.
    #[must_use]
    pub fn is_small_order(&self) -> bool {
        self.point.is_small_order()
    }

    pub(crate) fn point(&self) -> EdwardsPoint {
        self.point
    }

    /// The cofactored equation.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "points of a group: nothing overflows"
    )]
    pub(crate) fn satisfies(&self, opened: &Opened) -> bool {
        let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(
            &opened.challenge,
            &-self.point,
            &opened.response,
        );
        (expected - opened.commitment)
            .mul_by_cofactor()
            .is_identity()
    }
}

impl core::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write_hex(&self.public_key.0, f)
    }
}

/// Reads the encodings of a signature.
pub(crate) fn open(
    public_key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<Opened, CryptoError> {
    let (r, s) = signature.parts();
    let Some(response) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else {
        return Err(CryptoError::ScalarNotCanonical(*public_key));
    };
    let Some(commitment) = CompressedEdwardsY(r).decompress() else {
        return Err(CryptoError::CommitmentNotOnCurve(*public_key));
    };
    let digest = Sha512::new()
        .chain_update(r)
        .chain_update(public_key.0)
        .chain_update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&digest.finalize().into());
    Ok(Opened {
        commitment,
        response,
        challenge,
    })
}

/// Whether `public_key` encodes one of the eight points of small order, for which anybody can sign.
#[must_use]
pub fn is_small_order(public_key: &PublicKey) -> bool {
    VerifyingKey::try_from(public_key).is_ok_and(|key| key.is_small_order())
}
