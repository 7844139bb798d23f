#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod changes;
#[cfg(any(test, feature = "mocks"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests, for other crates to run"
)]
mod conformance;
mod error;
pub mod keys;
mod lattice_hash;
mod ledger;
mod memory_store;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod parts;
mod snapshot;
mod state;
mod store;
#[cfg(any(test, feature = "mocks"))]
mod unreliable_store;

pub use changes::{Change, ContractChange, LedgerChanges};
pub use error::LedgerError;
pub use lattice_hash::LatticeHash;
pub use ledger::{LayeredLedger, Ledger, StoreLedger};
pub use memory_store::MemoryStateStore;
pub use snapshot::{PairVisitor, StateSnapshot};
pub use state::{STATE_FORMAT, StateMetadata};
pub use store::{Pair, StateBatch, StateStore, Visitor, for_each_pair};

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_memory_store_keeps_the_contract_of_state_stores() {
        mocks::check_state_store(|| Arc::new(MemoryStateStore::new()));
    }

    #[test]
    fn a_copy_of_the_memory_store_keeps_the_contract_of_snapshots() {
        let store = MemoryStateStore::new();
        mocks::check_state_snapshot(&store, || Arc::new(store.snapshot()));
    }

    #[test]
    fn a_snapshot_of_the_memory_store_is_what_a_restart_finds() {
        let disk = Arc::new(MemoryStateStore::new());
        // The same memory under a new handle stands for the same files opened again.
        mocks::check_reopen(|| disk.clone());
        let copy = disk.snapshot();
        let mut batch = StateBatch::new();
        batch.delete(b"b".to_vec());
        disk.commit(batch).unwrap();
        assert_eq!((disk.len(), copy.len()), (1, 2));
    }

    #[test]
    fn a_commit_that_fails_changes_nothing() {
        let store = MemoryStateStore::new();
        store.set_commits_fail(true);
        let mut batch = StateBatch::new();
        batch.put(b"a".to_vec(), b"1".to_vec());
        batch.set_metadata(b"m".to_vec());
        let error = store.commit(batch.clone()).unwrap_err();
        assert_eq!(error.to_string(), "the state store failed to commit");
        assert!(store.is_empty());
        assert_eq!(store.metadata().unwrap(), None);
        store.set_commits_fail(false);
        store.commit(batch).unwrap();
        assert_eq!(store.len(), 1);
    }
}
