//! Builders of test data: the same keys, hashes and signatures in every run.

use crate::{BatchEntry, Context, Hash, SecretKey};

/// The hash that stands for test object `index`.
#[must_use]
pub fn hash(index: u64) -> Hash {
    Context::Test.hash(&index.to_le_bytes())
}

/// The secret key of test person `index`.
#[must_use]
pub fn secret_key(index: u64) -> SecretKey {
    SecretKey::from_seed(
        Context::Test
            .hash(&[&b"key"[..], &index.to_le_bytes()].concat())
            .0,
    )
}

/// A valid signature of test object `message` by test person `signer`.
#[must_use]
pub fn signed(message: u64, signer: u64) -> BatchEntry {
    let (message, secret_key) = (hash(message), secret_key(signer));
    BatchEntry {
        message,
        public_key: secret_key.public_key(),
        signature: secret_key.sign(&message),
    }
}
