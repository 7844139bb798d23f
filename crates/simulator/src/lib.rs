#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clock;
mod config;
mod connections;
mod durable;
mod error;
mod fuse;
mod invariants;
mod latency;
pub mod mocks;
mod network;
mod newcomers;
mod node;
mod packet;
mod planted;
mod ports;
mod queue;
mod random;
mod report;
mod scenario;
mod shared_sets;
pub mod staking;
mod trace;
mod verified;
mod wallet;
mod witness;
mod world;

use mocks::byzantine;

pub use config::{
    Faults, GENESIS_TIMESTAMP, MAX_PEERS, MAX_VALIDATORS, RUNS_PER_NEWCOMERS, SimConfig,
};
pub use error::SimError;
pub use fuse::Boundary;
pub use invariants::{Invariant, Violation};
pub use latency::Latencies;
pub use mocks::byzantine::{Behaviour, StateLie};
pub use network::{Cut, LinkRules, SlowLink, Storm};
pub use newcomers::{Newcomer, Observer};
pub use planted::Planted;
pub use report::{Joins, Report, Share};

pub use scenario::{
    Absence, Away, ClockChange, CrashPlan, LostLog, Order, Partition, Pause, Scenario, Spell,
};
pub use world::{Run, run, run_scenario};
