//! Who watches checkpoints is told of the state while the store holds exactly that.

use crate::kit::{Chain, selector, small_genesis, small_params};
use parking_lot::Mutex;
use picot_execution::{
    CheckpointState, CheckpointWatch, Config, DecidedSlots, ExecutionCore, ExecutionError,
    WatchError, recompute_state_hash,
};
use picot_ledger::{MemoryStateStore, StateMetadata};
use picot_models::Slot;
use picot_selector::Selector;
use std::sync::Arc;

/// Keeps what it is told, and looks at the store meanwhile.
struct Watch {
    store: Arc<MemoryStateStore>,
    told: Mutex<Vec<CheckpointState>>,
    fails_at: Option<Slot>,
}

impl Watch {
    fn new(store: &Arc<MemoryStateStore>) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            told: Mutex::default(),
            fails_at: None,
        })
    }

    fn periods(&self) -> Vec<u64> {
        let told = self.told.lock();
        told.iter().map(|state| state.slot.period).collect()
    }
}

impl CheckpointWatch for Watch {
    fn at_checkpoint(&self, state: &CheckpointState) -> Result<(), WatchError> {
        if self.fails_at == Some(state.slot) {
            return Err("no room".into());
        }
        let stored = StateMetadata::read(&*self.store)?.unwrap();
        assert_eq!(stored.last_final_slot, state.slot);
        let in_store = recompute_state_hash(&*self.store)?;
        assert_eq!(in_store, state.state_hash, "slot {}", state.slot);
        self.told.lock().push(state.clone());
        Ok(())
    }
}

#[test]
fn each_checkpoint_is_told_while_the_store_is_exactly_there_however_many_slots_come_at_once() {
    for config in [
        Config::default(),
        Config {
            max_commit_slots: 3,
            ..Config::default()
        },
    ] {
        let genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
        let mut chain = Chain::with_config(genesis, config);
        let watch = Watch::new(&chain.store);
        chain.core.watch_checkpoints(watch.clone()).unwrap();
        assert_eq!(watch.periods(), [], "the genesis is no checkpoint");
        chain.run(vec![chain.transfer(1, 2, 100, 1), chain.sell(2, 4)]);
        let misses = [DecidedSlots::miss(Slot::new(2, 0), 3)]
            .into_iter()
            .chain((4..=14).map(|period| DecidedSlots::miss(Slot::new(period, 0), period)));
        chain.decide(misses.collect());
        assert_eq!(chain.core.last_final_slot(), Slot::new(14, 0));
        assert_eq!(watch.periods(), [1, 3, 5, 7, 9, 11, 13]);
    }
}

#[test]
fn what_is_told_of_draws_is_what_the_selector_is_fed() {
    let mut chain = Chain::small();
    let watch = Watch::new(&chain.store);
    chain.core.watch_checkpoints(watch.clone()).unwrap();
    chain.run(vec![chain.buy(1, 3)]);
    chain.run(vec![chain.sell(2, 4)]);
    chain.run_to_end_of_cycle(6);
    let told = watch.told.lock();
    assert_eq!(told.len(), 14);
    for state in told.iter() {
        let next = state.slot.next(1).unwrap();
        for (cycle, draws) in (next.cycle(4).unwrap()..).zip(&state.draws) {
            assert_eq!(draws.cycle, cycle);
            let Ok(power) = chain.selector.voting_power(cycle) else {
                continue;
            };
            let validators = power.validators().iter();
            assert!(
                validators
                    .map(|one| (&one.address, &one.power))
                    .eq(draws.rolls.iter())
            );
            let seed = chain.selector.seed(cycle).unwrap();
            assert!(draws.seed.is_none_or(|told| told == seed));
        }
        assert!(state.draws[1].seed.is_some());
    }
}

#[test]
fn a_state_that_is_at_a_checkpoint_after_a_restart_is_told_again_and_another_is_not() {
    let mut chain = Chain::small();
    for (period, told) in [(1, vec![1]), (2, vec![]), (3, vec![3]), (4, vec![])] {
        chain.miss();
        assert_eq!(chain.core.last_final_slot().period, period);
        let store = Arc::new(chain.store.snapshot());
        let config = Config::default();
        let mut again = ExecutionCore::open(
            store.clone(),
            &chain.genesis,
            selector(&chain.genesis),
            config,
        )
        .unwrap();
        let watch = Watch::new(&store);
        again.watch_checkpoints(watch.clone()).unwrap();
        assert_eq!(watch.periods(), told);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_kept_stops_execution_at_its_state() {
    let mut chain = Chain::small();
    let watch = Arc::new(Watch {
        store: chain.store.clone(),
        told: Mutex::default(),
        fails_at: Some(Slot::new(5, 0)),
    });
    chain.core.watch_checkpoints(watch.clone()).unwrap();
    let misses = (1..=9).map(|period| DecidedSlots::miss(Slot::new(period, 0), period));
    let applied = chain.core.apply(misses.collect(), vec![]);
    let slot = match applied.failure {
        Some(ExecutionError::Checkpoint { slot, source }) => {
            assert_eq!(source.to_string(), "no room");
            slot
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(slot, Slot::new(5, 0));
    assert_eq!(chain.core.last_final_slot(), slot);
    assert_eq!(
        applied.final_slots.last().map(|output| output.slot),
        Some(slot)
    );
    assert_eq!(watch.periods(), [1, 3]);
    let more = chain.core.apply(vec![], vec![]);
    assert!(more.failure.is_some() && chain.core.last_final_slot() == slot);
    // After a restart it is told the checkpoint that it lacks.
    let store = Arc::new(chain.store.snapshot());
    let selector = selector(&chain.genesis);
    let mut again =
        ExecutionCore::open(store.clone(), &chain.genesis, selector, Config::default()).unwrap();
    let watch = Watch::new(&store);
    again.watch_checkpoints(watch.clone()).unwrap();
    assert_eq!(watch.periods(), [5]);
}
