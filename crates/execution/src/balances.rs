//! The balances that a slot touches: each is read once, changed often, and written once.

use crate::ExecutionError;
use crate::view::View;
use picot_ledger::LedgerChanges;
use picot_models::{Address, Amount};
use std::collections::HashMap;

/// The balances that a slot has touched so far.
#[derive(Debug, Default)]
pub(crate) struct Balances {
    places: HashMap<Address, Place>,
    touched: Vec<Touched>,
}

/// Where a touched balance is, so that its address is looked up once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(usize);

#[derive(Debug)]
struct Touched {
    address: Address,
    before: Option<Amount>,
    now: Option<Amount>,
}

impl Balances {
    /// Reads the balances of addresses that will be asked for, all at once.
    pub(crate) fn read_ahead(
        &mut self,
        view: &View<'_>,
        mut addresses: Vec<Address>,
    ) -> Result<(), ExecutionError> {
        addresses.retain(|address| !self.places.contains_key(address));
        // The store answers quickest in its own order.
        addresses.sort_unstable();
        addresses.dedup();
        let balances = view.balances(&addresses)?;
        self.places.reserve(addresses.len());
        self.touched.reserve(addresses.len());
        for (address, balance) in addresses.into_iter().zip(balances) {
            self.add(address, balance);
        }
        Ok(())
    }

    /// The place of an address's balance, which is read if it was not touched before.
    pub(crate) fn place(
        &mut self,
        view: &View<'_>,
        address: &Address,
    ) -> Result<Place, ExecutionError> {
        match self.places.get(address) {
            Some(place) => Ok(*place),
            None => {
                let balance = view.balance(address)?;
                Ok(self.add(*address, balance))
            }
        }
    }

    fn add(&mut self, address: Address, balance: Option<Amount>) -> Place {
        let place = Place(self.touched.len());
        self.places.insert(address, place);
        self.touched.push(Touched {
            address,
            before: balance,
            now: balance,
        });
        place
    }

    /// The balance at a place; `None` without an entry.
    pub(crate) fn at(&self, place: Place) -> Option<Amount> {
        self.touched.get(place.0)?.now
    }

    /// Sets the balance at a place.
    pub(crate) fn set(&mut self, place: Place, balance: Amount) {
        if let Some(touched) = self.touched.get_mut(place.0) {
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
