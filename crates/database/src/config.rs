//! How the disk is used.

use crate::{DatabaseError, Faults};

/// What is safe when a write returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Decisions, candidates and claims survive a failure of the machine: each write waits for the
    /// disk. The one for keys that hold anything.
    #[default]
    Machine,
    /// They survive the end of the process, `kill -9` included, but the last ones may be lost, in
    /// parts and out of order, when the machine fails; a signing log may then be lost as a whole.
    /// For development chains and tests.
    Process,
}

/// The settings of a data directory's stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// What is safe when a write returns.
    pub durability: Durability,
    /// Bytes of blocks of the bulk store that are kept in memory.
    pub cache_bytes: u64,
    /// Bytes that each keyspace of the bulk store collects in memory before it writes a table.
    pub memtable_bytes: u64,
    /// Bytes of the bulk store's journals, which are read again at start; at least 64 MiB.
    pub max_journal_bytes: u64,
    /// Threads of the bulk store that flush and compact.
    pub worker_threads: usize,
    /// Bytes of pages of the signing log that are kept in memory.
    pub signing_cache_bytes: usize,
    /// Where the process is to end, if a test says so.
    pub faults: Faults,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Machine,
            cache_bytes: 128 * 1_048_576,
            memtable_bytes: 32 * 1_048_576,
            max_journal_bytes: 256 * 1_048_576,
            worker_threads: 2,
            signing_cache_bytes: 16 * 1_048_576,
            faults: Faults::default(),
        }
    }
}

impl DatabaseConfig {
    /// The least that `max_journal_bytes` may be.
    pub const MIN_JOURNAL_BYTES: u64 = 64 * 1_048_576;

    /// For development chains, whose keys hold nothing: `kill -9` is survived, a power failure may
    /// take the last decisions.
    #[must_use]
    pub fn dev() -> Self {
        Self {
            durability: Durability::Process,
            cache_bytes: 32 * 1_048_576,
            memtable_bytes: 8 * 1_048_576,
            max_journal_bytes: Self::MIN_JOURNAL_BYTES,
            ..Self::default()
        }
    }

    /// Refuses settings that the stores cannot work with.
    ///
    /// # Errors
    /// [`DatabaseError::Config`], which names the field.
    pub fn validate(&self) -> Result<(), DatabaseError> {
        if self.memtable_bytes < 1_048_576 {
            return Err(DatabaseError::Config("memtable_bytes is below 1 MiB"));
        }
        if self.max_journal_bytes < Self::MIN_JOURNAL_BYTES {
            return Err(DatabaseError::Config("max_journal_bytes is below 64 MiB"));
        }
        if self.worker_threads == 0 {
            return Err(DatabaseError::Config("worker_threads is 0"));
        }
        Ok(())
    }
}
