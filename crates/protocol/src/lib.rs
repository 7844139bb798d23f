#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod error;
mod frame;
mod input;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod packet;
mod peers;
mod time;
mod transport;

pub use error::ProtocolError;
pub use frame::{Frame, Lane};
pub use input::{Farewell, Fault, Input, Output};
pub use packet::{
    Echo, Hello, MAX_ANNOUNCED, MAX_ITEMS, MAX_NEIGHBOURS, MAX_TAGS, NodeTag, Packet, Prefix,
    SharedMessage, ShortBlock, Status, Tag,
};
pub use peers::{FRAME_COST_BYTES, LaneLimits, PacketKind, PeerInfo, PeersConfig, PerLane, Rate, Traffic};
pub use transport::Transport;
