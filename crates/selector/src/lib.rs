#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod config;
mod error;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod selector;

pub use config::Config;
pub use error::{Missing, SelectorError};
pub use selector::{AddressDraw, Selector, SlotDraws};
