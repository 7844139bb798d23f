#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod balances;
mod base;
mod chain;
mod checkpoint_watch;
mod config;
mod decided_queue;
mod decided_thread;
mod effects;
mod error;
mod execution;
mod execution_core;
mod final_state;
mod id_map;
mod migrate;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod operations;
mod outcome;
mod pending;
mod punish;
mod reader;
mod replay;
mod reward;
mod slot;
mod subscribers;
mod totals;
mod view;
mod worker;
mod world;

pub use base::{Base, ThreadBase};
pub use checkpoint_watch::{CheckpointState, CheckpointWatch, WatchError};
pub use config::Config;
pub use error::ExecutionError;
pub use execution::{DecidedSlots, Execution, ExecutionSummary};
pub use execution_core::{Applied, ExecutionCore};
pub use migrate::{PastOutcome, migrate_state};
pub use outcome::{
    EndedCycle, FailureReason, Level, OperationOutcome, OperationStatus, Simulation, SlotOutput,
};
pub use reader::ExecutionReader;
pub use replay::{recompute_state_hash, reexecute, reexecute_until};
pub use totals::Totals;
pub use worker::ExecutionWorker;
