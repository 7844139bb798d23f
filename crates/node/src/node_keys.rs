//! The keys of a running node, as operators handle them.

use crate::randomness::{RandomnessError, SystemRandomness};
use parking_lot::Mutex;
use picot_api::KeyControl;
use picot_models::Address;
use picot_wallet::{FileWallet, Wallet, WalletError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The wallet of the node, if it has one, and randomness for what is written.
pub struct NodeKeys {
    wallet: Option<Arc<FileWallet>>,
    /// Where there is no wallet.
    path: PathBuf,
    randomness: Mutex<SystemRandomness>,
}

impl NodeKeys {
    /// Over the wallet of the node; `path` is where it would be, if there is none.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(wallet: Option<Arc<FileWallet>>, path: PathBuf) -> Result<Self, RandomnessError> {
        Ok(Self {
            wallet,
            path,
            randomness: Mutex::new(SystemRandomness::new()?),
        })
    }

    fn wallet(&self) -> Result<&FileWallet, WalletError> {
        let missing = || WalletError::NotFound(self.path.clone());
        self.wallet.as_deref().ok_or_else(missing)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&FileWallet, &mut dyn FnMut(&mut [u8])) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        let wallet = self.wallet()?;
        let mut randomness = self.randomness.lock();
        change(wallet, &mut |bytes| randomness.fill(bytes))
    }
}

impl KeyControl for NodeKeys {
    fn is_locked(&self) -> bool {
        self.wallet.as_deref().is_none_or(FileWallet::is_locked)
    }

    fn addresses(&self) -> Vec<Address> {
        let wallet = self.wallet.as_deref();
        wallet.map(Wallet::addresses).unwrap_or_default()
    }

    fn refusals(&self) -> BTreeMap<Address, String> {
        let wallet = self.wallet.as_deref();
        wallet.map(FileWallet::refusals).unwrap_or_default()
    }

    fn add(&self, secret_key: &str) -> Result<Address, WalletError> {
        self.change(|wallet, random| wallet.import(secret_key.trim(), random))
    }

    fn generate(&self) -> Result<Address, WalletError> {
        self.change(|wallet, random| wallet.generate(random))
    }

    fn remove(&self, address: &Address) -> Result<(), WalletError> {
        self.change(|wallet, random| wallet.remove(address, random))
    }

    fn clear_refusal(&self, address: &Address) -> Result<bool, WalletError> {
        self.wallet()?.clear_refusal(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::no_claims;
    use picot_models::mocks::{address, key};
    use picot_models::text::export_secret_key;
    use picot_wallet::WalletConfig;

    fn keys(folder: &tempfile::TempDir) -> NodeKeys {
        let path = folder.path().join("keys.json");
        let mut random = SystemRandomness::new().unwrap();
        let wallet = FileWallet::create(
            &path,
            "word",
            WalletConfig::dev(),
            no_claims(),
            &mut |bytes| random.fill(bytes),
        );
        NodeKeys::new(Some(Arc::new(wallet.unwrap())), path).unwrap()
    }

    #[test]
    fn keys_come_and_go_while_the_node_runs_and_are_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(&folder);
        let text = export_secret_key(&key(1));
        assert_eq!(keys.add(&format!(" {text}\n")).unwrap(), address(1));
        let made = keys.generate().unwrap();
        let mut expected = vec![address(1), made];
        expected.sort();
        assert_eq!(keys.addresses(), expected);
        let again = FileWallet::open(
            &folder.path().join("keys.json"),
            WalletConfig::dev(),
            no_claims(),
        );
        let again = again.unwrap();
        again.unlock("word").unwrap();
        assert_eq!(again.addresses(), expected);
        keys.remove(&made).unwrap();
        assert_eq!(keys.addresses(), [address(1)]);
        assert!(!keys.is_locked());
    }

    #[test]
    fn a_node_without_a_key_file_says_where_it_would_be() {
        let keys = NodeKeys::new(None, "/data/keys.json".into()).unwrap();
        assert!(keys.is_locked());
        assert_eq!(keys.addresses(), []);
        assert_eq!(keys.refusals(), BTreeMap::new());
        for error in [
            keys.generate().map(drop),
            keys.add("sec1").map(drop),
            keys.remove(&address(1)),
            keys.clear_refusal(&address(1)).map(drop),
        ] {
            assert!(
                matches!(error, Err(WalletError::NotFound(path)) if path.ends_with("keys.json"))
            );
        }
    }
}
