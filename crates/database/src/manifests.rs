//! The lists of tables of the bulk store, checked before the engine believes them.
//!
//! Each keyspace names its tables in a file `vN`. The file `current` beside it has N and the checksum
//! of that file, which the engine writes and does not look at: a list that is damaged could have it
//! leave out tables without a word, or ask for more memory than there is. A keyspace without `current`
//! it removes, with its tables; without that of the names, all of them. This is the layout of fjall 3.1,
//! to which the workspace is bound.

use crate::DatabaseError;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

const CURRENT: &str = "current";
/// The keyspace that has the names of the others.
const NAMES: u64 = 0;
/// What holds the data of a keyspace.
const DATA: [&str; 2] = ["tables", "blobs"];

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
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(&keyspaces).map_err(&reading)? {
        let folder = entry.map_err(&reading)?.path();
        let number = folder.file_name().and_then(|name| name.to_str());
        if let Some(number) = number.and_then(|name| name.parse::<u64>().ok()) {
            folders.insert(number, folder);
        }
    }
    if !folders.contains_key(&NAMES) {
        let names = keyspaces.join(NAMES.to_string());
        return Err(DatabaseError::damaged(&names, "it is missing"));
    }
    let last = folders.last_key_value().map(|(number, _)| *number);
    for (number, folder) in &folders {
        if folder.join(CURRENT).exists() {
            check_keyspace(folder)?;
        } else if *number == NAMES || Some(*number) != last || holds_data(folder)? {
            let current = folder.join(CURRENT);
            return Err(DatabaseError::damaged(&current, "it is missing"));
        }
        // The last one may be new, and the process have ended before it was made.
    }
    Ok(())
}

fn holds_data(keyspace: &Path) -> Result<bool, DatabaseError> {
    for folder in DATA.map(|name| keyspace.join(name)) {
        match fs::read_dir(&folder) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(DatabaseError::io("reading", &folder)(error)),
        }
    }
    Ok(false)
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
