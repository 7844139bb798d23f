//! The directory of a node.

use crate::archive::DiskArchive;
use crate::files::sync_folder;
use crate::health::{Health, WriteFailure};
use crate::store::Store;
use crate::{
    DatabaseConfig, DatabaseError, DiskCheckpointStore, DiskSigningLog, DiskStateStore, LogOrigin,
    NodeStore, chain_file, incoming,
};
use picot_models::ChainId;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What opening a data directory found missing and made.
///
/// A node that made everything itself, keys included, cannot have signed anything before (design
/// 08, 'Start-up safety'). One whose signing log alone is new has lost what it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// The directory belonged to no chain yet.
    pub chain: bool,
    /// There was no bulk store: state, archive and history are empty.
    pub store: bool,
    /// There was no signing log, or nobody has said yet what it knows of the past.
    pub signing_log: bool,
}

/// The data directory of a node: locked for this process as long as it, or a store that came from
/// it, is alive.
///
/// ```text
/// lock                  held by the process that uses the directory
/// chain                 format and chain id
/// store/                state, archive, node history: one fjall database
/// signing/claims.redb   the signing log, apart from the rest
/// ```
#[derive(Clone)]
pub struct DataDir {
    path: PathBuf,
    created: Created,
    store: Store,
    state: Arc<DiskStateStore>,
    incoming: Arc<DiskStateStore>,
    archive: Arc<DiskArchive>,
    signing_log: Arc<DiskSigningLog>,
    node: Arc<NodeStore>,
    checkpoints: Arc<DiskCheckpointStore>,
    health: Health,
}

impl DataDir {
    /// What it puts into the directory, but for the lock.
    pub const ENTRIES: [&'static str; 3] = ["chain", "signing", "store"];

    /// Opens the directory of a chain, and makes what is missing.
    ///
    /// # Errors
    /// [`DatabaseError::InUse`], [`DatabaseError::AnotherChain`], [`DatabaseError::NewerFormat`],
    /// [`DatabaseError::Damaged`], [`DatabaseError::Config`], or the system refused.
    pub fn open(
        path: &Path,
        chain_id: &ChainId,
        config: &DatabaseConfig,
    ) -> Result<Self, DatabaseError> {
        config.validate()?;
        fs::create_dir_all(path).map_err(DatabaseError::io("making", path))?;
        let lock = Arc::new(lock(path)?);
        let chain = chain_file::check_or_write(path, chain_id, &config.faults)?;
        let (store, store_is_new) = Store::open(&path.join("store"), config, Arc::clone(&lock))?;
        let health = store.health.clone();
        let (signing_log, log_is_new) =
            DiskSigningLog::open_locked(&path.join("signing"), config, health.clone(), Some(lock))?;
        sync_folder(path).map_err(DatabaseError::io("syncing", path))?;
        Ok(Self {
            path: path.to_owned(),
            created: Created {
                chain,
                store: store_is_new,
                // If a start ended between making the log and saying what it knows, it is still new.
                signing_log: log_is_new || signing_log.origin()? == LogOrigin::New,
            },
            state: Arc::new(DiskStateStore::new(&store)),
            incoming: Arc::new(DiskStateStore::incoming(&store)),
            archive: Arc::new(DiskArchive::new(&store, *chain_id)?),
            signing_log: Arc::new(signing_log),
            node: Arc::new(NodeStore::new(&store)),
            checkpoints: Arc::new(DiskCheckpointStore::new(&store)),
            health,
            store,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What this opening made.
    #[must_use]
    pub const fn created(&self) -> Created {
        self.created
    }

    /// The final state.
    #[must_use]
    pub fn state(&self) -> Arc<DiskStateStore> {
        Arc::clone(&self.state)
    }

    /// What is received of another state: a bootstrap's, until [`Self::adopt_incoming`].
    #[must_use]
    pub fn incoming(&self) -> Arc<DiskStateStore> {
        Arc::clone(&self.incoming)
    }

    /// Puts what was received in the place of the state, and ends the use of the directory: whoever opens
    /// it next finds the other state. Durable when it returns; a crash in the middle leaves the one or
    /// the other. Archive, signing log and history stay as they are.
    ///
    /// # Errors
    /// What was received is not complete, or the store failed.
    pub fn adopt_incoming(self) -> Result<(), DatabaseError> {
        incoming::adopt(&self.store, &self.path, &self.incoming)
    }

    /// Removes what was received, or what was the state before: its space is given back.
    ///
    /// # Errors
    /// The store failed.
    pub fn clear_incoming(&self) -> Result<(), DatabaseError> {
        incoming::clear(&self.store)
    }

    /// The block archive.
    #[must_use]
    pub fn archive(&self) -> Arc<DiskArchive> {
        Arc::clone(&self.archive)
    }

    /// The signing log.
    #[must_use]
    pub fn signing_log(&self) -> Arc<DiskSigningLog> {
        Arc::clone(&self.signing_log)
    }

    /// The first write of any of its stores that failed: all later ones fail too, until it is opened
    /// again.
    #[must_use]
    pub fn write_failure(&self) -> Option<WriteFailure> {
        self.health.failure()
    }

    /// Moves state, archive and history from memory, and so from the journal, into tables.
    ///
    /// # Errors
    /// The store failed.
    pub fn flush(&self) -> Result<(), DatabaseError> {
        self.state.flush()
    }

    /// Moves the archive alone from the journal into tables.
    #[cfg(test)]
    pub(crate) fn flush_to_tables(&self) {
        self.archive.flush_to_tables();
    }

    /// Checkpoints and their certificates.
    #[must_use]
    pub fn checkpoints(&self) -> Arc<DiskCheckpointStore> {
        Arc::clone(&self.checkpoints)
    }

    pub(crate) fn signing_log_bytes(&self) -> Result<u64, DatabaseError> {
        let folder = self.path.join("signing");
        let failed = || DatabaseError::io("measuring", &folder);
        let mut bytes = 0_u64;
        for entry in fs::read_dir(&folder).map_err(failed())? {
            let length = entry.and_then(|entry| entry.metadata()).map_err(failed())?;
            bytes = bytes.saturating_add(length.len());
        }
        Ok(bytes)
    }

    /// The node's own history and switches.
    #[must_use]
    pub fn node(&self) -> Arc<NodeStore> {
        Arc::clone(&self.node)
    }
}

fn lock(folder: &Path) -> Result<File, DatabaseError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options
        .open(&path)
        .map_err(DatabaseError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(DatabaseError::io("locking", &path)(error)),
    }
}
