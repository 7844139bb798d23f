#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod agreement;
mod answerer;
mod answers;
mod candidates;
pub mod canonical_rule;
mod certificate_check;
mod certificates;
mod collector;
mod config;
mod consensus;
mod engine;
mod env;
mod error;
mod evidence;
pub mod history;
mod input;
mod listening_wallet;
mod message;
mod network;
mod planted;
pub mod range_miss;
pub mod rules;
mod signers;
mod slot;
mod start;
mod thread_chain;
mod timers;
mod view;
mod worker;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use agreement::{Agreement, KnownCandidate, RoundVotes, SlotVotes, SubjectVotes};
pub use answers::answer_outcomes;
pub use config::Config;
pub use consensus::{
    BehindReason, BestParents, Consensus, ConsensusEvent, ConsensusSummary, SlotStatus,
    ThreadSummary,
};
pub use engine::Engine;
pub use error::ConsensusError;
pub use input::{Input, Output, Peer, PeerFault, SignResult, Unsigned};
pub use listening_wallet::ListeningWallet;
pub use message::{MAX_ANSWER_BYTES, MAX_OUTCOMES_PER_REQUEST, Message, Request};
pub use network::{ConsensusInbox, ConsensusNetwork, NoPeers};
#[cfg(feature = "planted-bugs")]
pub use planted::PlantedBug;
pub use start::thread_starts;
pub use thread_chain::{ThreadChain, ThreadStart};
pub use timers::Timers;
pub use worker::{ConsensusPorts, ConsensusWorker};

pub use picot_crypto::{BatchVerifier, Verifier};

/// Events that a subscriber may leave unread.
pub const EVENT_QUEUE_LEN: usize = 4_096;
