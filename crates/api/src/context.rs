//! What the interface answers from: the traits of the node's parts.

use crate::control::peers::PeerControl;
use crate::metrics::ApiMetrics;
use picot_checkpoint::Checkpoints;
use picot_clock::{Clock, SlotClock};
use picot_consensus::Consensus;
use picot_execution::Execution;
use picot_models::{Address, ChainId, Genesis, Timestamp};
use picot_pool::Pool;
use picot_selector::Selector;
use picot_storage::Storage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether this node produces, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The addresses whose keys the wallet holds.
    pub staking_addresses: Vec<Address>,
    /// Whether blocks are produced now.
    pub producing: bool,
    /// Why not, if they are not.
    pub not_producing: Option<String>,
    /// Blocks produced since the start.
    pub blocks_produced: u64,
    /// Endorsements produced since the start.
    pub endorsements_produced: u64,
    /// The addresses whose keys were seen in use elsewhere and sign nothing until an operator clears
    /// them, each with the reason.
    pub refused: BTreeMap<Address, String>,
}

/// Tells what the interface cannot know from the other parts.
pub trait Production: Send + Sync {
    /// The state now.
    fn facts(&self) -> NodeFacts;
}

/// What the interface answers from.
pub struct ApiContext {
    /// The chain.
    pub genesis: Arc<Genesis>,
    /// Its id.
    pub chain_id: ChainId,
    /// Its slots.
    pub slot_clock: SlotClock,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The draws.
    pub selector: Arc<dyn Selector>,
    /// What is pending.
    pub pool: Arc<dyn Pool>,
    /// The state.
    pub execution: Arc<dyn Execution>,
    /// The decisions.
    pub consensus: Arc<dyn Consensus>,
    /// The blocks that are in flight or decided.
    pub storage: Arc<dyn Storage>,
    /// What validators certified.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// The node's own production.
    pub production: Arc<dyn Production>,
    /// The peers; none if the node has no network.
    pub peers: Option<Arc<dyn PeerControl>>,
    /// The figures; none if nobody counts.
    pub metrics: Option<Arc<dyn ApiMetrics>>,
    /// The version of the node.
    pub node_version: &'static str,
    /// When the node started.
    pub started_at: Timestamp,
}
