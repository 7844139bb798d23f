//! What survives a crash of a node, and the ports to it that a fuse stands before.
//!
//! This is what `picot-database` promises, and no more. A call of the signing log or the archive
//! that returned is durable. One in which the node crashed has left any number of its records from
//! the first on: those after the crash are torn, and dropped at the next opening. (The real stores
//! write a call as one transaction, so that they leave all or nothing; the contracts of their traits
//! allow more.) Commits of the state are lost from any moment after the last `sync` on. The history of
//! the factories and the pool are in memory, and always lost.

use crate::fuse::{Crashed, Fuse};
use parking_lot::Mutex;
use picot_bootstrap::Standing;
use picot_checkpoint::{
    CheckpointArchive, CheckpointError, CheckpointStore, MemoryCheckpointStore, StoreChange,
    StorePair,
};
use picot_clock::Timestamp;
use picot_ledger::{LedgerError, MemoryStateStore, Pair, StateBatch, StateMetadata, StateStore};
use picot_models::{Address, Block, BlockId, Genesis, Outcome, Slot};
use picot_storage::{BlockArchive, Decided, MemoryArchive, Pruned, StorageError};
use picot_wallet::{ClaimRecord, ClaimVerdict, MemorySigningLog, SigningLog, SigningLogError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Commits of the state after which a copy is kept: what a crash may go back to.
const COMMITS_PER_COPY: u64 = 8;
/// Copies that are kept.
const COPIES: usize = 3;

type Copies = Arc<Mutex<VecDeque<MemoryStateStore>>>;

/// The disk of one node.
#[derive(Debug)]
pub(crate) struct Disk {
    /// What is decided, and candidates.
    pub archive: MemoryArchive,
    /// What was signed.
    pub log: MemorySigningLog,
    /// When the log was begun, if it does not know all that the keys ever signed.
    pub log_since: Option<Timestamp>,
    /// What is certified.
    checkpoints: Arc<MemoryCheckpointStore>,
    state: Arc<MemoryStateStore>,
    /// Earlier states, oldest first: commits of the state are not synced one by one.
    copies: Copies,
    /// What is received of the state of a checkpoint.
    incoming: Arc<MemoryStateStore>,
    incoming_copies: Copies,
    /// Whether any crash goes back to them: a thousand nodes' copies of their states are gigabytes.
    keeps_copies: bool,
}

impl Disk {
    /// An empty one, which keeps earlier states if a crash may go back to them.
    #[must_use]
    pub(crate) fn new(keeps_copies: bool) -> Self {
        Self {
            archive: MemoryArchive::new(),
            log: MemorySigningLog::new(),
            log_since: None,
            checkpoints: Arc::default(),
            state: Arc::new(MemoryStateStore::new()),
            copies: Arc::default(),
            incoming: Arc::default(),
            incoming_copies: Arc::default(),
            keeps_copies,
        }
    }

    /// Commits of the state since the oldest copy that is kept are lost, as on a disk that was not
    /// synced. Gives whether there was a copy.
    pub(crate) fn lose_unsynced_state(&mut self) -> bool {
        if let Some(oldest) = self.incoming_copies.lock().pop_front() {
            self.incoming = Arc::new(oldest);
        }
        self.incoming_copies.lock().clear();
        let oldest = self.copies.lock().pop_front();
        let Some(oldest) = oldest else {
            return false;
        };
        self.copies.lock().clear();
        self.state = Arc::new(oldest);
        true
    }

    /// The signing log is lost, and a new one begun at this time. Whoever opens it knows.
    pub(crate) fn lose_log(&mut self, now: Timestamp) {
        self.log = MemorySigningLog::new();
        self.log_since = Some(now);
    }

    /// The state behind a fuse.
    #[must_use]
    pub(crate) fn state(&self, fuse: &Arc<Fuse>) -> FusedState {
        FusedState {
            fuse: Arc::clone(fuse),
            inner: Arc::clone(&self.state),
            copies: Arc::clone(&self.copies),
            keeps_copies: self.keeps_copies,
            commits_per_copy: COMMITS_PER_COPY,
            commits: Mutex::new(0),
        }
    }

    /// The state as it is: who serves it takes copies of it.
    #[must_use]
    pub(crate) fn state_itself(&self) -> Arc<MemoryStateStore> {
        Arc::clone(&self.state)
    }

    /// What is received of a state, behind a fuse.
    #[must_use]
    pub(crate) fn incoming(&self, fuse: &Arc<Fuse>) -> FusedState {
        FusedState {
            fuse: Arc::clone(fuse),
            inner: Arc::clone(&self.incoming),
            copies: Arc::clone(&self.incoming_copies),
            keeps_copies: self.keeps_copies,
            // There are few of them, each of a whole chunk.
            commits_per_copy: 1,
            commits: Mutex::new(0),
        }
    }

    /// What was received takes the place of the state, in one durable write. Gives whether it did.
    pub(crate) fn adopt_incoming(&mut self, fuse: &Fuse) -> bool {
        let mut is_adopted = false;
        // A node that crashes just after it finds the other state.
        let _ = fuse.persist(|| is_adopted = true);
        if is_adopted {
            self.state = std::mem::take(&mut self.incoming);
            self.copies.lock().clear();
            self.incoming_copies.lock().clear();
        }
        is_adopted
    }

    /// What is left of a state that was received is removed.
    pub(crate) fn forget_incoming(&mut self) {
        self.incoming = Arc::default();
        self.incoming_copies.lock().clear();
    }

    /// How far the node is.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub(crate) fn standing(&self, threads: u8) -> Result<Standing, StorageError> {
        let failed = |error: LedgerError| StorageError::Archive {
            action: "reading the state",
            source: Arc::new(error),
        };
        let metadata = StateMetadata::read(&*self.state).map_err(failed)?;
        let last_final = metadata.map(|metadata| metadata.last_final_slot);
        let of_state = last_final.map_or(0, |slot| slot.period);
        let mut decided = Vec::new();
        for thread in 0..threads {
            let outcome = self.archive.last_outcome(thread)?;
            decided.push(outcome.map_or(of_state, |outcome| outcome.through().max(of_state)));
        }
        Ok(Standing {
            is_fresh: last_final.is_none(),
            decided,
        })
    }

    /// The checkpoints behind a fuse.
    #[must_use]
    pub(crate) fn checkpoints(&self, fuse: &Arc<Fuse>) -> FusedCheckpoints {
        FusedCheckpoints {
            fuse: Arc::clone(fuse),
            inner: Arc::clone(&self.checkpoints),
        }
    }

    /// Whether a checkpoint is certified here.
    #[must_use]
    pub(crate) fn has_certificate(&self, genesis: &Genesis, slot: Slot) -> bool {
        let store = Arc::clone(&self.checkpoints) as _;
        let archive = CheckpointArchive::new(store, Arc::new(genesis.clone()));
        archive.certified(slot).is_ok_and(|found| found.is_some())
    }

    /// The archive behind a fuse.
    #[must_use]
    pub(crate) fn archive(&self, fuse: &Arc<Fuse>) -> FusedArchive {
        FusedArchive {
            fuse: Arc::clone(fuse),
            inner: self.archive.clone(),
            states: Arc::clone(&self.copies),
        }
    }

    /// The signing log behind a fuse.
    #[must_use]
    pub(crate) fn log(&self, fuse: &Arc<Fuse>) -> FusedLog {
        FusedLog {
            fuse: Arc::clone(fuse),
            inner: self.log.clone(),
        }
    }
}

/// The records of a write that are whole, where the others were torn.
fn first<T>(records: &[T], whole: usize) -> &[T] {
    records.get(..whole).unwrap_or(records)
}

/// A state store behind a fuse.
pub(crate) struct FusedState {
    fuse: Arc<Fuse>,
    inner: Arc<MemoryStateStore>,
    copies: Copies,
    keeps_copies: bool,
    commits_per_copy: u64,
    commits: Mutex<u64>,
}

impl StateStore for FusedState {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        self.inner.scan(prefix, from, limit)
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.metadata()
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        let committed = self.fuse.persist(|| self.inner.commit(batch));
        committed.map_err(|crashed| LedgerError::store("commit", crashed))??;
        let mut commits = self.commits.lock();
        *commits += 1;
        if self.keeps_copies && commits.is_multiple_of(self.commits_per_copy) {
            let mut copies = self.copies.lock();
            copies.push_back(self.inner.snapshot());
            if copies.len() > COPIES {
                copies.pop_front();
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), LedgerError> {
        let synced = self.fuse.persist(|| self.inner.sync());
        synced.map_err(|crashed| LedgerError::store("sync", crashed))??;
        // What was synced is not lost any more.
        self.copies.lock().clear();
        Ok(())
    }
}

/// Checkpoints behind a fuse.
pub(crate) struct FusedCheckpoints {
    fuse: Arc<Fuse>,
    inner: Arc<MemoryCheckpointStore>,
}

impl CheckpointStore for FusedCheckpoints {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CheckpointError> {
        self.inner.get(key)
    }

    fn ascending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        self.inner.ascending(from, end, limit)
    }

    fn descending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        self.inner.descending(from, end, limit)
    }

    fn write(&self, changes: Vec<StoreChange>) -> Result<(), CheckpointError> {
        let written = self.fuse.persist(|| self.inner.write(changes));
        let gone = |crashed| CheckpointError::Store {
            action: "writing",
            source: Arc::new(crashed),
        };
        written.map_err(gone)?
    }
}

/// An archive behind a fuse.
pub(crate) struct FusedArchive {
    fuse: Arc<Fuse>,
    inner: MemoryArchive,
    /// Earlier states that a crash may go back to.
    states: Copies,
}

fn archive_gone(crashed: Crashed) -> StorageError {
    StorageError::Archive {
        action: "writing",
        source: Arc::new(crashed),
    }
}

impl BlockArchive for FusedArchive {
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError> {
        let write = |whole| self.inner.store_candidates(first(blocks, whole));
        let stored = self.fuse.persist_records(blocks.len(), write);
        stored.map_err(archive_gone)?
    }

    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError> {
        let write = |whole| self.inner.store_decided(first(decided, whole));
        let stored = self.fuse.persist_records(decided.len(), write);
        stored.map_err(archive_gone)?
    }

    fn first_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        self.inner.first_outcome(thread)
    }

    fn prune_before(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError> {
        // State and archive share a journal: what is on disk of it is a prefix, so with what is dropped
        // goes every state that needs it.
        let prune = || {
            self.states.lock().clear();
            self.inner.prune_before(slot, max)
        };
        let pruned = self.fuse.persist(prune);
        pruned.map_err(archive_gone)?
    }

    fn reclaim(&self) -> Result<(), StorageError> {
        self.inner.reclaim()
    }

    fn last_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        self.inner.last_outcome(thread)
    }

    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, StorageError> {
        self.inner.decided_at(slot)
    }

    fn decided_from(
        &self,
        thread: u8,
        period: u64,
        max: usize,
    ) -> Result<Vec<Decided>, StorageError> {
        self.inner.decided_from(thread, period, max)
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        self.inner.block(id)
    }
}

/// A signing log behind a fuse.
pub(crate) struct FusedLog {
    fuse: Arc<Fuse>,
    inner: MemorySigningLog,
}

fn log_gone(crashed: Crashed) -> SigningLogError {
    SigningLogError::Failed {
        action: "writing",
        source: Arc::new(crashed),
    }
}

impl SigningLog for FusedLog {
    fn claim(&self, records: &[ClaimRecord]) -> Result<Vec<ClaimVerdict>, SigningLogError> {
        let write = |whole| self.inner.claim(first(records, whole));
        let claimed = self.fuse.persist_records(records.len(), write);
        claimed.map_err(log_gone)?
    }

    fn records(&self, address: &Address, from: Slot) -> Result<Vec<ClaimRecord>, SigningLogError> {
        self.inner.records(address, from)
    }

    fn prune(&self, before: Slot) -> Result<(), SigningLogError> {
        self.fuse
            .persist(|| self.inner.prune(before))
            .map_err(log_gone)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use crate::fuse::Boundary;
    use picot_models::Hash;
    use picot_wallet::ClaimKind;

    fn record(period: u64) -> ClaimRecord {
        ClaimRecord {
            address: SimConfig::address(0),
            kind: ClaimKind::Notarise,
            slot: Slot::new(period, 0),
            round: 0,
            id: Hash([7; 32]),
            payload: Vec::new(),
        }
    }

    #[test]
    fn a_torn_claim_is_dropped_and_those_before_it_stay() {
        let (disk, fuse) = (Disk::new(true), Arc::new(Fuse::default()));
        let log = disk.log(&fuse);
        log.claim(&[record(1), record(2)]).unwrap();
        fuse.arm(Boundary::InPersist {
            writes: 0,
            whole: 1,
        });
        assert!(log.claim(&[record(3), record(4), record(5)]).is_err());
        let next_life = disk.log(&Arc::new(Fuse::default()));
        let address = SimConfig::address(0);
        let kept = next_life.records(&address, Slot::new(0, 0)).unwrap();
        assert_eq!(kept, [record(1), record(2), record(3)]);
    }

    #[test]
    fn a_lost_log_is_empty_and_known_to_be_lost() {
        let (mut disk, fuse) = (Disk::new(true), Arc::new(Fuse::default()));
        disk.log(&fuse).claim(&[record(1)]).unwrap();
        assert_eq!(disk.log_since, None);
        disk.lose_log(Timestamp(7));
        let address = SimConfig::address(0);
        let kept = disk.log(&fuse).records(&address, Slot::new(0, 0)).unwrap();
        assert!(kept.is_empty());
        assert_eq!(disk.log_since, Some(Timestamp(7)));
    }

    #[test]
    fn commits_of_the_state_are_lost_up_to_the_last_sync() {
        let (mut disk, fuse) = (Disk::new(true), Arc::new(Fuse::default()));
        let commit = |state: &FusedState, number: u8| {
            let mut batch = StateBatch::new();
            batch.put(b"key".to_vec(), vec![number]);
            state.commit(batch).unwrap();
        };
        let state = disk.state(&fuse);
        (0..20).for_each(|number| commit(&state, number));
        state.sync().unwrap();
        assert!(!disk.lose_unsynced_state());
        (20..40).for_each(|number| commit(&state, number));
        assert!(disk.lose_unsynced_state());
        let kept = disk.state(&fuse).get(b"key").unwrap().unwrap();
        assert!((19..39).contains(&kept[0]), "{kept:?}");
    }

    #[test]
    fn what_was_received_takes_the_place_of_the_state_at_once_or_not_at_all() {
        let commit = |state: &FusedState, value: u8| {
            let mut batch = StateBatch::new();
            batch.put(b"key".to_vec(), vec![value]);
            state.commit(batch).unwrap();
        };
        for (boundary, is_adopted) in [
            (Boundary::BeforePersist(0), false),
            (Boundary::AfterPersist(0), true),
        ] {
            let (mut disk, fuse) = (Disk::new(true), Arc::new(Fuse::default()));
            commit(&disk.state(&fuse), 1);
            commit(&disk.incoming(&fuse), 2);
            fuse.arm(boundary);
            assert_eq!(disk.adopt_incoming(&fuse), is_adopted);
            assert!(fuse.is_blown());
            let kept = disk.state_itself().get(b"key").unwrap();
            assert_eq!(kept, Some(vec![if is_adopted { 2 } else { 1 }]));
        }
    }

    #[test]
    fn the_last_chunks_that_were_received_are_lost_with_what_was_not_synced() {
        let (mut disk, fuse) = (Disk::new(true), Arc::new(Fuse::default()));
        let incoming = disk.incoming(&fuse);
        for number in 0..6 {
            let mut batch = StateBatch::new();
            batch.put(vec![number], vec![number]);
            incoming.commit(batch).unwrap();
        }
        disk.lose_unsynced_state();
        assert_eq!(disk.incoming(&fuse).scan(&[], &[], 10).unwrap().len(), 4);
    }
}
