//! Whom the block factory asks.

use std::sync::Arc;

use picot_clock::Clock;
use picot_consensus::Consensus;
use picot_execution::Execution;
use picot_pool::Pool;
use picot_selector::Selector;
use picot_storage::Storage;
use picot_wallet::Wallet;

use crate::{Connection, HistoryLog};

/// The other parts of the node, each behind its trait.
#[derive(Clone)]
pub struct Collaborators {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows who may propose.
    pub selector: Arc<dyn Selector>,
    /// Holds the keys, and signs nothing twice.
    pub wallet: Arc<dyn Wallet>,
    /// Gives the parents and takes the block.
    pub consensus: Arc<dyn Consensus>,
    /// Gives operations, endorsements and denunciations.
    pub pool: Arc<dyn Pool>,
    /// Knows what was executed, and what senders own.
    pub execution: Arc<dyn Execution>,
    /// Keeps the block.
    pub storage: Arc<dyn Storage>,
    /// Knows whether anybody would hear of it.
    pub connection: Arc<dyn Connection>,
    /// Keeps the history.
    pub history: Arc<dyn HistoryLog>,
}
