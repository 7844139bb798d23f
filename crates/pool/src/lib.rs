#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod accounts;
mod admit_denunciations;
mod admit_endorsements;
mod admit_operations;
mod config;
mod denunciations;
mod endorsements;
mod error;
mod fees;
mod lookup;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod pending;
mod pool;
mod priority;
mod propagation;
mod shared_pool;
#[cfg(test)]
mod tests;
mod thread_operations;

pub use accounts::{AccountView, LateAccounts};
pub use config::Config;
pub use error::PoolError;
pub use fees::{FeeLevels, PoolLimits, fee_above};
pub use lookup::{MAX_PREFIXES, prefix_of};
pub use pool::{Pool, PoolStats, ThreadStats};
pub use propagation::{NoPropagation, Propagation};
pub use shared_pool::SharedPool;
