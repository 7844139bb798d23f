//! The bodies of requests and answers: amounts as decimal strings, ids as text.

use crate::Problem;
use picot_models::{
    Address, Amount, BlockId, ChainId, ChainParams, CheckpointHash, DenunciationId, EndorsementId,
    Envelope, Hash, Operation, OperationId, Slot, Timestamp, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A signed operation as it is submitted: what is ordered, by whom, and the signature.
pub type SubmittedOperation = Envelope<Operation>;

/// `GET /status`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusResponse {
    /// The chain.
    pub chain_id: ChainId,
    /// Its name.
    pub chain_name: String,
    /// The version of the node.
    pub node_version: String,
    /// When the node started.
    pub started_at: Timestamp,
    /// The node's time.
    pub now: Timestamp,
    /// The slot that time is in; none before genesis.
    pub current_slot: Option<Slot>,
    /// The last slot whose output is part of the final state.
    pub last_final_slot: Slot,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// Each thread of consensus.
    pub threads: Vec<ThreadStatus>,
    /// Why the node is behind, if it is.
    pub behind: Option<String>,
    /// The network; none for a node that is alone.
    pub peers: Option<PeersSummary>,
    /// Slots decided since the start.
    pub decided_slots: u64,
    /// Of these, those without a block.
    pub missed_slots: u64,
    /// The node's own production.
    pub production: ProductionStatus,
    /// What is pending.
    pub pool: PoolStatus,
    /// All coins, by where they are and how they came and went.
    pub supply: SupplyStatus,
}

/// `GET /checkpoints/{period}/{thread}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointResponse {
    /// The slot after which the state is meant.
    pub slot: Slot,
    /// What names the checkpoint: what an operator may give a new node to trust.
    pub hash: CheckpointHash,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// The hash of the validator sets of the next cycles.
    pub validator_sets: Hash,
    /// Whose signatures are in the certificate: together more than two thirds of the stake.
    pub signers: Vec<Address>,
}

/// `GET /checkpoints`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointsResponse {
    /// The newest certified checkpoint.
    pub certified: Option<CheckpointResponse>,
    /// Those whose signatures are being gathered, ascending.
    pub open: Vec<OpenCheckpointResponse>,
}

/// A checkpoint without a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCheckpointResponse {
    /// The slot.
    pub slot: Slot,
    /// The hash of this node's state after it; none if it has not come there yet.
    pub state_hash: Option<Hash>,
    /// The power that has signed that.
    pub power: u64,
    /// All power.
    pub total_power: u64,
}

/// The other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeersSummary {
    /// Those that are connected and of the same chain.
    pub connected: usize,
    /// By how many milliseconds this node's clock seems to be behind theirs; none if fewer than three
    /// tell.
    pub clock_behind_ms: Option<i64>,
}

/// The state of one thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadStatus {
    /// The thread.
    pub thread: u8,
    /// The last decided period.
    pub decided_period: u64,
    /// The last decided block.
    pub latest_block: BlockId,
    /// Its period.
    pub latest_block_period: u64,
    /// The slot that is being decided.
    pub open_slot: Option<Slot>,
    /// The round of it.
    pub round: Option<u32>,
}

/// The node's own production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductionStatus {
    /// Whether blocks are produced now.
    pub producing: bool,
    /// Why not, if they are not.
    pub not_producing: Option<String>,
    /// The addresses whose keys the wallet holds.
    pub staking_addresses: Vec<Address>,
    /// Blocks produced since the start.
    pub blocks_produced: u64,
    /// Endorsements produced since the start.
    pub endorsements_produced: u64,
    /// The addresses whose keys were seen in use elsewhere and sign nothing until an operator clears
    /// them, each with the reason.
    #[serde(default)]
    pub refused: BTreeMap<Address, String>,
}

/// What is pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Operations.
    pub operations: usize,
    /// Their bytes.
    pub operation_bytes: u64,
    /// Endorsements.
    pub endorsements: usize,
    /// Denunciations.
    pub denunciations: usize,
}

/// All coins of the final state (design 05, 'Conservation').
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyStatus {
    /// On balances.
    pub balances: Amount,
    /// Rolls, in number.
    pub rolls: u64,
    /// To be credited later.
    pub deferred_credits: Amount,
    /// Held for storage.
    pub storage_deposits: Amount,
    /// At genesis, rolls at their price included.
    pub genesis_supply: Amount,
    /// Minted since genesis.
    pub minted: Amount,
    /// Burnt since genesis.
    pub burnt: Amount,
    /// Slashed since genesis.
    pub slashed: Amount,
}

/// `GET /parameters`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParametersResponse {
    /// The chain.
    pub chain_id: ChainId,
    /// Its name.
    pub name: String,
    /// The start of slot 0/0.
    pub genesis_timestamp: Timestamp,
    /// Its parameters.
    pub params: ChainParams,
}

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

/// `GET /addresses/{address}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressResponse {
    /// The address.
    pub address: Address,
    /// Its thread.
    pub thread: u8,
    /// After decided slots only.
    #[serde(rename = "final")]
    pub final_state: AccountState,
    /// With the leading candidates on top.
    pub candidate: AccountState,
}

/// What an address has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Its coins; none if it has no entry.
    pub balance: Option<Amount>,
    /// Its rolls.
    pub rolls: u64,
    /// Coins to come.
    pub deferred_credits: Vec<DeferredCredit>,
}

/// Coins to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredCredit {
    /// The cycle at whose end they are credited.
    pub cycle: u64,
    /// How many.
    pub amount: Amount,
    /// The start of the slot after that cycle.
    pub due: Option<Timestamp>,
}

/// `GET /addresses/{address}/draws?from=12/3&to=20/0`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawsResponse {
    /// The address.
    pub address: Address,
    /// The first slot that was looked at: not before what this node still knows.
    pub from: Slot,
    /// The first slot after those that were looked at: not after what is drawn already.
    pub to: Slot,
    /// The slots at which it is drawn, ascending.
    pub draws: Vec<Draw>,
}

/// A slot at which an address is drawn, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The slot.
    pub slot: Slot,
    /// When it starts.
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
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DrawResult {
    /// It is to come, or undecided.
    Undecided,
    /// It is decided as the address's block.
    Produced {
        /// That block.
        block: BlockId,
    },
    /// It is decided as the block of another producer.
    OfAnother {
        /// That block.
        block: BlockId,
        /// Whose it is; none if this node does not hold it.
        producer: Option<Address>,
    },
    /// It is decided as a slot without a block.
    Missed,
    /// It is decided, so long ago that the node does not keep as what.
    NotKept,
}

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
