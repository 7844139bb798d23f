//! States to serve, and a certified chain that leads to them.

use crate::index::StateIndex;
use picot_checkpoint::mocks::CertifiedChain;
use picot_checkpoint::{ChainStep, CheckpointArchive, MemoryCheckpointStore};
use picot_ledger::{LatticeHash, MemoryStateStore, StateBatch, StateSnapshot, StateStore};
use picot_models::{Checkpoint, Slot};
use std::sync::{Arc, LazyLock};

/// A state of some chunks: keys that are spread, and values of all lengths.
pub(super) fn state_of(pairs: u32, salt: u32) -> Arc<MemoryStateStore> {
    let store = MemoryStateStore::new();
    let mut batch = StateBatch::new();
    for number in 0..pairs {
        let mut key = number.wrapping_mul(0x9e37_79b1).to_be_bytes().to_vec();
        key.extend_from_slice(&[7; 30]);
        let len = 100 + usize::try_from(number % 1_900).unwrap();
        let mut value = vec![u8::try_from(number % 251).unwrap(); len];
        // A state differs from another here and there.
        if number % 97 == 0 {
            value.extend_from_slice(&salt.to_be_bytes());
        }
        batch.put(key, value);
    }
    store.commit(batch).unwrap();
    Arc::new(store)
}

/// A state, its checkpoint, and the chain that certifies it.
pub(super) struct Source {
    pub(super) chain: CertifiedChain,
    /// The steps to the states: inside the last cycle that has an end, and inside the one after it.
    pub(super) middles: Vec<ChainStep>,
    pub(super) states: Vec<Arc<MemoryStateStore>>,
    pub(super) indices: Vec<Arc<StateIndex>>,
}

impl Source {
    /// Two states of so many pairs.
    fn new(pairs: u32) -> Self {
        let chain = CertifiedChain::new(5);
        let states: Vec<_> = (0..2).map(|salt| state_of(pairs, salt)).collect();
        let mut source = Self {
            middles: Vec::new(),
            indices: Vec::new(),
            states,
            chain,
        };
        for (state, (period, cycle)) in source.states.iter().zip([(17, 4), (21, 5)]) {
            let sets = source.chain.sets[cycle - 1].clone();
            let snapshot: &dyn StateSnapshot = &**state;
            source
                .indices
                .push(Arc::new(StateIndex::of(snapshot).unwrap()));
            let slot = Slot::new(period, 1);
            let mut checkpoint = source.chain.checkpoint(slot, &sets);
            checkpoint.state_hash = LatticeHash::of_store(&**state).unwrap().digest();
            let step = source.chain.step(&checkpoint, &sets, None);
            source.middles.push(step);
        }
        source
    }

    /// The checkpoint of a state.
    pub(super) fn checkpoint(&self, number: usize) -> Checkpoint {
        self.middles[number].checkpoint().unwrap().clone()
    }

    /// What a node keeps of the chain up to the checkpoint of a state.
    pub(super) fn archive(&self, number: usize) -> CheckpointArchive {
        let archive = self.empty_archive();
        let ends = self.chain.ends.iter().zip(&self.chain.sets);
        for (step, sets) in ends.take(number + 4) {
            archive.keep_step(step, sets).unwrap();
        }
        for step in &self.middles[..=number] {
            archive.certify(&step.certificate).unwrap();
        }
        archive
    }

    pub(super) fn empty_archive(&self) -> CheckpointArchive {
        let store = Arc::new(MemoryCheckpointStore::new());
        CheckpointArchive::new(store, Arc::new(self.chain.genesis.clone()))
    }
}

/// The same for all tests of a process: making it is most of the work.
pub(super) static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::new(5_000));

/// All pairs of a store.
pub(super) fn pairs_of(store: &dyn StateStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(&[], &[], usize::MAX).unwrap()
}

#[test]
fn the_index_of_a_state_cuts_it_into_chunks_that_add_up_to_its_hash() {
    let (state, index) = (&SOURCE.states[0], &SOURCE.indices[0]);
    assert!(index.chunks().len() >= 6, "{} chunks", index.chunks().len());
    let hash = LatticeHash::of_store(&**state).unwrap().digest();
    assert_eq!(index.state_hash(), hash);
    let offer = index.offer(SOURCE.checkpoint(0));
    assert_eq!(offer.pairs, 5_000);
    let bytes: u64 = index.chunks().iter().map(|it| u64::from(it.bytes)).sum();
    assert_eq!(offer.bytes, bytes);
    for chunk in index.chunks() {
        assert!(usize::try_from(chunk.bytes).unwrap() <= crate::FULL_CHUNK_BYTES);
    }
}

#[test]
fn all_who_have_one_state_have_one_index_however_it_came_about() {
    let backwards = MemoryStateStore::new();
    for (key, value) in pairs_of(&*SOURCE.states[0]).into_iter().rev() {
        let mut batch = StateBatch::new();
        batch.put(key, value);
        backwards.commit(batch).unwrap();
    }
    assert_eq!(StateIndex::of(&backwards).unwrap(), *SOURCE.indices[0]);
    assert_ne!(SOURCE.indices[0].hash(), SOURCE.indices[1].hash());
}

#[test]
fn where_a_pair_comes_chunks_far_from_it_stay_the_same() {
    let copy = SOURCE.states[0].snapshot();
    let mut batch = StateBatch::new();
    batch.put(vec![0, 0, 1], vec![1; 500]);
    copy.commit(batch).unwrap();
    let (before, after) = (&SOURCE.indices[0], StateIndex::of(&copy).unwrap());
    let same = |chunk: &&crate::ChunkInfo| after.chunks().contains(chunk);
    let same = before.chunks().iter().filter(same).count();
    assert!(same > 0, "{same} of {}", before.chunks().len());
}

#[test]
fn a_pair_larger_than_a_chunk_is_a_chunk_of_its_own() {
    let store = MemoryStateStore::new();
    let mut batch = StateBatch::new();
    for (key, len) in [(1, 10), (2, crate::FULL_CHUNK_BYTES * 3), (3, 10)] {
        batch.put(vec![key], vec![0; len]);
    }
    store.commit(batch).unwrap();
    let index = StateIndex::of(&store).unwrap();
    let pairs: Vec<u32> = index.chunks().iter().map(|chunk| chunk.pairs).collect();
    assert_eq!(pairs, [1, 1, 1]);
}
