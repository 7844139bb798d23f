//! A state, slots ahead of it, and a store below it.

use picot_ledger::{MemoryStateStore, StateBatch, StateStore};
use picot_models::{Address, Amount, ChainParams, Genesis, Slot, mocks};
use picot_pos::{Config, CycleEnd, PosChanges, PosFinalState, PosState, RollRegistry};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Two threads, cycles of three periods, a roll of 10 nano-coins, two rolls for a fault.
pub(crate) fn small_params() -> ChainParams {
    let mut params = ChainParams::dev();
    params.thread_count = 2;
    params.periods_per_cycle = 3;
    params.checkpoint_interval_periods = 1;
    params.denunciation_expire_periods = 4;
    params.roll_price = Amount::from_nanos(10);
    params.slash_rolls = 2;
    params
}

pub(crate) struct Stakes {
    pub(crate) config: Arc<Config>,
    pub(crate) state: PosState,
    pub(crate) store: MemoryStateStore,
    /// Slots ahead of the final one, oldest first.
    pub(crate) ahead: VecDeque<(Slot, PosChanges)>,
    pub(crate) total_rolls: u64,
}

impl Stakes {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let config = Arc::new(Config::new(genesis).unwrap());
        let bits = vec![true; usize::from(config.thread_count)];
        let state = PosState::genesis(config.clone(), &bits).unwrap();
        let store = MemoryStateStore::new();
        let mut batch = StateBatch::new();
        state.write_all(&mut batch);
        store.commit(batch).unwrap();
        let total_rolls = config.genesis_rolls.values().sum();
        Self {
            config,
            state,
            store,
            ahead: VecDeque::new(),
            total_rolls,
        }
    }

    /// Stakers by key number and rolls.
    pub(crate) fn small(stakers: &[(u64, u64)]) -> Self {
        Self::new(&mocks::genesis_with(small_params(), stakers))
    }

    pub(crate) fn next_slot(&self) -> Slot {
        let last = self.ahead.back().map(|(slot, _)| *slot);
        let last = last.unwrap_or(self.state.last_final_slot());
        last.next(self.config.thread_count).unwrap()
    }

    /// Reads as the next slot would find things.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut RollRegistry<'_>) -> T) -> T {
        self.with_registry(read).0
    }

    fn with_registry<T>(&self, act: impl FnOnce(&mut RollRegistry<'_>) -> T) -> (T, PosChanges) {
        let layers: Vec<_> = self
            .ahead
            .iter()
            .rev()
            .map(|(_, changes)| changes)
            .collect();
        let cycle = self.config.cycle_of(self.next_slot()).unwrap();
        let mut registry = RollRegistry::new(&self.config, &self.state, &layers, cycle);
        let done = act(&mut registry);
        (done, registry.into_changes())
    }

    /// Executes one slot ahead of the final state, with the cycle-end work if it is the last one.
    pub(crate) fn slot(
        &mut self,
        bit: bool,
        act: impl FnOnce(&mut RollRegistry<'_>, &mut u64),
    ) -> Option<CycleEnd> {
        let slot = self.next_slot();
        let ends = self.config.ends_cycle(slot).unwrap();
        let mut total = self.total_rolls;
        let (end, changes) = self.with_registry(|registry| {
            act(registry, &mut total);
            registry.push_seed_bit(bit);
            let end = ends.then(|| registry.end_cycle(total).unwrap());
            let sold = end.iter().flat_map(|end| end.implicitly_sold.values());
            total -= sold.sum::<u64>();
            end
        });
        self.total_rolls = total;
        self.ahead.push_back((slot, changes));
        end
    }

    /// Makes slots final, at most this many, and no further than to the end of the cycle; writes
    /// them to the store.
    pub(crate) fn settle(&mut self, count: usize) {
        let mut composed = PosChanges::new();
        let mut last = None;
        for _ in 0..count {
            let Some((slot, changes)) = self.ahead.pop_front() else {
                break;
            };
            composed.merge(changes);
            last = Some(slot);
            if self.config.ends_cycle(slot).unwrap() {
                break;
            }
        }
        let Some(slot) = last else {
            return;
        };
        let mut batch = StateBatch::new();
        self.state.write_slot(slot, &composed, &mut batch).unwrap();
        self.store.commit(batch).unwrap();
        self.state.settle_slot(slot, &composed).unwrap();
    }

    /// Slots in which nothing happens, final at once, up to the end of a cycle. Gives what is
    /// credited at the ends on the way, by cycle.
    pub(crate) fn pass_cycle(&mut self, cycle: u64) -> BTreeMap<u64, BTreeMap<Address, Amount>> {
        let mut credited = BTreeMap::new();
        let last = Slot::last_of_cycle(
            cycle,
            self.config.periods_per_cycle,
            self.config.thread_count,
        )
        .unwrap();
        while self.next_slot() <= last {
            let of = self.config.cycle_of(self.next_slot()).unwrap();
            if let Some(end) = self.slot(false, |_, _| ()) {
                credited.insert(of, end.reimbursed);
            }
            self.settle(usize::MAX);
        }
        credited
    }

    pub(crate) fn rolls(&self, number: u64) -> u64 {
        self.read(|registry| registry.rolls(&mocks::address(number)))
    }

    /// What an address has coming, by cycle.
    pub(crate) fn credits(&self, number: u64) -> Vec<(u64, u64)> {
        let credits = self.read(|registry| registry.deferred_credits(&mocks::address(number)));
        let nanos = |(cycle, coins): (u64, Amount)| (cycle, coins.as_nanos());
        credits.into_iter().map(nanos).collect()
    }

    /// The state as a restart would read it.
    pub(crate) fn loaded(&self) -> PosState {
        let last = self.state.last_final_slot();
        PosState::load(self.config.clone(), last, &self.store).unwrap()
    }
}
