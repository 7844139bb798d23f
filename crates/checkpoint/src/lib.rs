#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod archive;
mod certificate;
mod error;
mod follower;
mod memory_store;
mod sets;
mod step;
mod store;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use archive::CheckpointArchive;
pub use certificate::{CertificateFault, best_certificate, verify_certificate};
pub use error::CheckpointError;
pub use follower::Follower;
pub use memory_store::MemoryCheckpointStore;
pub use sets::{CYCLES_AHEAD, CycleSet, SetsChange, ValidatorSets, ValidatorSetsRecord};
pub use step::{ChainStep, MAX_STEPS, TrustedStart};
pub use store::{CheckpointStore, StoreChange, StorePair};
