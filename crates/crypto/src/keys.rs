//! Keys and signatures as bytes, and signing.

use core::fmt;

use ed25519_dalek::{Signer, SigningKey};
use picot_serialization::codec_struct;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::hash::write_hex;
use crate::{CryptoError, Hash, VerifyingKey};

/// A public key as bytes, which need not be a point of the curve: see [`VerifyingKey`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

codec_struct!(PublicKey(bytes));

/// A signature as bytes: the point `R`, then the scalar `S`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

codec_struct!(Signature(bytes));

/// A secret key: erased from memory when dropped, and never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl PublicKey {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` signs `message` for this key, by the ZIP-215 rules.
    ///
    /// # Errors
    /// Which rule the signature breaks.
    pub fn verify(&self, message: &Hash, signature: &Signature) -> Result<(), CryptoError> {
        self.verify_bytes(message.as_bytes(), signature)
    }

    /// As [`PublicKey::verify`], for a message of any length.
    ///
    /// # Errors
    /// Which rule the signature breaks.
    pub fn verify_bytes(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        VerifyingKey::try_from(self)?.verify_bytes(message, signature)
    }

    /// Whether an address may be made from this key: it is a point, and not one of small order, for
    /// which anybody can sign (design 02, 'Verification criteria').
    ///
    /// # Errors
    /// [`CryptoError::KeyNotOnCurve`] or [`CryptoError::SmallOrderKey`].
    pub fn check_for_address(&self) -> Result<(), CryptoError> {
        if VerifyingKey::try_from(self)?.is_small_order() {
            return Err(CryptoError::SmallOrderKey(*self));
        }
        Ok(())
    }
}

impl Signature {
    /// The length in bytes.
    pub const LEN: usize = 64;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// The encodings of `R` and `S`.
    pub(crate) fn parts(&self) -> ([u8; 32], [u8; 32]) {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        let (first, second) = self.0.split_at(32);
        r.copy_from_slice(first);
        s.copy_from_slice(second);
        (r, s)
    }
}

impl SecretKey {
    /// The key of 32 secret bytes (RFC 8032's private key), which must come from a good generator.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// The public key that belongs to this key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`; the same key and message give the same signature.
    #[must_use]
    pub fn sign(&self, message: &Hash) -> Signature {
        Signature(self.0.sign(message.as_bytes()).to_bytes())
    }

    /// The secret bytes, for the wallet's encrypted file and the export as text alone.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }
}

// Its only field erases itself.
impl ZeroizeOnDrop for SecretKey {}

impl AsRef<[u8; 32]> for PublicKey {
    fn as_ref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}
