//! Blocks.

use picot_models::{Address, BlockId, DenunciationId, EndorsementId, OperationId, Slot};
use serde::{Deserialize, Serialize};

/// How far a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockState {
    /// Its slot is undecided.
    Candidate,
    /// Its slot is decided as this block, and it is not executed yet.
    Decided,
    /// It is part of the final state.
    Final,
    /// Its slot is decided as something else.
    Lost,
}

/// `GET /blocks/{id}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockResponse {
    /// The id.
    pub id: BlockId,
    /// The slot.
    pub slot: Slot,
    /// How far it is.
    pub state: BlockState,
    /// Who produced it.
    pub producer: Address,
    /// The protocol version that it follows.
    pub version: u32,
    /// Its parents, by thread.
    pub parents: Vec<BlockId>,
    /// Its operations, in the order of their execution.
    pub operations: Vec<OperationId>,
    /// The endorsements of its parent that it carries.
    pub endorsements: Vec<EndorsementId>,
    /// The denunciations that it carries.
    pub denunciations: Vec<DenunciationId>,
    /// Its size.
    pub size_bytes: usize,
}
