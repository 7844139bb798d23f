#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod archive;
mod chain_file;
mod checkpoint_store;
mod config;
mod data_dir;
mod error;
mod fault;
mod files;
mod group;
mod health;
mod incoming;
mod manifests;
mod node_store;
mod prune;
mod signing_log;
mod sizes;
mod state_snapshot;
mod state_store;
mod store;

#[cfg(test)]
mod tests;

pub use archive::DiskArchive;
pub use checkpoint_store::DiskCheckpointStore;
pub use config::{DatabaseConfig, Durability};
pub use data_dir::{Created, DataDir};
pub use error::DatabaseError;
pub use fault::{FaultPoint, Faults};
pub use files::OPENING_THREAD;
pub use health::{WriteFailure, is_out_of_space};
pub use node_store::{NodePair, NodeStore};
pub use signing_log::{DiskSigningLog, LogOrigin};
pub use sizes::Sizes;
pub use state_snapshot::DiskStateSnapshot;
pub use state_store::DiskStateStore;
