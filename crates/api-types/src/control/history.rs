//! What happened at each slot at which one of the node's addresses was due.
//!
//! The factories have the same of their own; a test of the server says that both read alike.

#[cfg(feature = "openapi")]
use crate::schema;
use displaydoc::Display;
use picot_clock::Millis;
use picot_models::{Address, BlockId, EndorsementId, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What can be left out of a product that is made all the same.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// endorsements of the parent
    Endorsements,
    /// operations already executed, and with them all operations
    ExecutedOperations,
    /// some or all operations
    Operations,
    /// some or all balances, and with them their owners' operations
    Balances,
    /// denunciations
    Denunciations,
    /// parents asked again before signing
    FreshParents,
    /// storage
    Storage,
    /// confirmation by our own consensus
    Registration,
    /// pool
    Pool,
    /// network
    Network,
}

/// Why something that was due was not produced.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// disabled
    Disabled,
    /// start-up wait
    StartupWait,
    /// no draws
    NoDraws,
    /// late
    Late,
    /// no connection
    NoConnection,
    /// signing protection
    SigningProtection,
    /// locked wallet
    LockedWallet,
    /// consensus behind
    ConsensusBehind,
    /// parent changed
    ParentChanged,
    /// no block to endorse
    NoBlock,
    /// signing failed
    SigningFailed,
    /// refused by our own consensus
    Refused,
}

/// A reason with what is known of it.
#[derive(Clone, Debug, Display, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[displaydoc("{reason}: {detail}")]
pub struct Skip {
    /// The reason.
    pub reason: SkipReason,
    /// The error or the circumstance, for people.
    pub detail: String,
}

/// What was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Duty {
    /// A block.
    Block {
        /// The address's place in the producer ranking, if it is known.
        rank: Option<u32>,
    },
    /// An endorsement.
    Endorsement {
        /// The index that was drawn, if it is known.
        index: Option<u32>,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A block was signed and handed on.
    ProducedBlock(BlockId),
    /// An endorsement was signed and handed on.
    ProducedEndorsement {
        /// Its id.
        id: EndorsementId,
        /// The block that it is for.
        block: BlockId,
    },
    /// Nothing was produced.
    Skipped(Skip),
}

impl Event {
    /// The block that was produced or endorsed.
    #[must_use]
    pub const fn block(&self) -> Option<BlockId> {
        match self {
            Self::ProducedBlock(block) | Self::ProducedEndorsement { block, .. } => Some(*block),
            Self::Skipped(_) => None,
        }
    }
}

/// What became of the slot, and so of what was produced for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing yet.
    #[default]
    Undecided,
    /// The slot is decided as the block that was produced, or endorsed.
    Decided,
    /// The slot is decided as another block: this one.
    LostTo(BlockId),
    /// The slot is decided as one without a block.
    Missed,
    /// The slot is decided, and this node does not keep as what: it was off for a long time.
    Unknown,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryEntry {
    /// The slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub slot: Slot,
    /// Who was due; `None` if the wallet did not tell its addresses.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Address>))]
    pub address: Option<Address>,
    /// What was due.
    pub duty: Duty,
    /// What became of it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Event))]
    pub event: Event,
    /// What was left out of the product.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Part>))]
    pub left_out: BTreeSet<Part>,
    /// From the start of the work to its end.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Millis))]
    pub duration: Millis,
    /// What became of the slot.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Fate))]
    pub fate: Fate,
}
