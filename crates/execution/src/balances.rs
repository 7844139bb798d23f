//! The balances that a slot touches: each is read once, changed often, and written once.

use crate::ExecutionError;
use crate::view::View;
use picot_ledger::LedgerChanges;
use picot_models::{Address, Amount};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The balances that a slot has touched so far.
#[derive(Debug, Default)]
pub(crate) struct Balances {
    /// First those that were read ahead, by ascending address.
    touched: Vec<Touched>,
    read_ahead: usize,
    /// The places of the others.
    places: HashMap<Address, Place>,
}

/// Where a touched balance is, so that its address is looked up once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

#[derive(Debug)]
struct Touched {
    address: Address,
    before: Option<Amount>,
    now: Option<Amount>,
}

impl Touched {
    const fn new(address: Address, balance: Option<Amount>) -> Self {
        Self {
            address,
            before: balance,
            now: balance,
        }
    }
}

impl Balances {
    /// Reads many balances at once, in the order in which a store answers quickest. Gives the place
    /// of each address.
    pub(crate) fn read_ahead(
        &mut self,
        view: &View<'_>,
        asked: &[Address],
    ) -> Result<Vec<Place>, ExecutionError> {
        if !self.touched.is_empty() {
            // Only what is touched first is kept in order, and needs no further look-up.
            return asked
                .iter()
                .map(|address| self.place(view, address))
                .collect();
        }
        let mut addresses: Vec<Address> = Vec::with_capacity(asked.len());
        let mut places = vec![Place(0); asked.len()];
        for index in ascending(asked) {
            let (Some(address), Some(place)) = (asked.get(index), places.get_mut(index)) else {
                continue;
            };
            if addresses.last() != Some(address) {
                addresses.push(*address);
            }
            *place = Place(addresses.len().saturating_sub(1));
        }
        let balances = view.balances(&addresses)?;
        let touched = addresses.into_iter().zip(balances);
        self.touched = touched
            .map(|(address, balance)| Touched::new(address, balance))
            .collect();
        self.read_ahead = self.touched.len();
        Ok(places)
    }

    /// The place of an address's balance, which is read if it was not touched before.
    pub(crate) fn place(
        &mut self,
        view: &View<'_>,
        address: &Address,
    ) -> Result<Place, ExecutionError> {
        let read_ahead = self.touched.get(..self.read_ahead).unwrap_or_default();
        if let Ok(place) = read_ahead.binary_search_by(|touched| touched.address.cmp(address)) {
            return Ok(Place(place));
        }
        if let Some(place) = self.places.get(address) {
            return Ok(*place);
        }
        let place = Place(self.touched.len());
        let balance = view.balance(address)?;
        self.touched.push(Touched::new(*address, balance));
        self.places.insert(*address, place);
        Ok(place)
    }

    /// Adds the balance of an address that was not read ahead, so that it need not be read.
    pub(crate) fn add_known(&mut self, address: &Address, balance: Option<Amount>) {
        let place = Place(self.touched.len());
        if let Entry::Vacant(entry) = self.places.entry(*address) {
            entry.insert(place);
            self.touched.push(Touched::new(*address, balance));
        }
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

/// The indices of addresses in ascending order of the addresses. They are compared by their first
/// bits as a number, which nearly always says it all.
fn ascending(addresses: &[Address]) -> impl Iterator<Item = usize> {
    let heads = addresses.iter().map(head);
    let mut order: Vec<_> = heads.zip(0_u32..).collect();
    let address = |index: u32| addresses.get(usize::try_from(index).ok()?);
    order.sort_unstable_by(|(one, at), (other, of_other)| {
        one.cmp(other)
            .then_with(|| address(*at).cmp(&address(*of_other)))
    });
    order
        .into_iter()
        .filter_map(|(_, index)| usize::try_from(index).ok())
}

/// A number that ascends with addresses: contracts after keys, then the first bits of the hash.
fn head(address: &Address) -> u64 {
    let first = address.as_hash().as_bytes().first_chunk::<8>();
    let first = first.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (u64::from(address.is_contract()) << 63) | (first >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Hash;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_addresses(
            parts in prop::collection::vec((any::<bool>(), 0..3_u8, 0..3_u8, 0..3_u8), 0..20),
        ) {
            let address = |(is_contract, first, head, tail)| {
                let mut bytes = [0; 32];
                bytes[0] = first;
                bytes[7] = head;
                bytes[31] = tail;
                if is_contract { Address::Contract(Hash(bytes)) } else { Address::Key(Hash(bytes)) }
            };
            let addresses: Vec<_> = parts.into_iter().map(address).collect();
            let ordered: Vec<_> = ascending(&addresses).map(|index| addresses[index]).collect();
            let mut sorted = addresses;
            sorted.sort();
            prop_assert_eq!(ordered, sorted);
        }
    }
}
