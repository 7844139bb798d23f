#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod changes;
mod config;
mod cycle_end;
mod cycle_info;
mod draws;
mod error;
mod feed;
mod final_state;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod persist;
mod registry;
mod state;

pub use changes::PosChanges;
pub use config::{Config, GENESIS_CYCLES};
pub use cycle_end::CycleEnd;
pub use cycle_info::{CycleInfo, ProductionStats};
pub use draws::CycleDraws;
pub use error::PosError;
pub use final_state::{DrawInputs, PosFinalState};
pub use registry::{Purchase, RollRefusal, RollRegistry, Slashing};
pub use state::PosState;
