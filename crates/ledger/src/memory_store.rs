//! The state in memory.

use crate::{LedgerError, Pair, StateBatch, StateStore, Visitor};
use displaydoc::Display;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::btree_map::{self, BTreeMap};
use std::iter::Peekable;
use std::sync::atomic::{self, AtomicBool};
use thiserror::Error;

/// commits to this memory store were switched off
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
struct CommitsFail;

/// A key: in the node of the tree itself unless it is one of a long datastore key, and compared by its
/// first bytes at once, so that a look-up follows no pointers and calls nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    /// The first sixteen bytes as a number; zeroes where there are fewer. So many tell addresses
    /// apart, after a kind and a cycle.
    head: u128,
    bytes: SmallVec<[u8; 48]>,
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let mut head = [0; 16];
        for (of_head, byte) in head.iter_mut().zip(bytes) {
            *of_head = *byte;
        }
        Self {
            head: u128::from_be_bytes(head),
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

/// Looks keys up one after the other, first among the pairs that follow the last one: what comes in
/// order is often close together.
struct Finger<'a> {
    pairs: &'a BTreeMap<Key, Value>,
    /// The pairs from the last key on, and that key.
    last: Option<(Peekable<btree_map::Range<'a, Key, Value>>, Key)>,
    /// How many keys are looked up without looking close by, because the last one was not there.
    apart: usize,
}

impl<'a> Finger<'a> {
    /// Pairs that are passed over before the tree is searched again.
    const CLOSE: usize = 4;
    /// Keys that follow one that was not close, before another one is expected to be.
    const APART: usize = 16;

    const fn new(pairs: &'a BTreeMap<Key, Value>) -> Self {
        Self {
            pairs,
            last: None,
            apart: 0,
        }
    }

    fn get(&mut self, key: &Key) -> Option<&'a Value> {
        if let Some((range, last)) = &mut self.last {
            if *last < *key && advance(range, key, Self::CLOSE) {
                last.clone_from(key);
                return value_at(range, key);
            }
            self.last = None;
            self.apart = Self::APART;
        }
        if self.apart > 0 {
            self.apart = self.apart.saturating_sub(1);
            return self.pairs.get(key);
        }
        let mut range = self.pairs.range(key..).peekable();
        let value = value_at(&mut range, key);
        self.last = Some((range, key.clone()));
        value
    }
}

/// Goes on to the first pair whose key is not below `key`; says whether it was close enough.
fn advance(range: &mut Peekable<btree_map::Range<'_, Key, Value>>, key: &Key, most: usize) -> bool {
    for _ in 0..most {
        if range.next_if(|(passed, _)| *passed < key).is_none() {
            return true;
        }
    }
    false
}

fn value_at<'a>(
    range: &mut Peekable<btree_map::Range<'a, Key, Value>>,
    key: &Key,
) -> Option<&'a Value> {
    let (found, value) = range.peek()?;
    (*found == key).then_some(*value)
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

    fn get_many(&self, keys: &[&[u8]], visitor: &mut dyn Visitor) -> Result<(), LedgerError> {
        /// Keys for which the lock is held: a moment.
        const KEYS_AT_ONCE: usize = 1_024;
        let mut places = 0..;
        for some in keys.chunks(KEYS_AT_ONCE) {
            let contents = self.contents.read();
            let mut finger = Finger::new(&contents.pairs);
            for (key, place) in some.iter().zip(&mut places) {
                visitor.visit(place, finger.get(&Key::new(key)).map(Value::as_slice));
            }
        }
        Ok(())
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
            one in prop::collection::vec(0..2_u8, 0..20),
            other in prop::collection::vec(0..2_u8, 0..20),
        ) {
            prop_assert_eq!(Key::new(&one).cmp(&Key::new(&other)), one.cmp(&other));
            prop_assert_eq!(Key::new(&one) == Key::new(&other), one == other);
        }
    }
}
