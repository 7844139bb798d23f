#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
mod execution;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod outcome;
mod totals;

pub use error::ExecutionError;
pub use execution::{DecidedSlots, Execution, ExecutionSummary};
pub use outcome::{
    FailureReason, Level, OperationOutcome, OperationStatus, Simulation, SlotOutput,
};
pub use totals::Totals;
