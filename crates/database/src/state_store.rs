//! The final state on disk.

use crate::store::Store;
use crate::{DatabaseError, DiskStateSnapshot, FaultPoint};
use fjall::{Keyspace, Readable};
use picot_ledger::keys::MAX_KEY_BYTES;
use picot_ledger::{LedgerError, Pair, StateBatch, StateStore};

/// Longer than any key of a pair, and behind all of them. The metadata is in the pairs' keyspace,
/// because each keyspace is written to tables on its own: in another one it could fall behind them
/// when the machine fails.
const METADATA_KEY: &[u8] = &[u8::MAX; MAX_KEY_BYTES + 1];
/// Where it was in a keyspace of its own, until the next commit.
const FORMER_METADATA_KEY: &[u8] = b"metadata";

/// The [`StateStore`] of a data directory. A commit survives the end of the process, not yet a
/// failure of the machine: the archive holds durably what leads to it again.
pub struct DiskStateStore {
    store: Store,
    /// The state, or what comes of another one.
    pairs: Keyspace,
    is_incoming: bool,
}

impl DiskStateStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            pairs: store.state.clone(),
            store: store.clone(),
            is_incoming: false,
        }
    }

    /// The one of what is received of another state.
    pub(crate) fn incoming(store: &Store) -> Self {
        Self {
            pairs: store.incoming.clone(),
            store: store.clone(),
            is_incoming: true,
        }
    }

    /// The state as it is now, whatever is committed later.
    #[must_use]
    pub fn snapshot(&self) -> DiskStateSnapshot {
        DiskStateSnapshot::new(&self.store, &self.pairs)
    }
}

impl DiskStateStore {
    /// Moves all keyspaces into tables.
    pub(crate) fn flush(&self) -> Result<(), DatabaseError> {
        self.store.flush().map_err(DatabaseError::store("a flush"))
    }
}

fn failed(action: &'static str) -> impl Fn(fjall::Error) -> LedgerError {
    move |error| LedgerError::store(action, error)
}

impl StateStore for DiskStateStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        let found = self.store.snapshot().get(&self.pairs, key);
        let found = found.map_err(failed("read a value"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        let snapshot = self.store.snapshot();
        let mut pairs = Vec::new();
        for guard in snapshot.range(&self.pairs, prefix.max(from)..).take(limit) {
            let (key, value) = guard.into_inner().map_err(failed("scan"))?;
            if !key.starts_with(prefix) || key.len() > MAX_KEY_BYTES {
                break;
            }
            pairs.push((key.to_vec(), value.to_vec()));
        }
        Ok(pairs)
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let snapshot = self.store.snapshot();
        let read = |keyspace, key| {
            let found = snapshot.get(keyspace, key);
            found.map_err(failed("read the metadata"))
        };
        let found = match read(&self.pairs, METADATA_KEY)? {
            None if !self.is_incoming => read(&self.store.state_metadata, FORMER_METADATA_KEY)?,
            found => found,
        };
        Ok(found.map(|value| value.to_vec()))
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        let mut write = self.store.batch();
        for (key, change) in batch.changes {
            match change {
                Some(value) => write.insert(&self.pairs, key, value),
                None => write.remove(&self.pairs, key),
            }
        }
        if let Some(metadata) = batch.metadata {
            write.insert(&self.pairs, METADATA_KEY, metadata);
        }
        let (before, after) = if self.is_incoming {
            (FaultPoint::IncomingWrite, FaultPoint::IncomingWritten)
        } else {
            (FaultPoint::StateCommit, FaultPoint::StateCommitted)
        };
        self.store.faults.pass(before);
        let committed = self.store.note("writing the state", write.commit());
        committed.map_err(failed("commit"))?;
        self.store.faults.pass(after);
        Ok(())
    }

    fn sync(&self) -> Result<(), LedgerError> {
        self.store.faults.pass(FaultPoint::StateSync);
        self.store.sync().map_err(failed("sync"))?;
        self.store.faults.pass(FaultPoint::StateSynced);
        Ok(())
    }
}

#[cfg(test)]
impl DiskStateStore {
    pub(crate) fn flush_to_tables(&self) {
        self.pairs.rotate_memtable_and_wait().unwrap();
    }

    pub(crate) fn write_former_metadata(&self, metadata: &[u8]) {
        let mut write = self.store.batch();
        write.insert(&self.store.state_metadata, FORMER_METADATA_KEY, metadata);
        write.commit().unwrap();
    }
}
