#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod assembly;
mod bootstrap;
mod catching_up;
pub mod cli;
pub mod control_file;
mod countdown;
pub mod data_layout;
pub mod db_check;
pub mod db_info;
mod error;
mod faults;
mod foreign_use;
pub mod genesis_file;
pub mod history_mode;
pub mod home;
mod housekeeping;
pub mod kept;
pub mod key_file;
mod load;
mod migration;
pub mod network;
mod no_keys;
pub mod node_command;
mod node_keys;
mod production;
pub mod pruning;
pub mod randomness;
mod reopening;
pub mod replay;
mod shutdown;
mod signing_check;
mod slot_lines;
mod states;
#[cfg(test)]
mod test_kit;

pub use error::NodeError;
pub use foreign_use::{ForeignUse, WatchedPropagation};
pub use housekeeping::Housekeeping;
pub use load::LoadError;
pub use node_keys::NodeKeys;
pub use production::FactoryFacts;
pub use slot_lines::SlotLines;

/// The version of this node.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
