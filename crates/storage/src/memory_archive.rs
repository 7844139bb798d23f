//! An archive in memory.

use crate::{BlockArchive, Decided, OutcomeIndex, Pruned, StorageError, admit, last_period_before};
use displaydoc::Display;
use parking_lot::{Mutex, MutexGuard};
use picot_models::{Block, BlockId, Hash, Outcome, Slot};
use picot_serialization::Encode;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use thiserror::Error;

const FIRST_ID: BlockId = BlockId::from_hash(Hash([0; 32]));
const LAST_ID: BlockId = BlockId::from_hash(Hash([u8::MAX; 32]));

/// the archive was told to fail
#[derive(Debug, Display, Error)]
struct ToldToFail;

/// A [`BlockArchive`] in memory, for tests and for nodes without a disk. It keeps everything, and
/// fails when told to. Clones are the same archive: a clone that outlives the rest of a node stands
/// for its disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryArchive {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    outcomes: BTreeMap<(u8, u64), Arc<Outcome>>,
    bodies: BTreeMap<BlockId, Block>,
    candidates: BTreeMap<(u8, u64, BlockId), ()>,
    writes_fail: bool,
    reads_fail: bool,
    writes: u64,
}

impl MemoryArchive {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, writes fail (as on a full disk) or succeed again.
    pub fn fail_writes(&self, fail: bool) {
        self.state.lock().writes_fail = fail;
    }

    /// From now on, reads fail or succeed again.
    pub fn fail_reads(&self, fail: bool) {
        self.state.lock().reads_fail = fail;
    }

    /// How many batches were written: what would have been the syncs of a disk.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.state.lock().writes
    }

    fn reading(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let state = self.state.lock();
        if state.reads_fail {
            return Err(told_to_fail("reading"));
        }
        Ok(state)
    }

    fn writing(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let mut state = self.state.lock();
        if state.writes_fail {
            return Err(told_to_fail("writing"));
        }
        state.writes = state.writes.saturating_add(1);
        Ok(state)
    }
}

fn told_to_fail(action: &'static str) -> StorageError {
    StorageError::Archive {
        action,
        source: Arc::new(ToldToFail),
    }
}

impl State {
    fn last(&self, thread: u8) -> Option<Arc<Outcome>> {
        let of_thread = (thread, 0)..=(thread, u64::MAX);
        let (_, outcome) = self.outcomes.range(of_thread).next_back()?;
        Some(Arc::clone(outcome))
    }

    fn covering(&self, slot: Slot) -> Option<Arc<Outcome>> {
        let before = (slot.thread, 0)..=(slot.thread, slot.period);
        let (_, outcome) = self.outcomes.range(before).next_back()?;
        (outcome.through() >= slot.period).then(|| Arc::clone(outcome))
    }

    fn with_body(&self, outcome: &Arc<Outcome>) -> Decided {
        let block = outcome.value().block();
        Decided {
            outcome: Arc::clone(outcome),
            block: block.and_then(|id| self.bodies.get(&id).cloned()),
        }
    }

    fn insert(&mut self, decided: &Decided) {
        let slot = decided.slot();
        let settled = (
            Bound::Included((slot.thread, slot.period, FIRST_ID)),
            Bound::Included((slot.thread, decided.through(), LAST_ID)),
        );
        let lost: Vec<_> = self
            .candidates
            .range(settled)
            .map(|(key, ())| *key)
            .collect();
        for key in lost {
            self.candidates.remove(&key);
            if decided.outcome.value().block() != Some(key.2) {
                self.bodies.remove(&key.2);
            }
        }
        if let Some(block) = &decided.block {
            self.bodies.insert(block.id(), block.clone());
        }
        let outcome = Arc::clone(&decided.outcome);
        self.outcomes.insert((slot.thread, slot.period), outcome);
    }
}

impl State {
    /// Drops up to `max` outcomes of a thread that settled nothing after `last`.
    fn prune(&mut self, thread: u8, last: u64, max: usize) -> Pruned {
        let mut pruned = Pruned::default();
        let range = (thread, 0)..=(thread, last);
        let settled = self.outcomes.range(range).take(max);
        let settled: Vec<_> = settled
            .filter(|(_, outcome)| outcome.through() <= last)
            .map(|(key, outcome)| (*key, Arc::clone(outcome)))
            .collect();
        for (key, outcome) in settled {
            self.outcomes.remove(&key);
            pruned.outcomes = pruned.outcomes.saturating_add(1);
            pruned.bytes = pruned.bytes.saturating_add(len(&*outcome));
            if let Some(block) = outcome
                .value()
                .block()
                .and_then(|id| self.bodies.remove(&id))
            {
                pruned.blocks = pruned.blocks.saturating_add(1);
                pruned.bytes = pruned.bytes.saturating_add(len(&block));
            }
        }
        // Candidates are after the cursor: they go with it.
        let candidates = (thread, 0, FIRST_ID)..=(thread, last, LAST_ID);
        let candidates = self.candidates.range(candidates);
        let candidates: Vec<_> = candidates.map(|(key, ())| *key).collect();
        for key in candidates {
            self.candidates.remove(&key);
            if let Some(block) = self.bodies.remove(&key.2) {
                pruned.blocks = pruned.blocks.saturating_add(1);
                pruned.bytes = pruned.bytes.saturating_add(len(&block));
            }
        }
        pruned
    }
}

fn len(value: &impl Encode) -> u64 {
    u64::try_from(value.encoded_len()).unwrap_or(u64::MAX)
}

impl OutcomeIndex for State {
    fn cursor(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        Ok(self.last(thread))
    }

    fn settled_by(&self, slot: Slot) -> Result<Option<Arc<Outcome>>, StorageError> {
        Ok(self.covering(slot))
    }

    fn holds(&self, id: &BlockId) -> Result<bool, StorageError> {
        Ok(self.bodies.contains_key(id))
    }
}

impl BlockArchive for MemoryArchive {
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError> {
        let mut state = self.writing()?;
        for block in blocks {
            let (slot, id) = (block.slot(), block.id());
            if state.covering(slot).is_none() {
                state.candidates.insert((slot.thread, slot.period, id), ());
                state.bodies.entry(id).or_insert_with(|| block.clone());
            }
        }
        Ok(())
    }

    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError> {
        let mut state = self.writing()?;
        for one in admit(decided, &*state)? {
            state.insert(one);
        }
        Ok(())
    }

    fn first_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        let state = self.reading()?;
        let mut of_thread = state.outcomes.range((thread, 0)..=(thread, u64::MAX));
        Ok(of_thread.next().map(|(_, outcome)| Arc::clone(outcome)))
    }

    fn prune_before(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError> {
        let mut state = self.writing()?;
        let mut pruned = Pruned::default();
        for thread in 0..=u8::MAX {
            if let Some(last) = last_period_before(slot, thread) {
                pruned.add(state.prune(thread, last, max));
            }
        }
        Ok(pruned)
    }

    fn reclaim(&self) -> Result<(), StorageError> {
        self.writing().map(drop)
    }

    fn last_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        Ok(self.reading()?.last(thread))
    }

    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, StorageError> {
        let state = self.reading()?;
        Ok(state
            .covering(slot)
            .map(|outcome| state.with_body(&outcome)))
    }

    fn decided_from(
        &self,
        thread: u8,
        period: u64,
        max: usize,
    ) -> Result<Vec<Decided>, StorageError> {
        let state = self.reading()?;
        let first = state
            .covering(Slot::new(period, thread))
            .map_or(period, |outcome| outcome.slot().period);
        let found = state.outcomes.range((thread, first)..=(thread, u64::MAX));
        Ok(found
            .take(max)
            .map(|(_, outcome)| state.with_body(outcome))
            .collect())
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        Ok(self.reading()?.bodies.get(id).cloned())
    }
}
