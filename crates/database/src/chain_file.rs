//! The file that says whose data a directory holds, and in which format.

use crate::files::write_synced;
use crate::{DatabaseError, FaultPoint, Faults};
use picot_models::ChainId;
use picot_models::text::Text;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The format of everything in a data directory. A change of any key, record or file that an older
/// or newer program could misread gets the next number.
pub(crate) const FORMAT: u64 = 1;

const FIRST_WORDS: &str = "picot data, format ";

/// Checks the file of a directory, or writes it if there is none; tells whether it was written.
pub(crate) fn check_or_write(
    folder: &Path,
    chain_id: &ChainId,
    faults: &Faults,
) -> Result<bool, DatabaseError> {
    let path = folder.join("chain");
    match fs::read(&path) {
        Ok(bytes) => check(folder, &path, &bytes, chain_id).map(|()| false),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = format!("{FIRST_WORDS}{FORMAT}\n{}\n", chain_id.to_text());
            faults.pass(FaultPoint::ChainFileWrite);
            write_synced(&path, text.as_bytes(), faults)
                .map_err(DatabaseError::io("writing", &path))?;
            faults.pass(FaultPoint::ChainFileWritten);
            Ok(true)
        }
        Err(error) => Err(DatabaseError::io("reading", &path)(error)),
    }
}

fn check(
    folder: &Path,
    path: &Path,
    bytes: &[u8],
    chain_id: &ChainId,
) -> Result<(), DatabaseError> {
    let damaged = |reason: &str| DatabaseError::damaged(path, reason);
    let text = str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let mut lines = text.lines();
    let format = lines.next().and_then(|line| line.strip_prefix(FIRST_WORDS));
    let format = format.and_then(|number| number.parse::<u64>().ok());
    let found = format.ok_or_else(|| damaged("its first line does not tell a format"))?;
    if found > FORMAT {
        let (path, known) = (folder.to_owned(), FORMAT);
        return Err(DatabaseError::NewerFormat { path, found, known });
    }
    if found < FORMAT {
        return Err(damaged("its format was never written"));
    }
    let found = lines.next().unwrap_or_default();
    let found = ChainId::from_text(found).map_err(|error| damaged(&error.to_string()))?;
    if found == *chain_id {
        return Ok(());
    }
    Err(DatabaseError::AnotherChain {
        path: folder.to_owned(),
        found: Box::new(found),
        expected: Box::new(*chain_id),
    })
}
