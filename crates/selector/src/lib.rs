#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod background;
mod cache;
mod config;
mod cycle_draws;
mod cycles;
mod error;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod ranking;
mod selector;
mod stake_selector;
mod stream;
mod table;
#[cfg(test)]
mod tests;

pub use background::BackgroundSelector;
pub use config::Config;
pub use error::{Missing, SelectorError};
pub use ranking::MAX_REPEATED_DRAWS;
pub use selector::{AddressDraw, Selector, SlotDraws};
pub use stake_selector::StakeSelector;
