//! The events of the streams.

use crate::OperationResult;
use picot_models::{Address, BlockId, OperationId, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event of `GET /stream/slots`: a slot became final. The id of the event is the slot's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotEvent {
    /// The slot.
    pub slot: Slot,
    /// Its block; none for a miss.
    pub block: Option<BlockId>,
    /// Who produced it.
    pub producer: Option<Address>,
    /// What its operations came to.
    pub operations: BTreeMap<OperationId, OperationResult>,
    /// The hash of the final state after it; none inside a run of slots that became final together.
    pub state_hash: Option<String>,
}

/// The event `missed` of a stream: what the reader did not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedEvent {
    /// How many events were left out; none if they are too old for this node to count.
    pub count: Option<u64>,
    /// The first slot that follows.
    pub next: Option<Slot>,
}
