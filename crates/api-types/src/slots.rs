//! Slots.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, BlockId, Slot, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// What consensus says of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SlotState {
    /// Its time, or its turn in the thread, has not come.
    NotOpen,
    /// The validators are at work.
    Undecided {
        /// In which round this node is.
        round: u32,
        /// The valid candidates.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::BlockId>))]
        candidates: Vec<BlockId>,
        /// The one that the node builds on.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
        leading: Option<BlockId>,
    },
    /// Decided for good.
    Decided {
        /// The slot of the decision: an earlier one inside a miss of several periods.
        #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
        outcome_slot: Slot,
        /// As what.
        #[cfg_attr(feature = "openapi", schema(value_type = schema::Value))]
        value: Value,
    },
    /// Decided, so long ago that the node does not keep as what.
    NotKept,
}

/// `GET /slots/{period}/{thread}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotResponse {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// When it starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// Whether its output is part of the final state.
    pub is_final: bool,
    /// What consensus says.
    #[serde(flatten)]
    pub state: SlotState,
    /// The drawn producers, by rank; none while the draws are not known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<schema::Address>>))]
    pub producers: Option<Vec<Address>>,
    /// The drawn endorsers, by index.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<schema::Address>>))]
    pub endorsers: Option<Vec<Address>>,
}

/// How far a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SlotPhase {
    /// Its time, or its turn in the thread, has not come.
    NotOpen,
    /// The validators are at work.
    Undecided,
    /// Decided for good, and not executed yet.
    Decided,
    /// Part of the final state.
    Final,
    /// Decided, so long ago that the node does not keep as what.
    NotKept,
}

/// A candidate of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateSummary {
    /// The block.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub block: BlockId,
    /// Its producer; none if this node does not hold it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub producer: Option<Address>,
}

/// One slot of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotSummary {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// When it starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// How far it is.
    pub status: SlotPhase,
    /// In which round this node is, of an undecided slot.
    pub round: Option<u32>,
    /// The block that it is decided as; none for a miss.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub block: Option<BlockId>,
    /// Who produced that block.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub producer: Option<Address>,
    /// Its parents, by thread.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<schema::BlockId>>))]
    pub parents: Option<Vec<BlockId>>,
    /// The operations that it carries.
    pub operation_count: Option<usize>,
    /// Its size.
    pub size_bytes: Option<usize>,
    /// The valid candidates of an undecided slot.
    pub candidates: Vec<CandidateSummary>,
    /// The candidate that the node builds on.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub leading: Option<BlockId>,
    /// The drawn producer; none while the draws are not known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub drawn: Option<Address>,
    /// Whether it is ours: the producer's key is in the node's wallet, or the drawn producer's as long
    /// as there is no block.
    pub own: bool,
}

/// `GET /slots?before=12/3&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotsResponse {
    /// The latest first.
    pub slots: Vec<SlotSummary>,
    /// For `before`, to go on reading; none at the beginning of the chain.
    pub next: Option<String>,
}
