//! Where the figures come from.

use picot_block_factory::BlockFactory;
use picot_checkpoint::Checkpoints;
use picot_clock::{Clock, Millis, SlotClock, Timestamp};
use picot_consensus::Consensus;
use picot_endorsement_factory::EndorsementFactory;
use picot_execution::Execution;
use picot_models::Amount;
use picot_pool::Pool;
use picot_wallet::Wallet;
use std::path::PathBuf;
use std::sync::Arc;

/// What is asked for a figure, at each scrape. It may come from any thread and must not wait long.
pub type Ask<T> = Box<dyn Fn() -> T + Send + Sync>;

/// The parts of a running node that are asked at each scrape.
pub struct Sources {
    /// What stays the same.
    pub facts: Facts,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The slots of the chain.
    pub slot_clock: SlotClock,
    /// The decisions.
    pub consensus: Arc<dyn Consensus>,
    /// The state.
    pub execution: Arc<dyn Execution>,
    /// What validators certified.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// What is pending.
    pub pool: Arc<dyn Pool>,
    /// Block production.
    pub blocks: Arc<dyn BlockFactory>,
    /// Endorsement production.
    pub endorsements: Arc<dyn EndorsementFactory>,
    /// The keys.
    pub wallet: Arc<dyn Wallet>,
    /// How production goes as a whole.
    pub production: Ask<ProductionFigures>,
    /// The peers; none if the node has no network.
    pub peers: Option<Ask<PeerFigures>>,
    /// Bytes on disk by part of the data directory; empty if the system does not tell.
    pub stores: Ask<Vec<(&'static str, u64)>>,
    /// Where the data is.
    pub data_dir: PathBuf,
}

/// What stays the same while a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The version of the node.
    pub version: String,
    /// The name of the chain.
    pub chain: String,
    /// Its id.
    pub chain_id: String,
    /// What a roll costs.
    pub roll_price: Amount,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
    /// By how much clocks may differ.
    pub max_clock_drift: Millis,
    /// When the process started.
    pub started_at: Timestamp,
}

/// How production goes as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProductionFigures {
    /// Whether blocks are produced now.
    pub producing: bool,
    /// Keys that were seen in use elsewhere and sign nothing.
    pub refused_keys: usize,
    /// Rolls of the wallet's addresses that count in the current cycle; none if its draws are not known.
    pub own_power: Option<u64>,
}

/// The peers of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerFigures {
    /// Those that have introduced themselves.
    pub peers: Vec<PeerFigure>,
    /// Nodes that are refused.
    pub banned: usize,
    /// Connections that others made since the start.
    pub connections_inbound: u64,
    /// Connections that this node made since the start.
    pub connections_outbound: u64,
    /// By lane.
    pub lanes: Vec<LaneFigures>,
    /// Packets that came over the rates of their peers, since the start.
    pub refused_packets: u64,
    /// By how many milliseconds this node's clock seems to be behind those of its peers.
    pub clock_behind_ms: Option<i64>,
}

/// A peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeerFigure {
    /// Whether this node called it.
    pub outbound: bool,
    /// Whether it always has a place.
    pub reserved: bool,
    /// The time to it and back.
    pub round_trip: Option<Millis>,
    /// Slots that it says to have decided and this node has not.
    pub ahead_slots: u64,
}

/// A lane of all peers together, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneFigures {
    /// `urgent`, `gossip` or `bulk`.
    pub lane: String,
    /// Bytes of frames that came.
    pub received_bytes: u64,
    /// Bytes of frames that went.
    pub sent_bytes: u64,
    /// Bytes that wait to go now.
    pub queued_bytes: u64,
    /// Messages that found no room.
    pub dropped: u64,
}
