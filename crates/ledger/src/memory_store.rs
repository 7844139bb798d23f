//! The state in memory.

use crate::{LedgerError, Pair, StateBatch, StateStore};
use displaydoc::Display;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::{self, AtomicBool};
use thiserror::Error;

/// commits to this memory store were switched off
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
struct CommitsFail;

/// A key: in the node of the tree itself unless it is one of a long datastore key, and compared by its
/// first bytes at once, so that a look-up follows no pointers and calls nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// The first eight bytes as a number; zeroes where there are fewer.
    head: u64,
    bytes: SmallVec<[u8; 48]>,
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let mut head = [0; 8];
        for (of_head, byte) in head.iter_mut().zip(bytes) {
            *of_head = *byte;
        }
        Self {
            head: u64::from_be_bytes(head),
            bytes: SmallVec::from_slice(bytes),
        }
    }
}

impl Ord for Key {
    /// The order of the bytes: of two keys with equal heads, one may be longer than its head.
    fn cmp(&self, other: &Self) -> Ordering {
        let heads = self.head.cmp(&other.head);
        heads.then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A value: in the node if it is an amount or a count.
type Value = SmallVec<[u8; 16]>;

#[derive(Debug, Clone, Default)]
struct Contents {
    pairs: BTreeMap<Key, Value>,
    metadata: Option<Vec<u8>>,
}

impl Contents {
    fn change(&mut self, key: &[u8], value: Option<&[u8]>) {
        let key = Key::new(key);
        match value.map(Value::from_slice) {
            Some(value) => self.pairs.insert(key, value),
            None => self.pairs.remove(&key),
        };
    }
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
        self.commits_fail.store(fail, atomic::Ordering::SeqCst);
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
        let key = Key::new(key);
        let contents = self.contents.read();
        Ok(contents.pairs.get(&key).map(|value| value.to_vec()))
    }

    fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, LedgerError> {
        let key = Key::new(key);
        let contents = self.contents.read();
        let found = contents.pairs.get(&key);
        value.clear();
        value.extend_from_slice(found.map(Value::as_slice).unwrap_or_default());
        Ok(found.is_some())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        let start = Key::new(prefix.max(from));
        let contents = self.contents.read();
        let pairs = contents.pairs.range(start..);
        Ok(pairs
            .take_while(|(key, _)| key.bytes.starts_with(prefix))
            .take(limit)
            .map(|(key, value)| (key.bytes.to_vec(), value.to_vec()))
            .collect())
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.contents.read().metadata.clone())
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        if self.commits_fail.load(atomic::Ordering::SeqCst) {
            return Err(LedgerError::store("commit", CommitsFail));
        }
        let mut contents = self.contents.write();
        for (key, change) in batch.changes {
            contents.change(&key, change.as_deref());
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_ordered_byte_by_byte(
            one in prop::collection::vec(0..3_u8, 0..12),
            other in prop::collection::vec(0..3_u8, 0..12),
        ) {
            prop_assert_eq!(Key::new(&one).cmp(&Key::new(&other)), one.cmp(&other));
            prop_assert_eq!(Key::new(&one) == Key::new(&other), one == other);
        }
    }
}
