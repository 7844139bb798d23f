//! The switches of the factories, on disk.

use picot_block_factory::{FactoryError, SwitchStore};
use picot_database::{DatabaseError, NodeStore};
use std::sync::Arc;

/// Which factory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Block production.
    Blocks,
    /// Endorsing.
    Endorsements,
}

/// One switch.
pub struct KeptSwitch {
    store: Arc<NodeStore>,
    key: &'static [u8],
}

impl KeptSwitch {
    /// A switch of the node.
    #[must_use]
    pub const fn new(store: Arc<NodeStore>, switch: Switch) -> Self {
        let key: &[u8] = match switch {
            Switch::Blocks => b"switch/blocks",
            Switch::Endorsements => b"switch/endorsements",
        };
        Self { store, key }
    }

    /// As it was left; on, if it was never touched.
    ///
    /// # Errors
    /// The store failed.
    pub fn is_enabled(&self) -> Result<bool, DatabaseError> {
        Ok(self.store.get(self.key)?.as_deref() != Some(OFF))
    }
}

const ON: &[u8] = b"on";
const OFF: &[u8] = b"off";

impl SwitchStore for KeptSwitch {
    fn keep(&self, enabled: bool) -> Result<(), FactoryError> {
        let value = if enabled { ON } else { OFF };
        let kept = self
            .store
            .write([(self.key.to_vec(), Some(value.to_vec()))])
            .and_then(|()| self.store.sync());
        kept.map_err(|error| FactoryError::Switch(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::mocks::chain_id;

    #[test]
    fn each_switch_is_on_until_it_is_switched_off_and_stays_so_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let open = |switch| {
            let data = DataDir::open(folder.path(), &chain_id(1), &DatabaseConfig::dev()).unwrap();
            KeptSwitch::new(data.node(), switch)
        };
        assert!(open(Switch::Blocks).is_enabled().unwrap());
        open(Switch::Blocks).keep(false).unwrap();
        assert!(!open(Switch::Blocks).is_enabled().unwrap());
        assert!(open(Switch::Endorsements).is_enabled().unwrap());
        open(Switch::Blocks).keep(true).unwrap();
        assert!(open(Switch::Blocks).is_enabled().unwrap());
    }
}
