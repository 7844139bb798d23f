//! What validators certified.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, CheckpointHash, Hash, Slot};
use serde::{Deserialize, Serialize};

/// `GET /checkpoints/{period}/{thread}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointResponse {
    /// The slot after which the state is meant.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// What names the checkpoint: what an operator may give a new node to trust.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::CheckpointHash))]
    pub hash: CheckpointHash,
    /// The hash of the final state.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Hash))]
    pub state_hash: Hash,
    /// The hash of the validator sets of the next cycles.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Hash))]
    pub validator_sets: Hash,
    /// Whose signatures are in the certificate: together more than two thirds of the stake.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub signers: Vec<Address>,
}

/// `GET /checkpoints`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointsResponse {
    /// The newest certified checkpoint.
    pub certified: Option<CheckpointResponse>,
    /// Those whose signatures are being gathered, ascending.
    pub open: Vec<OpenCheckpointResponse>,
}

/// A checkpoint without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenCheckpointResponse {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// The hash of this node's state after it; none if it has not come there yet.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Hash>))]
    pub state_hash: Option<Hash>,
    /// The power that has signed that.
    pub power: u64,
    /// All power.
    pub total_power: u64,
}
