//! Mocks of the traits of this crate, and execution in memory, for the tests of others.

pub use crate::checkpoint_watch::MockCheckpointWatch;
pub use crate::execution::MockExecution;

use crate::{Config, ExecutionCore, ExecutionError};
use picot_ledger::{MemoryStateStore, StateStore};
use picot_models::Genesis;
use picot_selector::{Selector, StakeSelector};
use std::sync::Arc;

/// The real core over a store in memory, with a selector that it feeds.
///
/// # Errors
/// The genesis makes no chain, or the state is not one of it.
pub fn core_in_memory(
    genesis: &Genesis,
    store: &Arc<MemoryStateStore>,
) -> Result<(ExecutionCore, Arc<dyn Selector>), ExecutionError> {
    let config = picot_selector::Config::from_params(&genesis.params);
    let selector = StakeSelector::new(config).map_err(|source| ExecutionError::Draws {
        slot: picot_clock::Slot::GENESIS,
        source,
    })?;
    let selector: Arc<dyn Selector> = Arc::new(selector);
    let store: Arc<dyn StateStore> = Arc::<MemoryStateStore>::clone(store);
    let core = ExecutionCore::open(store, genesis, Arc::clone(&selector), Config::default())?;
    Ok((core, selector))
}
