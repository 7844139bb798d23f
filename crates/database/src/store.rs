//! The bulk store: one fjall database for state, archive and node, so that one journal orders all
//! of it and one sync serves all of it.

use crate::files::{open_guarded, rename_synced, sync_folder};
use crate::health::Health;
use crate::incoming;
use crate::manifests;
use crate::{DatabaseConfig, DatabaseError, Durability, FaultPoint, Faults};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The bulk store with its keyspaces. Reads go through [`Store::snapshot`]: fjall's own reads of a
/// keyspace see batches that are half applied.
#[derive(Clone)]
pub(crate) struct Store {
    db: Database,
    /// What a write waits for that must outlive the machine.
    durable: PersistMode,
    pub(crate) state: Keyspace,
    /// What is received of another state, which may take the place of this one.
    pub(crate) incoming: Keyspace,
    pub(crate) state_metadata: Keyspace,
    pub(crate) outcomes: Keyspace,
    pub(crate) bodies: Keyspace,
    pub(crate) body_keys: Keyspace,
    pub(crate) node: Keyspace,
    pub(crate) checkpoints: Keyspace,
    pub(crate) faults: Faults,
    pub(crate) health: Health,
    _lock: Arc<File>,
}

impl Store {
    /// Opens the store in a folder, or makes it; tells whether it was made.
    pub(crate) fn open(
        folder: &Path,
        config: &DatabaseConfig,
        lock: Arc<File>,
    ) -> Result<(Self, bool), DatabaseError> {
        let exists = folder
            .try_exists()
            .map_err(DatabaseError::io("looking for", folder))?;
        if !exists {
            make(folder, config)?;
        } else if !folder.join(FJALL_MARKER).is_file() {
            // Fjall would begin a new database here, over what is left of the old one.
            return Err(DatabaseError::damaged(
                folder,
                "its version marker is missing",
            ));
        }
        manifests::check(folder)?;
        let store = open_guarded(folder, || Self::open_made(folder, config, lock))?;
        Ok((store, !exists))
    }

    fn open_made(
        folder: &Path,
        config: &DatabaseConfig,
        lock: Arc<File>,
    ) -> Result<Self, DatabaseError> {
        let db = open_database(folder, config)?;
        let keyspace = |(name, _): &KeyspaceOf| {
            if !db.keyspace_exists(name) {
                // Fjall would begin it anew.
                return Err(DatabaseError::damaged(
                    folder,
                    format!("`{name}` is missing"),
                ));
            }
            open_keyspace(&db, folder, name, KeyspaceCreateOptions::default())
        };
        let state_metadata = keyspace(&STATE_METADATA)?;
        let first = keyspace(&STATE)?;
        let (state, incoming) = if incoming::second_is_current(&state_metadata)? {
            (keyspace(&STATE_TWO)?, first)
        } else {
            // A directory of a program that knew no other state has none.
            let options = options(&STATE_TWO, config);
            (first, open_keyspace(&db, folder, STATE_TWO.0, options)?)
        };
        Ok(Self {
            state,
            incoming,
            state_metadata,
            outcomes: keyspace(&OUTCOMES)?,
            bodies: keyspace(&BODIES)?,
            body_keys: keyspace(&BODY_KEYS)?,
            node: keyspace(&NODE)?,
            // A directory of a program that knew none gets an empty one: its records can be had again.
            checkpoints: open_keyspace(&db, folder, CHECKPOINTS.0, options(&CHECKPOINTS, config))?,
            faults: config.faults.clone(),
            health: Health::default(),
            durable: match config.durability {
                Durability::Machine => PersistMode::SyncAll,
                Durability::Process => PersistMode::Buffer,
            },
            db,
            _lock: lock,
        })
    }

    /// Bytes of what is not in tables yet.
    pub(crate) fn journal_bytes(&self) -> Result<u64, DatabaseError> {
        self.db
            .journal_disk_space()
            .map_err(DatabaseError::store("measuring the journal"))
    }

    /// A view of what is committed now.
    pub(crate) fn snapshot(&self) -> fjall::Snapshot {
        self.db.snapshot()
    }

    /// A batch that survives the end of the process when committed.
    pub(crate) fn batch(&self) -> fjall::OwnedWriteBatch {
        self.db.batch().durability(Some(PersistMode::Buffer))
    }

    /// A batch that survives what the configuration says when committed.
    pub(crate) fn durable_batch(&self) -> fjall::OwnedWriteBatch {
        self.db.batch().durability(Some(self.durable))
    }

    /// Moves all keyspaces from memory into tables, the archive first: where this ends in between,
    /// the archive is not behind the state.
    pub(crate) fn flush(&self) -> fjall::Result<()> {
        for keyspace in [
            &self.outcomes,
            &self.bodies,
            &self.body_keys,
            &self.state,
            &self.incoming,
            &self.state_metadata,
            &self.node,
        ] {
            self.note("writing tables", self.write_table(keyspace))?;
        }
        Ok(())
    }

    /// Writes all that was in memory at the call to tables.
    ///
    /// The engine may have begun a table by itself at the same moment: what counts is that nothing
    /// waits to be written, not who began it.
    pub(crate) fn write_table(&self, keyspace: &Keyspace) -> fjall::Result<()> {
        keyspace.rotate_memtable()?;
        while keyspace.sealed_memtable_count() > 0 {
            // After a write that failed the engine writes no more, and tells only who asks.
            self.db.persist(PersistMode::Buffer)?;
            std::thread::sleep(TABLE_PAUSE);
        }
        Ok(())
    }

    /// Takes note of how a write ended.
    pub(crate) fn note<T>(&self, action: &str, ended: fjall::Result<T>) -> fjall::Result<T> {
        self.health.note(action, ended)
    }

    /// Waits until all that was committed survives what the configuration says.
    pub(crate) fn sync(&self) -> fjall::Result<()> {
        self.health
            .note("syncing the store", self.db.persist(self.durable))
    }
}

/// How often to look whether the engine has written a table.
const TABLE_PAUSE: Duration = Duration::from_millis(5);

/// The name of a keyspace, and whether its values are large and so kept apart from the keys.
type KeyspaceOf = (&'static str, bool);

const STATE: KeyspaceOf = ("state", false);
const STATE_TWO: KeyspaceOf = ("state_two", false);
const STATE_METADATA: KeyspaceOf = ("state_metadata", false);
const OUTCOMES: KeyspaceOf = ("outcomes", false);
const BODIES: KeyspaceOf = ("bodies", true);
const BODY_KEYS: KeyspaceOf = ("body_keys", false);
const NODE: KeyspaceOf = ("node", false);
const CHECKPOINTS: KeyspaceOf = ("checkpoints", true);

/// The file that fjall writes last when it makes a database, and looks for when it opens one.
const FJALL_MARKER: &str = "version";

/// Makes the database under another name, so that a crash leaves all of it or nothing.
fn make(folder: &Path, config: &DatabaseConfig) -> Result<(), DatabaseError> {
    let new = folder.with_extension("new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(DatabaseError::io("removing", &new)(error));
        }
        _ => {}
    }
    let db = open_database(&new, config)?;
    for of in [
        STATE,
        STATE_TWO,
        STATE_METADATA,
        OUTCOMES,
        BODIES,
        BODY_KEYS,
        NODE,
        CHECKPOINTS,
    ] {
        open_keyspace(&db, &new, of.0, options(&of, config))?;
    }
    config.faults.pass(FaultPoint::StoreMade);
    db.persist(PersistMode::SyncAll)
        .map_err(DatabaseError::store("a sync"))?;
    drop(db);
    sync_folder(&new).map_err(DatabaseError::io("syncing", &new))?;
    config.faults.pass(FaultPoint::StoreSynced);
    rename_synced(&new, folder).map_err(DatabaseError::io("renaming", &new))?;
    config.faults.pass(FaultPoint::StoreRenamed);
    Ok(())
}

fn options((_, large_values): &KeyspaceOf, config: &DatabaseConfig) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(config.memtable_bytes)
        .with_kv_separation(large_values.then(large_value_files))
}

/// Of what a file of large values holds, the part that may be of no use and still keep its space: less
/// means that more is copied to give space back. What is old is dropped in order, so that there is
/// about one such file at a time.
const LARGEST_UNUSED_PART: f32 = 0.1;

/// The engine rewrites a file that has more of no use. By its own choice it would do so with a quarter
/// of such files only, rounded down: never, where there are less than four.
fn large_value_files() -> KvSeparationOptions {
    const ALL: f32 = 1.0;
    KvSeparationOptions::default()
        .staleness_threshold(LARGEST_UNUSED_PART)
        .age_cutoff(ALL)
}

fn open_database(folder: &Path, config: &DatabaseConfig) -> Result<Database, DatabaseError> {
    Database::builder(folder)
        .cache_size(config.cache_bytes)
        .max_journaling_size(config.max_journal_bytes)
        .worker_threads(config.worker_threads)
        .open()
        .map_err(|error| opening_failed(folder, error))
}

fn open_keyspace(
    db: &Database,
    folder: &Path,
    name: &str,
    options: KeyspaceCreateOptions,
) -> Result<Keyspace, DatabaseError> {
    db.keyspace(name, || options)
        .map_err(|error| opening_failed(folder, error))
}

fn opening_failed(folder: &Path, error: fjall::Error) -> DatabaseError {
    match error {
        fjall::Error::Io(error) if is_of_the_system(error.kind()) => {
            DatabaseError::io("opening", folder)(error)
        }
        fjall::Error::Locked => DatabaseError::InUse(folder.to_owned()),
        other => DatabaseError::damaged(folder, other),
    }
}

/// What the system refuses, apart from files that are missing or too short.
fn is_of_the_system(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidData, NotFound, Other, UnexpectedEof};
    !matches!(kind, NotFound | UnexpectedEof | InvalidData | Other)
}
