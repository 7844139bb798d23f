//! Where the control interface of a running node is, and its token: a file in the data directory that
//! only its owner may read, so that whoever may use the keys may control the node.

use crate::NodeError;
use crate::data_layout::DataLayout;
use crate::randomness::SystemRandomness;
use picot_client::ControlClient;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most bytes of the file.
const MAX_BYTES: u64 = 4_096;

/// What the file says.
#[derive(Clone, Serialize, Deserialize)]
pub struct ControlAccess {
    /// Where the interface listens.
    pub address: SocketAddr,
    /// What lets in.
    pub token: String,
}

/// The file of a running node; it is removed when this is dropped.
pub struct ControlFile {
    path: PathBuf,
}

/// A token of 256 bits that nobody can guess.
#[must_use]
pub fn new_token(randomness: &mut SystemRandomness) -> String {
    let mut bytes = Zeroizing::new([0; 32]);
    randomness.fill(bytes.as_mut_slice());
    bytes.iter().fold(String::new(), |mut token, byte| {
        // Writing to a string does not fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

impl ControlFile {
    /// Writes the file, for its owner alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(layout: &DataLayout, access: &ControlAccess) -> Result<Self, NodeError> {
        let path = layout.control_file();
        let new = path.with_extension("partial");
        let text = serde_json::to_vec(access)
            .map_err(|error| NodeError::file("write", &path)(error.into()))?;
        let written = remove(&new)
            .and_then(|()| write_private(&new, &text))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(NodeError::file("write", &path))?;
        Ok(Self { path })
    }
}

impl Drop for ControlFile {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the control file");
        }
    }
}

/// What the node that runs on a data directory says; none if it has no such file. A node that was
/// killed leaves its file behind: nobody answers there.
///
/// # Errors
/// There is a file that cannot be read, so a node may be running.
pub fn read(layout: &DataLayout) -> io::Result<Option<ControlAccess>> {
    let file = match File::open(layout.control_file()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// A client of the node that says that it runs on a data directory; none if none does. It may have been
/// killed: then nobody answers.
///
/// # Errors
/// What it says cannot be read.
pub fn client(layout: &DataLayout) -> io::Result<Option<ControlClient>> {
    let access = read(layout)?;
    Ok(access.map(|access| ControlClient::new(access.address.into(), &access.token)))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_by_its_owner_alone_while_the_node_runs() {
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path());
        assert!(read(&layout).unwrap().is_none());
        let mut randomness = SystemRandomness::new().unwrap();
        let access = ControlAccess {
            address: ([127, 0, 0, 1], 4_711).into(),
            token: new_token(&mut randomness),
        };
        assert_eq!(access.token.len(), 64);
        assert_ne!(access.token, new_token(&mut randomness));
        // Over what was damaged, readable by all.
        fs::write(layout.control_file(), "{").unwrap();
        assert!(read(&layout).is_err(), "which is not no node");
        let file = ControlFile::write(&layout, &access).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(layout.control_file()).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
        }
        let found = read(&layout).unwrap().unwrap();
        assert_eq!((found.address, found.token), (access.address, access.token));
        drop(file);
        assert!(read(&layout).unwrap().is_none());
    }
}
