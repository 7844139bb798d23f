//! What holds after a restart (design 05 and 10).

use crate::kit::{Chain, small_genesis, small_params};
use picot_execution::{
    Config, DecidedSlots, ExecutionCore, ExecutionError, recompute_state_hash, reexecute,
};
use picot_ledger::{STATE_FORMAT, StateBatch, StateMetadata, StateStore, keys};
use picot_models::{Slot, mocks};
use picot_serialization::Encode;
use std::sync::Arc;

fn open(chain: &Chain, store: Arc<dyn StateStore>) -> Result<ExecutionCore, ExecutionError> {
    let config = Config {
        verify_state_hash: true,
        ..Config::default()
    };
    let selector = crate::kit::selector(&chain.genesis);
    ExecutionCore::open(store, &chain.genesis, selector, config)
}

/// A chain with something of everything in its state.
fn lively() -> Chain {
    let mut chain = Chain::small();
    chain.run(vec![chain.transfer(1, 2, 100, 1), chain.sell(2, 4)]);
    chain.run(vec![chain.buy(1, 2)]);
    chain.run_to_end_of_cycle(6);
    chain.miss();
    chain.run(vec![chain.transfer(2, 77, 100, 1), chain.sell(1, 1)]);
    chain
}

#[test]
fn the_state_hash_is_that_of_all_pairs() {
    let chain = lively();
    let summary = chain.reader().summary();
    assert_eq!(
        recompute_state_hash(&*chain.store).unwrap(),
        summary.state_hash
    );
}

#[test]
fn executing_the_history_again_gives_the_same_state_hash() {
    let chain = lively();
    let hash = reexecute(&chain.genesis, chain.history.clone()).unwrap();
    assert_eq!(hash, chain.reader().summary().state_hash);
}

#[test]
fn after_a_restart_everything_is_as_before() {
    let mut chain = lively();
    let mut again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    assert_eq!(again.reader().summary(), chain.reader().summary());
    assert_eq!(again.reader().known_cycles(), chain.reader().known_cycles());
    for cycle in chain.reader().known_cycles() {
        assert_eq!(
            again.reader().cycle_info(cycle),
            chain.reader().cycle_info(cycle)
        );
    }
    assert_eq!(
        again.reader().executed_operations(0).unwrap(),
        chain.reader().executed_operations(0).unwrap()
    );
    // And goes on alike.
    let first = chain.history.len();
    chain.run(vec![chain.transfer(1, 2, 5, 0)]);
    chain.run_to_end_of_cycle(8);
    let applied = again.apply(chain.history[first..].to_vec(), vec![]);
    assert!(applied.failure.is_none());
    assert_eq!(again.reader().summary(), chain.reader().summary());
}

#[test]
fn the_selector_is_fed_everything_known_at_start() {
    use picot_selector::Selector;
    let chain = lively();
    let selector = crate::kit::selector(&chain.genesis);
    let store = Arc::new(chain.store.snapshot());
    ExecutionCore::open(store, &chain.genesis, selector.clone(), Config::default()).unwrap();
    // Cycle 7 runs: faults reach two cycles back, and draws of the next cycle are known.
    assert_eq!(selector.ready_cycles(), [5, 6, 7, 8]);
    for cycle in 5..=8 {
        assert_eq!(selector.seed(cycle), chain.selector.seed(cycle));
        assert_eq!(
            selector.voting_power(cycle),
            chain.selector.voting_power(cycle)
        );
    }
}

#[test]
fn decided_slots_that_are_final_already_are_passed_over() {
    let chain = lively();
    let mut again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    let applied = again.apply(chain.history.clone(), vec![]);
    assert!(applied.failure.is_none());
    assert!(applied.final_slots.is_empty());
    assert_eq!(again.reader().summary(), chain.reader().summary());
}

#[test]
fn a_crash_leaves_the_state_of_some_final_slot_exactly() {
    let mut chain = Chain::small();
    let slots = 30;
    let mut states = vec![(chain.core.last_final_slot(), chain.store.snapshot())];
    for _ in 0..slots {
        let transfer = chain.transfer(1, 2, 1, 0);
        chain.run(vec![transfer]);
        states.push((chain.core.last_final_slot(), chain.store.snapshot()));
    }
    let summary = chain.reader().summary();
    for (last_final_slot, store) in states {
        let mut again = open(&chain, Arc::new(store)).unwrap();
        assert_eq!(again.last_final_slot(), last_final_slot);
        let next_period = again.reader().summary().next_period(0);
        let missing = chain
            .history
            .iter()
            .filter(|decided| decided.slot.period >= next_period);
        let applied = again.apply(missing.cloned().collect(), vec![]);
        assert!(applied.failure.is_none());
        assert_eq!(again.reader().summary(), summary);
    }
}

#[test]
fn a_commit_that_fails_leaves_the_state_as_it_was() {
    let mut chain = lively();
    let (before, pairs) = (chain.reader().summary(), chain.store.len());
    chain.store.set_commits_fail(true);
    let block = chain.block(chain.next_slot(), vec![]);
    let applied = chain
        .core
        .apply(vec![DecidedSlots::block(block.clone())], vec![]);
    assert!(matches!(applied.failure, Some(ExecutionError::Ledger(_))));
    assert!(applied.final_slots.is_empty());
    let after = chain.reader().summary();
    assert_eq!(after.last_final_slot, before.last_final_slot);
    assert_eq!(after.state_hash, before.state_hash);
    assert_eq!(chain.store.len(), pairs);
    // With room on the disk again, a restart goes on.
    let mut again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    let applied = again.apply(vec![DecidedSlots::block(block)], vec![]);
    assert_eq!(applied.final_slots.len(), 1);
}

#[test]
fn a_state_of_another_chain_is_refused() {
    let chain = lively();
    let mut genesis = chain.genesis.clone();
    genesis.name = "other".to_owned();
    let other = Chain::new(genesis);
    let error = open(&other, Arc::new(chain.store.snapshot())).unwrap_err();
    assert!(matches!(error, ExecutionError::OtherChain), "{error}");
}

#[test]
fn a_state_of_a_newer_format_is_refused() {
    let chain = lively();
    let store = Arc::new(chain.store.snapshot());
    let mut metadata = StateMetadata::read(&*store).unwrap().unwrap();
    metadata.format = STATE_FORMAT + 1;
    let mut batch = StateBatch::new();
    batch.set_metadata(metadata.to_bytes());
    store.commit(batch).unwrap();
    let error = open(&chain, store).unwrap_err();
    assert!(
        matches!(error, ExecutionError::Format { found, known: STATE_FORMAT } if found > STATE_FORMAT),
        "{error}"
    );
}

#[test]
fn one_changed_byte_is_found_at_start() {
    let chain = lively();
    let store = Arc::new(chain.store.snapshot());
    let mut batch = StateBatch::new();
    batch.put(keys::balance(&mocks::address(77)), 7_u64.to_bytes());
    store.commit(batch).unwrap();
    let error = open(&chain, store).unwrap_err();
    assert!(error.to_string().contains("its hash is"), "{error}");
}

/// The state with some pairs changed, and a hash that is right again.
fn forged(chain: &Chain, change: impl FnOnce(&mut StateBatch)) -> Arc<dyn StateStore> {
    let store = Arc::new(chain.store.snapshot());
    let mut metadata = StateMetadata::read(&*store).unwrap().unwrap();
    let mut batch = StateBatch::new();
    change(&mut batch);
    let slot = metadata.last_final_slot;
    metadata.seal(&mut batch, &*store, slot).unwrap();
    store.commit(batch).unwrap();
    store
}

#[test]
fn each_total_is_compared_with_its_sum_at_start() {
    let chain = lively();
    let totals = |change: fn(&mut picot_execution::Totals)| {
        let mut totals = chain.totals();
        change(&mut totals);
        forged(&chain, |batch| batch.put(keys::totals(), totals.to_bytes()))
    };
    let nano = picot_models::Amount::from_nanos(1);
    let more = |amount: picot_models::Amount| amount.checked_add(nano).unwrap();
    assert!(!chain.totals().deferred_credits.is_zero());
    for (what, store) in [
        ("total of rolls", totals(|totals| totals.rolls += 1)),
        (
            "total of deferred credits",
            forged(&chain, |batch| {
                let credit = chain.credits(1)[0];
                let key = keys::deferred_credit(credit.0, &mocks::address(1));
                batch.put(key, (credit.1 + 1).to_bytes());
            }),
        ),
        (
            "total of balances",
            forged(&chain, |batch| {
                let balance = chain.balance(77) + 1;
                batch.put(keys::balance(&mocks::address(77)), balance.to_bytes());
            }),
        ),
        (
            "supply",
            forged(&chain, |batch| {
                let mut totals = chain.totals();
                totals.genesis_supply = more(totals.genesis_supply);
                totals.burnt = more(totals.burnt);
                batch.put(keys::totals(), totals.to_bytes());
            }),
        ),
        (
            "do not add up",
            forged(&chain, |batch| {
                let mut totals = chain.totals();
                totals.minted = more(totals.minted);
                batch.put(keys::totals(), totals.to_bytes());
            }),
        ),
    ] {
        let error = open(&chain, store).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn a_damaged_state_is_an_error_and_never_a_panic() {
    let chain = lively();
    let pairs = chain.store.scan(b"", b"", usize::MAX).unwrap();
    for (key, value) in pairs {
        let shorter = value.split_last().map(|(_, rest)| rest.to_vec());
        let mut longer = value.clone();
        longer.push(1);
        for damaged in [shorter, Some(longer), Some(vec![0x80]), None] {
            let store = Arc::new(chain.store.snapshot());
            let mut batch = StateBatch::new();
            batch.changes.insert(key.clone(), damaged.clone());
            store.commit(batch).unwrap();
            if damaged.as_ref() != Some(&value) {
                assert!(open(&chain, store).is_err(), "{key:02x?} {damaged:02x?}");
            }
        }
    }
}

#[test]
fn an_empty_store_becomes_the_state_of_the_genesis() {
    let genesis = small_genesis(small_params(), &[(1, 10), (2, 20)]);
    let chain = Chain::new(genesis);
    chain.check_totals();
    let summary = chain.reader().summary();
    assert_eq!(summary.last_final_slot, Slot::new(0, 0));
    assert_eq!((chain.balance(1), chain.rolls(2)), (1_000, 20));
    assert_eq!(summary.totals.genesis_supply.as_nanos(), 2_000 + 3_000);
    let info = chain.reader().cycle_info(0).unwrap();
    assert_eq!(info.rng_seed.len(), 1, "the bit of the genesis block");
    let again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    assert_eq!(again.reader().summary(), summary);
}

#[test]
fn after_a_restart_no_operation_runs_again_and_no_fault_is_punished_again() {
    let mut chain = Chain::small();
    let operation = chain.transfer(1, 2, 100, 0);
    chain.run(vec![operation.clone()]);
    let denunciation = crate::kit::two_votes(&chain, &mocks::key(2), Slot::new(1, 0));
    let block = |chain: &Chain, operations| {
        let (slot, denunciations) = (chain.next_slot(), vec![denunciation.clone()]);
        let producer = chain.producer_at(slot);
        chain.full_block(slot, &producer, operations, &[], denunciations)
    };
    chain.decide_block(block(&chain, vec![]));
    let slashed = chain.totals().slashed;
    assert!(!slashed.is_zero());
    let mut again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    let both = block(&chain, vec![operation]);
    let applied = again.apply(vec![DecidedSlots::block(both)], vec![]);
    let (_, outcome) = applied.final_slots[0].operations[0];
    assert_eq!(outcome, picot_execution::OperationOutcome::Refused);
    assert_eq!(again.reader().summary().totals.slashed, slashed);
}
