#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod claim;
mod error;
mod memory_log;
mod signing_log;
mod wallet;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

pub use claim::{ClaimKey, ClaimKind, ClaimRecord, MAX_PAYLOAD_BYTES, SignRequest};
pub use error::{SigningLogError, WalletError};
pub use memory_log::MemorySigningLog;
pub use signing_log::{ClaimVerdict, Refusal, SigningLog};
pub use wallet::Wallet;
