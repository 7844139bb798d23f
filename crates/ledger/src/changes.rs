//! Changes of the ledger, as values.

use crate::{StateBatch, keys};
use picot_models::{Address, Amount};
use picot_serialization::Encode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What becomes of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// It has this value.
    Set(T),
    /// It is not there any more.
    Delete,
}

impl<T> Change<T> {
    /// The value after the change.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Delete => None,
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Delete, Self::Set)
    }
}

/// What becomes of the contract of an entry: each field that is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContractChange {
    /// The bytecode.
    pub bytecode: Option<Change<Arc<[u8]>>>,
    /// Entries of the datastore, by key.
    pub datastore: BTreeMap<Vec<u8>, Change<Vec<u8>>>,
}

impl ContractChange {
    fn merge(&mut self, later: Self) {
        if later.bytecode.is_some() {
            self.bytecode = later.bytecode;
        }
        self.datastore.extend(later.datastore);
    }
}

/// What becomes of entries, by address. Composes with later changes, and lies over a reader as a
/// layer ([`LayeredLedger`](crate::LayeredLedger)).
///
/// Balances are apart from the rest of an entry: nearly all changes are of balances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChanges {
    balances: BTreeMap<Address, Change<Amount>>,
    contracts: BTreeMap<Address, ContractChange>,
}

impl FromIterator<(Address, Amount)> for LedgerChanges {
    /// New balances. Quickest if the addresses ascend.
    fn from_iter<I: IntoIterator<Item = (Address, Amount)>>(balances: I) -> Self {
        let balances = balances.into_iter();
        Self {
            balances: balances
                .map(|(address, balance)| (address, Change::Set(balance)))
                .collect(),
            contracts: BTreeMap::new(),
        }
    }
}

impl LedgerChanges {
    /// No change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.balances.is_empty() && self.contracts.is_empty()
    }

    /// What becomes of balances, by ascending address. An address has an entry if it has a balance,
    /// maybe of zero.
    pub fn balances(&self) -> impl Iterator<Item = (&Address, &Change<Amount>)> {
        self.balances.iter()
    }

    /// What becomes of a balance, if it is named.
    #[must_use]
    pub fn balance(&self, address: &Address) -> Option<&Change<Amount>> {
        self.balances.get(address)
    }

    /// What becomes of the contract of an entry, if anything of it is named.
    #[must_use]
    pub fn contract(&self, address: &Address) -> Option<&ContractChange> {
        self.contracts.get(address)
    }

    /// What becomes of a bytecode, if it is named.
    #[must_use]
    pub fn bytecode(&self, address: &Address) -> Option<&Change<Arc<[u8]>>> {
        self.contract(address)?.bytecode.as_ref()
    }

    /// What becomes of a datastore entry, if it is named.
    #[must_use]
    pub fn datastore(&self, address: &Address, key: &[u8]) -> Option<&Change<Vec<u8>>> {
        self.contract(address)?.datastore.get(key)
    }

    /// Sets a balance, and so makes the entry if there was none.
    pub fn set_balance(&mut self, address: Address, balance: Amount) {
        self.balances.insert(address, Change::Set(balance));
    }

    /// Sets or deletes a bytecode.
    pub fn set_bytecode(&mut self, address: Address, change: Change<Arc<[u8]>>) {
        self.contract_mut(address).bytecode = Some(change);
    }

    /// Sets or deletes a datastore entry.
    pub fn set_datastore(&mut self, address: Address, key: Vec<u8>, change: Change<Vec<u8>>) {
        self.contract_mut(address).datastore.insert(key, change);
    }

    /// Deletes a balance, and so the entry. Its other fields are not touched.
    pub fn delete_balance(&mut self, address: Address) {
        self.balances.insert(address, Change::Delete);
    }

    /// Adds changes that come after these.
    pub fn merge(&mut self, later: Self) {
        if self.is_empty() {
            *self = later;
            return;
        }
        self.balances.extend(later.balances);
        for (address, change) in later.contracts {
            self.contract_mut(address).merge(change);
        }
    }

    /// The same changes as pairs of the state.
    pub fn write_to(&self, batch: &mut StateBatch) {
        let pairs = self.balances.iter().map(|(address, change)| {
            let value = change.value().map(Encode::to_bytes);
            (keys::balance(address), value)
        });
        batch.change_all(pairs);
        for (address, change) in &self.contracts {
            if let Some(bytecode) = &change.bytecode {
                let value = bytecode.value().map(|code| code.to_vec());
                batch.changes.insert(keys::bytecode(address), value);
            }
            for (key, change) in &change.datastore {
                let value = change.value().cloned();
                batch.changes.insert(keys::datastore(address, key), value);
            }
        }
    }

    fn contract_mut(&mut self, address: Address) -> &mut ContractChange {
        self.contracts.entry(address).or_default()
    }
}
