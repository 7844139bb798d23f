#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod accounts;
mod config;
mod error;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod pool;
mod propagation;

pub use accounts::{AccountView, LateAccounts};
pub use config::Config;
pub use error::PoolError;
pub use pool::{Pool, PoolStats, ThreadStats};
pub use propagation::{NoPropagation, Propagation};
