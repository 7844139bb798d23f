#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod config;
mod durable;
mod error;
mod fuse;
mod invariants;
mod latency;
pub mod mocks;
mod network;
mod node;
mod packet;
mod ports;
mod random;
mod report;
mod scenario;
mod trace;
mod wallet;
mod world;

use mocks::byzantine;

pub use config::{Faults, GENESIS_TIMESTAMP, MAX_VALIDATORS, SimConfig};
pub use error::SimError;
pub use fuse::Boundary;
pub use invariants::{Invariant, Violation};
pub use latency::Latencies;
pub use mocks::byzantine::Behaviour;
pub use network::{Cut, LinkRules, SlowLink};
pub use report::{Report, Share};
pub use scenario::{CrashPlan, Partition, Planted, Scenario};
pub use world::{Run, run, run_scenario};
