//! Whom the endorsement factory asks.

use std::sync::Arc;

use picot_block_factory::{Connection, HistoryLog};
use picot_clock::Clock;
use picot_consensus::Consensus;
use picot_pool::{Pool, Propagation};
use picot_selector::Selector;
use picot_storage::Storage;
use picot_wallet::Wallet;

/// The other parts of the node, each behind its trait.
#[derive(Clone)]
pub struct Collaborators {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows who is drawn.
    pub selector: Arc<dyn Selector>,
    /// Holds the keys, and signs nothing twice.
    pub wallet: Arc<dyn Wallet>,
    /// Knows the block of a slot.
    pub consensus: Arc<dyn Consensus>,
    /// Keeps endorsements.
    pub storage: Arc<dyn Storage>,
    /// Keeps endorsements for the next block, and announces what it takes in.
    pub pool: Arc<dyn Pool>,
    /// Announces what the pool did not take in.
    pub network: Arc<dyn Propagation>,
    /// Knows whether anybody would hear of it.
    pub connection: Arc<dyn Connection>,
    /// Keeps the history.
    pub history: Arc<dyn HistoryLog>,
}
