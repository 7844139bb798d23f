//! From and to the store: only changed pairs are written, and all that is read is checked.

use crate::kit::Stakes;
use picot_ledger::mocks::UnreliableStore;
use picot_ledger::{MemoryStateStore, StateBatch, StateStore, keys};
use picot_models::{Amount, Slot, mocks};
use picot_pos::{PosError, PosFinalState, PosState};
use picot_serialization::Encode;

/// A state with something of everything.
fn lively() -> Stakes {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5), (3, 5)]);
    stakes.pass_cycle(6);
    stakes.slot(true, |registry, total| {
        registry.sell(mocks::address(2), 2, *total).unwrap();
        *total -= 2;
        registry.record_block(mocks::address(1));
    });
    stakes.settle(1);
    stakes
}

fn load(stakes: &Stakes, store: &MemoryStateStore) -> Result<PosState, PosError> {
    PosState::load(stakes.config.clone(), stakes.state.last_final_slot(), store)
}

/// The store with one pair changed.
fn with_pair(stakes: &Stakes, key: Vec<u8>, value: Option<Vec<u8>>) -> MemoryStateStore {
    let store = stakes.store.snapshot();
    let mut batch = StateBatch::new();
    batch.changes.insert(key, value);
    store.commit(batch).unwrap();
    store
}

#[test]
fn what_is_written_is_read_again() {
    let stakes = lively();
    assert_eq!(
        stakes.loaded().cycle_history(),
        stakes.state.cycle_history()
    );
    let mut batch = StateBatch::new();
    stakes.state.write_all(&mut batch);
    let store = MemoryStateStore::new();
    store.commit(batch).unwrap();
    let all = |store: &MemoryStateStore| store.scan(b"", b"", usize::MAX).unwrap();
    assert_eq!(
        all(&store),
        all(&stakes.store),
        "slot by slot, or all at once"
    );
}

#[test]
fn a_slot_writes_only_what_it_changes() {
    let stakes = lively();
    let mut batch = StateBatch::new();
    let changes = picot_pos::PosChanges {
        seed_bits: vec![true],
        ..picot_pos::PosChanges::new()
    };
    let next = stakes.next_slot();
    stakes.state.write_slot(next, &changes, &mut batch).unwrap();
    let written: Vec<_> = batch.changes.keys().collect();
    assert_eq!(written, [&keys::seed_bits(7)]);
}

#[test]
fn a_state_that_is_not_that_of_the_slot_is_refused() {
    let stakes = lively();
    let last = stakes.state.last_final_slot();
    for slot in [
        last.next(2).unwrap(),
        last.prev(2).unwrap(),
        Slot::new(last.period + 3, last.thread),
        Slot::new(last.period - 3, last.thread),
        Slot::new(last.period, 2),
        Slot::new(u64::MAX, 1),
    ] {
        let loaded = PosState::load(stakes.config.clone(), slot, &stakes.store);
        assert!(loaded.is_err(), "{slot}");
    }
}

#[test]
fn wrong_pairs_are_errors_and_never_panics() {
    let stakes = lively();
    let address = mocks::address(1);
    let (zero, one) = (Some(0_u64.to_bytes()), Some(1_u64.to_bytes()));
    let coin = Some(Amount::from_nanos(1).to_bytes());
    let mut extra = keys::rolls(&address);
    extra.push(0);
    let unordered = {
        let mut value = vec![2];
        let mut addresses = [mocks::address(1), mocks::address(2)];
        addresses.sort();
        for address in addresses.iter().rev() {
            address.encode(&mut value);
            value.push(1);
        }
        Some(value)
    };
    for (what, key, value) in [
        ("zero rolls", keys::rolls(&address), zero.clone()),
        ("a long key", extra, one.clone()),
        (
            "a short key",
            keys::rolls(&address)[..5].to_vec(),
            one.clone(),
        ),
        ("a bit too few", keys::seed_bits(7), Some(vec![0])),
        ("no bits of a complete cycle", keys::seed_bits(4), None),
        (
            "bits of a coming cycle",
            keys::seed_bits(8),
            Some(vec![1, 1]),
        ),
        (
            "bits of a dropped cycle",
            keys::seed_bits(1),
            Some(vec![6, 0]),
        ),
        ("unused bits", keys::seed_bits(4), Some(vec![6, 0xff])),
        (
            "bytes after the bits",
            keys::seed_bits(4),
            Some(vec![6, 0, 0]),
        ),
        ("a missing snapshot", keys::roll_snapshot(4), None),
        (
            "a snapshot of the running cycle",
            keys::roll_snapshot(7),
            Some(vec![0]),
        ),
        ("keys that do not ascend", keys::roll_snapshot(4), unordered),
        ("a zero credit", keys::deferred_credit(8, &address), zero),
        (
            "a credit of the past",
            keys::deferred_credit(6, &address),
            coin.clone(),
        ),
        (
            "a credit too far ahead",
            keys::deferred_credit(11, &address),
            coin.clone(),
        ),
        (
            "a credit at the end of time",
            keys::deferred_credit(u64::MAX, &address),
            coin.clone(),
        ),
        (
            "counts of a dropped cycle",
            keys::production_stats(1, &address),
            Some(vec![1; 4]),
        ),
        (
            "counts of a coming cycle",
            keys::production_stats(8, &address),
            Some(vec![1; 4]),
        ),
        (
            "three counts",
            keys::production_stats(7, &address),
            Some(vec![1; 3]),
        ),
    ] {
        assert!(
            load(&stakes, &with_pair(&stakes, key, value)).is_err(),
            "{what}"
        );
    }
    let fine = keys::deferred_credit(10, &address);
    assert!(load(&stakes, &with_pair(&stakes, fine, coin)).is_ok());
}

#[test]
fn an_error_says_which_cycle_and_what() {
    let stakes = lively();
    let error = load(&stakes, &with_pair(&stakes, keys::seed_bits(4), None)).unwrap_err();
    let text =
        "the stored proof-of-stake state is wrong: number of seed bits of cycle 4: 0 instead of 6";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_store_that_fails_at_any_call_of_a_load_is_an_error_and_never_a_panic() {
    let stakes = lively();
    let store = UnreliableStore::new(stakes.store.snapshot());
    let mut failures = 0;
    for calls in 0.. {
        store.fail_after(calls);
        let last = stakes.state.last_final_slot();
        let loaded = PosState::load(stakes.config.clone(), last, &store);
        assert_eq!(loaded.is_err(), store.has_failed());
        match loaded {
            Ok(loaded) => {
                assert_eq!(loaded.cycle_history(), stakes.state.cycle_history());
                break;
            }
            Err(error) => assert!(matches!(error, PosError::Ledger(_)), "{error}"),
        }
        failures += 1;
    }
    assert!(failures >= 5, "each kind of pair is read: {failures}");
}
