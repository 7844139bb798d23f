//! The rules of the disk, by name.

mod contracts;
mod crashes;
mod damage;
mod group_commit;
mod incoming;
mod opening;
mod pruning;
mod torn_log;

use crate::{DataDir, DatabaseConfig, DatabaseError, Durability};
use picot_models::ChainId;
use picot_models::mocks::chain_id;
use picot_storage::mocks::CHAIN;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn chain() -> ChainId {
    chain_id(CHAIN)
}

/// Small, and not waiting for the disk: most rules do not ask for it.
fn config() -> DatabaseConfig {
    DatabaseConfig {
        cache_bytes: 1_048_576,
        memtable_bytes: 1_048_576,
        worker_threads: 1,
        signing_cache_bytes: 1_048_576,
        ..DatabaseConfig::dev()
    }
}

fn durable_config() -> DatabaseConfig {
    DatabaseConfig {
        durability: Durability::Machine,
        ..config()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn try_open(path: &Path) -> Result<DataDir, DatabaseError> {
    DataDir::open(path, &chain(), &config())
}

fn open(path: &Path) -> DataDir {
    try_open(path).unwrap()
}

/// What a process that is killed at this moment leaves: its files, as they are.
fn crash_image(of: &Path) -> TempDir {
    let image = folder();
    copy(of, image.path());
    image
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // A file that a compaction removes meanwhile is not needed.
            match fs::copy(entry.path(), target) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => {
                    copied.unwrap();
                }
            }
        }
    }
}
