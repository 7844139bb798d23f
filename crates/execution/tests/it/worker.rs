//! The thread around the core.

use crate::kit::{Chain, small_genesis, small_params};
use picot_execution::{
    Config, DecidedSlots, Execution, ExecutionCore, ExecutionError, ExecutionWorker, Level,
    OperationOutcome,
};
use picot_ledger::{LedgerError, MemoryStateStore, Pair, StateBatch, StateStore, keys};
use picot_models::{Amount, Slot, mocks};
use picot_pool::mocks::MockPool;
use std::sync::Arc;

/// A pool that takes whatever it is told.
fn pool() -> MockPool {
    let mut pool = MockPool::new();
    pool.expect_notify_final().return_const(());
    pool.expect_notify_balances().return_const(());
    pool.expect_offer_again().return_const(());
    pool
}

fn worker(chain: &Chain, pool: MockPool) -> ExecutionWorker {
    let store = Arc::new(chain.store.snapshot());
    let selector = crate::kit::selector(&chain.genesis);
    let core = ExecutionCore::open(store, &chain.genesis, selector, Config::default()).unwrap();
    ExecutionWorker::start(core, Arc::new(pool), Config::default()).unwrap()
}

#[test]
fn the_pool_is_told_of_final_operations_changed_balances_and_lost_operations() {
    let chain = Chain::small();
    let slot = Slot::new(1, 0);
    let lost = chain.block(slot, vec![chain.transfer(1, 2, 100, 0)]);
    let decided = chain.block(slot, vec![chain.transfer(2, 77, 100, 0)]);
    let (lost_id, final_id) = (lost.operations[0].id(), decided.operations[0].id());
    let mut pool = MockPool::new();
    let is = |numbers: &'static [u64]| {
        move |addresses: &[picot_models::Address]| {
            numbers
                .iter()
                .all(|number| addresses.contains(&mocks::address(*number)))
        }
    };
    let mut order = mockall::Sequence::new();
    pool.expect_notify_balances()
        .withf(is(&[1, 2]))
        .once()
        .in_sequence(&mut order)
        .return_const(());
    pool.expect_notify_final()
        .withf(move |at, ids| *at == slot && ids == [final_id])
        .once()
        .in_sequence(&mut order)
        .return_const(());
    pool.expect_offer_again()
        .withf(move |operations| operations.len() == 1 && operations[0].id() == lost_id)
        .once()
        .in_sequence(&mut order)
        .return_const(());
    pool.expect_notify_balances()
        .withf(is(&[1, 2, 77]))
        .once()
        .in_sequence(&mut order)
        .return_const(());
    let worker = worker(&chain, pool);
    worker.update(vec![], vec![lost]).unwrap();
    worker.wait_done().unwrap();
    worker
        .update(vec![DecidedSlots::block(decided)], vec![])
        .unwrap();
    worker.wait_done().unwrap();
    let credited = worker.balance(Level::Final, &mocks::address(77)).unwrap();
    assert_eq!(credited, Some(Amount::from_nanos(90)));
}

#[test]
fn subscribers_get_every_final_slot_in_order() {
    let chain = Chain::small();
    let worker = worker(&chain, pool());
    let outputs = worker.subscribe();
    worker
        .update(vec![DecidedSlots::miss(Slot::new(1, 0), 9)], vec![])
        .unwrap();
    let block = chain.block(Slot::new(10, 0), vec![]);
    worker
        .update(vec![DecidedSlots::block(block.clone())], vec![])
        .unwrap();
    worker.wait_done().unwrap();
    let outputs: Vec<_> = outputs.try_iter().collect();
    let periods: Vec<_> = outputs.iter().map(|output| output.slot.period).collect();
    assert_eq!(periods, (1..=10).collect::<Vec<_>>());
    assert_eq!(outputs[9].block, Some(block.id()));
    assert_eq!(outputs[9].state_hash, Some(worker.summary().state_hash));
    // Checkpoints, every two periods, always know their state hash.
    assert!(
        outputs
            .iter()
            .all(|output| output.slot.period % 2 == 0 || output.state_hash.is_some())
    );
}

#[test]
fn a_slow_subscriber_sees_a_gap_and_stops_nobody() {
    let chain = Chain::small();
    let store = Arc::new(chain.store.snapshot());
    let selector = crate::kit::selector(&chain.genesis);
    let config = Config {
        queued_outputs: 2,
        ..Config::default()
    };
    let core = ExecutionCore::open(store, &chain.genesis, selector, config).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), config).unwrap();
    let (slow, gone) = (worker.subscribe(), worker.subscribe());
    drop(gone);
    worker
        .update(vec![DecidedSlots::miss(Slot::new(1, 0), 5)], vec![])
        .unwrap();
    worker.wait_done().unwrap();
    assert_eq!(
        slow.try_iter()
            .map(|output| output.slot.period)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    worker
        .update(vec![DecidedSlots::miss(Slot::new(6, 0), 6)], vec![])
        .unwrap();
    worker.wait_done().unwrap();
    assert_eq!(slow.recv().unwrap().slot.period, 6);
}

#[test]
fn a_panic_stops_execution_with_a_message_and_an_intact_final_state() {
    use picot_selector::{Selector, mocks::MockSelector};

    let genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
    let chain = Chain::new(genesis.clone());
    let real = chain.selector.clone();
    let mut selector = MockSelector::new();
    selector.expect_feed_cycle().returning(|_, _, _| Ok(()));
    selector.expect_draws().returning(move |slot| {
        assert!(slot.period < 3, "a bug at period 3");
        real.draws(slot)
    });
    let store = Arc::new(MemoryStateStore::new());
    let config = Config::default();
    let core = ExecutionCore::open(store.clone(), &genesis, Arc::new(selector), config).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), config).unwrap();
    let failures = worker.failures();
    worker
        .update(vec![DecidedSlots::miss(Slot::new(1, 0), 2)], vec![])
        .unwrap();
    worker.wait_done().unwrap();
    worker
        .update(vec![DecidedSlots::miss(Slot::new(3, 0), 3)], vec![])
        .unwrap();
    let error = failures.recv().unwrap();
    assert!(matches!(error, ExecutionError::Panicked { .. }));
    assert!(error.to_string().contains("a bug at period 3"), "{error}");
    while worker.update(vec![], vec![]).is_ok() {}
    let error = worker.update(vec![], vec![]).unwrap_err();
    assert!(error.to_string().contains("a bug at period 3"), "{error}");
    assert_eq!(worker.summary().last_final_slot, Slot::new(2, 0));
    assert!(worker.summary().stopped.is_some());
    // The state goes on after a restart.
    let mut again = Chain::on_store(genesis, config, store);
    again.miss();
    assert_eq!(again.core.last_final_slot(), Slot::new(3, 0));
}

#[test]
fn a_failure_of_the_store_stops_execution() {
    let chain = Chain::small();
    let store = Arc::new(chain.store.snapshot());
    let selector = crate::kit::selector(&chain.genesis);
    let config = Config::default();
    let core = ExecutionCore::open(store.clone(), &chain.genesis, selector, config).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), config).unwrap();
    store.set_commits_fail(true);
    worker
        .update(vec![DecidedSlots::miss(Slot::new(1, 0), 1)], vec![])
        .unwrap();
    let error = worker.failures().recv().unwrap();
    assert!(matches!(error, ExecutionError::Ledger(_)), "{error}");
    assert!(worker.wait_done().is_err());
}

#[test]
fn draws_that_are_prepared_in_the_background_are_waited_for() {
    let genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
    let config = picot_selector::Config::from_params(&genesis.params);
    let selector = Arc::new(picot_selector::BackgroundSelector::new(config).unwrap());
    let store = Arc::new(MemoryStateStore::new());
    let core = ExecutionCore::open(store, &genesis, selector, Config::default()).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), Config::default()).unwrap();
    let outputs = worker.subscribe();
    for cycle in 0..20 {
        let first = (cycle * 4).max(1);
        let miss = DecidedSlots::miss(Slot::new(first, 0), cycle * 4 + 3);
        worker.update(vec![miss], vec![]).unwrap();
    }
    let last = outputs.iter().find(|output| output.slot.period == 79);
    assert!(last.is_some());
}

#[test]
fn reads_go_on_beside_execution_and_agree_with_themselves() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let mut params = small_params();
    params.block_reward = Amount::ZERO;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    let empty = worker(&chain, pool());
    for number in 0..100 {
        chain.run(vec![chain.transfer(1, 2, number % 7, 0)]);
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let summary = empty.summary();
                    let totals = summary.totals;
                    assert_eq!(
                        totals.held(chain.genesis.params.roll_price),
                        totals.supplied()
                    );
                    assert!(summary.candidate_slot >= summary.last_final_slot);
                    for level in [Level::Final, Level::Candidate] {
                        assert!(empty.balance(level, &mocks::address(2)).unwrap().is_some());
                        assert!(empty.rolls(level, &mocks::address(1)).unwrap() <= 10);
                    }
                    empty.executed_operations(0).unwrap();
                }
            });
        }
        for pair in chain.history.chunks(2) {
            let ahead = pair[1].block.clone();
            empty
                .update(vec![pair[0].clone()], ahead.into_iter().collect())
                .unwrap();
            empty.update(vec![pair[1].clone()], vec![]).unwrap();
        }
        empty.wait_done().unwrap();
        is_done.store(true, Ordering::SeqCst);
    });
    assert_eq!(empty.summary(), chain.reader().summary());
}

#[test]
fn dropping_the_worker_leaves_what_waits_and_the_state_is_that_of_a_final_slot() {
    let chain = Chain::small();
    let store = Arc::new(chain.store.snapshot());
    let config = Config::default();
    let selector = crate::kit::selector(&chain.genesis);
    let core = ExecutionCore::open(store.clone(), &chain.genesis, selector, config).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), config).unwrap();
    let misses: Vec<_> = (1..4_000)
        .map(|period| DecidedSlots::miss(Slot::new(period, 0), period))
        .collect();
    worker.update(misses.clone(), vec![]).unwrap();
    drop(worker);
    let mut again = Chain::on_store(chain.genesis.clone(), config, store);
    again.decide(misses);
    assert_eq!(again.core.last_final_slot(), Slot::new(3_999, 0));
}

#[test]
fn a_panic_of_the_pool_stops_execution_too() {
    let chain = Chain::small();
    let mut panicking = MockPool::new();
    panicking
        .expect_notify_final()
        .returning(|_, _| panic!("a bug of the pool"));
    let worker = worker(&chain, panicking);
    worker
        .update(vec![DecidedSlots::miss(Slot::new(1, 0), 1)], vec![])
        .unwrap();
    let error = worker.failures().recv().unwrap();
    assert!(error.to_string().contains("a bug of the pool"), "{error}");
}

/// A store that does not tell one balance as long as somebody holds the gate.
struct SlowStore {
    inner: MemoryStateStore,
    gated: Vec<u8>,
    gate: parking_lot::RwLock<()>,
    asked: std::sync::mpsc::SyncSender<()>,
}

impl StateStore for SlowStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        if key == self.gated {
            let _ = self.asked.try_send(());
            let _open = self.gate.read();
        }
        self.inner.get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, LedgerError> {
        self.inner.scan(prefix, from, limit)
    }

    fn metadata(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.metadata()
    }

    fn commit(&self, batch: StateBatch) -> Result<(), LedgerError> {
        self.inner.commit(batch)
    }

    fn sync(&self) -> Result<(), LedgerError> {
        self.inner.sync()
    }
}

#[test]
fn reads_that_wait_for_a_slow_store_delay_neither_commits_nor_other_reads() {
    let chain = Chain::small();
    let address = mocks::address(1);
    let (asked, is_asked) = std::sync::mpsc::sync_channel(1);
    let store = Arc::new(SlowStore {
        inner: chain.store.snapshot(),
        gated: keys::balance(&address),
        gate: parking_lot::RwLock::new(()),
        asked,
    });
    let selector = crate::kit::selector(&chain.genesis);
    let config = Config::default();
    let core = ExecutionCore::open(store.clone(), &chain.genesis, selector, config).unwrap();
    let worker = ExecutionWorker::start(core, Arc::new(pool()), config).unwrap();
    let transfer = chain.transfer(1, 2, 7, 5);
    let slow: [&(dyn Fn() + Sync); 2] = [
        &|| {
            let done = worker.simulate(transfer.content(), &address).unwrap();
            assert_eq!(done.outcome, OperationOutcome::Succeeded);
            let of_sender = done.balances.iter().find(|(of, ..)| *of == address);
            let before_and_now = of_sender.map(|(_, before, now)| (*before, *now));
            let nanos = Amount::from_nanos;
            assert_eq!(before_and_now, Some((Some(nanos(1_000)), nanos(988))));
        },
        &|| {
            let balance = worker.balance(Level::Candidate, &address).unwrap();
            assert_eq!(balance, Some(Amount::from_nanos(1_000)));
        },
    ];
    for (read, period) in slow.into_iter().zip(1..) {
        while is_asked.try_recv().is_ok() {}
        let shut = store.gate.write();
        std::thread::scope(|scope| {
            scope.spawn(read);
            is_asked.recv().unwrap();
            let slot = Slot::new(period, 0);
            let miss = DecidedSlots::miss(slot, period);
            worker.update(vec![miss], vec![]).unwrap();
            worker.wait_done().unwrap();
            assert_eq!(worker.summary().last_final_slot, slot);
            assert_eq!(worker.rolls(Level::Candidate, &address).unwrap(), 10);
            drop(shut);
        });
    }
}
