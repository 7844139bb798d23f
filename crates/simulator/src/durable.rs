//! What survives a crash of a node, and the ports to it that a fuse stands before.

use crate::fuse::{Crashed, Fuse};
use parking_lot::Mutex;
use picot_ledger::{LedgerError, MemoryStateStore, Pair, StateBatch, StateStore};
use picot_models::{Address, Block, BlockId, Outcome, Slot};
use picot_storage::{BlockArchive, Decided, MemoryArchive, StorageError};
use picot_wallet::{ClaimRecord, ClaimVerdict, MemorySigningLog, SigningLog, SigningLogError};
use std::collections::VecDeque;
use std::sync::Arc;

/// Commits of the state after which a copy is kept: what a crash may go back to.
const COMMITS_PER_COPY: u64 = 8;
/// Copies that are kept.
const COPIES: usize = 3;

/// The disk of one node.
#[derive(Debug)]
pub(crate) struct Disk {
    /// What is decided, and candidates.
    pub archive: MemoryArchive,
    /// What was signed.
    pub log: MemorySigningLog,
    state: Arc<MemoryStateStore>,
    /// Earlier states, oldest first: commits of the state are not synced one by one.
    copies: Arc<Mutex<VecDeque<MemoryStateStore>>>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            archive: MemoryArchive::new(),
            log: MemorySigningLog::new(),
            state: Arc::new(MemoryStateStore::new()),
            copies: Arc::default(),
        }
    }
}

impl Disk {
    /// Commits of the state since the oldest copy that is kept are lost, as on a disk that was not
    /// synced. Gives whether there was a copy.
    pub(crate) fn lose_unsynced_state(&mut self) -> bool {
        let oldest = self.copies.lock().pop_front();
        let Some(oldest) = oldest else {
            return false;
        };
        self.copies.lock().clear();
        self.state = Arc::new(oldest);
        true
    }

    /// The state behind a fuse.
    #[must_use]
    pub(crate) fn state(&self, fuse: &Arc<Fuse>) -> FusedState {
        FusedState {
            fuse: Arc::clone(fuse),
            inner: Arc::clone(&self.state),
            copies: Arc::clone(&self.copies),
            commits: Mutex::new(0),
        }
    }

    /// The archive behind a fuse.
    #[must_use]
    pub(crate) fn archive(&self, fuse: &Arc<Fuse>) -> FusedArchive {
        FusedArchive {
            fuse: Arc::clone(fuse),
            inner: self.archive.clone(),
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

/// A state store behind a fuse.
pub(crate) struct FusedState {
    fuse: Arc<Fuse>,
    inner: Arc<MemoryStateStore>,
    copies: Arc<Mutex<VecDeque<MemoryStateStore>>>,
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
        if commits.is_multiple_of(COMMITS_PER_COPY) {
            let mut copies = self.copies.lock();
            copies.push_back(self.inner.snapshot());
            if copies.len() > COPIES {
                copies.pop_front();
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), LedgerError> {
        self.inner.sync()
    }
}

/// An archive behind a fuse.
pub(crate) struct FusedArchive {
    fuse: Arc<Fuse>,
    inner: MemoryArchive,
}

fn archive_gone(crashed: Crashed) -> StorageError {
    StorageError::Archive {
        action: "writing",
        source: Arc::new(crashed),
    }
}

impl BlockArchive for FusedArchive {
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError> {
        let stored = self.fuse.persist(|| self.inner.store_candidates(blocks));
        stored.map_err(archive_gone)?
    }

    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError> {
        let stored = self.fuse.persist(|| self.inner.store_decided(decided));
        stored.map_err(archive_gone)?
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
        self.fuse
            .persist(|| self.inner.claim(records))
            .map_err(log_gone)?
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
