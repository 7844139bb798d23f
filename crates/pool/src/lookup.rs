//! Many pending operations found in one call, by id or by the beginning of it.

use crate::shared_pool::SharedPool;
use crate::thread_operations::ThreadOperations;
use picot_models::{Hash, OperationId, SignedOperation, limits};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Prefixes that one call answers: no block of any chain has more operations.
pub const MAX_PREFIXES: usize = limits::MAX_OPERATIONS;

/// Questions that are answered under a lock without letting it go, so that a block factory that
/// waits for it waits for less than a millisecond.
const QUESTIONS_PER_LOCK: usize = 1_024;

/// The first eight bytes of an id, as a big-endian number: numbers are in the order of ids.
#[must_use]
pub fn prefix_of(id: &OperationId) -> u64 {
    let (first, _) = id.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}

/// The first two values whose id begins with a prefix; two are as many as any number of them.
pub(crate) fn with_prefix<T>(
    by_id: &BTreeMap<OperationId, T>,
    prefix: u64,
) -> impl Iterator<Item = &T> {
    let mut least = [0; Hash::LEN];
    if let Some(first) = least.first_chunk_mut() {
        *first = prefix.to_be_bytes();
    }
    let from = OperationId::from_hash(Hash(least));
    let matching = by_id.range(from..);
    let matching = matching.take_while(move |(id, _)| prefix_of(id) == prefix);
    matching.map(|(_, value)| value).take(2)
}

/// What has been found to begin with a prefix.
#[derive(Debug, Clone)]
pub(crate) enum Found<T> {
    None,
    One(T),
    Several,
}

impl<T> Found<T> {
    pub(crate) fn add(&mut self, value: impl FnOnce() -> T) {
        *self = match self {
            Self::None => Self::One(value()),
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    /// What was found, if nothing else was.
    fn only(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}

impl SharedPool {
    pub(crate) fn find_ids(&self, ids: &[OperationId]) -> Vec<bool> {
        let mut held = vec![false; ids.len()];
        let places = in_order(ids);
        self.visit(&places, |operations, place| {
            if let (Some(held), Some(id)) = (held.get_mut(place), ids.get(place)) {
                *held |= operations.contains(id);
            }
        });
        held
    }

    pub(crate) fn find_prefixes(&self, prefixes: &[u64]) -> Vec<Option<Arc<SignedOperation>>> {
        let mut found = vec![Found::None; prefixes.len()];
        let asked = prefixes.get(..MAX_PREFIXES).unwrap_or(prefixes);
        let places = in_order(asked);
        self.visit(&places, |operations, place| {
            if let (Some(found), Some(&prefix)) = (found.get_mut(place), asked.get(place)) {
                operations.find_prefix(prefix, found);
            }
        });
        found.into_iter().map(Found::only).collect()
    }

    /// Goes through the threads with these questions, one lock at a time and none for long.
    fn visit(&self, places: &[usize], mut ask: impl FnMut(&ThreadOperations, usize)) {
        for thread in self.threads() {
            for share in places.chunks(QUESTIONS_PER_LOCK) {
                let operations = thread.lock();
                for &place in share {
                    ask(&operations, place);
                }
            }
        }
    }
}

/// The places of questions, in the order of what is asked for: neighbours are near each other in
/// memory.
fn in_order<T: Ord>(questions: &[T]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..questions.len()).collect();
    places.sort_unstable_by_key(|&place| questions.get(place));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_is_the_first_eight_bytes_big_endian() {
        let mut bytes = [0xff; 32];
        bytes[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let id = OperationId::from_hash(Hash(bytes));
        assert_eq!(prefix_of(&id), 0x0102_0304_0506_0708);
    }

    /// Few prefixes, at both ends and in the middle, so that many ids share theirs.
    fn prefix() -> impl Strategy<Value = u64> {
        prop_oneof![0..3_u64, (u64::MAX - 2)..=u64::MAX, 255..258_u64]
    }

    fn id(prefix: u64, rest: u8) -> OperationId {
        let mut bytes = [rest; 32];
        bytes[..8].copy_from_slice(&prefix.to_be_bytes());
        OperationId::from_hash(Hash(bytes))
    }

    proptest! {
        #[test]
        fn a_prefix_finds_its_only_id_and_none_of_several(
            threads in prop::collection::vec(
                prop::collection::btree_set((prefix(), prop::sample::select(vec![0, 1, 255])), 0..6),
                1..3,
            ),
            asked in prefix(),
        ) {
            let maps = threads.iter().map(|ids| -> BTreeMap<OperationId, u8> {
                ids.iter().map(|&(prefix, rest)| (id(prefix, rest), rest)).collect()
            });
            let mut found = Found::None;
            for map in maps {
                for &rest in with_prefix(&map, asked) {
                    found.add(|| rest);
                }
            }
            let all: Vec<u8> = threads
                .iter()
                .flatten()
                .filter(|(prefix, _)| *prefix == asked)
                .map(|&(_, rest)| rest)
                .collect();
            let only = if let [only] = all[..] { Some(only) } else { None };
            prop_assert_eq!(found.only(), only);
        }
    }
}
