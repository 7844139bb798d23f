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

/// What becomes of an entry: each field that is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryChange {
    /// The balance. An address has an entry if it has a balance, maybe of zero.
    pub balance: Option<Change<Amount>>,
    /// The bytecode.
    pub bytecode: Option<Change<Arc<[u8]>>>,
    /// Entries of the datastore, by key.
    pub datastore: BTreeMap<Vec<u8>, Change<Vec<u8>>>,
}

impl EntryChange {
    fn merge(&mut self, later: Self) {
        if later.balance.is_some() {
            self.balance = later.balance;
        }
        if later.bytecode.is_some() {
            self.bytecode = later.bytecode;
        }
        self.datastore.extend(later.datastore);
    }
}

impl FromIterator<(Address, Amount)> for LedgerChanges {
    /// New balances, each of another address.
    fn from_iter<I: IntoIterator<Item = (Address, Amount)>>(balances: I) -> Self {
        let changes = balances.into_iter().map(|(address, balance)| {
            let change = EntryChange {
                balance: Some(Change::Set(balance)),
                ..EntryChange::default()
            };
            (address, change)
        });
        Self {
            entries: changes.collect(),
        }
    }
}

/// What becomes of entries, by address. Composes with later changes, and lies over a reader as a
/// layer ([`LayeredLedger`](crate::LayeredLedger)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChanges {
    entries: BTreeMap<Address, EntryChange>,
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
        self.entries.is_empty()
    }

    /// The changed entries by ascending address.
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &EntryChange)> {
        self.entries.iter()
    }

    /// What becomes of one entry.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&EntryChange> {
        self.entries.get(address)
    }

    /// What becomes of a balance, if it is named.
    #[must_use]
    pub fn balance(&self, address: &Address) -> Option<&Change<Amount>> {
        self.get(address)?.balance.as_ref()
    }

    /// What becomes of a bytecode, if it is named.
    #[must_use]
    pub fn bytecode(&self, address: &Address) -> Option<&Change<Arc<[u8]>>> {
        self.get(address)?.bytecode.as_ref()
    }

    /// What becomes of a datastore entry, if it is named.
    #[must_use]
    pub fn datastore(&self, address: &Address, key: &[u8]) -> Option<&Change<Vec<u8>>> {
        self.get(address)?.datastore.get(key)
    }

    /// Sets a balance, and so makes the entry if there was none.
    pub fn set_balance(&mut self, address: Address, balance: Amount) {
        self.entry(address).balance = Some(Change::Set(balance));
    }

    /// Sets or deletes a bytecode.
    pub fn set_bytecode(&mut self, address: Address, change: Change<Arc<[u8]>>) {
        self.entry(address).bytecode = Some(change);
    }

    /// Sets or deletes a datastore entry.
    pub fn set_datastore(&mut self, address: Address, key: Vec<u8>, change: Change<Vec<u8>>) {
        self.entry(address).datastore.insert(key, change);
    }

    /// Deletes a balance, and so the entry. Its other fields are not touched.
    pub fn delete_balance(&mut self, address: Address) {
        self.entry(address).balance = Some(Change::Delete);
    }

    /// Adds changes that come after these.
    pub fn merge(&mut self, later: Self) {
        if self.entries.is_empty() {
            self.entries = later.entries;
            return;
        }
        for (address, change) in later.entries {
            self.entry(address).merge(change);
        }
    }

    /// The same changes as pairs of the state.
    pub fn write_to(&self, batch: &mut StateBatch) {
        let mut pairs = Vec::with_capacity(self.entries.len());
        for (address, change) in &self.entries {
            if let Some(balance) = &change.balance {
                let value = balance.value().map(Encode::to_bytes);
                pairs.push((keys::balance(address), value));
            }
            if let Some(bytecode) = &change.bytecode {
                let value = bytecode.value().map(|code| code.to_vec());
                pairs.push((keys::bytecode(address), value));
            }
            for (key, change) in &change.datastore {
                let value = change.value().cloned();
                pairs.push((keys::datastore(address, key), value));
            }
        }
        if batch.changes.is_empty() {
            // At once, which is several times as fast.
            batch.changes = pairs.into_iter().collect();
        } else {
            batch.changes.extend(pairs);
        }
    }

    fn entry(&mut self, address: Address) -> &mut EntryChange {
        self.entries.entry(address).or_default()
    }
}
