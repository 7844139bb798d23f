//! The balances that a slot touches: each is read once, changed often, and written once.

use crate::ExecutionError;
use crate::view::View;
use picot_ledger::LedgerChanges;
use picot_models::{Address, Amount};
use std::collections::HashMap;

/// The balances that a slot has touched so far.
#[derive(Debug, Default)]
pub(crate) struct Balances {
    places: HashMap<Address, usize>,
    /// In the order of the first touch, which every node has alike.
    touched: Vec<Touched>,
}

#[derive(Debug)]
struct Touched {
    address: Address,
    before: Option<Amount>,
    now: Option<Amount>,
}

impl Balances {
    /// The balance of an address; `None` without an entry.
    pub(crate) fn get(
        &mut self,
        view: &View<'_>,
        address: &Address,
    ) -> Result<Option<Amount>, ExecutionError> {
        let place = self.places.get(address);
        if let Some(touched) = place.and_then(|place| self.touched.get(*place)) {
            return Ok(touched.now);
        }
        let before = view.balance(address)?;
        self.places.insert(*address, self.touched.len());
        self.touched.push(Touched {
            address: *address,
            before,
            now: before,
        });
        Ok(before)
    }

    /// Sets the balance of an address that was asked for before.
    pub(crate) fn set(&mut self, address: &Address, balance: Amount) {
        let place = self.places.get(address).copied();
        if let Some(touched) = place.and_then(|place| self.touched.get_mut(place)) {
            touched.now = Some(balance);
        }
    }

    /// The balances that are others than before: address, before, now.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (Address, Option<Amount>, Amount)> + '_ {
        let changed = self
            .touched
            .iter()
            .filter(|touched| touched.now != touched.before);
        changed.filter_map(|touched| Some((touched.address, touched.before, touched.now?)))
    }

    /// The same as changes of the ledger.
    pub(crate) fn into_changes(self) -> LedgerChanges {
        self.changed()
            .map(|(address, _, balance)| (address, balance))
            .collect()
    }
}
