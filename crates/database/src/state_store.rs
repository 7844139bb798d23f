//! The final state on disk.

use crate::store::Store;
use fjall::Readable;
use picot_ledger::{LedgerError, Pair, StateBatch, StateStore};

const METADATA_KEY: &[u8] = b"metadata";

/// The [`StateStore`] of a data directory. A commit survives the end of the process, not yet a
/// failure of the machine: the archive holds durably what leads to it again.
pub struct DiskStateStore {
    store: Store,
}

impl DiskStateStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

fn failed(action: &'static str) -> impl Fn(fjall::Error) -> LedgerError {
    move |error| LedgerError::store(action, error)
}

impl StateStore for DiskStateStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        let found = self.store.snapshot().get(&self.store.state, key);
        let found = found.map_err(failed("read a value"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        let snapshot = self.store.snapshot();
        let mut pairs = Vec::new();
        for guard in snapshot
            .range(&self.store.state, prefix.max(from)..)
            .take(limit)
        {
            let (key, value) = guard.into_inner().map_err(failed("scan"))?;
            if !key.starts_with(prefix) {
                break;
            }
            pairs.push((key.to_vec(), value.to_vec()));
        }
        Ok(pairs)
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let snapshot = self.store.snapshot();
        let found = snapshot.get(&self.store.state_metadata, METADATA_KEY);
        let found = found.map_err(failed("read the metadata"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        let mut write = self.store.batch();
        for (key, change) in batch.changes {
            match change {
                Some(value) => write.insert(&self.store.state, key, value),
                None => write.remove(&self.store.state, key),
            }
        }
        if let Some(metadata) = batch.metadata {
            write.insert(&self.store.state_metadata, METADATA_KEY, metadata);
        }
        write.commit().map_err(failed("commit"))
    }

    fn sync(&self) -> Result<(), LedgerError> {
        self.store.sync().map_err(failed("sync"))
    }
}
