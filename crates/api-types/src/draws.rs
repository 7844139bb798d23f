//! Who is drawn, and what came of it.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, BlockId, Slot, Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /addresses/{address}/draws?from=12/3&to=20/0`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DrawsResponse {
    /// The address.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// The first slot that was looked at: not before what this node still knows.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub from: Slot,
    /// The first slot after those that were looked at: not after what is drawn already, nor after what
    /// one answer looks at.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub to: Slot,
    /// The slots at which it is drawn, ascending.
    pub draws: Vec<Draw>,
    /// For `from`, to go on reading; none if all was looked at that was asked for and is drawn.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub next: Option<Slot>,
}

/// A slot at which an address is drawn, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Draw {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// When it starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// Its place in the producer ranking, if it may propose: 0 is the drawn producer.
    pub rank: Option<u32>,
    /// The indices at which it may endorse the slot's block.
    pub endorser_indices: Vec<u32>,
    /// What came of the slot.
    pub result: DrawResult,
    /// Of the indices, those whose endorsement the next block of the thread carries; none while
    /// that is not decided, or if there was nothing to endorse.
    pub endorsed: Option<Vec<u32>>,
}

/// What came of a slot for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DrawResult {
    /// It is to come, or undecided.
    Undecided,
    /// It is decided as the address's block.
    Produced {
        /// That block.
        #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
        block: BlockId,
    },
    /// It is decided as the block of another producer.
    OfAnother {
        /// That block.
        #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
        block: BlockId,
        /// Whose it is; none if this node does not hold it.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
        producer: Option<Address>,
    },
    /// It is decided as a slot without a block.
    Missed,
    /// It is decided, so long ago that the node does not keep as what.
    NotKept,
}

/// Who is drawn for a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotDraw {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// When it starts.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub start: Timestamp,
    /// The drawn producer.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub producer: Option<Address>,
    /// The drawn part of the producer ranking, the drawn producer first.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub ranked: Vec<Address>,
    /// Whether the drawn producer's key is in the node's wallet.
    pub own: bool,
}

/// `GET /draws?from=12/3&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotDrawsResponse {
    /// Ascending.
    pub draws: Vec<SlotDraw>,
    /// For `from`, to go on reading; none where the draws are not known yet.
    pub next: Option<String>,
}
