//! The keys that were seen in use elsewhere, on disk.

use picot_database::{DatabaseError, NodeStore};
use picot_models::Address;
use picot_wallet::{RefusalStore, WalletError};
use std::collections::BTreeMap;
use std::sync::Arc;

const PREFIX: &str = "refused/";

/// Address to reason, as text.
pub struct KeptRefusals {
    store: Arc<NodeStore>,
}

impl KeptRefusals {
    /// Those of the node.
    #[must_use]
    pub const fn new(store: Arc<NodeStore>) -> Self {
        Self { store }
    }
}

fn failed(action: &'static str) -> impl Fn(DatabaseError) -> WalletError {
    move |error| WalletError::Refusals {
        action,
        source: Arc::new(error),
    }
}

/// A key that cannot be read may be any: nothing is signed then.
fn read(key: &[u8], value: Vec<u8>) -> Option<(Address, String)> {
    let text = std::str::from_utf8(key).ok()?.strip_prefix(PREFIX)?;
    Some((text.parse().ok()?, String::from_utf8(value).ok()?))
}

impl RefusalStore for KeptRefusals {
    fn refusals(&self) -> Result<BTreeMap<Address, String>, WalletError> {
        let pairs = self.store.first(PREFIX.as_bytes(), usize::MAX);
        let pairs = pairs.map_err(failed("reading"))?;
        let damaged = || WalletError::Refusals {
            action: "reading",
            source: Arc::new(DatabaseError::Damaged {
                path: "the node store".into(),
                reason: "a refused key cannot be read".to_owned(),
            }),
        };
        let read = pairs.into_iter().map(|(key, value)| read(&key, value));
        read.map(|pair| pair.ok_or_else(damaged)).collect()
    }

    fn keep(&self, address: &Address, reason: Option<&str>) -> Result<(), WalletError> {
        let key = format!("{PREFIX}{address}").into_bytes();
        let value = reason.map(|reason| reason.as_bytes().to_vec());
        let kept = self.store.write([(key, value)]);
        kept.and_then(|()| self.store.sync())
            .map_err(failed("keeping"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::mocks::{address, chain_id};

    #[test]
    fn refused_keys_are_kept_over_restarts_until_they_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let data = DataDir::open(folder.path(), &chain_id(1), &DatabaseConfig::dev()).unwrap();
            KeptRefusals::new(data.node())
        };
        assert_eq!(open().refusals().unwrap(), BTreeMap::new());
        open().keep(&address(1), Some("seen at 5/0")).unwrap();
        open().keep(&address(2), Some("seen at 6/0")).unwrap();
        let kept = open().refusals().unwrap();
        assert_eq!(kept[&address(1)], "seen at 5/0");
        assert_eq!(kept.len(), 2);
        open().keep(&address(1), None).unwrap();
        open().keep(&address(1), None).unwrap();
        let kept: Vec<_> = open().refusals().unwrap().into_keys().collect();
        assert_eq!(kept, [address(2)]);
    }

    #[test]
    fn a_damaged_refusal_is_an_error_and_never_no_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path(), &chain_id(1), &DatabaseConfig::dev()).unwrap();
        let damaged = (b"refused/nobody".to_vec(), Some(b"x".to_vec()));
        data.node().write([damaged]).unwrap();
        let refusals = KeptRefusals::new(data.node()).refusals();
        assert!(matches!(refusals, Err(WalletError::Refusals { .. })));
    }
}
