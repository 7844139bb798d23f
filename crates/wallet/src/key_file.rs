//! The file on disk: read whole, replaced whole.

use crate::WalletError;
use displaydoc::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes that are read of a wallet file: far more than one of `MAX_KEYS` keys has.
const MAX_FILE_BYTES: u64 = 1_048_576;

/// What an operator should mend.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
pub enum WalletWarning {
    /// wallet file {path} can be read by other users of this machine (mode {mode}): `chmod 600` it
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions, in octal.
        mode: String,
    },
}

/// A path to a wallet file.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    pub(crate) path: PathBuf,
}

impl KeyFile {
    pub(crate) fn exists(&self) -> Result<bool, WalletError> {
        self.path.try_exists().map_err(self.failed("looking for"))
    }

    pub(crate) fn read(&self) -> Result<Vec<u8>, WalletError> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => WalletError::NotFound(self.path.clone()),
            _ => self.failed("opening")(error),
        })?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(self.failed("reading"))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(WalletError::Malformed {
                path: self.path.clone(),
                reason: format!("it has more than {MAX_FILE_BYTES} bytes"),
            });
        }
        Ok(bytes)
    }

    /// Replaces the file: after a crash at any moment it is the old or the new one, whole.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<(), WalletError> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let result = write_synced(&new, bytes)
            .and_then(|()| fs::rename(&new, &self.path))
            .and_then(|()| sync_folder_of(&self.path));
        result.map_err(|error| {
            // Best effort: what is left behind is encrypted, and overwritten next time.
            let _ = fs::remove_file(&new);
            self.failed("writing")(error)
        })
    }

    /// Whether others than the owner may read or write it.
    #[cfg(unix)]
    pub(crate) fn warnings(&self) -> Result<Vec<WalletWarning>, WalletError> {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(&self.path).map_err(self.failed("looking at"))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![WalletWarning::ReadableByOthers {
            path: self.path.clone(),
            mode: format!("{mode:o}"),
        }])
    }

    /// Whether others than the owner may read or write it: not known on this system.
    #[cfg(not(unix))]
    pub(crate) fn warnings(&self) -> Result<Vec<WalletWarning>, WalletError> {
        Ok(Vec::new())
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> WalletError + '_ {
        move |source| WalletError::Io {
            action,
            path: self.path.clone(),
            source: Arc::new(source),
        }
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash left behind may have other permissions: it is made anew.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Folders cannot be synced on this system.
#[cfg(not(unix))]
fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Ok(())
}
