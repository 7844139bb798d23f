#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod claim;
mod config;
mod error;
mod file_wallet;
mod key_file;
mod keys;
mod memory_log;
mod protection;
mod refusals;
mod signing_log;
mod vault;
mod wallet;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use claim::{ClaimKey, ClaimKind, ClaimRecord, MAX_PAYLOAD_BYTES, SignRequest};
pub use config::{KdfParams, WalletConfig};
pub use error::{ProtectionError, SigningLogError, WalletError};
pub use file_wallet::{FileWallet, Random};
pub use key_file::WalletWarning;
pub use keys::MAX_KEYS;
pub use memory_log::MemorySigningLog;
pub use protection::{AddressProtection, ImportedProtection, ProtectedClaim, Protection};
pub use refusals::{MemoryRefusals, RefusalStore};
pub use signing_log::{ClaimVerdict, Refusal, SigningHistory, SigningLog};
pub use wallet::Wallet;
