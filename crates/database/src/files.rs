//! Files and folders whose names survive a failure of the machine.

use crate::{DatabaseError, FaultPoint, Faults};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread;

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

/// The name of the thread on which engines are opened. They panic over some damages, which are errors
/// to us: a program can leave the panics of this thread untold.
pub const OPENING_THREAD: &str = "opening a store";

/// Opens an engine on files that may be damaged: where it panics over them, that is an error too.
pub(crate) fn open_guarded<T: Send>(
    path: &Path,
    open: impl FnOnce() -> Result<T, DatabaseError> + Send,
) -> Result<T, DatabaseError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(OPENING_THREAD.to_owned());
        let opening = thread.spawn_scoped(scope, open);
        let opening = opening.map_err(DatabaseError::io("beginning to open", path))?;
        opening.join().unwrap_or_else(|cause| {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
            let text = text.unwrap_or("it does not say why");
            let reason = format!("its engine panicked over it: {text}");
            Err(DatabaseError::damaged(path, reason))
        })
    })
}
