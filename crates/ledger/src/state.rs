//! The final state as a whole: its metadata, and changes that keep its hash.

use crate::parts::in_parts;
use crate::{LatticeHash, LedgerError, StateBatch, StateStore};
use picot_clock::Slot;
use picot_models::ChainId;
use picot_serialization::{Encode, codec_struct, decode_exact};

/// The format of the final state that this version reads and writes.
///
/// 2: how far each thread is decided, what its last block names, and the blocks without operations
/// are pairs, too. 1 had none of these.
pub const STATE_FORMAT: u32 = 2;

/// What is known of the state besides its pairs. Not part of the state hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMetadata {
    /// The format of the pairs.
    pub format: u32,
    /// The chain.
    pub chain_id: ChainId,
    /// The slot whose state it is.
    pub last_final_slot: Slot,
    /// The hash of all pairs.
    pub lattice: LatticeHash,
}

codec_struct!(StateMetadata {
    format,
    chain_id,
    last_final_slot,
    lattice
});

impl StateMetadata {
    /// Reads the metadata of a store; `None` of an empty one.
    ///
    /// # Errors
    /// The store failed, or the metadata is damaged.
    pub fn read(store: &dyn StateStore) -> Result<Option<Self>, LedgerError> {
        let bytes = store.metadata()?;
        let read = |bytes: Vec<u8>| decode_exact(&bytes);
        bytes
            .map(read)
            .transpose()
            .map_err(|error| LedgerError::corrupt("the metadata of the state", error))
    }

    /// Completes a batch of changed pairs to a commit: drops what does not change, brings the hash
    /// up to date, and adds the metadata. The state is then that of `last_final_slot`.
    ///
    /// # Errors
    /// The old value of a changed pair cannot be read.
    pub fn seal(
        &mut self,
        batch: &mut StateBatch,
        store: &dyn StateStore,
        last_final_slot: Slot,
    ) -> Result<(), LedgerError> {
        /// Pairs that are worth a thread: about a millisecond of work.
        const PART_PAIRS: usize = 1_024;
        let pairs: Vec<NewPair<'_>> = batch.changes.iter().collect();
        let mut is_changed = Vec::with_capacity(pairs.len());
        // Parts of a hash add up to the same whatever the parts are.
        for part in in_parts(&pairs, PART_PAIRS, |part| Part::compare(part, store)) {
            let part = part?;
            self.lattice.combine(&part.difference);
            is_changed.extend(part.is_changed);
        }
        if is_changed.contains(&false) {
            let mut is_changed = is_changed.into_iter();
            batch.changes.retain(|_, _| is_changed.next() == Some(true));
        }
        self.last_final_slot = last_final_slot;
        batch.set_metadata(self.to_bytes());
        Ok(())
    }
}

/// A pair's new value, or none.
type NewPair<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

/// What becomes of a part of the pairs.
#[derive(Default)]
struct Part {
    /// Which of the pairs do change.
    is_changed: Vec<bool>,
    /// What they change of the hash.
    difference: LatticeHash,
}

impl Part {
    fn compare(pairs: &[NewPair<'_>], store: &dyn StateStore) -> Result<Self, LedgerError> {
        let mut part = Self::default();
        part.is_changed.reserve(pairs.len());
        let keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| key.as_slice()).collect();
        let mut news = pairs.iter();
        store.get_many(&keys, &mut |_, old: Option<&[u8]>| {
            let Some((key, new)) = news.next() else {
                return;
            };
            let new = new.as_deref();
            part.difference.replace(key, old, new);
            part.is_changed.push(old != new);
        })?;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStateStore;
    use picot_models::mocks::chain_id;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn metadata() -> StateMetadata {
        StateMetadata {
            format: STATE_FORMAT,
            chain_id: chain_id(1),
            last_final_slot: Slot::new(0, 3),
            lattice: LatticeHash::new(),
        }
    }

    #[test]
    fn an_empty_store_has_no_metadata_and_damaged_metadata_is_an_error() {
        let store = MemoryStateStore::new();
        assert_eq!(StateMetadata::read(&store).unwrap(), None);
        let mut batch = StateBatch::new();
        batch.set_metadata(vec![1, 2, 3]);
        store.commit(batch).unwrap();
        assert!(StateMetadata::read(&store).is_err());
    }

    #[test]
    fn a_pair_that_stays_the_same_is_not_written() {
        let (store, mut metadata) = (MemoryStateStore::new(), metadata());
        for _ in 0..2 {
            let mut batch = StateBatch::new();
            batch.put(b"a".to_vec(), b"1".to_vec());
            batch.delete(b"b".to_vec());
            metadata.seal(&mut batch, &store, Slot::new(1, 0)).unwrap();
            assert_eq!(batch.changes.len(), usize::from(store.is_empty()));
            store.commit(batch).unwrap();
        }
    }

    #[test]
    fn many_pairs_are_compared_in_parts_to_the_same_end() {
        let (store, mut metadata) = (MemoryStateStore::new(), metadata());
        for round in 0..3_u32 {
            let mut batch = StateBatch::new();
            for number in 0..10_000_u32 {
                let value = (number % 3 == round).then(|| round.to_be_bytes().to_vec());
                let key = number.to_be_bytes().to_vec();
                batch.changes.insert(key, value);
            }
            metadata.seal(&mut batch, &store, Slot::new(1, 0)).unwrap();
            assert!(
                batch.changes.len() < 10_000,
                "what stays absent is left out"
            );
            store.commit(batch).unwrap();
            assert_eq!(metadata.lattice, LatticeHash::of_store(&store).unwrap());
        }
        assert_eq!(store.len(), 3_333);
    }

    #[test]
    fn a_store_that_cannot_be_read_is_an_error() {
        let mut store = crate::mocks::MockStateStore::new();
        let failure = || LedgerError::corrupt("a test", "it fails");
        store
            .expect_get_many()
            .returning(move |_, _| Err(failure()));
        let mut batch = StateBatch::new();
        for number in 0..5_000_u32 {
            batch.delete(number.to_be_bytes().to_vec());
        }
        assert!(
            metadata()
                .seal(&mut batch, &store, Slot::new(1, 0))
                .is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_running_hash_equals_a_full_recomputation(
            batches in prop::collection::vec(
                prop::collection::btree_map(
                    prop::collection::vec(0..4_u8, 1..3),
                    prop::option::of(prop::collection::vec(0..4_u8, 0..3)),
                    0..6,
                ),
                0..8,
            )
        ) {
            let (store, mut metadata) = (MemoryStateStore::new(), metadata());
            let mut model = BTreeMap::new();
            for (changes, period) in batches.into_iter().zip(1..) {
                model.extend(changes.clone());
                let mut batch = StateBatch { changes, metadata: None };
                let slot = Slot::new(period, 0);
                metadata.seal(&mut batch, &store, slot).unwrap();
                store.commit(batch).unwrap();
                let read = StateMetadata::read(&store).unwrap().unwrap();
                prop_assert_eq!(&read, &metadata);
                prop_assert_eq!(read.last_final_slot, slot);
                prop_assert_eq!(&read.lattice, &LatticeHash::of_store(&store).unwrap());
            }
            let model: BTreeMap<_, _> =
                model.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            prop_assert_eq!(store.len(), model.len());
        }
    }
}
