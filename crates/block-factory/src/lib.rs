#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod assembly;
mod collaborators;
mod config;
mod deadline;
mod error;
mod factory;
mod left_out;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod packing;
mod producer;
mod production;
mod schedule;
mod sealing;
mod signing;

pub use collaborators::Collaborators;
pub use config::Config;
pub use deadline::{Asking, Helper, NoAnswer, half_way};
pub use error::FactoryError;
pub use factory::{BlockControl, BlockDraw, BlockFactory};
pub use left_out::LeftOut;
pub use producer::BlockProducer;
pub use production::{
    AlwaysConnected, Connection, Duty, Event, FactoryStats, Fate, Fates, HistoryEntry, HistoryLog,
    MAX_MISSED_TICKS_TOLD, MemoryHistory, OurDraws, Part, Production, Skip, SkipReason, SlotGuard,
    StartupWait, Story, SwitchStore, run_on_ticks,
};
pub use signing::{Claim, sign_claims};
