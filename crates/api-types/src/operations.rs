//! Operations, and what becomes of them.

use crate::Problem;
use picot_models::{BlockId, Envelope, Operation, OperationId, Slot};
use serde::{Deserialize, Serialize};

/// A signed operation as it is submitted: what is ordered, by whom, and the signature.
pub type SubmittedOperation = Envelope<Operation>;

/// `POST /operations`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitResponse {
    /// The id under which the operation can be asked for.
    pub id: OperationId,
}

/// `POST /operations/batch`: one result for each, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitBatchResponse {
    /// The results.
    pub results: Vec<SubmitResult>,
}

/// What became of one operation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitResult {
    /// The id.
    pub id: OperationId,
    /// Why it was refused; none if it was accepted.
    pub problem: Option<Problem>,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// In the pool.
    Pending,
    /// Executed in a slot that is not final yet.
    Candidate,
    /// Executed in a final slot.
    Final,
}

/// What an executed operation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OperationResult {
    /// It did what it ordered.
    Succeeded,
    /// It did nothing; the fee is kept.
    Failed {
        /// Why.
        reason: String,
    },
    /// The sender could not pay the fee; nothing moved.
    Unpaid,
    /// Its block may not carry it, or it was executed before; nothing moved.
    Refused,
}

/// `GET /operations/{id}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationResponse {
    /// The id.
    pub id: OperationId,
    /// How far it is.
    pub state: OperationState,
    /// The slot that it was executed in.
    pub slot: Option<Slot>,
    /// The block that carries it.
    pub block: Option<BlockId>,
    /// What it came to.
    pub outcome: Option<OperationResult>,
    /// The operation itself, while this node holds it.
    pub operation: Option<SubmittedOperation>,
}
