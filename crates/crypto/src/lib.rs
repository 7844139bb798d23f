#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod batch;
mod cache;
mod context;
mod error;
mod hash;
mod keys;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
#[cfg(test)]
mod tests;
mod verifier;
mod verify;

pub use batch::{
    BatchEntry, BatchError, verify_batch, verify_batch_sequential, verify_batch_with_keys,
};
pub use cache::KeyCache;
pub use context::Context;
pub use error::CryptoError;
pub use hash::{Hash, Hasher, XofReader};
pub use keys::{PublicKey, SecretKey, Signature};
pub use verifier::{BatchVerifier, Verifier};
pub use verify::{VerifyingKey, is_small_order};
