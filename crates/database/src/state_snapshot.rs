//! The final state on disk as it was at one moment.

use crate::store::Store;
use fjall::{Keyspace, Readable};
use picot_ledger::keys::MAX_KEY_BYTES;
use picot_ledger::{LedgerError, PairVisitor, StateSnapshot};

/// The state as it was when this was taken. Whoever reads it and whoever writes the state do not wait for
/// each other. It costs disk space while it is held: what is overwritten stays.
pub struct DiskStateSnapshot {
    snapshot: fjall::Snapshot,
    pairs: Keyspace,
    /// Keeps the directory locked.
    _store: Store,
}

impl DiskStateSnapshot {
    pub(crate) fn new(store: &Store, pairs: &Keyspace) -> Self {
        Self {
            snapshot: store.snapshot(),
            pairs: pairs.clone(),
            _store: store.clone(),
        }
    }
}

impl StateSnapshot for DiskStateSnapshot {
    fn visit(&self, from: &[u8], visitor: &mut dyn PairVisitor) -> Result<(), LedgerError> {
        for guard in self.snapshot.range(&self.pairs, from..) {
            let pair = guard.into_inner();
            let (key, value) =
                pair.map_err(|error| LedgerError::store("read a snapshot", error))?;
            // Behind the longest key there is only the metadata.
            if key.len() > MAX_KEY_BYTES || visitor.visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
