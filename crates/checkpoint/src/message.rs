//! What nodes say to each other about checkpoints.

use crate::{ChainStep, MAX_STEPS};
use picot_clock::Slot;
use picot_models::{Checkpoint, Envelope};
use picot_serialization::codec_enum;

/// Signatures in one message.
pub const MAX_SIGNATURES: usize = 256;

/// What nodes say to each other about checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointMessage {
    /// Signed checkpoints, of the sender or passed on.
    Signatures(Vec<Envelope<Checkpoint>>),
    /// A question for what is certified after a slot.
    GetSteps {
        /// The slot.
        after: Slot,
    },
    /// Steps of the chain, as an answer. None: the sender has no more.
    Steps {
        /// The slot that was asked for.
        after: Slot,
        /// What comes after it.
        steps: Vec<ChainStep>,
    },
}

codec_enum!(CheckpointMessage {
    0 => Signatures(signatures: seq(MAX_SIGNATURES)),
    1 => GetSteps { after },
    2 => Steps { after, steps: seq(MAX_STEPS) },
});
