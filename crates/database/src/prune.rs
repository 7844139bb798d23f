//! What is old leaves the archive, and its space is given back.
//!
//! The oldest outcomes of a thread go first, each in one batch with its block, so that what is left
//! after a crash has no gap. A batch is durable before the memory of any keyspace has it: keyspaces
//! are written to tables apart from each other, and none may fall behind the others.

use crate::DiskArchive;
use crate::archive::{Tips, body_key_range, failed, outcome_key, parse_body_key, read_outcome};
use crate::store::Store;
use fjall::{Keyspace, OwnedWriteBatch, Readable, Snapshot};
use picot_models::Slot;
use picot_serialization::Encode;
use picot_storage::{Pruned, StorageError, last_period_before};
use std::collections::BTreeSet;

/// A batch, and what it drops.
struct Pruning<'a> {
    archive: &'a DiskArchive,
    snapshot: Snapshot,
    batch: OwnedWriteBatch,
    pruned: Pruned,
}

/// What is left of a thread.
struct Rest {
    thread: u8,
    /// Everything up to this period is gone.
    through: u64,
    is_empty: bool,
}

impl DiskArchive {
    pub(crate) fn prune(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError> {
        let mut tips = self.tips.write();
        let mut pruning = Pruning {
            archive: self,
            snapshot: self.store.snapshot(),
            batch: self.store.durable_batch(),
            pruned: Pruned::default(),
        };
        let mut rests = Vec::new();
        for thread in tips.threads() {
            if let Some(last) = last_period_before(slot, thread) {
                rests.extend(pruning.thread(&tips, thread, last, max)?);
            }
        }
        let Pruning { batch, pruned, .. } = pruning;
        if !pruned.is_nothing() {
            let dropped = self.store.note("dropping what is old", batch.commit());
            dropped.map_err(failed("dropping what is old"))?;
        }
        for rest in rests {
            tips.forget(&rest);
        }
        Ok(pruned)
    }
}

impl Tips {
    /// The threads of which something is held.
    fn threads(&self) -> BTreeSet<u8> {
        let of_candidates = self.candidates.iter().map(|(thread, ..)| *thread);
        self.cursors.keys().copied().chain(of_candidates).collect()
    }

    fn forget(&mut self, rest: &Rest) {
        let thread = rest.thread;
        self.candidates
            .retain(|(of, period, _)| *of != thread || *period > rest.through);
        if rest.is_empty {
            self.cursors.remove(&thread);
            self.firsts.remove(&thread);
        } else {
            self.firsts.insert(thread, rest.through.saturating_add(1));
        }
    }
}

impl Pruning<'_> {
    /// Drops up to `max` outcomes of a thread that settled nothing after `last`, and all blocks of
    /// the periods that they settled.
    fn thread(
        &mut self,
        tips: &Tips,
        thread: u8,
        last: u64,
        max: usize,
    ) -> Result<Option<Rest>, StorageError> {
        let first = tips.firsts.get(&thread).copied().unwrap_or(0);
        if first > last {
            return Ok(None);
        }
        let outcomes = &self.archive.store.outcomes;
        let range = outcome_key(thread, first)..=outcome_key(thread, last);
        let mut through = None;
        for guard in self.snapshot.range(outcomes, range).take(max) {
            let outcome = read_outcome(guard)?;
            if outcome.through() > last {
                break;
            }
            through = Some(outcome.through());
            let key = outcome_key(thread, outcome.slot().period);
            self.batch.remove(outcomes, key);
            self.pruned.add(Pruned {
                outcomes: 1,
                blocks: 0,
                bytes: u64::try_from(outcome.encoded_len()).unwrap_or(u64::MAX),
            });
        }
        // With a thread's last outcome go the candidates after it.
        let cursor = tips.cursors.get(&thread).map(|cursor| cursor.through());
        let is_empty = cursor.is_none_or(|cursor| through == Some(cursor));
        let Some(through) = (if is_empty { Some(last) } else { through }) else {
            return Ok(None);
        };
        self.blocks(thread, first, through)?;
        Ok(Some(Rest {
            thread,
            through,
            is_empty,
        }))
    }

    fn blocks(&mut self, thread: u8, first: u64, last: u64) -> Result<(), StorageError> {
        let reading = "reading what is old";
        let bodies = &self.archive.store.bodies;
        for guard in self
            .snapshot
            .range(bodies, body_key_range(thread, first, last))
        {
            let key = guard.key().map_err(failed(reading))?;
            let (slot, id) = parse_body_key(&key)?;
            let size = self.snapshot.size_of(bodies, &key);
            let size = size.map_err(failed(reading))?.unwrap_or(0);
            self.archive.remove_body(&mut self.batch, slot, &id);
            self.pruned.add(Pruned {
                outcomes: 0,
                blocks: 1,
                bytes: size.into(),
            });
        }
        Ok(())
    }
}

/// A key that is never written.
const NO_KEY: &[u8] = &[0];

impl Store {
    /// Rewrites the tables of the archive without what was dropped, and lets the files go that have
    /// nothing else. Reads and writes go on meanwhile.
    pub(crate) fn reclaim_archive(&self) -> fjall::Result<()> {
        for keyspace in [&self.outcomes, &self.body_keys, &self.bodies] {
            self.rotate(keyspace)?;
            keyspace.major_compact()?;
        }
        // Files of blocks that are stale in part are known since then, and are rewritten now.
        self.rotate(&self.bodies)?;
        self.bodies.major_compact()?;
        // What is of no use to any reader any more is deleted when the next table is begun.
        self.rotate(&self.outcomes)
    }

    /// Writes what is in memory to a table, which lets the engine look what readers still need: not
    /// done if there is nothing in memory.
    fn rotate(&self, keyspace: &Keyspace) -> fjall::Result<()> {
        let mut batch = self.batch();
        batch.remove(keyspace, NO_KEY);
        batch.commit()?;
        self.write_table(keyspace)
    }
}
