//! Operations, and what becomes of them.

use crate::Problem;
#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, Amount, BlockId, Envelope, Operation, OperationId, Slot};
use serde::{Deserialize, Serialize};

/// A signed operation as it is submitted: what is ordered, by whom, and the signature.
pub type SubmittedOperation = Envelope<Operation>;

/// `POST /operations`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmitResponse {
    /// The id under which the operation can be asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
}

/// `POST /operations/batch`: one result for each, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmitBatchResponse {
    /// The results.
    pub results: Vec<SubmitResult>,
}

/// What became of one operation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmitResult {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
    /// Why it was refused; none if it was accepted.
    pub problem: Option<Problem>,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OperationResponse {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
    /// How far it is.
    pub state: OperationState,
    /// The slot that it was executed in.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub slot: Option<Slot>,
    /// The block that carries it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::BlockId>))]
    pub block: Option<BlockId>,
    /// What it came to.
    pub outcome: Option<OperationResult>,
    /// The operation itself, while this node holds it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::SubmittedOperation>))]
    pub operation: Option<SubmittedOperation>,
}

/// A pending operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PendingOperation {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::OperationId))]
    pub id: OperationId,
    /// The operation itself.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::SubmittedOperation))]
    pub operation: SubmittedOperation,
}

/// `GET /operations?sender=…&limit=64`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PendingOperationsResponse {
    /// Whose operations.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub sender: Address,
    /// All that the sender has pending at this node, in number.
    pub total: usize,
    /// Ascending by id.
    pub operations: Vec<PendingOperation>,
    /// For `after`, to go on reading; none at the end.
    pub next: Option<String>,
}

/// `POST /operations/simulate`: an order as the sender would sign it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    /// Who would order it.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub sender: Address,
    /// What would be ordered.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Operation))]
    pub operation: Operation,
}

/// What an operation would do if it were executed next, on the candidate state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulateResponse {
    /// What it would come to.
    pub outcome: OperationResult,
    /// The gas that it would use.
    pub gas_used: u64,
    /// The balances that it would change. Who would get the fee is not known.
    pub balances: Vec<BalanceChange>,
    /// The sender's rolls.
    pub rolls: RollsChange,
    /// Coins that would be burnt.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub burnt: Amount,
}

/// A balance before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BalanceChange {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Address))]
    pub address: Address,
    /// Before; none if it had no entry.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Amount>))]
    pub before: Option<Amount>,
    /// After.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub after: Amount,
}

/// Rolls before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RollsChange {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// What a node has pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolResponse {
    /// Operations.
    pub operations: usize,
    /// Their bytes.
    pub operation_bytes: u64,
    /// Endorsements.
    pub endorsements: usize,
    /// Denunciations.
    pub denunciations: usize,
    /// The operations, by thread.
    pub threads: Vec<PoolThread>,
    /// What the pool takes in at most.
    pub bounds: PoolBounds,
}

/// The pending operations of one thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolThread {
    /// The thread.
    pub thread: u8,
    /// Operations.
    pub operations: usize,
    /// Those among them that are valid only in later periods.
    pub not_yet_valid: usize,
    /// Addresses that sent them.
    pub senders: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many ever left for a better one.
    pub evicted: u64,
    /// How many ever expired.
    pub expired: u64,
    /// What the worst of them pays: the coins that a block full of its like would pay.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Amount>))]
    pub lowest_fee: Option<Amount>,
    /// What the best of them pays, in the same way.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Amount>))]
    pub highest_fee: Option<Amount>,
}

/// What a pool takes in at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolBounds {
    /// Operations of one thread.
    pub max_operations_per_thread: usize,
    /// Bytes of the operations of one thread.
    pub max_bytes_per_thread: u64,
    /// Operations of one sender.
    pub max_operations_per_sender: usize,
}

/// `GET /fees?sender=…`: what a transfer should pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeesResponse {
    /// The thread that was looked at: that of the sender; none if it is of all threads the one that
    /// asks most.
    pub thread: Option<u8>,
    /// The least that this node takes in.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub minimal_fee: Amount,
    /// What gets a transfer into a block soon, by what is pending at this node now.
    pub suggested: SuggestedFees,
}

/// What gets a transfer into a block soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuggestedFees {
    /// Into the next block of its thread.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub next_block: Amount,
    /// Within more periods, ascending by periods.
    pub within_periods: Vec<SuggestedFee>,
}

/// What gets a transfer into a block within some periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuggestedFee {
    /// Within so many periods.
    pub periods: u64,
    /// The fee.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub fee: Amount,
}

/// The body of `POST /operations/batch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SubmitBatchRequest {
    /// The operations.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::SubmittedOperation>))]
    pub operations: Vec<SubmittedOperation>,
}
