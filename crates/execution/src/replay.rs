//! The same state again, from nothing: for checks of a data directory, and for tests.

use crate::{Config, DecidedSlots, ExecutionCore, ExecutionError};
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_ledger::{LatticeHash, MemoryStateStore, StateStore};
use picot_models::Genesis;
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use std::sync::Arc;

/// The state hash of a store, computed anew from every pair.
///
/// # Errors
/// The store failed.
pub fn recompute_state_hash(store: &dyn StateStore) -> Result<Hash, ExecutionError> {
    Ok(LatticeHash::of_store(store)?.digest())
}

/// Executes a history from the genesis on, in memory; gives the hash of the state after the last
/// slot that could become final.
///
/// `decided` ascends within a thread and leaves no gaps; threads may come in any order.
///
/// # Errors
/// The genesis makes no chain, or the history is not one of it.
pub fn reexecute(
    genesis: &Genesis,
    decided: impl IntoIterator<Item = DecidedSlots>,
) -> Result<Hash, ExecutionError> {
    let selector = StakeSelector::new(SelectorConfig::from_params(&genesis.params));
    let selector = selector.map_err(|source| ExecutionError::Draws {
        slot: Slot::GENESIS,
        source,
    })?;
    reexecute_until(genesis, Arc::new(selector), decided, None)
}

/// As [`reexecute`], up to a slot at most, although more may be decided; `selector`, an empty one, is
/// fed the draws of each cycle as they come to be known.
///
/// # Errors
/// Those of [`reexecute`].
pub fn reexecute_until(
    genesis: &Genesis,
    selector: Arc<dyn Selector>,
    decided: impl IntoIterator<Item = DecidedSlots>,
    last_slot: Option<Slot>,
) -> Result<Hash, ExecutionError> {
    const CHUNK: usize = 256;
    let store = Arc::new(MemoryStateStore::new());
    let mut core = ExecutionCore::open(store, genesis, selector, Config::default())?;
    core.stop_after(last_slot);
    let mut decided = decided.into_iter().peekable();
    while decided.peek().is_some() {
        let chunk = decided.by_ref().take(CHUNK).collect();
        if let Some(failure) = core.apply(chunk, Vec::new()).failure {
            return Err(failure);
        }
    }
    Ok(core.reader().summary().state_hash)
}
