#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod assembly;
mod catching_up;
pub mod cli;
pub mod client;
pub mod control_file;
mod countdown;
pub mod data_layout;
pub mod db_check;
mod error;
mod foreign_use;
pub mod genesis_file;
pub mod home;
mod housekeeping;
pub mod kept;
pub mod key_file;
mod load;
pub mod network;
mod no_keys;
pub mod node_command;
mod node_keys;
mod production;
pub mod randomness;
pub mod replay;
mod shutdown;
mod slot_lines;

pub use error::NodeError;
pub use foreign_use::{ForeignUse, WatchedPropagation};
pub use housekeeping::Housekeeping;
pub use load::LoadError;
pub use node_keys::NodeKeys;
pub use production::FactoryFacts;
pub use slot_lines::SlotLines;

/// The version of this node.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
