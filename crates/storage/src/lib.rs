#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod admission;
mod archive;
mod bounded;
mod config;
mod error;
mod memory_archive;
mod storage;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use admission::{OutcomeIndex, admit};
pub use archive::{BlockArchive, Decided, Pruned, last_period_before};
pub use bounded::BoundedStorage;
pub use config::StorageConfig;
pub use error::StorageError;
pub use memory_archive::MemoryArchive;
pub use storage::Storage;
