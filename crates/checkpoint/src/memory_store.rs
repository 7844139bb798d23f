//! A store in memory, for tests and simulations.

use crate::{CheckpointError, CheckpointStore, StoreChange, StorePair};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::Bound::{Excluded, Included};

/// A [`CheckpointStore`] in memory.
#[derive(Debug, Default)]
pub struct MemoryCheckpointStore {
    pairs: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryCheckpointStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.read().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.read().is_empty()
    }
}

impl CheckpointStore for MemoryCheckpointStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CheckpointError> {
        Ok(self.pairs.read().get(key).cloned())
    }

    fn ascending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        let pairs = self.pairs.read();
        Ok(owned(range(&pairs, from, end).take(limit)))
    }

    fn descending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        let pairs = self.pairs.read();
        Ok(owned(range(&pairs, from, end).rev().take(limit)))
    }

    fn write(&self, changes: Vec<StoreChange>) -> Result<(), CheckpointError> {
        let mut pairs = self.pairs.write();
        for (key, change) in changes {
            match change {
                Some(value) => pairs.insert(key, value),
                None => pairs.remove(&key),
            };
        }
        Ok(())
    }
}

fn range<'a>(
    pairs: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    from: &[u8],
    end: &[u8],
) -> Range<'a, Vec<u8>, Vec<u8>> {
    // A range that ends before it begins would panic.
    let bounds = (Included(from), Excluded(end.max(from)));
    pairs.range::<[u8], _>(bounds)
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> Vec<StorePair> {
    pairs
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
