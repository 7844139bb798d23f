//! Files and folders whose names survive a failure of the machine.

use crate::{DatabaseError, FaultPoint, Faults};
use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Writes a file under another name, syncs it, and renames it.
pub(crate) fn write_synced(path: &Path, bytes: &[u8], faults: &Faults) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    faults.pass(FaultPoint::ChainFileSynced);
    rename_synced(&new, path)
}

/// Renames a file or folder, and syncs the folder that holds it.
pub(crate) fn rename_synced(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be synced on this system.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens an engine on files that may be damaged: where it panics over them, that is an error too.
pub(crate) fn open_guarded<T>(
    path: &Path,
    open: impl FnOnce() -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(DatabaseError::damaged(path, "its engine panicked over it")))
}
