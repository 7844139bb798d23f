#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod consensus;
mod error;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

pub use consensus::{
    BehindReason, BestParents, Consensus, ConsensusEvent, ConsensusSummary, SlotStatus,
    ThreadSummary,
};
pub use error::ConsensusError;

/// Events that a subscriber may leave unread.
pub const EVENT_QUEUE_LEN: usize = 4_096;
