//! The state in memory.

use crate::{LedgerError, Pair, StateBatch, StateStore};
use displaydoc::Display;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;

/// commits to this memory store were switched off
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
struct CommitsFail;

#[derive(Debug, Clone, Default)]
struct Contents {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    metadata: Option<Vec<u8>>,
}

/// A [`StateStore`] in memory: for tests, simulations and replays. Nothing of it survives the
/// process.
#[derive(Debug, Default)]
pub struct MemoryStateStore {
    contents: RwLock<Contents>,
    commits_fail: AtomicBool,
}

impl MemoryStateStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all commits fail from now on, or succeed again: what a full disk does.
    pub fn set_commits_fail(&self, fail: bool) {
        self.commits_fail.store(fail, Ordering::SeqCst);
    }

    /// A copy that changes on its own: what a crash at this moment would leave.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            contents: RwLock::new(self.contents.read().clone()),
            commits_fail: AtomicBool::new(false),
        }
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.read().pairs.len()
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl StateStore for MemoryStateStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.contents.read().pairs.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        let start = prefix.max(from);
        let contents = self.contents.read();
        let pairs = contents
            .pairs
            .range::<[u8], _>((Bound::Included(start), Bound::Unbounded));
        Ok(pairs
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.contents.read().metadata.clone())
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        if self.commits_fail.load(Ordering::SeqCst) {
            return Err(LedgerError::store("commit", CommitsFail));
        }
        let mut contents = self.contents.write();
        for (key, change) in batch.changes {
            match change {
                Some(value) => contents.pairs.insert(key, value),
                None => contents.pairs.remove(&key),
            };
        }
        if let Some(metadata) = batch.metadata {
            contents.metadata = Some(metadata);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), LedgerError> {
        Ok(())
    }
}
