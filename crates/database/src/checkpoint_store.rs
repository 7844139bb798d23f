//! Checkpoints on disk: an ordered map of bytes, in the journal of the final state.

use crate::store::Store;
use crate::{DatabaseError, FaultPoint};
use fjall::Readable;
use picot_checkpoint::{CheckpointError, CheckpointStore, StoreChange, StorePair};
use std::sync::Arc;

/// The [`CheckpointStore`] of a data directory.
///
/// One journal orders it and the final state: what was written before a state is there whenever that
/// state is. A data directory from before it had any gets an empty one.
pub struct DiskCheckpointStore {
    store: Store,
}

impl DiskCheckpointStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    #[cfg(test)]
    pub(crate) fn flush_to_tables(&self) {
        self.store.write_table(&self.store.checkpoints).unwrap();
    }

    fn range(&self, from: &[u8], end: &[u8]) -> impl DoubleEndedIterator<Item = fjall::Guard> {
        let snapshot = self.store.snapshot();
        let pairs = (from < end).then(|| snapshot.range(&self.store.checkpoints, from..end));
        pairs.into_iter().flatten()
    }
}

impl CheckpointStore for DiskCheckpointStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CheckpointError> {
        let found = self.store.snapshot().get(&self.store.checkpoints, key);
        let found = found.map_err(failed("reading"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn ascending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        collect(self.range(from, end).take(limit))
    }

    fn descending(
        &self,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<StorePair>, CheckpointError> {
        collect(self.range(from, end).rev().take(limit))
    }

    fn write(&self, changes: Vec<StoreChange>) -> Result<(), CheckpointError> {
        let mut batch = self.store.batch();
        for (key, change) in changes {
            match change {
                Some(value) => batch.insert(&self.store.checkpoints, key, value),
                None => batch.remove(&self.store.checkpoints, key),
            }
        }
        self.store.faults.pass(FaultPoint::CheckpointWrite);
        let written = self.store.note("writing checkpoints", batch.commit());
        written.map_err(failed("writing"))?;
        self.store.faults.pass(FaultPoint::CheckpointWritten);
        Ok(())
    }
}

fn collect(guards: impl Iterator<Item = fjall::Guard>) -> Result<Vec<StorePair>, CheckpointError> {
    let read = |guard: fjall::Guard| {
        let (key, value) = guard.into_inner().map_err(failed("reading a range"))?;
        Ok((key.to_vec(), value.to_vec()))
    };
    guards.map(read).collect()
}

fn failed(action: &'static str) -> impl Fn(fjall::Error) -> CheckpointError {
    move |error| CheckpointError::Store {
        action,
        source: Arc::new(DatabaseError::store(action)(error)),
    }
}
