#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod cycle_info;
mod error;

pub use cycle_info::{CycleInfo, ProductionStats};
pub use error::PosError;
