//! Checkpoints: a state hash and the next validator sets, signed by the validators (design 10).

use crate::limits::MAX_VALIDATORS;
use crate::{ChainId, CheckpointHash, CheckpointId, Content, Envelope, Signed};
use picot_clock::Slot;
use picot_crypto::{Context, Hash};
use picot_serialization::{Encode, codec_struct};
use serde::{Deserialize, Serialize};

/// What a validator signs after the last slot of a cycle, and in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The slot after which the state is meant.
    pub slot: Slot,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// The hash of the roll distributions that the next three cycles draw from, and of their seeds.
    pub validator_sets: Hash,
}

codec_struct!(Checkpoint {
    slot,
    state_hash,
    validator_sets
});

impl Checkpoint {
    /// Whether nobody honest signs both.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.slot == other.slot && self != other
    }

    /// What names it on a chain, whoever signed it: what an operator gives a node to trust.
    #[must_use]
    pub fn hash(&self, chain_id: &ChainId) -> CheckpointHash {
        let mut input = chain_id.as_bytes().to_vec();
        self.encode(&mut input);
        Context::CheckpointHash.hash(&input).into()
    }
}

impl Content for Checkpoint {
    type Id = CheckpointId;
    const CONTEXT: Context = Context::CheckpointId;
}

/// A checkpoint with its signer, its signature and its id.
pub type SignedCheckpoint = Signed<Checkpoint>;

/// Signatures of one checkpoint, by ascending signer's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointCertificate {
    /// The signed checkpoints, all of the same content.
    pub signatures: Vec<Envelope<Checkpoint>>,
}

codec_struct!(CheckpointCertificate {
    signatures: seq(MAX_VALIDATORS)
});
