//! Slots.

use picot_models::{Address, BlockId, Slot, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// What consensus says of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SlotState {
    /// Its time, or its turn in the thread, has not come.
    NotOpen,
    /// The validators are at work.
    Undecided {
        /// In which round this node is.
        round: u32,
        /// The valid candidates.
        candidates: Vec<BlockId>,
        /// The one that the node builds on.
        leading: Option<BlockId>,
    },
    /// Decided for good.
    Decided {
        /// The slot of the decision: an earlier one inside a miss of several periods.
        outcome_slot: Slot,
        /// As what.
        value: Value,
    },
    /// Decided, so long ago that the node does not keep as what.
    NotKept,
}

/// `GET /slots/{period}/{thread}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotResponse {
    /// The slot.
    pub slot: Slot,
    /// When it starts.
    pub start: Timestamp,
    /// Whether its output is part of the final state.
    pub is_final: bool,
    /// What consensus says.
    #[serde(flatten)]
    pub state: SlotState,
    /// The drawn producers, by rank; none while the draws are not known.
    pub producers: Option<Vec<Address>>,
    /// The drawn endorsers, by index.
    pub endorsers: Option<Vec<Address>>,
}
