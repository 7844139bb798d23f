#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod archive;
mod certificate;
mod checkpoint_core;
mod config;
mod driver;
mod error;
mod follower;
mod gathering;
mod keeper;
mod lookout;
mod memory_store;
mod message;
mod network;
mod sets;
mod step;
mod store;
mod worker;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use archive::CheckpointArchive;
pub use certificate::{CertificateFault, best_certificate, verify_certificate};
pub use checkpoint_core::{CheckpointCore, OpenCheckpoint, Output, Unsigned, Validators};
pub use config::Config;
pub use driver::{CheckpointDriver, CheckpointPorts, KnownValidators};
pub use error::CheckpointError;
pub use follower::Follower;
pub use keeper::CheckpointKeeper;
pub use memory_store::MemoryCheckpointStore;
pub use message::{CheckpointMessage, MAX_SIGNATURES};
pub use network::{CheckpointInbox, CheckpointNetwork, NoPeers};
pub use sets::{CYCLES_AHEAD, CycleSet, SetsChange, ValidatorSets, ValidatorSetsRecord};
pub use step::{ChainStep, MAX_STEPS, TrustedStart};
pub use store::{CheckpointStore, StoreChange, StorePair};
pub use worker::{CheckpointSummary, CheckpointWorker, Checkpoints};
