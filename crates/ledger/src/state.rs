//! The final state as a whole: its metadata, and changes that keep its hash.

use crate::{LatticeHash, LedgerError, StateBatch, StateStore};
use picot_clock::Slot;
use picot_models::ChainId;
use picot_serialization::{Encode, codec_struct, decode_exact};

/// The format of the final state that this version reads and writes.
pub const STATE_FORMAT: u32 = 1;

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
        let mut failure = None;
        let lattice = &mut self.lattice;
        batch.changes.retain(|key, new| match store.get(key) {
            Ok(old) => {
                lattice.replace(key, old.as_deref(), new.as_deref());
                old != *new
            }
            Err(error) => {
                failure = Some(error);
                true
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        self.last_final_slot = last_final_slot;
        batch.set_metadata(self.to_bytes());
        Ok(())
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
