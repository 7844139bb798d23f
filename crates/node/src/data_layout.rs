//! The names of what is in a node's data directory.

use std::path::{Path, PathBuf};

/// Where `picot node --dev` keeps its data, and where other commands look for keys, unless told
/// otherwise.
pub const DEFAULT_DEV_DATA: &str = "./picot-data/dev";
/// The encrypted key file.
pub const KEYS_FILE: &str = "keys.json";
/// The genesis of the directory's chain.
pub const GENESIS_FILE: &str = "genesis.json";
/// The file that says whose data a directory holds.
pub const CHAIN_FILE: &str = "chain";
/// The folder of the signing log.
pub const SIGNING_FOLDER: &str = "signing";
/// The folder of state, archive and history.
pub const STORE_FOLDER: &str = "store";
/// Locked by the node that uses the directory.
pub const LOCK_FILE: &str = "lock";
/// Where the control interface of the running node is, and its token.
pub const CONTROL_FILE: &str = "control.json";
/// How far the last bootstrap of the directory is.
pub const BOOTSTRAP_FILE: &str = "bootstrap.json";
/// The key by which other nodes know this one; it guards no coins.
pub const NODE_KEY_FILE: &str = "node.key";
/// The passphrase of a development wallet. Only a development directory has it.
pub const DEV_PASSPHRASE_FILE: &str = "dev-passphrase";

/// A data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLayout {
    root: PathBuf,
}

impl DataLayout {
    /// The layout under a directory, which need not exist.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The encrypted key file.
    #[must_use]
    pub fn keys_file(&self) -> PathBuf {
        self.root.join(KEYS_FILE)
    }

    /// The genesis of the directory's chain.
    #[must_use]
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join(GENESIS_FILE)
    }

    /// Locked by the node that uses the directory.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.root.join(LOCK_FILE)
    }

    /// Where the control interface of the running node is, and its token, of mode 0600.
    #[must_use]
    pub fn control_file(&self) -> PathBuf {
        self.root.join(CONTROL_FILE)
    }

    /// How far the last bootstrap of the directory is.
    #[must_use]
    pub fn bootstrap_file(&self) -> PathBuf {
        self.root.join(BOOTSTRAP_FILE)
    }

    /// The key by which other nodes know this one, of mode 0600.
    #[must_use]
    pub fn node_key_file(&self) -> PathBuf {
        self.root.join(NODE_KEY_FILE)
    }

    /// The passphrase of a development wallet, of mode 0600.
    #[must_use]
    pub fn dev_passphrase_file(&self) -> PathBuf {
        self.root.join(DEV_PASSPHRASE_FILE)
    }

    /// Whether this is a development directory: its keys guard nothing.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        self.dev_passphrase_file().exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_directly_under_the_data_directory() {
        let layout = DataLayout::new("/data");
        assert_eq!(layout.keys_file(), Path::new("/data/keys.json"));
        assert_eq!(layout.genesis_file(), Path::new("/data/genesis.json"));
        assert_eq!(
            layout.dev_passphrase_file(),
            Path::new("/data/dev-passphrase")
        );
    }

    #[test]
    fn a_directory_is_of_development_if_it_has_a_development_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(directory.path());
        assert!(!layout.is_dev());
        std::fs::write(layout.dev_passphrase_file(), "dev").unwrap();
        assert!(layout.is_dev());
    }
}
