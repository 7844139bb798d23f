//! What was received of a state, before it is the state of this node.

use crate::chunk::{ChunkFault, Expected, KeyRange, Pairs};
use picot_ledger::{
    LatticeHash, LedgerError, Pair, STATE_FORMAT, StateBatch, StateMetadata, StateStore,
};
use picot_models::{ChainId, Checkpoint};
use picot_serialization::Encode;
use std::sync::Arc;

/// Pairs that are read at once.
const PAGE_PAIRS: usize = 1_024;

/// What was received of a state, in a store of its own. It needs no record of what is there and what is
/// not: the pairs tell by their sums, whenever and wherever the node was stopped.
#[derive(Clone)]
pub struct Staging {
    store: Arc<dyn StateStore>,
}

impl Staging {
    /// Over a store that is empty, or has what was received before.
    #[must_use]
    pub fn new(store: Arc<dyn StateStore>) -> Self {
        Self { store }
    }

    /// Whether nothing was received yet.
    ///
    /// # Errors
    /// The store failed.
    pub fn is_empty(&self) -> Result<bool, LedgerError> {
        Ok(self.store.scan(&[], &[], 1)?.is_empty())
    }

    /// Whether what is kept of a chunk's keys is the chunk; whatever else is there of them is removed.
    ///
    /// # Errors
    /// The store failed.
    pub fn examine(&self, expected: &Expected) -> Result<bool, LedgerError> {
        let mut sum = LatticeHash::new();
        let mut is_empty = true;
        self.for_each_page(&expected.range, |page| {
            for (key, value) in page {
                sum.add(key, value);
            }
            is_empty = false;
            Ok(())
        })?;
        if !is_empty && sum.digest() == expected.digest {
            return Ok(true);
        }
        self.for_each_page(&expected.range, |page| {
            let mut batch = StateBatch::new();
            for (key, _) in page {
                batch.delete(key.clone());
            }
            self.store.commit(batch)
        })?;
        Ok(false)
    }

    /// Keeps a chunk that was checked, in one commit.
    ///
    /// # Errors
    /// The store failed, or the chunk was not checked.
    pub fn put(&self, chunk: &[u8]) -> Result<(), LedgerError> {
        let owned = |pair: Result<(&[u8], &[u8]), ChunkFault>| {
            pair.map(|(key, value)| (key.to_vec(), Some(value.to_vec())))
        };
        let pairs: Result<Vec<_>, ChunkFault> = Pairs::of(chunk).map(owned).collect();
        let pairs = pairs.map_err(|fault| LedgerError::corrupt("a chunk", fault))?;
        let mut batch = StateBatch::new();
        batch.change_all(pairs);
        self.store.commit(batch)
    }

    /// Makes what was received a state: if the sum over all its pairs is the state hash of the
    /// checkpoint, gives it the metadata of one; tells whether it was.
    ///
    /// # Errors
    /// The store failed.
    pub fn accept(&self, checkpoint: &Checkpoint, chain_id: &ChainId) -> Result<bool, LedgerError> {
        let lattice = LatticeHash::of_store(&*self.store)?;
        if lattice.digest() != checkpoint.state_hash {
            return Ok(false);
        }
        let metadata = StateMetadata {
            format: STATE_FORMAT,
            chain_id: *chain_id,
            last_final_slot: checkpoint.slot,
            lattice,
        };
        let mut batch = StateBatch::new();
        batch.set_metadata(metadata.to_bytes());
        self.store.commit(batch)?;
        self.store.sync()?;
        Ok(true)
    }

    fn for_each_page(
        &self,
        range: &KeyRange,
        mut visit: impl FnMut(&[Pair]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut from = range.from.clone();
        loop {
            let mut page = self.store.scan(&[], &from, PAGE_PAIRS)?;
            let is_last = page.len() < PAGE_PAIRS;
            let inside = page.partition_point(|(key, _)| range.contains(key));
            let is_over = is_last || inside < page.len();
            page.truncate(inside);
            if !page.is_empty() {
                visit(&page)?;
            }
            match page.pop() {
                Some((last, _)) if !is_over => {
                    from = last;
                    // The least key above it.
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }
}
