#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod arrivals;
mod blocks;
mod config;
mod core;
mod error;
mod frame;
mod gossip;
mod input;
mod judge;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod operations;
mod packet;
mod peers;
mod state_inbox;
#[cfg(test)]
mod tests;
mod time;
mod transport;
mod worker;

pub use config::{Config, PROTOCOL_VERSION};
pub use core::{Core, Reads};
pub use error::ProtocolError;
pub use frame::{Frame, Lane};
pub use gossip::GossipConfig;
pub use input::{CheckpointWord, Farewell, Fault, Input, Output};
pub use operations::OperationsStats;
pub use packet::{
    Echo, Hello, MAX_ANNOUNCED, MAX_ITEMS, MAX_NEIGHBOURS, MAX_STATE_BYTES,
    MAX_STATE_QUESTION_BYTES, MAX_TAGS, NodeTag, Packet, Prefix, SharedCheckpoint, SharedMessage,
    ShortBlock, Status, Tag,
};
pub use peers::{
    FRAME_COST_BYTES, LaneLimits, Losses, PacketKind, PeerInfo, PeersConfig, PerLane, Rate, Traffic,
};
pub use state_inbox::StateInbox;
pub use transport::Transport;
pub use worker::{ProtocolHandle, ProtocolPorts, ProtocolQueues, ProtocolWorker, Room};
