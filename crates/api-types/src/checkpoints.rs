//! What validators certified.

use picot_models::{Address, CheckpointHash, Hash, Slot};
use serde::{Deserialize, Serialize};

/// `GET /checkpoints/{period}/{thread}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointResponse {
    /// The slot after which the state is meant.
    pub slot: Slot,
    /// What names the checkpoint: what an operator may give a new node to trust.
    pub hash: CheckpointHash,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// The hash of the validator sets of the next cycles.
    pub validator_sets: Hash,
    /// Whose signatures are in the certificate: together more than two thirds of the stake.
    pub signers: Vec<Address>,
}

/// `GET /checkpoints`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsResponse {
    /// The newest certified checkpoint.
    pub certified: Option<CheckpointResponse>,
    /// Those whose signatures are being gathered, ascending.
    pub open: Vec<OpenCheckpointResponse>,
}

/// A checkpoint without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCheckpointResponse {
    /// The slot.
    pub slot: Slot,
    /// The hash of this node's state after it; none if it has not come there yet.
    pub state_hash: Option<Hash>,
    /// The power that has signed that.
    pub power: u64,
    /// All power.
    pub total_power: u64,
}
