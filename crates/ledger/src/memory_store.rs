//! The state in memory.

use crate::{LedgerError, Pair, StateBatch, StateStore, Visitor};
use displaydoc::Display;
use parking_lot::RwLock;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::collections::btree_map::{self, BTreeMap};
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
        Self {
            head: head(bytes),
            bytes: SmallVec::from_slice(bytes),
        }
    }
}

fn head(bytes: &[u8]) -> u128 {
    if let Some(first) = bytes.first_chunk() {
        return u128::from_be_bytes(*first);
    }
    let mut head = [0; 16];
    for (of_head, byte) in head.iter_mut().zip(bytes) {
        *of_head = *byte;
    }
    u128::from_be_bytes(head)
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

/// What becomes of the value of a key.
type KeyChange = (Key, Option<Vec<u8>>);

impl Contents {
    /// Takes over changes whose keys ascend. Values of keys that are close together are replaced on
    /// the way from one to the next.
    fn change_all(&mut self, changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) {
        let changes = changes.into_iter();
        let mut changes = changes.map(|(key, value)| (Key::new(&key), value));
        let mut next = changes.next();
        while next.is_some() {
            next = self.change_close(next, &mut changes);
            let apart = next.into_iter().chain(&mut changes);
            apart.take(APART).for_each(|change| self.change(change));
            next = changes.next();
        }
    }

    /// Takes over changes as long as each key is close to the one before; gives the first that is
    /// not.
    fn change_close(
        &mut self,
        mut next: Option<KeyChange>,
        changes: &mut impl Iterator<Item = KeyChange>,
    ) -> Option<KeyChange> {
        let (first, _) = next.as_ref()?;
        let mut walk = Walk::new(self.pairs.range_mut(first..));
        let mut new_or_gone = Vec::new();
        while let Some((key, value)) = next.take() {
            match (walk.advance(&key), value) {
                (Step::Far, value) => {
                    next = Some((key, value));
                    break;
                }
                (Step::At(old), Some(value)) => **old = Value::from_slice(&value),
                (_, value) => new_or_gone.push((key, value)),
            }
            next = changes.next();
        }
        new_or_gone
            .into_iter()
            .for_each(|change| self.change(change));
        next
    }

    fn change(&mut self, (key, value): KeyChange) {
        match value {
            Some(value) => self.pairs.insert(key, Value::from_slice(&value)),
            None => self.pairs.remove(&key),
        };
    }
}

/// Pairs that are passed over before the tree is searched again.
const CLOSE: usize = 4;
/// Keys that follow one that was not close, before another one is expected to be.
const APART: usize = 16;

/// Where a walk comes to.
enum Step<'w, V> {
    /// To the key, with this value.
    At(&'w mut V),
    /// Past where the key would be.
    Past,
    /// Not so far: the key is not close.
    Far,
}

/// A way along pairs in ascending order.
struct Walk<'a, V, I: Iterator<Item = (&'a Key, V)>> {
    here: Option<(&'a Key, V)>,
    ahead: I,
}

impl<'a, V, I: Iterator<Item = (&'a Key, V)>> Walk<'a, V, I> {
    fn new(mut pairs: I) -> Self {
        Self {
            here: pairs.next(),
            ahead: pairs,
        }
    }

    /// Goes on to the first pair whose key is not below `key`, if it is close.
    fn advance(&mut self, key: &Key) -> Step<'_, V> {
        for _ in 0..CLOSE {
            let order = self.here.as_ref().map(|(here, _)| Key::cmp(here, key));
            match order {
                Some(Ordering::Less) => self.here = self.ahead.next(),
                Some(Ordering::Equal) => {
                    let here = self.here.as_mut();
                    return here.map_or(Step::Past, |(_, value)| Step::At(value));
                }
                Some(Ordering::Greater) | None => return Step::Past,
            }
        }
        Step::Far
    }
}

/// A way along pairs that are only read.
type Pairs<'a> = Walk<'a, &'a Value, btree_map::Range<'a, Key, Value>>;

/// Looks keys up one after the other, first among the pairs that follow the last one: what comes in
/// order is often close together.
struct Finger<'a, 'k> {
    pairs: &'a BTreeMap<Key, Value>,
    /// The way on from the last key, and that key.
    last: Option<(Pairs<'a>, &'k [u8])>,
    /// How many keys are looked up without looking close by, because the last one was not there.
    apart: usize,
}

impl<'a, 'k> Finger<'a, 'k> {
    const fn new(pairs: &'a BTreeMap<Key, Value>) -> Self {
        Self {
            pairs,
            last: None,
            apart: 0,
        }
    }

    fn get(&mut self, bytes: &'k [u8]) -> Option<&'a Value> {
        let key = Key::new(bytes);
        if let Some((walk, last)) = &mut self.last {
            let step = if *last < bytes {
                walk.advance(&key)
            } else {
                Step::Far
            };
            let value = match step {
                Step::At(value) => Some(Some(*value)),
                Step::Past => Some(None),
                Step::Far => None,
            };
            if let Some(value) = value {
                *last = bytes;
                return value;
            }
            self.last = None;
            self.apart = APART;
        }
        if self.apart > 0 {
            self.apart = self.apart.saturating_sub(1);
            return self.pairs.get(&key);
        }
        let mut walk = Walk::new(self.pairs.range(&key..));
        let value = match walk.advance(&key) {
            Step::At(value) => Some(*value),
            Step::Past | Step::Far => None,
        };
        self.last = Some((walk, bytes));
        value
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

    fn get_many(&self, keys: &[&[u8]], visitor: &mut dyn Visitor) -> Result<(), LedgerError> {
        /// Keys for which the lock is held: a moment.
        const KEYS_AT_ONCE: usize = 1_024;
        let mut places = 0..;
        for some in keys.chunks(KEYS_AT_ONCE) {
            let contents = self.contents.read();
            let mut finger = Finger::new(&contents.pairs);
            for (key, place) in some.iter().zip(&mut places) {
                visitor.visit(place, finger.get(key).map(Value::as_slice));
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
        contents.change_all(batch.changes);
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

        /// Dense and sparse changes, of keys that are there and that are not, in runs long enough
        /// that looking close by is given up and tried again.
        #[test]
        fn commits_and_look_ups_are_those_of_a_plain_map(
            batches in prop::collection::vec(
                prop::collection::btree_map(
                    prop_oneof![0..80_u16, 0..4_000_u16],
                    prop::option::of(0..3_u8),
                    0..120,
                ),
                1..6,
            ),
            asked in prop::collection::vec(prop_oneof![0..80_u16, 0..4_000_u16], 0..200),
            in_order in any::<bool>(),
        ) {
            let key = |number: u16| [&[7; 15][..], &number.to_be_bytes()].concat();
            let store = MemoryStateStore::new();
            let mut model = BTreeMap::new();
            for changes in batches {
                let mut batch = StateBatch::new();
                for (number, value) in changes {
                    let value = value.map(|byte| vec![byte; 3]);
                    match &value {
                        Some(value) => model.insert(key(number), value.clone()),
                        None => model.remove(&key(number)),
                    };
                    batch.changes.insert(key(number), value);
                }
                store.commit(batch).unwrap();
                let all: Vec<Pair> = model.clone().into_iter().collect();
                prop_assert_eq!(store.scan(&[], &[], usize::MAX).unwrap(), all);
            }
            let mut keys: Vec<_> = asked.into_iter().map(key).collect();
            if in_order {
                keys.sort();
            }
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            let mut found = Vec::new();
            store
                .get_many(&keys, &mut |place, value: Option<&[u8]>| {
                    found.push((place, value.map(<[u8]>::to_vec)));
                })
                .unwrap();
            let expected = keys.iter().map(|key| model.get(*key).cloned());
            prop_assert_eq!(found, expected.enumerate().collect::<Vec<_>>());
        }
    }
}
