//! The node key.

use libp2p_identity::Keypair;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use crate::{NetworkError, NodeId};

const FIRST_LINE: &str = "picot node key 1";
const SEED_BYTES: usize = 32;
/// More than a key file ever has, so that another file is not read whole.
const MAX_FILE_BYTES: usize = 256;

/// A node key (Ed25519), by which a node is known to its peers; it holds no coins and signs nothing
/// of the chain.
///
/// The secret is wiped from memory when it is dropped, and never shown.
pub struct Identity {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    keypair: Keypair,
}

impl Identity {
    /// The key of 32 secret bytes, which the caller takes from a good source of randomness.
    ///
    /// # Errors
    /// None today: every 32 bytes are a key.
    pub fn from_seed(seed: [u8; SEED_BYTES]) -> Result<Self, NetworkError> {
        let seed = Zeroizing::new(seed);
        let mut copy = seed.clone();
        let keypair = Keypair::ed25519_from_bytes(copy.as_mut_slice())
            .map_err(|error| NetworkError::Start(error.to_string()))?;
        Ok(Self { seed, keypair })
    }

    /// Reads a key that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`NetworkError::Io`] if it cannot be read, [`NetworkError::KeyFile`] if it is no key or if
    /// others may read it.
    pub fn load(path: &Path) -> Result<Self, NetworkError> {
        let file = File::open(path).map_err(NetworkError::io("opening", path))?;
        check_private(&file, path)?;
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES));
        file.take(MAX_FILE_BYTES as u64)
            .read_to_string(&mut text)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => NetworkError::key_file(path, "it is not text"),
                _ => NetworkError::io("reading", path)(error),
            })?;
        let seed = parse(&text).map_err(|reason| NetworkError::key_file(path, reason))?;
        Self::from_seed(*seed)
    }

    /// Writes the key into a new file that its owner alone may read; a file is never replaced, and
    /// is there whole or not at all.
    ///
    /// # Errors
    /// [`NetworkError::Io`], also if the file exists.
    pub fn save(&self, path: &Path) -> Result<(), NetworkError> {
        let half_written = half_written(path);
        match fs::remove_file(&half_written) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(NetworkError::io("removing", &half_written)(error));
            }
            _ => {}
        }
        let mut file = private(&half_written).map_err(NetworkError::io("making", &half_written))?;
        file.write_all(self.text().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(NetworkError::io("writing", &half_written))?;
        // A link fails where a rename would replace an older key.
        let linked = fs::hard_link(&half_written, path).map_err(NetworkError::io("making", path));
        fs::remove_file(&half_written).map_err(NetworkError::io("removing", &half_written))?;
        linked
    }

    /// The node's name.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId::from_peer(self.keypair.public().to_peer_id())
    }

    pub(crate) const fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_BYTES));
        text.push_str(FIRST_LINE);
        text.push('\n');
        for byte in self.seed.iter() {
            for nibble in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(nibble.into(), 16));
            }
        }
        text.push('\n');
        text
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.node_id())
    }
}

fn half_written(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn parse(text: &str) -> Result<Zeroizing<[u8; SEED_BYTES]>, &'static str> {
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err("its first line is not `picot node key 1`");
    }
    let digits = lines.next().unwrap_or_default().as_bytes();
    if digits.len() != 2 * SEED_BYTES || lines.next().is_some() {
        return Err("its second and last line is not 64 digits");
    }
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    for (byte, pair) in seed.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let nibble = char::from(*digit)
                .to_digit(16)
                .ok_or("a digit is not hexadecimal")?;
            *byte = (*byte << 4) | u8::try_from(nibble).map_err(|_| "a digit is too large")?;
        }
    }
    Ok(seed)
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn check_private(file: &File, path: &Path) -> Result<(), NetworkError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(NetworkError::io("reading", path))?;
    if !metadata.is_file() {
        return Err(NetworkError::key_file(path, "it is not a file"));
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let reason = format!("others may use it (mode {:o}); make it 600", mode & 0o777);
        return Err(NetworkError::key_file(path, &reason));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &File, _: &Path) -> Result<(), NetworkError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_saved_key_is_the_same_node_and_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        let identity = Identity::from_seed([9; 32]).unwrap();
        identity.save(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Identity::load(&path).unwrap().node_id(), identity.node_id());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_never_replaced_and_what_a_crash_left_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        fs::write(half_written(&path), "half").unwrap();
        let first = Identity::from_seed([1; 32]).unwrap();
        first.save(&path).unwrap();
        let error = Identity::from_seed([2; 32])
            .unwrap()
            .save(&path)
            .unwrap_err();
        assert!(error.to_string().contains("node.key"), "{error}");
        assert_eq!(Identity::load(&path).unwrap().node_id(), first.node_id());
    }

    #[test]
    fn a_wrong_file_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        let good = Identity::from_seed([1; 32]).unwrap().text().to_string();
        let missing = Identity::load(&path).unwrap_err().to_string();
        assert!(missing.contains("node.key"), "{missing}");
        for (bytes, says) in [
            (b"".to_vec(), "first line"),
            (b"picot node key 2\n".to_vec(), "first line"),
            (good.as_bytes()[..40].to_vec(), "64 digits"),
            (good.replace("01", "0g").into_bytes(), "hexadecimal"),
            (format!("{good}more\n").into_bytes(), "last line"),
            (vec![0xff; 90], "not text"),
            (vec![b'a'; 100_000], "first line"),
        ] {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = Identity::load(&path).unwrap_err().to_string();
            assert!(
                error.contains("node.key") && error.contains(says),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        Identity::from_seed([1; 32]).unwrap().save(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains("mode 640"), "{error}");
    }

    #[test]
    fn the_secret_is_not_shown() {
        let identity = Identity::from_seed([0xab; 32]).unwrap();
        let shown = format!("{identity:?}");
        assert!(
            !shown.contains("ab, ab") && !shown.to_lowercase().contains("abab"),
            "{shown}"
        );
        assert!(!shown.contains("171"), "{shown}");
    }
}
