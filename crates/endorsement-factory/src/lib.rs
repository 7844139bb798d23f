#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod collaborators;
mod delivery;
mod factory;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod producer;

pub use collaborators::Collaborators;
pub use factory::{EndorsementControl, EndorsementDraw, EndorsementFactory};
pub use producer::EndorsementProducer;

pub use picot_block_factory::{
    AlwaysConnected, Asking, Config, Connection, Duty, Event, FactoryError, FactoryStats, Fate,
    HistoryEntry, HistoryLog, MemoryHistory, Part, Skip, SkipReason, StartupWait, SwitchStore,
};
