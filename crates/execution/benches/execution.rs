//! What a final block costs beside what its state hash costs, what missed slots cost, and the end of
//! a cycle.
//!
//! `transfers_final` and `state_hash_only` are about the same changed pairs: their ratio says how
//! much executing adds to the least that must be done. Both are the processor time of all threads
//! together, so that it does not matter how many of them there are, nor what else the machine does;
//! `transfers_final_wall` is the same as somebody waits for it. So is `cycle_end_100000`, which bounds
//! what somebody waits for it. Missed slots are timed by the clock.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may stop where it cannot go on"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use picot_crypto::Context;
use picot_execution::{Applied, Config, DecidedSlots, ExecutionCore, Totals};
use picot_ledger::{LatticeHash, MemoryStateStore, StateBatch, StateMetadata, StateStore, keys};
use picot_models::{
    Address, Amount, Block, ChainParams, Genesis, GenesisStaker, OperationKind, SecretKey, Slot,
    mocks,
};
use picot_pos::ProductionStats;
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use picot_serialization::{Encode, decode_exact};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Transfers of one block, each from another sender to another recipient that has an entry.
const TRANSFERS: u64 = 10_000;
/// Stakers of the chain whose cycle ends.
const STAKERS: u64 = 100_000;
/// The cycles of that chain, with the one that ends.
const CYCLES: u64 = 5;
/// Missed slots of one run.
const MISSED_SLOTS: u64 = 1_000;

fn genesis(threads: u8, senders: u64) -> Genesis {
    let mut params = ChainParams::dev();
    params.thread_count = threads;
    let mut genesis = mocks::genesis_with(params, &[(1, 100), (2, 100), (3, 100), (4, 100)]);
    let coins = Amount::from_nanos(1_000_000_000);
    for number in 0..senders {
        genesis
            .allocations
            .insert(mocks::address(1_000 + number), coins);
        genesis.allocations.insert(recipient(number), coins);
    }
    genesis
}

fn recipient(number: u64) -> Address {
    Address::Key(Context::Test.hash(&number.to_le_bytes()))
}

struct World {
    genesis: Genesis,
    /// The state at genesis, to be copied for each run.
    store: MemoryStateStore,
}

impl World {
    fn new(genesis: Genesis) -> Self {
        let store = Arc::new(MemoryStateStore::new());
        open(&genesis, store.clone());
        Self {
            genesis,
            store: store.snapshot(),
        }
    }

    fn open(&self) -> ExecutionCore {
        open(&self.genesis, Arc::new(self.store.snapshot()))
    }
}

fn open(genesis: &Genesis, store: Arc<dyn StateStore>) -> ExecutionCore {
    let selector = StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap();
    ExecutionCore::open(store, genesis, Arc::new(selector), Config::default()).unwrap()
}

fn block_of_transfers(genesis: &Genesis) -> Block {
    let chain_id = genesis.chain_id();
    let transfer = |number: u64| {
        let kind = OperationKind::Transfer {
            recipient: recipient(number),
            amount: Amount::from_nanos(1_000),
        };
        mocks::operation(&mocks::key(1_000 + number), kind, 10, 50, &chain_id)
    };
    let operations = (0..TRANSFERS).map(transfer).collect();
    let slot = Slot::new(1, 0);
    mocks::block(&drawn(genesis, slot), slot, vec![], operations, &chain_id)
}

fn drawn(genesis: &Genesis, slot: Slot) -> SecretKey {
    let selector = StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap();
    let rolls = Arc::new(genesis.roll_counts());
    selector.feed_cycle(0, rolls, genesis.seed(0)).unwrap();
    let draws = selector.draws(slot).unwrap();
    (1..=4)
        .map(mocks::key)
        .find(|key| Some(&Address::of_key(&key.public_key())) == draws.producer())
        .unwrap()
}

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn pairs(store: &dyn StateStore) -> Pairs {
    store
        .scan(&[], &[], usize::MAX)
        .unwrap()
        .into_iter()
        .collect()
}

/// A changed pair: key, old value, new value.
type Changed = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// The pairs that the block changes.
fn changed_pairs(world: &World, block: &Block) -> Vec<Changed> {
    let store = Arc::new(world.store.snapshot());
    let mut core = open(&world.genesis, store.clone());
    let applied = core.apply(vec![DecidedSlots::block(block.clone())], vec![]);
    assert!(applied.failure.is_none());
    let (before, after) = (pairs(&world.store), pairs(&*store));
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| {
            (
                key.clone(),
                before.get(key).cloned(),
                after.get(key).cloned(),
            )
        })
        .filter(|(_, old, new)| old != new)
        .collect()
}

/// The processor time of all threads of this process so far.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}

/// The processor time that something takes, as often as it is asked for.
fn processor_time_of<I, O>(
    times: u64,
    mut setup: impl FnMut() -> I,
    mut run: impl FnMut(I) -> O,
) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..times {
        let input = setup();
        let before = processor_time();
        let output = run(input);
        sum += processor_time() - before;
        drop(output);
    }
    sum
}

fn transfers(criterion: &mut Criterion) {
    let world = World::new(genesis(1, TRANSFERS));
    let block = block_of_transfers(&world.genesis);
    let changed = changed_pairs(&world, &block);
    let setup = || (world.open(), vec![DecidedSlots::block(block.clone())]);
    let finalise = |(mut core, decided): (ExecutionCore, _)| {
        let applied = core.apply(decided, vec![]);
        assert_eq!(applied.final_slots.len(), 1);
        (core, applied)
    };
    let hash = |()| {
        let mut hash = LatticeHash::new();
        for (key, old, new) in &changed {
            hash.replace(key, old.as_deref(), new.as_deref());
        }
        hash
    };
    let mut group = criterion.benchmark_group("execution");
    group.sample_size(20);
    group.bench_function("transfers_final", |bencher| {
        bencher.iter_custom(|times| processor_time_of(times, setup, finalise));
    });
    group.bench_function("state_hash_only", |bencher| {
        bencher.iter_custom(|times| processor_time_of(times, || (), hash));
    });
    group.bench_function("transfers_final_wall", |bencher| {
        bencher.iter_batched(setup, finalise, BatchSize::PerIteration);
    });
    group.finish();
}

fn missed_slots(criterion: &mut Criterion) {
    let world = World::new(genesis(4, 0));
    let through = MISSED_SLOTS / 4;
    let misses = |thread| {
        // As consensus decides them after a long sleep: a cycle at a time.
        let firsts = std::iter::once(1).chain((1..).map(|cycle| cycle * 16));
        let firsts = firsts.take_while(move |first| *first <= through);
        firsts.map(move |first| {
            let last = (first / 16 * 16 + 15).min(through);
            DecidedSlots::miss(Slot::new(first, thread), last)
        })
    };
    let mut group = criterion.benchmark_group("execution");
    group.sample_size(50);
    group.bench_function("missed_slots_1000", |bencher| {
        bencher.iter_batched(
            || (world.open(), (0..4).flat_map(misses).collect()),
            |(mut core, decided)| {
                let applied = core.apply(decided, vec![]);
                assert_eq!(applied.final_slots.len(), 1_000);
                core
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The last slot of a cycle with 100,000 stakers, each of whom was drawn in it and one in ten missed:
/// from the decision until the selector has the draws that it makes known. One in ten has coins that
/// come due; or, which is the worst that can be, everybody.
///
/// The chain has two threads and two periods a cycle, so that the cycles before are soon over; what the
/// end of a cycle does depends on its stakers alone.
fn cycle_end(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("execution");
    group.sample_size(10);
    for (name, one_in) in [("cycle_end_100000", 10), ("cycle_end_100000_all_due", 1)] {
        let (genesis, store) = before_a_cycle_end(one_in);
        let setup = || open(&genesis, Arc::new(store.snapshot()));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| processor_time_of(times, setup, end_cycle));
        });
        let (core, _) = end_cycle(setup());
        let sold = STAKERS - core.reader().stakers().len() as u64;
        assert_eq!(sold, STAKERS / 10, "one in ten had its rolls sold");
    }
    group.finish();
}

fn end_cycle(mut core: ExecutionCore) -> (ExecutionCore, Applied) {
    let last = core.last_final_slot().next(2).unwrap();
    let miss = DecidedSlots::miss(last, last.period);
    let applied = core.apply(vec![miss], vec![]);
    assert!(applied.failure.is_none());
    let ended = applied.final_slots.first().unwrap().ended_cycle;
    assert!(ended.is_some_and(|ended| !ended.kept_last_stake));
    (core, applied)
}

/// A chain before the last slot of a cycle.
fn before_a_cycle_end(due_one_in: u64) -> (Genesis, Arc<MemoryStateStore>) {
    let mut genesis = genesis(2, 0);
    genesis.params.periods_per_cycle = 2;
    genesis.params.checkpoint_interval_periods = 1;
    genesis.params.denunciation_expire_periods = 4;
    // One draw is not enough to be judged by, so that the cycles before leave the stakers alone.
    genesis.params.min_draws_for_deactivation = 10;
    genesis.stakers = (0..STAKERS)
        .map(|number| GenesisStaker {
            address: recipient(number),
            rolls: 1 + number * number % 1_000,
        })
        .collect();
    let store = Arc::new(MemoryStateStore::new());
    let mut core = open(&genesis, store.clone());
    for cycle in 0..CYCLES {
        let first = (cycle * 2).max(1);
        let misses = [0, 1].map(|thread| {
            let is_last = cycle + 1 == CYCLES && thread == 1;
            DecidedSlots::miss(Slot::new(first, thread), cycle * 2 + u64::from(!is_last))
        });
        assert!(core.apply(misses.to_vec(), vec![]).failure.is_none());
    }
    assert_eq!(core.last_final_slot(), Slot::new(CYCLES * 2 - 1, 0));
    everybody_was_drawn(&genesis, &store, due_one_in);
    (genesis, store)
}

/// Gives everybody ten draws in the running cycle, one in ten of whom missed them all, and one in so
/// many coins that come due when the cycle ends.
fn everybody_was_drawn(genesis: &Genesis, store: &MemoryStateStore, due_one_in: u64) {
    let cycle = CYCLES - 1;
    let mut metadata = StateMetadata::read(store).unwrap().unwrap();
    let mut batch = StateBatch::new();
    let credit = Amount::from_nanos(1_000);
    for number in 0..STAKERS {
        let address = recipient(number);
        let missed = if number % 10 == 0 { 10 } else { 0 };
        let stats = ProductionStats {
            block_success_count: 10 - missed,
            block_failure_count: missed,
            ..ProductionStats::default()
        };
        batch.put(keys::production_stats(cycle, &address), stats.to_bytes());
        if number % due_one_in == 0 {
            batch.put(keys::deferred_credit(cycle, &address), credit.to_bytes());
        }
    }
    // The coins were somebody's before.
    let mut totals: Totals = decode_exact(&store.get(&keys::totals()).unwrap().unwrap()).unwrap();
    let deferred = Amount::from_nanos(credit.as_nanos() * (STAKERS / due_one_in));
    totals.deferred_credits = totals.deferred_credits.checked_add(deferred).unwrap();
    totals.balances = totals.balances.checked_sub(deferred).unwrap();
    batch.put(keys::totals(), totals.to_bytes());
    let (rich, coins) = genesis.allocations.first_key_value().unwrap();
    let rest = coins.checked_sub(deferred).unwrap();
    batch.put(keys::balance(rich), rest.to_bytes());
    let slot = metadata.last_final_slot;
    metadata.seal(&mut batch, store, slot).unwrap();
    store.commit(batch).unwrap();
}

criterion_group!(benches, transfers, missed_slots, cycle_end);
criterion_main!(benches);
