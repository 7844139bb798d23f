//! The node's own small things.

use crate::store::Store;
use crate::{DatabaseError, FaultPoint};
use fjall::Readable;

/// One pair.
pub type NodePair = (Vec<u8>, Vec<u8>);

/// An ordered map of bytes for what a node keeps for itself: factory history and switches, known
/// peers. Keys are not empty; whoever uses it has a prefix of its own.
///
/// What was written survives the end of the process; a failure of the machine once
/// [`NodeStore::sync`] has returned.
pub struct NodeStore {
    store: Store,
}

impl NodeStore {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The store failed.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
        let found = self.store.snapshot().get(&self.store.node, key);
        let found = found.map_err(DatabaseError::store("a read"))?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// Sets or deletes keys, all of them or none.
    ///
    /// # Errors
    /// The store failed, and took over nothing.
    pub fn write(
        &self,
        changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), DatabaseError> {
        let mut batch = self.store.batch();
        for (key, change) in changes {
            match change {
                Some(value) => batch.insert(&self.store.node, key, value),
                None => batch.remove(&self.store.node, key),
            }
        }
        self.store.faults.pass(FaultPoint::NodeWrite);
        let written = self
            .store
            .note("writing history or a switch", batch.commit());
        written.map_err(DatabaseError::store("a write"))?;
        self.store.faults.pass(FaultPoint::NodeWritten);
        Ok(())
    }

    /// The first `limit` pairs whose keys begin with `prefix`, ascending.
    ///
    /// # Errors
    /// The store failed.
    pub fn first(&self, prefix: &[u8], limit: usize) -> Result<Vec<NodePair>, DatabaseError> {
        let pairs = self.store.snapshot().prefix(&self.store.node, prefix);
        collect(pairs.take(limit))
    }

    /// The last `limit` pairs whose keys begin with `prefix`, descending.
    ///
    /// # Errors
    /// The store failed.
    pub fn last(&self, prefix: &[u8], limit: usize) -> Result<Vec<NodePair>, DatabaseError> {
        let pairs = self.store.snapshot().prefix(&self.store.node, prefix);
        collect(pairs.rev().take(limit))
    }

    /// The last `limit` pairs whose keys begin with `prefix` and are before `end`, descending.
    ///
    /// # Errors
    /// The store failed.
    pub fn last_before(
        &self,
        prefix: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<NodePair>, DatabaseError> {
        if end <= prefix {
            return Ok(Vec::new());
        }
        let range = prefix..end;
        let pairs = self.store.snapshot().range(&self.store.node, range);
        let mut pairs = collect(pairs.rev().take(limit))?;
        // An end outside of the prefix would bring in what is between them.
        pairs.retain(|(key, _)| key.starts_with(prefix));
        Ok(pairs)
    }

    /// Waits until all that was written survives a failure of the machine.
    ///
    /// # Errors
    /// The store failed.
    pub fn sync(&self) -> Result<(), DatabaseError> {
        self.store.sync().map_err(DatabaseError::store("a sync"))
    }
}

fn collect(guards: impl Iterator<Item = fjall::Guard>) -> Result<Vec<NodePair>, DatabaseError> {
    guards
        .map(|guard| {
            let (key, value) = guard.into_inner().map_err(DatabaseError::store("a scan"))?;
            Ok((key.to_vec(), value.to_vec()))
        })
        .collect()
}
