#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod address;
mod admission;
mod bans;
mod bucket;
mod config;
mod dialler;
mod error;
mod handle;
mod identity;
mod lanes;
mod link;
mod links;
mod log_limit;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod muxer;
mod network;
mod node_id;
mod pairing;
mod seeker;
mod service;
mod shared;
mod transport;

pub use address::Address;
pub use config::{Config, LaneConfig, Limits};
pub use error::{NetworkError, SendError};
pub use handle::{Handle, start};
pub use identity::Identity;
pub use network::{Ban, Event, Frame, LaneTraffic, Link, LinkInfo, Local, Network};
pub use node_id::NodeId;
