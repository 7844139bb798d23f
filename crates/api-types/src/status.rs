//! How the node is, and its chain.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::{Address, Amount, BlockId, ChainId, ChainParams, Hash, Slot, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /status`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusResponse {
    /// The chain.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ChainId))]
    pub chain_id: ChainId,
    /// Its name.
    pub chain_name: String,
    /// The version of the node.
    pub node_version: String,
    /// When the node started.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub started_at: Timestamp,
    /// The node's time.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub now: Timestamp,
    /// The slot that time is in; none before genesis.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub current_slot: Option<Slot>,
    /// The last slot whose output is part of the final state.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Slot))]
    pub last_final_slot: Slot,
    /// The hash of the final state.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Hash))]
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

/// The other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeersSummary {
    /// Those that are connected and of the same chain.
    pub connected: usize,
    /// By how many milliseconds this node's clock seems to be behind theirs; none if fewer than three
    /// tell.
    pub clock_behind_ms: Option<i64>,
}

/// The state of one thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThreadStatus {
    /// The thread.
    pub thread: u8,
    /// The last decided period.
    pub decided_period: u64,
    /// The last decided block.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::BlockId))]
    pub latest_block: BlockId,
    /// Its period.
    pub latest_block_period: u64,
    /// The slot that is being decided.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<schema::Slot>))]
    pub open_slot: Option<Slot>,
    /// The round of it.
    pub round: Option<u32>,
}

/// The node's own production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductionStatus {
    /// Whether blocks are produced now.
    pub producing: bool,
    /// Why not, if they are not.
    pub not_producing: Option<String>,
    /// The addresses whose keys the wallet holds.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<schema::Address>))]
    pub staking_addresses: Vec<Address>,
    /// Blocks produced since the start.
    pub blocks_produced: u64,
    /// Endorsements produced since the start.
    pub endorsements_produced: u64,
    /// The addresses whose keys were seen in use elsewhere and sign nothing until an operator clears
    /// them, each with the reason.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<schema::Address, String>))]
    pub refused: BTreeMap<Address, String>,
}

/// What is pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SupplyStatus {
    /// On balances.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub balances: Amount,
    /// Rolls, in number.
    pub rolls: u64,
    /// To be credited later.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub deferred_credits: Amount,
    /// Held for storage.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub storage_deposits: Amount,
    /// At genesis, rolls at their price included.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub genesis_supply: Amount,
    /// Minted since genesis.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub minted: Amount,
    /// Burnt since genesis.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub burnt: Amount,
    /// Slashed since genesis.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Amount))]
    pub slashed: Amount,
}

/// `GET /parameters`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParametersResponse {
    /// The chain.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ChainId))]
    pub chain_id: ChainId,
    /// Its name.
    pub name: String,
    /// The start of slot 0/0.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub genesis_timestamp: Timestamp,
    /// Its parameters.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::ChainParams))]
    pub params: ChainParams,
}
