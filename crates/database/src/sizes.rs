//! How much of the disk each part takes.

use crate::{DataDir, DatabaseError};

/// Bytes on disk, by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// The final state.
    pub state: u64,
    /// Outcomes and blocks.
    pub archive: u64,
    /// Factory history, switches, known peers.
    pub node: u64,
    /// What was written last, of all three, and is not in their tables yet.
    pub journal: u64,
    /// The signing log.
    pub signing_log: u64,
}

impl Sizes {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        let parts = [
            self.state,
            self.archive,
            self.node,
            self.journal,
            self.signing_log,
        ];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

impl DataDir {
    /// How much of the disk each part takes.
    ///
    /// # Errors
    /// The system refused.
    pub fn sizes(&self) -> Result<Sizes, DatabaseError> {
        let archive = self.archive();
        let store = &archive.store;
        let tables = [&store.outcomes, &store.bodies, &store.body_keys];
        let tables = tables.iter().map(|keyspace| keyspace.disk_space());
        let state = [&store.state, &store.state_metadata];
        let state = state.iter().map(|keyspace| keyspace.disk_space());
        Ok(Sizes {
            state: state.fold(0, u64::saturating_add),
            archive: tables.fold(0, u64::saturating_add),
            node: store.node.disk_space(),
            journal: store.journal_bytes()?,
            signing_log: self.signing_log_bytes()?,
        })
    }
}
