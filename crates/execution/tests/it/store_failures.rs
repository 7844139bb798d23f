//! A store that fails at each of its calls in turn: an error that says so, nothing half done, and a
//! state in memory that is the store's (design 05, 'A crash at any moment').

use crate::kit::{Chain, plain, selector, two_votes};
use picot_execution::{
    Applied, Config, DecidedSlots, Execution, ExecutionCore, ExecutionError, ExecutionReader,
    ExecutionSummary, ExecutionWorker, Level, OperationOutcome, recompute_state_hash,
};
use picot_ledger::mocks::UnreliableStore;
use picot_ledger::{LedgerError, MemoryStateStore, StateMetadata};
use picot_models::{Amount, Block, Genesis, OperationKind, Slot, mocks};
use picot_pool::mocks::MockPool;
use picot_pos::PosError;
use std::collections::BTreeSet;
use std::sync::Arc;

type Store = UnreliableStore<MemoryStateStore>;

fn open(genesis: &Genesis, store: Arc<Store>) -> Result<ExecutionCore, ExecutionError> {
    let config = Config {
        verify_state_hash: true,
        ..Config::default()
    };
    ExecutionCore::open(store, genesis, selector(genesis), config)
}

fn unreliable(store: &MemoryStateStore) -> Arc<Store> {
    Arc::new(UnreliableStore::new(store.snapshot()))
}

/// What the store was asked for when it failed.
fn failed_action(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::Ledger(LedgerError::Store { action, .. })
        | ExecutionError::Pos(PosError::Ledger(LedgerError::Store { action, .. })) => action,
        other => panic!("not a failure of the store: {other}"),
    }
}

/// A state, and what is decided after it.
struct Scene {
    genesis: Genesis,
    before: MemoryStateStore,
    first: Slot,
    decided: Vec<DecidedSlots>,
    /// When all of it is final.
    after: ExecutionSummary,
}

impl Scene {
    /// Transfers, new entries, purchases, sales, a fault, misses, and the end of a cycle in which
    /// coins come due.
    fn new() -> Self {
        let mut chain = Chain::small();
        chain.run(vec![chain.transfer(1, 2, 100, 1), chain.sell(2, 4)]);
        chain.run_to_end_of_cycle(2);
        chain.miss();
        let (before, first) = (chain.store.snapshot(), chain.next_slot());
        let known = chain.history.len();
        chain.run(vec![]);
        chain.run(vec![
            chain.transfer(1, 77, 50, 3),
            chain.transfer(2, 1, 5, 0),
        ]);
        let denounced = two_votes(&chain, &mocks::key(2), Slot::new(first.period - 1, 0));
        let slot = chain.next_slot();
        let operations = vec![chain.buy(1, 2), chain.sell(2, 1), chain.sell(1, 1)];
        let producer = chain.producer_at(slot);
        chain.decide_block(chain.full_block(slot, &producer, operations, &[], vec![denounced]));
        chain.run_to_end_of_cycle(3);
        chain.miss();
        chain.run(vec![chain.transfer(77, 1, 7, 2)]);
        Self {
            genesis: chain.genesis.clone(),
            before,
            first,
            decided: chain.history[known..].to_vec(),
            after: chain.reader().summary(),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let blocks = self.decided.iter().map(|decided| decided.block.clone());
        blocks.flatten().collect()
    }

    /// That memory holds what the store holds, of one slot, and what is told to be final is.
    fn check_equal(&self, core: &ExecutionCore, store: &Store, told: &Applied) {
        let metadata = StateMetadata::read(store.inner()).unwrap().unwrap();
        let reader = core.reader();
        let summary = reader.summary();
        assert_eq!(summary.last_final_slot, metadata.last_final_slot);
        assert_eq!(summary.state_hash, metadata.lattice.digest());
        assert_eq!(
            summary.state_hash,
            recompute_state_hash(store.inner()).unwrap()
        );
        let periods = told.final_slots.iter().map(|output| output.slot.period);
        let expected = self.first.period..=summary.last_final_slot.period;
        assert!(periods.eq(expected), "what is told is what is final");
        let again = open(&self.genesis, unreliable(store.inner())).unwrap();
        assert_eq!(again.base(), core.base());
        self.check_readers(&reader, &again.reader());
    }

    /// That all reads of the final state agree.
    fn check_readers(&self, one: &ExecutionReader, other: &ExecutionReader) {
        assert_eq!(one.summary().totals, other.summary().totals);
        assert_eq!(one.stakers(), other.stakers());
        assert_eq!(one.known_cycles(), other.known_cycles());
        for cycle in one.known_cycles() {
            assert_eq!(one.cycle_info(cycle), other.cycle_info(cycle));
        }
        for number in [1, 2, 77, 99] {
            let address = mocks::address(number);
            let state = |reader: &ExecutionReader| {
                let balance = reader.balance(Level::Final, &address).unwrap();
                let credits = reader.deferred_credits(Level::Final, &address);
                (balance, credits.unwrap())
            };
            assert_eq!(state(one), state(other));
        }
        for operation in self.blocks().iter().flat_map(|block| &block.operations) {
            let status = |reader: &ExecutionReader| {
                let status = reader.operation_status(&operation.id()).unwrap();
                status.filter(|status| status.level == Level::Final)
            };
            assert_eq!(status(one), status(other));
        }
    }

    /// Makes everything final with a store that fails at the call after so many; gives what it was
    /// asked for then, if there was such a call.
    fn decide_with_failure(&self, calls: u64, ahead: Vec<Block>) -> Option<&'static str> {
        let store = unreliable(&self.before);
        let mut core = open(&self.genesis, store.clone()).unwrap();
        let applied = core.apply(vec![], ahead.clone());
        assert!(applied.failure.is_none() && applied.failed_candidate.is_none());
        store.fail_after(calls);
        let applied = core.apply(self.decided.clone(), ahead);
        if !store.has_failed() {
            assert!(applied.failure.is_none());
            assert_eq!(core.reader().summary(), self.after);
            return None;
        }
        let error = applied.failure.as_ref().expect("the store failed");
        let action = failed_action(error);
        self.check_equal(&core, &store, &applied);
        // It goes no further, although the store would answer again …
        let final_slot = core.last_final_slot();
        let stopped = core.apply(self.decided.clone(), vec![]);
        assert!(matches!(stopped.failure, Some(ExecutionError::Stopped(_))));
        assert!(stopped.final_slots.is_empty());
        assert_eq!(core.last_final_slot(), final_slot);
        // … but after a restart it does, to where it would have come.
        let mut again = open(&self.genesis, unreliable(store.inner())).unwrap();
        let applied = again.apply(self.decided.clone(), vec![]);
        assert!(applied.failure.is_none());
        assert_eq!(again.reader().summary(), self.after);
        Some(action)
    }
}

/// Tries with one more call that succeeds each time, until nothing fails; gives what was asked for
/// where it failed.
fn each_call(attempt: impl FnMut(u64) -> Option<&'static str>) -> Vec<&'static str> {
    (0..).map_while(attempt).collect()
}

fn distinct(actions: &[&'static str]) -> BTreeSet<&'static str> {
    actions.iter().copied().collect()
}

#[test]
fn a_store_that_fails_while_slots_become_final_leaves_memory_equal_to_it() {
    let scene = Scene::new();
    let failed = each_call(|calls| scene.decide_with_failure(calls, vec![]));
    let expected = ["commit", "get a value", "get many values"];
    assert_eq!(distinct(&failed), BTreeSet::from(expected));
    let commits = failed.iter().filter(|action| **action == "commit").count();
    assert!(commits > 2, "some fail after others succeeded: {failed:?}");
}

#[test]
fn a_store_that_fails_while_what_was_executed_ahead_becomes_final_leaves_memory_equal_to_it() {
    let scene = Scene::new();
    let failed = each_call(|calls| scene.decide_with_failure(calls, scene.blocks()));
    let expected = ["commit", "get many values"];
    assert_eq!(distinct(&failed), BTreeSet::from(expected));
}

#[test]
fn a_store_that_fails_under_a_candidate_stops_nobody_and_leaves_nothing_of_it() {
    let scene = Scene::new();
    let blocks = scene.blocks();
    let state = |core: &ExecutionCore| {
        let (reader, summary) = (core.reader(), core.reader().summary());
        let of = [1, 2, 77].map(|number| {
            let address = mocks::address(number);
            let balance = reader.balance(Level::Candidate, &address).unwrap();
            let credits = reader.deferred_credits(Level::Candidate, &address);
            let rolls = reader.rolls(Level::Candidate, &address).unwrap();
            (balance, credits.unwrap(), rolls)
        });
        (summary, of)
    };
    let mut healthy = open(&scene.genesis, unreliable(&scene.before)).unwrap();
    healthy.apply(vec![], blocks.clone());
    let failed = each_call(|calls| {
        let store = unreliable(&scene.before);
        let mut core = open(&scene.genesis, store.clone()).unwrap();
        store.fail_after(calls);
        let applied = core.apply(vec![], blocks.clone());
        assert!(applied.failure.is_none(), "what is final goes on");
        assert_eq!(applied.failed_candidate.is_some(), store.has_failed());
        let failure = applied.failed_candidate.map(|(slot, error)| {
            let mut until = open(&scene.genesis, unreliable(&scene.before)).unwrap();
            let sound = blocks.iter().filter(|block| block.slot() < slot);
            until.apply(vec![], sound.cloned().collect());
            // Misses between the last sound block and the failed one are executed, too.
            let (is, should) = (state(&core), state(&until));
            assert_eq!((is.0.state_hash, &is.1), (should.0.state_hash, &should.1));
            assert!(is.0.candidate_slot < slot);
            failed_action(&error)
        });
        core.resume(vec![]);
        assert_eq!(state(&core), state(&healthy), "tried again, it succeeds");
        failure
    });
    let expected = ["get a value", "get many values"];
    assert_eq!(distinct(&failed), BTreeSet::from(expected));
}

#[test]
fn a_store_that_fails_at_the_first_start_has_the_genesis_state_or_nothing() {
    let genesis = Scene::new().genesis;
    let sound = open(&genesis, unreliable(&MemoryStateStore::new())).unwrap();
    let failed = each_call(|calls| {
        let store = unreliable(&MemoryStateStore::new());
        store.fail_after(calls);
        let opened = open(&genesis, store.clone());
        let failure = opened.err().map(|error| failed_action(&error));
        assert_eq!(failure.is_some(), store.has_failed());
        let is_committed = StateMetadata::read(store.inner()).unwrap().is_some();
        assert!(is_committed || store.inner().is_empty());
        store.fail_never();
        let again = open(&genesis, store).unwrap();
        assert_eq!(again.reader().summary(), sound.reader().summary());
        failure
    });
    let expected = [
        "commit",
        "get a value",
        "get many values",
        "get the metadata",
        "scan",
    ];
    assert_eq!(distinct(&failed), BTreeSet::from(expected));
}

#[test]
fn a_store_that_fails_at_a_start_is_an_error_and_stays_as_it_is() {
    let scene = Scene::new();
    let hash = recompute_state_hash(&scene.before).unwrap();
    let failed = each_call(|calls| {
        let store = unreliable(&scene.before);
        store.fail_after(calls);
        let opened = open(&scene.genesis, store.clone());
        assert_eq!(opened.is_err(), store.has_failed());
        assert_eq!(recompute_state_hash(store.inner()).unwrap(), hash);
        let error = opened.err()?;
        assert!(open(&scene.genesis, store).is_ok());
        Some(failed_action(&error))
    });
    let expected = ["get a value", "get the metadata", "scan"];
    assert_eq!(distinct(&failed), BTreeSet::from(expected));
}

#[test]
fn a_store_that_fails_under_a_simulation_or_a_read_is_an_error_and_nothing_else() {
    let scene = Scene::new();
    let store = unreliable(&scene.before);
    let mut core = open(&scene.genesis, store.clone()).unwrap();
    core.apply(vec![], scene.blocks());
    let (reader, sender) = (core.reader(), mocks::address(1));
    let summary = reader.summary();
    let transfer = OperationKind::Transfer {
        recipient: mocks::address(99),
        amount: Amount::from_nanos(20),
    };
    let orders = [
        transfer,
        OperationKind::RollBuy { roll_count: 1 },
        OperationKind::RollSell { roll_count: 1 },
    ];
    for kind in orders {
        let expected = reader.simulate(&plain(1, kind.clone()), &sender).unwrap();
        assert_eq!(expected.outcome, OperationOutcome::Succeeded);
        let failed = each_call(|calls| {
            store.fail_after(calls);
            let done = reader.simulate(&plain(1, kind.clone()), &sender);
            assert_eq!(done.is_err(), store.has_failed());
            let failure = done.err().map(|error| failed_action(&error));
            store.fail_never();
            let done = reader.simulate(&plain(1, kind.clone()), &sender);
            assert_eq!(done.unwrap(), expected, "the next one is not concerned");
            failure
        });
        assert_eq!(failed, ["get a value"; 2], "sender and recipient");
    }
    for level in [Level::Final, Level::Candidate] {
        let nobody = mocks::address(99);
        for read in [&|| reader.balance(level, &nobody).map(|_| ()), &|| {
            reader.datastore(level, &nobody, b"key").map(|_| ())
        }] as [&dyn Fn() -> Result<(), ExecutionError>; 2]
        {
            store.fail_after(0);
            assert_eq!(failed_action(&read().unwrap_err()), "get a value");
            assert!(read().is_ok());
        }
    }
    assert_eq!(reader.summary(), summary);
}

fn worker(scene: &Scene, store: &Arc<Store>) -> ExecutionWorker {
    let mut pool = MockPool::new();
    pool.expect_notify_final().return_const(());
    pool.expect_notify_balances().return_const(());
    pool.expect_offer_again().return_const(());
    let core = open(&scene.genesis, store.clone()).unwrap();
    ExecutionWorker::start(core, Arc::new(pool), Config::default()).unwrap()
}

#[test]
fn the_reason_why_execution_stops_names_what_the_store_said() {
    let scene = Scene::new();
    let store = unreliable(&scene.before);
    let worker = worker(&scene, &store);
    store.fail_after(0);
    worker.update(scene.decided.clone(), vec![]).unwrap();
    let error = worker.failures().recv().unwrap();
    assert_eq!(failed_action(&error), "get a value");
    assert!(worker.wait_done().is_err());
    let stopped = worker.summary().stopped.unwrap();
    let expected = "the final state cannot be read or written: \
                    the state store failed to get a value: this call was told to fail";
    assert_eq!(stopped, expected);
}

#[test]
fn an_orderly_stop_whose_sync_fails_leaves_a_state_that_goes_on() {
    let scene = Scene::new();
    let store = unreliable(&scene.before);
    let worker = worker(&scene, &store);
    worker.update(scene.decided.clone(), vec![]).unwrap();
    worker.wait_done().unwrap();
    store.fail_after(0);
    drop(worker);
    assert!(store.has_failed(), "a stop syncs");
    let again = open(&scene.genesis, store).unwrap();
    assert_eq!(again.reader().summary(), scene.after);
}
