//! The block archive on disk.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `outcomes` | thread, period (big-endian) | the outcome |
//! | `bodies` | thread, period, block id | the block |
//! | `body_keys` | block id | the key in `bodies` |
//!
//! A thread's cursor is its last outcome: there is no second record that could disagree.

use crate::store::Store;
use crate::{DatabaseError, FaultPoint};
use fjall::{Readable, Snapshot};
use parking_lot::RwLock;
use picot_models::{Block, BlockEnvelope, BlockId, ChainId, Hash, Outcome, Slot};
use picot_serialization::{Decode, Encode, decode_exact};
use picot_storage::{BlockArchive, Decided, OutcomeIndex, Pruned, StorageError, admit};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The [`BlockArchive`] of a data directory.
pub struct DiskArchive {
    pub(crate) store: Store,
    chain_id: ChainId,
    /// Held for writing during a write: one at a time, each checked against the one before.
    pub(crate) tips: RwLock<Tips>,
}

/// What is at both ends of the threads, as it is on disk.
#[derive(Default)]
pub(crate) struct Tips {
    /// The first period of each thread whose outcome is held, or an earlier one.
    pub(crate) firsts: BTreeMap<u8, u64>,
    pub(crate) cursors: BTreeMap<u8, Arc<Outcome>>,
    /// Candidates of slots after their thread's cursor.
    pub(crate) candidates: BTreeSet<(u8, u64, BlockId)>,
}

impl DiskArchive {
    pub(crate) fn new(store: &Store, chain_id: ChainId) -> Result<Self, DatabaseError> {
        let archive = Self {
            store: store.clone(),
            chain_id,
            tips: RwLock::default(),
        };
        let tips = archive.read_tips();
        let tips = tips.map_err(|error| match error {
            StorageError::Damaged { what, reason } => DatabaseError::Damaged {
                path: what.into(),
                reason,
            },
            other => DatabaseError::damaged("archive".as_ref(), other),
        })?;
        *archive.tips.write() = tips;
        Ok(archive)
    }

    #[cfg(test)]
    pub(crate) fn flush_to_tables(&self) {
        for keyspace in [
            &self.store.outcomes,
            &self.store.bodies,
            &self.store.body_keys,
        ] {
            keyspace.rotate_memtable_and_wait().unwrap();
        }
    }

    fn read_tips(&self) -> Result<Tips, StorageError> {
        let snapshot = self.store.snapshot();
        let mut tips = Tips::default();
        for thread in 0..=u8::MAX {
            if let Some(first) = self.first_from(&snapshot, thread, 0)? {
                tips.firsts.insert(thread, first.slot().period);
            }
            let after = match self.last_before(&snapshot, thread, 0..=u64::MAX)? {
                Some(cursor) => {
                    let after = cursor.through().checked_add(1);
                    tips.cursors.insert(thread, cursor);
                    after
                }
                None => Some(0),
            };
            let Some(after) = after else { continue };
            let undecided = body_key_range(thread, after, u64::MAX);
            for guard in snapshot.range(&self.store.bodies, undecided) {
                let key = guard.key().map_err(failed("reading candidates"))?;
                let (slot, id) = parse_body_key(&key)?;
                tips.candidates.insert((thread, slot.period, id));
            }
        }
        Ok(tips)
    }

    /// The thread's first outcome of a slot that is not before `period`.
    pub(crate) fn first_from(
        &self,
        snapshot: &Snapshot,
        thread: u8,
        period: u64,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        let from = outcome_key(thread, period)..=outcome_key(thread, u64::MAX);
        match snapshot.range(&self.store.outcomes, from).next() {
            Some(guard) => read_outcome(guard).map(Some),
            None => Ok(None),
        }
    }

    /// The thread's last outcome of these periods.
    fn last_before(
        &self,
        snapshot: &Snapshot,
        thread: u8,
        periods: RangeInclusive<u64>,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        if periods.is_empty() {
            return Ok(None);
        }
        let before = outcome_key(thread, *periods.start())..=outcome_key(thread, *periods.end());
        match snapshot.range(&self.store.outcomes, before).next_back() {
            Some(guard) => read_outcome(guard).map(Some),
            None => Ok(None),
        }
    }

    fn covering(
        &self,
        snapshot: &Snapshot,
        slot: Slot,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        let first = self.tips.read().firsts.get(&slot.thread).copied();
        self.covering_from(snapshot, slot, first.unwrap_or(0))
    }

    /// As [`covering`](Self::covering); nothing is held of the thread before `first`. What was
    /// dropped leaves marks for a while, which are not walked over.
    fn covering_from(
        &self,
        snapshot: &Snapshot,
        slot: Slot,
        first: u64,
    ) -> Result<Option<Arc<Outcome>>, StorageError> {
        let last = self.last_before(snapshot, slot.thread, first..=slot.period)?;
        Ok(last.filter(|outcome| outcome.through() >= slot.period))
    }

    fn with_body(
        &self,
        snapshot: &Snapshot,
        outcome: Arc<Outcome>,
    ) -> Result<Decided, StorageError> {
        let block = match outcome.value().block() {
            None => None,
            Some(id) => {
                let key = body_key(outcome.slot(), &id);
                let block = self.read_body(snapshot, &key, &id)?;
                Some(block.ok_or_else(|| damaged(format!("block {id}"), "it is missing"))?)
            }
        };
        Ok(Decided { outcome, block })
    }

    fn read_body(
        &self,
        snapshot: &Snapshot,
        key: &[u8],
        id: &BlockId,
    ) -> Result<Option<Block>, StorageError> {
        let found = snapshot.get(&self.store.bodies, key);
        let Some(bytes) = found.map_err(failed("reading a block"))? else {
            return Ok(None);
        };
        let what = || format!("block {id}");
        let envelope: BlockEnvelope = decode(&bytes, what)?;
        let block = envelope.identify(&self.chain_id);
        if block.id() != *id || !block.matches_header() {
            return Err(damaged(what(), "its bytes are those of another"));
        }
        Ok(Some(block))
    }

    fn insert_body(&self, batch: &mut fjall::OwnedWriteBatch, block: &Block) {
        let key = body_key(block.slot(), &block.id());
        batch.insert(&self.store.bodies, key.clone(), block.to_bytes());
        batch.insert(&self.store.body_keys, *block.id().as_bytes(), key);
    }

    pub(crate) fn remove_body(&self, batch: &mut fjall::OwnedWriteBatch, slot: Slot, id: &BlockId) {
        batch.remove(&self.store.bodies, body_key(slot, id));
        batch.remove(&self.store.body_keys, *id.as_bytes());
    }
}

/// An archive with its tips, as a batch that is being written sees it.
struct Writing<'a> {
    archive: &'a DiskArchive,
    snapshot: Snapshot,
    tips: &'a Tips,
}

impl OutcomeIndex for Writing<'_> {
    fn cursor(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        Ok(self.tips.cursors.get(&thread).map(Arc::clone))
    }

    fn settled_by(&self, slot: Slot) -> Result<Option<Arc<Outcome>>, StorageError> {
        // The tip of a thread is where nearly all questions are: no disk for those.
        if !self.tips.settles(slot) {
            return Ok(None);
        }
        let first = self.tips.firsts.get(&slot.thread).copied();
        self.archive
            .covering_from(&self.snapshot, slot, first.unwrap_or(0))
    }

    fn holds(&self, id: &BlockId) -> Result<bool, StorageError> {
        let found = self
            .snapshot
            .contains_key(&self.archive.store.body_keys, id.as_bytes());
        found.map_err(failed("looking for a block"))
    }
}

impl Tips {
    /// Whether the slot is not after its thread's cursor.
    fn settles(&self, slot: Slot) -> bool {
        let cursor = self.cursors.get(&slot.thread);
        cursor.is_some_and(|cursor| cursor.through() >= slot.period)
    }

    /// The candidates of the slots that a decision settles.
    fn settled_by(&self, decided: &Decided) -> Vec<(u8, u64, BlockId)> {
        let slot = decided.slot();
        let first = (slot.thread, slot.period, FIRST_ID);
        let last = (slot.thread, decided.through(), LAST_ID);
        self.candidates.range(first..=last).copied().collect()
    }
}

impl BlockArchive for DiskArchive {
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError> {
        let mut tips = self.tips.write();
        let mut batch = self.store.durable_batch();
        let mut stored = Vec::new();
        for block in blocks {
            let (slot, id) = (block.slot(), block.id());
            let key = (slot.thread, slot.period, id);
            if !tips.settles(slot) && !tips.candidates.contains(&key) {
                self.insert_body(&mut batch, block);
                stored.push(key);
            }
        }
        self.store.faults.pass(FaultPoint::CandidatesWrite);
        let written = self.store.note("storing candidates", batch.commit());
        written.map_err(failed("storing candidates"))?;
        self.store.faults.pass(FaultPoint::CandidatesWritten);
        tips.candidates.extend(stored);
        Ok(())
    }

    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError> {
        let mut tips = self.tips.write();
        let writing = Writing {
            archive: self,
            snapshot: self.store.snapshot(),
            tips: &tips,
        };
        let admitted = admit(decided, &writing)?;
        let mut batch = self.store.durable_batch();
        let mut settled = Vec::new();
        for one in &admitted {
            let (slot, winner) = (one.slot(), one.outcome.value().block());
            let candidates = tips.settled_by(one);
            for (thread, period, id) in &candidates {
                if winner != Some(*id) {
                    self.remove_body(&mut batch, Slot::new(*period, *thread), id);
                }
            }
            if let Some(block) = &one.block
                && !candidates.contains(&(slot.thread, slot.period, block.id()))
            {
                self.insert_body(&mut batch, block);
            }
            let key = outcome_key(slot.thread, slot.period);
            batch.insert(&self.store.outcomes, key, one.outcome.to_bytes());
            settled.extend(candidates);
        }
        self.store.faults.pass(FaultPoint::DecisionsWrite);
        let stored = self.store.note("storing decisions", batch.commit());
        stored.map_err(failed("storing decisions"))?;
        self.store.faults.pass(FaultPoint::DecisionsWritten);
        for one in admitted {
            let slot = one.slot();
            tips.firsts.entry(slot.thread).or_insert(slot.period);
            tips.cursors
                .insert(one.slot().thread, Arc::clone(&one.outcome));
        }
        for key in settled {
            tips.candidates.remove(&key);
        }
        Ok(())
    }

    fn first_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        let snapshot = self.store.snapshot();
        let first = self.tips.read().firsts.get(&thread).copied();
        self.first_from(&snapshot, thread, first.unwrap_or(0))
    }

    fn prune_before(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError> {
        self.store.faults.pass(FaultPoint::ArchivePrune);
        let pruned = self.prune(slot, max)?;
        self.store.faults.pass(FaultPoint::ArchivePruned);
        Ok(pruned)
    }

    fn reclaim(&self) -> Result<(), StorageError> {
        self.store.faults.pass(FaultPoint::ArchiveReclaim);
        let reclaimed = self.store.reclaim_archive();
        let reclaimed = self.store.note("giving space back", reclaimed);
        reclaimed.map_err(failed("giving space back"))?;
        self.store.faults.pass(FaultPoint::ArchiveReclaimed);
        Ok(())
    }

    fn last_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        Ok(self.tips.read().cursors.get(&thread).map(Arc::clone))
    }

    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, StorageError> {
        let snapshot = self.store.snapshot();
        match self.covering(&snapshot, slot)? {
            Some(outcome) => self.with_body(&snapshot, outcome).map(Some),
            None => Ok(None),
        }
    }

    fn decided_from(
        &self,
        thread: u8,
        period: u64,
        max: usize,
    ) -> Result<Vec<Decided>, StorageError> {
        let snapshot = self.store.snapshot();
        let first = self.covering(&snapshot, Slot::new(period, thread))?;
        let held_from = self.tips.read().firsts.get(&thread).copied();
        let from = period.max(held_from.unwrap_or(0));
        let first = first.map_or(from, |outcome| outcome.slot().period);
        let range = outcome_key(thread, first)..=outcome_key(thread, u64::MAX);
        snapshot
            .range(&self.store.outcomes, range)
            .take(max)
            .map(|guard| self.with_body(&snapshot, read_outcome(guard)?))
            .collect()
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        let snapshot = self.store.snapshot();
        let found = snapshot.get(&self.store.body_keys, id.as_bytes());
        match found.map_err(failed("looking for a block"))? {
            Some(key) => self.read_body(&snapshot, &key, id),
            None => Ok(None),
        }
    }
}

pub(crate) const FIRST_ID: BlockId = BlockId::from_hash(Hash([0; 32]));
pub(crate) const LAST_ID: BlockId = BlockId::from_hash(Hash([u8::MAX; 32]));

/// Thread, then period from its highest byte on: keys of a thread ascend with its periods.
pub(crate) fn outcome_key(thread: u8, period: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(BODY_KEY_BYTES);
    key.push(thread);
    key.extend_from_slice(&period.to_be_bytes());
    key
}

const BODY_KEY_BYTES: usize = 41;

fn body_key(slot: Slot, id: &BlockId) -> Vec<u8> {
    let mut key = outcome_key(slot.thread, slot.period);
    key.extend_from_slice(id.as_bytes());
    key
}

pub(crate) fn body_key_range(thread: u8, first: u64, last: u64) -> RangeInclusive<Vec<u8>> {
    body_key(Slot::new(first, thread), &FIRST_ID)..=body_key(Slot::new(last, thread), &LAST_ID)
}

fn parse_outcome_key(key: &[u8]) -> Option<(Slot, &[u8])> {
    let (thread, rest) = key.split_first()?;
    let (period, rest) = rest.split_first_chunk()?;
    Some((Slot::new(u64::from_be_bytes(*period), *thread), rest))
}

pub(crate) fn parse_body_key(key: &[u8]) -> Result<(Slot, BlockId), StorageError> {
    parse_outcome_key(key)
        .and_then(|(slot, id)| Some((slot, BlockId::from_hash(Hash(id.try_into().ok()?)))))
        .ok_or_else(|| damaged("a block's key", "it has another length"))
}

pub(crate) fn read_outcome(guard: fjall::Guard) -> Result<Arc<Outcome>, StorageError> {
    let (key, value) = guard.into_inner().map_err(failed("reading an outcome"))?;
    let Some((slot, [])) = parse_outcome_key(&key) else {
        return Err(damaged("an outcome's key", "it has another length"));
    };
    let what = || format!("the outcome of slot {slot}");
    let outcome: Outcome = decode(&value, what)?;
    if outcome.slot() != slot || outcome.through() < slot.period {
        return Err(damaged(what(), "it is that of another slot"));
    }
    Ok(Arc::new(outcome))
}

fn decode<T: Decode>(bytes: &[u8], what: impl Fn() -> String) -> Result<T, StorageError> {
    decode_exact(bytes).map_err(|error| damaged(what(), error))
}

fn damaged(what: impl Into<String>, reason: impl ToString) -> StorageError {
    StorageError::Damaged {
        what: what.into(),
        reason: reason.to_string(),
    }
}

pub(crate) fn failed(action: &'static str) -> impl Fn(fjall::Error) -> StorageError {
    move |error| StorageError::Archive {
        action,
        source: Arc::new(error),
    }
}
