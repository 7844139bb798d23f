//! Blocks.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::{OperationResult, SubmittedOperation};
use picot_models::{Address, BlockId, DenunciationId, EndorsementId, OperationId, Slot, Timestamp};
use serde::{Deserialize, Serialize};

/// How far a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockResponse {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub id: BlockId,
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// How far it is.
    pub state: BlockState,
    /// Who produced it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub producer: Address,
    /// The protocol version that it follows.
    pub version: u32,
    /// Its parents, by thread.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::BlockId>))]
    pub parents: Vec<BlockId>,
    /// Its operations, in the order of their execution.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::OperationId>))]
    pub operations: Vec<OperationId>,
    /// The endorsements of its parent that it carries.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::EndorsementId>))]
    pub endorsements: Vec<EndorsementId>,
    /// The denunciations that it carries.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::DenunciationId>))]
    pub denunciations: Vec<DenunciationId>,
    /// Its size.
    pub size_bytes: usize,
}

/// One block of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockSummary {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub id: BlockId,
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// When the slot starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// How far it is.
    pub state: BlockState,
    /// Who produced it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub producer: Address,
    /// The operations that it carries.
    pub operation_count: usize,
    /// Its size.
    pub size_bytes: usize,
}

/// `GET /blocks?before=12/3&limit=64&producer=…`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlocksResponse {
    /// The latest first.
    pub blocks: Vec<BlockSummary>,
    /// For `before`, to go on reading; none at the beginning of what this node keeps. There may be
    /// fewer blocks than asked for, or none, and still more to read.
    pub next: Option<String>,
}

/// An operation of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockOperation {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
    /// Whose order it is.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub sender: Address,
    /// The operation itself.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::SubmittedOperation))]
    pub operation: SubmittedOperation,
    /// What it came to; none if it is not executed, or so long ago that this node does not know.
    pub outcome: Option<OperationResult>,
}

/// `GET /blocks/{id}/operations?after=…&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockOperationsResponse {
    /// The block.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub id: BlockId,
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// All operations of the block, in number.
    pub operation_count: usize,
    /// In the order of their execution.
    pub operations: Vec<BlockOperation>,
    /// For `after`, to go on reading; none at the end.
    pub next: Option<String>,
}
