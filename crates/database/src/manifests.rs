//! The lists of tables of the bulk store, checked before the engine believes them.
//!
//! Each keyspace names its tables in a file `vN`. The file `current` beside it has N and the checksum
//! of that file, which the engine writes and does not look at: a list that is damaged could have it
//! leave out tables without a word, or ask for more memory than there is.

use crate::DatabaseError;
use std::fs;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

const CURRENT: &str = "current";

/// Checks the list of each keyspace.
///
/// # Errors
/// [`DatabaseError::Damaged`] with the file; the system refused.
pub(crate) fn check(store: &Path) -> Result<(), DatabaseError> {
    let keyspaces = store.join("keyspaces");
    if !keyspaces.is_dir() {
        return Err(DatabaseError::damaged(&keyspaces, "it is missing"));
    }
    let reading = DatabaseError::io("reading", &keyspaces);
    for entry in fs::read_dir(&keyspaces).map_err(&reading)? {
        let folder = entry.map_err(&reading)?.path();
        // A keyspace that is just being made has none yet.
        if folder.join(CURRENT).exists() {
            check_keyspace(&folder)?;
        }
    }
    Ok(())
}

fn check_keyspace(folder: &Path) -> Result<(), DatabaseError> {
    let path = folder.join(CURRENT);
    let current = fs::read(&path).map_err(DatabaseError::io("reading", &path))?;
    let (version, expected) = parse(&current)
        .ok_or_else(|| DatabaseError::damaged(&path, "it names no list of tables"))?;
    let path = folder.join(format!("v{version}"));
    let list = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DatabaseError::damaged(&path, "it is missing"));
        }
        read => read.map_err(DatabaseError::io("reading", &path))?,
    };
    if xxh3_128(&list) == expected {
        return Ok(());
    }
    Err(DatabaseError::damaged(&path, "its checksum is wrong"))
}

/// The number of the list and its checksum; 0, the kind of checksum, follows.
fn parse(current: &[u8]) -> Option<(u64, u128)> {
    let (version, rest) = current.split_first_chunk()?;
    let (checksum, kind) = rest.split_first_chunk()?;
    (kind == [0]).then(|| (u64::from_le_bytes(*version), u128::from_le_bytes(*checksum)))
}
