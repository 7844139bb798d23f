//! Typed reads of the ledger: from the state store, and through layers of changes.

use crate::parts::in_parts;
use crate::{Change, LedgerChanges, LedgerError, Pair, StateStore, keys};
use picot_models::{Address, Amount};
use picot_serialization::decode_exact;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Reads of the ledger. An entry is a balance, perhaps bytecode, and a datastore.
///
/// Any method may be called from any thread. What one call gives is consistent in itself; two calls
/// may see two states, unless the implementation says more.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Ledger: Send + Sync {
    /// The coins of an address; `None` if it has no entry.
    ///
    /// # Errors
    /// The store failed, or what it holds is damaged.
    fn balance(&self, address: &Address) -> Result<Option<Amount>, LedgerError>;

    /// The coins of many addresses, in their order. Quickest if they ascend.
    ///
    /// # Errors
    /// The store failed, or what it holds is damaged.
    fn balances(&self, addresses: &[Address]) -> Result<Vec<Option<Amount>>, LedgerError> {
        let balance = |address| self.balance(address);
        addresses.iter().map(balance).collect()
    }

    /// The code of an address.
    ///
    /// # Errors
    /// The store failed.
    fn bytecode(&self, address: &Address) -> Result<Option<Arc<[u8]>>, LedgerError>;

    /// A datastore value of an address.
    ///
    /// # Errors
    /// The store failed.
    fn datastore(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError>;

    /// At most `limit` datastore entries of an address in ascending order, whose keys begin with
    /// `prefix` and are not below `from`.
    ///
    /// # Errors
    /// The store failed.
    fn datastore_entries(
        &self,
        address: &Address,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Pair>, LedgerError>;
}

/// The ledger in a state store.
#[derive(Clone)]
pub struct StoreLedger {
    store: Arc<dyn StateStore>,
}

impl StoreLedger {
    /// Reads from this store.
    #[must_use]
    pub fn new(store: Arc<dyn StateStore>) -> Self {
        Self { store }
    }
}

fn read_balance(value: Option<&[u8]>) -> Result<Option<Amount>, LedgerError> {
    let balance = value.map(decode_exact).transpose();
    balance.map_err(|error| LedgerError::corrupt("a balance", error))
}

impl Ledger for StoreLedger {
    fn balance(&self, address: &Address) -> Result<Option<Amount>, LedgerError> {
        let value = self.store.get(&keys::balance_array(address))?;
        read_balance(value.as_deref())
    }

    /// On several threads, if there are many: a disk answers several questions at a time.
    fn balances(&self, addresses: &[Address]) -> Result<Vec<Option<Amount>>, LedgerError> {
        /// Addresses that are worth a thread.
        const PART_ADDRESSES: usize = 2_048;
        let read = |part: &[Address]| -> Result<Vec<_>, LedgerError> {
            let keys: Vec<_> = part.iter().map(keys::balance_array).collect();
            let keys: Vec<&[u8]> = keys.iter().map(<[u8; _]>::as_slice).collect();
            let mut balances = Vec::with_capacity(part.len());
            let mut failure = None;
            self.store.get_many(
                &keys,
                &mut |_, value: Option<&[u8]>| match read_balance(value) {
                    Ok(balance) => balances.push(balance),
                    Err(error) => failure = Some(error),
                },
            )?;
            failure.map_or(Ok(balances), Err)
        };
        let mut parts = in_parts(addresses, PART_ADDRESSES, read).into_iter();
        let mut balances = parts.next().transpose()?.unwrap_or_default();
        for part in parts {
            balances.extend(part?);
        }
        Ok(balances)
    }

    fn bytecode(&self, address: &Address) -> Result<Option<Arc<[u8]>>, LedgerError> {
        Ok(self.store.get(&keys::bytecode(address))?.map(Arc::from))
    }

    fn datastore(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.store.get(&keys::datastore(address, key))
    }

    fn datastore_entries(
        &self,
        address: &Address,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Pair>, LedgerError> {
        let (prefix, from) = (
            keys::datastore(address, prefix),
            keys::datastore(address, from),
        );
        let skipped = keys::datastore(address, &[]).len();
        let mut pairs = self.store.scan(&prefix, &from, limit)?;
        for (key, _) in &mut pairs {
            key.drain(..skipped.min(key.len()));
        }
        Ok(pairs)
    }
}

/// A ledger with changes on top of it.
pub struct LayeredLedger<'a> {
    below: &'a dyn Ledger,
    /// Newest first.
    layers: Vec<&'a LedgerChanges>,
}

impl<'a> LayeredLedger<'a> {
    /// These layers, the newest first, over a ledger.
    #[must_use]
    pub fn new(below: &'a dyn Ledger, layers: Vec<&'a LedgerChanges>) -> Self {
        Self { below, layers }
    }

    /// The newest change that `pick` finds in a layer.
    fn newest<T>(&self, pick: impl Fn(&'a LedgerChanges) -> Option<T>) -> Option<T> {
        self.layers.iter().find_map(|layer| pick(layer))
    }

    /// The newest changes of the datastore entries of an address in a range of keys.
    fn changed_entries(
        &self,
        address: &Address,
        prefix: &[u8],
        from: &[u8],
    ) -> BTreeMap<&'a [u8], Option<&'a Vec<u8>>> {
        let start = prefix.max(from);
        let mut changed = BTreeMap::new();
        for layer in self.layers.iter().rev() {
            let Some(contract) = layer.contract(address) else {
                continue;
            };
            let range = contract
                .datastore
                .range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
                .take_while(|(key, _)| key.starts_with(prefix));
            changed.extend(range.map(|(key, change)| (key.as_slice(), change.value())));
        }
        changed
    }
}

impl Ledger for LayeredLedger<'_> {
    fn balance(&self, address: &Address) -> Result<Option<Amount>, LedgerError> {
        match self.newest(|layer| layer.balance(address)) {
            Some(change) => Ok(change.value().copied()),
            None => self.below.balance(address),
        }
    }

    /// Asks what is below once, for all that no layer knows.
    fn balances(&self, addresses: &[Address]) -> Result<Vec<Option<Amount>>, LedgerError> {
        let newest = |address| self.newest(|layer| layer.balance(address));
        let mut unknown = Vec::new();
        let changes: Vec<_> = addresses
            .iter()
            .map(|address| {
                let change = newest(address);
                if change.is_none() {
                    unknown.push(*address);
                }
                change
            })
            .collect();
        let mut below = self.below.balances(&unknown)?.into_iter();
        let balance = |change: Option<&Change<Amount>>| match change {
            Some(change) => change.value().copied(),
            None => below.next().flatten(),
        };
        Ok(changes.into_iter().map(balance).collect())
    }

    fn bytecode(&self, address: &Address) -> Result<Option<Arc<[u8]>>, LedgerError> {
        match self.newest(|layer| layer.bytecode(address)) {
            Some(change) => Ok(change.value().cloned()),
            None => self.below.bytecode(address),
        }
    }

    fn datastore(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.newest(|layer| layer.datastore(address, key)) {
            Some(Change::Set(value)) => Ok(Some(value.clone())),
            Some(Change::Delete) => Ok(None),
            None => self.below.datastore(address, key),
        }
    }

    fn datastore_entries(
        &self,
        address: &Address,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<Pair>, LedgerError> {
        let changed = self.changed_entries(address, prefix, from);
        // Each change hides at most one entry from below, so this many are enough.
        let wanted = limit.saturating_add(changed.len());
        let below = self
            .below
            .datastore_entries(address, prefix, from, wanted)?;
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = below.into_iter().collect();
        for (key, value) in changed {
            match value {
                Some(value) => merged.insert(key.to_vec(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(merged.into_iter().take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStateStore, StateBatch};
    use picot_models::mocks::address;
    use proptest::prelude::*;

    /// One change of one field of one of three entries.
    #[derive(Debug, Clone)]
    enum Step {
        Balance(u64, Option<u64>),
        Bytecode(u64, Option<Vec<u8>>),
        Datastore(u64, Vec<u8>, Option<Vec<u8>>),
        NextLayer,
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = || prop::collection::vec(0..3_u8, 0..3);
        prop_oneof![
            (0..3_u64, prop::option::of(0..100_u64)).prop_map(|(a, b)| Step::Balance(a, b)),
            (0..3_u64, prop::option::of(bytes())).prop_map(|(a, b)| Step::Bytecode(a, b)),
            (0..3_u64, bytes(), prop::option::of(bytes()))
                .prop_map(|(a, k, v)| Step::Datastore(a, k, v)),
            Just(Step::NextLayer),
        ]
    }

    /// The ledger as plain maps.
    #[derive(Default)]
    struct Model {
        balances: BTreeMap<u64, Amount>,
        bytecodes: BTreeMap<u64, Vec<u8>>,
        datastores: BTreeMap<(u64, Vec<u8>), Vec<u8>>,
    }

    fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }

    fn layers_and_model(steps: &[Step]) -> (Vec<LedgerChanges>, Model) {
        let mut layers = vec![LedgerChanges::new()];
        let mut model = Model::default();
        for step in steps {
            let top = layers.last_mut().unwrap();
            match step.clone() {
                Step::Balance(number, balance) => {
                    let balance = balance.map(Amount::from_nanos);
                    match balance {
                        Some(balance) => top.set_balance(address(number), balance),
                        None => top.delete_balance(address(number)),
                    }
                    put(&mut model.balances, number, balance);
                }
                Step::Bytecode(number, code) => {
                    let change = Change::from(code.clone().map(Arc::from));
                    top.set_bytecode(address(number), change);
                    put(&mut model.bytecodes, number, code);
                }
                Step::Datastore(number, key, value) => {
                    top.set_datastore(address(number), key.clone(), value.clone().into());
                    put(&mut model.datastores, (number, key), value);
                }
                Step::NextLayer => layers.push(LedgerChanges::new()),
            }
        }
        (layers, model)
    }

    fn check(ledger: &dyn Ledger, model: &Model) {
        let asked = [2, 0, 1, 1];
        let balances = asked.map(|number| model.balances.get(&number).copied());
        assert_eq!(ledger.balances(&asked.map(address)).unwrap(), balances);
        for number in 0..3 {
            let owner = address(number);
            let balance = model.balances.get(&number).copied();
            assert_eq!(ledger.balance(&owner).unwrap(), balance);
            let code = ledger.bytecode(&owner).unwrap();
            assert_eq!(
                code.as_deref(),
                model.bytecodes.get(&number).map(Vec::as_slice)
            );
            let bytes = [vec![], vec![0], vec![1], vec![0, 1], vec![1, 2], vec![2, 2]];
            for prefix in &bytes {
                let value = ledger.datastore(&owner, prefix).unwrap();
                assert_eq!(
                    value.as_ref(),
                    model.datastores.get(&(number, prefix.clone()))
                );
                for (from, limit) in bytes.iter().zip(0..) {
                    let entries = ledger
                        .datastore_entries(&owner, prefix, from, limit)
                        .unwrap();
                    let expected: Vec<_> = model
                        .datastores
                        .iter()
                        .filter(|((of, key), _)| {
                            *of == number && key.starts_with(prefix) && key >= from
                        })
                        .map(|((_, key), value)| (key.clone(), value.clone()))
                        .take(limit)
                        .collect();
                    assert_eq!(entries, expected, "{prefix:?} from {from:?}, {limit}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn layers_read_as_a_plain_map_does(
            steps in prop::collection::vec(step(), 0..40),
            committed in 0..6_usize,
        ) {
            let (layers, model) = layers_and_model(&steps);
            let store = Arc::new(MemoryStateStore::new());
            let (below, above) = layers.split_at(committed.min(layers.len()));
            for layer in below {
                let mut batch = StateBatch::new();
                layer.write_to(&mut batch);
                store.commit(batch).unwrap();
            }
            let ledger = StoreLedger::new(store);
            check(&LayeredLedger::new(&ledger, above.iter().rev().collect()), &model);
        }

        #[test]
        fn composed_changes_are_the_same_as_one_after_the_other(
            steps in prop::collection::vec(step(), 0..40),
        ) {
            let (layers, model) = layers_and_model(&steps);
            let mut composed = LedgerChanges::new();
            for layer in layers {
                composed.merge(layer);
            }
            let mut batch = StateBatch::new();
            composed.write_to(&mut batch);
            let store = Arc::new(MemoryStateStore::new());
            store.commit(batch).unwrap();
            check(&StoreLedger::new(store), &model);
        }
    }

    #[test]
    fn many_balances_are_those_of_each() {
        let store = Arc::new(MemoryStateStore::new());
        let changes: LedgerChanges = (0..5_000)
            .map(|number| (address(number), Amount::from_nanos(number)))
            .collect();
        let mut batch = StateBatch::new();
        changes.write_to(&mut batch);
        store.commit(batch).unwrap();
        let ledger = StoreLedger::new(store);
        let asked: Vec<_> = (0..10_000).rev().map(address).collect();
        let each: Vec<_> = asked
            .iter()
            .map(|address| ledger.balance(address).unwrap())
            .collect();
        assert_eq!(ledger.balances(&asked).unwrap(), each);
        assert_eq!(ledger.balances(&[]).unwrap(), []);
        let mut newer = LedgerChanges::new();
        newer.delete_balance(address(7));
        let layered = LayeredLedger::new(&ledger, vec![&newer]);
        assert_eq!(
            layered.balances(&[address(7), address(8)]).unwrap(),
            [None, Some(Amount::from_nanos(8))]
        );
    }

    #[test]
    fn what_is_below_layers_is_asked_once_for_what_they_do_not_know() {
        let mut below = MockLedger::new();
        let nano = |count: &u64| Some(Amount::from_nanos(*count));
        below
            .expect_balances()
            .withf(|asked| asked == [address(3), address(2)])
            .once()
            .returning(move |_| Ok(vec![nano(&30), None]));
        let mut newer = LedgerChanges::new();
        newer.set_balance(address(1), Amount::from_nanos(10));
        let layered = LayeredLedger::new(&below, vec![&newer]);
        let asked = [3, 1, 2].map(address);
        let balances = layered.balances(&asked).unwrap();
        assert_eq!(balances, [nano(&30), nano(&10), None]);
    }

    #[test]
    fn an_entry_of_no_coins_is_not_the_same_as_no_entry() {
        let store = Arc::new(MemoryStateStore::new());
        let mut changes = LedgerChanges::new();
        changes.set_balance(address(1), Amount::ZERO);
        let ledger = StoreLedger::new(store);
        let layered = LayeredLedger::new(&ledger, vec![&changes]);
        assert_eq!(layered.balance(&address(1)).unwrap(), Some(Amount::ZERO));
        assert_eq!(layered.balance(&address(2)).unwrap(), None);
    }

    #[test]
    fn a_damaged_balance_is_an_error() {
        let store = Arc::new(MemoryStateStore::new());
        let mut batch = StateBatch::new();
        batch.put(keys::balance(&address(1)), vec![0x80]);
        store.commit(batch).unwrap();
        let ledger = StoreLedger::new(store);
        for error in [
            ledger.balance(&address(1)).unwrap_err(),
            ledger.balances(&[0, 1, 2].map(address)).unwrap_err(),
        ] {
            assert!(error.to_string().contains("a balance"), "{error}");
        }
    }
}
