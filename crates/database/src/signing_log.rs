//! The signing log on disk.
//!
//! A file of its own, in an engine whose commits are transactions and whose pages have checksums,
//! because it is the one store whose silent loss could cost a staker coins (design 14). All of it
//! is checked when it is opened.

use crate::files::{open_guarded, rename_synced, sync_folder};
use crate::group::Group;
use crate::health::Health;
use crate::{DatabaseConfig, DatabaseError, Durability, FaultPoint, Faults};
use displaydoc::Display;
use picot_models::{Address, Slot, Timestamp};
use picot_serialization::{Encode, codec_enum, decode_exact};
use picot_wallet::{
    ClaimKey, ClaimRecord, ClaimVerdict, SigningHistory, SigningLog, SigningLogError,
};
use redb::backends::FileBackend;
use redb::{
    BackendError, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Claim key to record.
const CLAIMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("claims");
/// Name to bytes.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// In [`META`]: the first slot for which claims are kept.
const HORIZON: &str = "horizon";
/// In [`META`]: what the log knows of the past. Logs of the first nodes do not have it.
const ORIGIN: &str = "origin";
/// In [`META`]: when that was said.
const BEGUN: &str = "begun";

/// What a signing log knows of what its keys signed before it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrigin {
    /// It was just made, and nobody has said yet.
    New,
    /// It knows all that the keys ever signed.
    Complete,
    /// It misses what the keys signed before this time.
    Since(Timestamp),
}

codec_enum!(LogOrigin {
    0 => New,
    1 => Complete,
    2 => Since(time),
});

/// The [`SigningLog`] of a data directory.
pub struct DiskSigningLog {
    db: Database,
    group: Group<Arc<[ClaimRecord]>, Result<Vec<ClaimVerdict>, SigningLogError>>,
    faults: Faults,
    health: Health,
    _lock: Option<Arc<File>>,
}

/// another thread's commit of the claims panicked
#[derive(Debug, Display, Error)]
struct CommitPanicked;

impl DiskSigningLog {
    /// Opens the log in a folder of its own, or makes it; tells whether it was made.
    ///
    /// # Errors
    /// [`DatabaseError::InUse`], [`DatabaseError::Damaged`], or the system refused.
    pub fn open(folder: &Path, config: &DatabaseConfig) -> Result<(Self, bool), DatabaseError> {
        Self::open_locked(folder, config, Health::default(), None)
    }

    pub(crate) fn open_locked(
        folder: &Path,
        config: &DatabaseConfig,
        health: Health,
        lock: Option<Arc<File>>,
    ) -> Result<(Self, bool), DatabaseError> {
        fs::create_dir_all(folder).map_err(DatabaseError::io("making", folder))?;
        let path = folder.join("claims.redb");
        let exists = path
            .try_exists()
            .map_err(DatabaseError::io("looking for", &path))?;
        let db = if exists {
            open_guarded(&path, || open_checked(&path, config))?
        } else {
            make(&path, config)?
        };
        let log = Self {
            db,
            group: Group::default(),
            faults: config.faults.clone(),
            health,
            _lock: lock,
        };
        Ok((log, !exists))
    }

    /// A log on storage of a test, which is made if it is empty, and checked if it is not.
    #[cfg(test)]
    pub(crate) fn on_backend(
        backend: impl StorageBackend,
        config: &DatabaseConfig,
    ) -> Result<Self, DatabaseError> {
        let path = Path::new("test");
        let is_new = backend
            .len()
            .map_err(DatabaseError::io("looking at", path))?
            == 0;
        let db = open_backend(path, backend, config)?;
        let db = if is_new {
            write_tables(&db).map_err(|error| opening_failed(path, error))?;
            db
        } else {
            check(path, db)?
        };
        Ok(Self {
            db,
            group: Group::default(),
            faults: config.faults.clone(),
            health: Health::default(),
            _lock: None,
        })
    }

    /// Threads that wait for another's commit.
    #[cfg(test)]
    pub(crate) fn waiting_for_commit(&self) -> usize {
        self.group.waiting()
    }

    /// When the log was begun, or was said to be complete; none if nobody said, as of logs of the
    /// first nodes. Of what its keys signed since, nothing may be missing.
    ///
    /// # Errors
    /// The log failed, or is damaged.
    pub fn begun(&self) -> Result<Option<Timestamp>, SigningLogError> {
        let transaction = self.db.begin_read().map_err(failed("beginning to read"))?;
        let meta = transaction.open_table(META).map_err(failed("reading"))?;
        let begun = meta.get(BEGUN).map_err(failed("reading the beginning"))?;
        let read = |bytes: &[u8]| {
            decode_exact(bytes).map_err(|error| {
                SigningLogError::Damaged(format!("the beginning cannot be read: {error}"))
            })
        };
        begun.map(|value| read(value.value())).transpose()
    }

    /// What the log knows of the time before it was made.
    ///
    /// # Errors
    /// The log failed, or is damaged.
    pub fn origin(&self) -> Result<LogOrigin, SigningLogError> {
        let transaction = self.db.begin_read().map_err(failed("beginning to read"))?;
        let meta = transaction.open_table(META).map_err(failed("reading"))?;
        match meta.get(ORIGIN).map_err(failed("reading the origin"))? {
            None => Ok(LogOrigin::Complete),
            Some(value) => decode_exact(value.value()).map_err(|error| {
                SigningLogError::Damaged(format!("the origin cannot be read: {error}"))
            }),
        }
    }

    /// Says at a time what the log knows of what was before, for this start and all later ones.
    /// Durable when it returns.
    ///
    /// # Errors
    /// The log failed.
    pub fn declare(&self, origin: LogOrigin, now: Timestamp) -> Result<(), SigningLogError> {
        let transaction = self
            .db
            .begin_write()
            .map_err(failed("beginning to declare"))?;
        {
            let mut meta = transaction.open_table(META).map_err(failed("reading"))?;
            meta.insert(ORIGIN, origin.to_bytes().as_slice())
                .map_err(failed("writing the origin"))?;
            meta.insert(BEGUN, now.to_bytes().as_slice())
                .map_err(failed("writing the beginning"))?;
        }
        self.faults.pass(FaultPoint::OriginWrite);
        self.commit_noted(transaction, "committing an origin")?;
        self.faults.pass(FaultPoint::OriginWritten);
        Ok(())
    }

    fn commit_noted(
        &self,
        transaction: redb::WriteTransaction,
        action: &'static str,
    ) -> Result<(), SigningLogError> {
        let ended = transaction.commit().map_err(redb::Error::from);
        let ended = self.health.note("writing the signing log", ended);
        ended.map_err(failed(action))
    }

    /// Claims for several batches in one transaction; one failure is a failure of all.
    fn commit(
        &self,
        batches: &[Arc<[ClaimRecord]>],
    ) -> Result<Vec<Vec<ClaimVerdict>>, SigningLogError> {
        let transaction = self
            .db
            .begin_write()
            .map_err(failed("beginning to claim"))?;
        let mut wrote = false;
        let mut verdicts = Vec::with_capacity(batches.len());
        {
            let meta = transaction.open_table(META).map_err(failed("reading"))?;
            let horizon = read_horizon(&meta)?;
            let mut table = transaction.open_table(CLAIMS).map_err(failed("reading"))?;
            for batch in batches {
                let claims = batch.iter();
                let claims = claims.map(|record| claim(&mut table, record, horizon, &mut wrote));
                verdicts.push(claims.collect::<Result<_, _>>()?);
            }
        }
        let ended = if wrote {
            self.faults.pass(FaultPoint::Claim);
            let committed = self.commit_noted(transaction, "committing claims");
            self.faults.pass(FaultPoint::Claimed);
            committed
        } else {
            transaction.abort().map_err(failed("ending a transaction"))
        };
        ended.map(|()| verdicts)
    }
}

fn claim(
    table: &mut redb::Table<'_, &[u8], &[u8]>,
    record: &ClaimRecord,
    horizon: Slot,
    wrote: &mut bool,
) -> Result<ClaimVerdict, SigningLogError> {
    let key = key_bytes(&record.key());
    let held = table
        .get(key.as_slice())
        .map_err(failed("reading a claim"))?;
    let held = held
        .map(|value| read_record(&key, value.value()))
        .transpose()?;
    let is_held = held.is_some();
    let verdict = ClaimVerdict::of(record, held.map(|held| held.id), horizon);
    if verdict == ClaimVerdict::Safe && !is_held {
        let bytes = record.to_bytes();
        table
            .insert(key.as_slice(), bytes.as_slice())
            .map_err(failed("writing a claim"))?;
        *wrote = true;
    }
    Ok(verdict)
}

impl SigningLog for DiskSigningLog {
    fn claim(&self, records: &[ClaimRecord]) -> Result<Vec<ClaimVerdict>, SigningLogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let commit = |batches: &[Arc<[ClaimRecord]>]| match self.commit(batches) {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
        };
        let result = self.group.run(records.into(), commit);
        result.unwrap_or_else(|_| {
            Err(SigningLogError::Failed {
                action: "waiting for a commit",
                source: Arc::new(CommitPanicked),
            })
        })
    }

    fn records(&self, address: &Address, from: Slot) -> Result<Vec<ClaimRecord>, SigningLogError> {
        let transaction = self.db.begin_read().map_err(failed("beginning to read"))?;
        let table = transaction.open_table(CLAIMS).map_err(failed("reading"))?;
        let first = key_bytes(&ClaimKey::first(*address, from));
        let last = last_key(address);
        let range = table
            .range::<&[u8]>((
                Bound::Included(first.as_slice()),
                Bound::Included(last.as_slice()),
            ))
            .map_err(failed("reading claims"))?;
        range
            .map(|entry| {
                let (key, value) = entry.map_err(failed("reading claims"))?;
                read_record(key.value(), value.value())
            })
            .collect()
    }

    fn prune(&self, before: Slot) -> Result<(), SigningLogError> {
        let transaction = self
            .db
            .begin_write()
            .map_err(failed("beginning to prune"))?;
        {
            let mut meta = transaction.open_table(META).map_err(failed("reading"))?;
            let horizon = read_horizon(&meta)?.max(before);
            meta.insert(HORIZON, horizon.to_bytes().as_slice())
                .map_err(failed("writing the horizon"))?;
            let mut table = transaction.open_table(CLAIMS).map_err(failed("reading"))?;
            prune_claims(&mut table, horizon)?;
        }
        self.faults.pass(FaultPoint::LogPrune);
        self.commit_noted(transaction, "committing a pruning")?;
        self.faults.pass(FaultPoint::LogPruned);
        Ok(())
    }
}

impl SigningHistory for DiskSigningLog {
    fn addresses(&self) -> Result<Vec<Address>, SigningLogError> {
        let transaction = self.db.begin_read().map_err(failed("beginning to read"))?;
        let table = transaction.open_table(CLAIMS).map_err(failed("reading"))?;
        let (mut addresses, mut after) = (Vec::new(), Vec::new());
        while let Some(address) = next_address(&table, &after)? {
            after = last_key(&address);
            addresses.push(address);
        }
        Ok(addresses)
    }

    fn horizon(&self) -> Result<Slot, SigningLogError> {
        let transaction = self.db.begin_read().map_err(failed("beginning to read"))?;
        let meta = transaction.open_table(META).map_err(failed("reading"))?;
        read_horizon(&meta)
    }
}

/// Removes, address by address, the claims of slots earlier than the horizon.
fn prune_claims(
    table: &mut redb::Table<'_, &[u8], &[u8]>,
    horizon: Slot,
) -> Result<(), SigningLogError> {
    let mut after = Vec::new();
    while let Some(address) = next_address(table, &after)? {
        let first = key_bytes(&ClaimKey::first(address, Slot::GENESIS));
        let end = key_bytes(&ClaimKey::first(address, horizon));
        let old = (
            Bound::Included(first.as_slice()),
            Bound::Excluded(end.as_slice()),
        );
        table
            .retain_in::<&[u8], _>(old, |_, _| false)
            .map_err(failed("removing claims"))?;
        after = last_key(&address);
    }
    Ok(())
}

/// The address of the first claim after a key.
fn next_address(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    after: &[u8],
) -> Result<Option<Address>, SigningLogError> {
    let mut claims = table
        .range::<&[u8]>((Bound::Excluded(after), Bound::Unbounded))
        .map_err(failed("reading claims"))?;
    let Some(claim) = claims.next() else {
        return Ok(None);
    };
    let (key, value) = claim.map_err(failed("reading claims"))?;
    Ok(Some(read_record(key.value(), value.value())?.address))
}

/// Address, slot, kind and round, each with its highest byte first: keys ascend as [`ClaimKey`]s.
fn key_bytes(key: &ClaimKey) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(47);
    key.address.encode(&mut bytes);
    bytes.extend_from_slice(&key.slot.period.to_be_bytes());
    bytes.push(key.slot.thread);
    key.kind.encode(&mut bytes);
    bytes.extend_from_slice(&key.round.to_be_bytes());
    bytes
}

/// Not below any key of the address, and below all keys of those after it.
fn last_key(address: &Address) -> Vec<u8> {
    let mut bytes = address.to_bytes();
    bytes.extend_from_slice(&[u8::MAX; 14]);
    bytes
}

fn read_record(key: &[u8], value: &[u8]) -> Result<ClaimRecord, SigningLogError> {
    let record: ClaimRecord = decode_exact(value)
        .map_err(|error| SigningLogError::Damaged(format!("a claim cannot be read: {error}")))?;
    if key_bytes(&record.key()) != key {
        let slot = record.slot;
        let found = format!("a claim of slot {slot} is in the place of another");
        return Err(SigningLogError::Damaged(found));
    }
    Ok(record)
}

fn read_horizon(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Slot, SigningLogError> {
    match meta.get(HORIZON).map_err(failed("reading the horizon"))? {
        None => Ok(Slot::GENESIS),
        Some(value) => decode_exact(value.value()).map_err(|error| {
            SigningLogError::Damaged(format!("the horizon cannot be read: {error}"))
        }),
    }
}

fn failed<E: Into<redb::Error>>(action: &'static str) -> impl Fn(E) -> SigningLogError {
    move |error| SigningLogError::Failed {
        action,
        source: Arc::new(error.into()),
    }
}

/// Makes the log under another name, so that a crash leaves all of it or nothing.
fn make(path: &Path, config: &DatabaseConfig) -> Result<Database, DatabaseError> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(true);
    let file = options
        .open(&new)
        .map_err(DatabaseError::io("making", &new))?;
    let db = open_file(&new, file, config)?;
    write_tables(&db).map_err(|error| opening_failed(&new, error))?;
    config.faults.pass(FaultPoint::LogMade);
    rename_synced(&new, path).map_err(DatabaseError::io("renaming", &new))?;
    config.faults.pass(FaultPoint::LogRenamed);
    if let Some(parent) = path.parent().and_then(Path::parent) {
        sync_folder(parent).map_err(DatabaseError::io("syncing", parent))?;
    }
    Ok(db)
}

fn write_tables(db: &Database) -> Result<(), redb::Error> {
    let transaction = db.begin_write()?;
    transaction.open_table(CLAIMS)?;
    transaction
        .open_table(META)?
        .insert(ORIGIN, LogOrigin::New.to_bytes().as_slice())?;
    Ok(transaction.commit()?)
}

/// Opens an existing log and checks all of it.
fn open_checked(path: &Path, config: &DatabaseConfig) -> Result<Database, DatabaseError> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .open(path)
        .map_err(DatabaseError::io("opening", path))?;
    let len = file
        .metadata()
        .map_err(DatabaseError::io("looking at", path))?
        .len();
    if len == 0 {
        // Redb would begin a new log here, and what was signed would be forgotten.
        return Err(DatabaseError::damaged(path, "it is empty"));
    }
    check(path, open_file(path, file, config)?)
}

fn open_file(path: &Path, file: File, config: &DatabaseConfig) -> Result<Database, DatabaseError> {
    let refused = |error: redb::DatabaseError| opening_failed(path, error.into());
    let backend = Backend {
        file: FileBackend::new(file).map_err(refused)?,
        syncs: config.durability == Durability::Machine,
        faults: config.faults.clone(),
    };
    open_backend(path, backend, config)
}

fn open_backend(
    path: &Path,
    backend: impl StorageBackend,
    config: &DatabaseConfig,
) -> Result<Database, DatabaseError> {
    Database::builder()
        .set_cache_size(config.signing_cache_bytes)
        .create_with_backend(backend)
        .map_err(|error| opening_failed(path, error.into()))
}

/// Checks every page against its checksum, and that the tables are there.
fn check(path: &Path, mut db: Database) -> Result<Database, DatabaseError> {
    match db.check_integrity() {
        Ok(true) => {}
        Ok(false) => return Err(DatabaseError::damaged(path, "checksums of pages are wrong")),
        Err(error) => return Err(opening_failed(path, error.into())),
    }
    let tables = || -> Result<(), redb::Error> {
        let transaction = db.begin_read()?;
        transaction.open_table(CLAIMS)?;
        transaction.open_table(META)?;
        Ok(())
    };
    tables().map_err(|error| opening_failed(path, error))?;
    Ok(db)
}

fn opening_failed(path: &Path, error: redb::Error) -> DatabaseError {
    match error {
        redb::Error::DatabaseAlreadyOpen => DatabaseError::InUse(path.to_owned()),
        redb::Error::Io(error)
            if error.kind() != io::ErrorKind::UnexpectedEof
                && error.kind() != io::ErrorKind::InvalidData =>
        {
            DatabaseError::io("opening", path)(error)
        }
        other => DatabaseError::damaged(path, other),
    }
}

/// A file that is synced as the configuration says.
#[derive(Debug)]
struct Backend {
    file: FileBackend,
    syncs: bool,
    faults: Faults,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.pass(FaultPoint::LogSync);
        if self.syncs {
            self.file.sync_data()?;
        }
        self.faults.pass(FaultPoint::LogSynced);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.pass(FaultPoint::LogWrite);
        self.faults.pass_with(FaultPoint::LogTorn, || {
            let (half, _) = data.split_at(data.len() / 2);
            // The process ends here, however this goes.
            let _ = self.file.write(offset, half);
        });
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
