//! The events of the streams.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::{OperationResult, OperationState};
use picot_models::{Address, BlockId, OperationId, Slot, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event of `GET /stream/slots`: a slot became final. The id of the event is the slot's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotEvent {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// Its block; none for a miss.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub block: Option<BlockId>,
    /// Who produced it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub producer: Option<Address>,
    /// What its operations came to.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<schema::OperationId, OperationResult>))]
    pub operations: BTreeMap<OperationId, OperationResult>,
    /// The hash of the final state after it; none inside a run of slots that became final together.
    pub state_hash: Option<String>,
}

/// The event `missed` of a stream: what the reader did not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissedEvent {
    /// How many events were left out; none if this node cannot count them: they are too old, or only
    /// some topics are asked for.
    pub count: Option<u64>,
    /// The first slot that follows.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub next: Option<Slot>,
}

/// What events of `GET /stream/events` are about: the name of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A slot opened at this node.
    Opened,
    /// A block became a candidate.
    Candidate,
    /// The node builds on another candidate of a slot.
    Leading,
    /// This node went on to a later round of a slot.
    Round,
    /// A slot was decided.
    Decided,
    /// A slot became final.
    Slot,
    /// The fate of an operation.
    Operation,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Opened,
        Self::Candidate,
        Self::Leading,
        Self::Round,
        Self::Decided,
        Self::Slot,
        Self::Operation,
    ];

    /// Its text in queries, and the name of its events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Candidate => "candidate",
            Self::Leading => "leading",
            Self::Round => "round",
            Self::Decided => "decided",
            Self::Slot => "slot",
            Self::Operation => "operation",
        }
    }
}

/// The event `opened`: a slot opened at this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenedEvent {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
}

/// The event `candidate`: a block became a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateEvent {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// The block.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub block: BlockId,
    /// Its producer.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub producer: Address,
    /// Whether the producer's key is in the node's wallet.
    pub own: bool,
}

/// The event `leading`: the node builds on another candidate of an undecided slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeadingEvent {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// The candidate; none if there is none any more.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub block: Option<BlockId>,
}

/// The event `round`: this node went on to a later round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoundEvent {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// The round.
    pub round: u32,
}

/// The event `decided`: slots were decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecidedEvent {
    /// The slot, or the first of several in its thread.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// The last period that is decided by it.
    pub through: u64,
    /// As what.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Value))]
    pub value: Value,
    /// The round that decided.
    pub round: u32,
    /// From the start of the slot to the decision here.
    pub delay_ms: u64,
}

/// The event `operation`: the fate of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationEvent {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
    /// How far it is; none if this node knows nothing of it, or nothing any more.
    pub state: Option<OperationState>,
    /// The slot that it was executed in.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub slot: Option<Slot>,
    /// The block that carries it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub block: Option<BlockId>,
    /// What it came to.
    pub outcome: Option<OperationResult>,
}
