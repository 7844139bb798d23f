//! The final state in memory.

use crate::config::GENESIS_CYCLES;
use crate::{Config, CycleInfo, DrawInputs, PosChanges, PosError, PosFinalState, ProductionStats};
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_models::{Address, Amount};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The least address.
const LEAST: Address = Address::Key(Hash([0; 32]));

/// The final state of stakes, in memory. What it holds is also in the state store:
/// [`PosState::load`] reads it, [`PosState::write_slot`] writes what a slot changes.
#[derive(Debug, Clone)]
pub struct PosState {
    pub(crate) config: Arc<Config>,
    /// Contiguous, the newest at the front: the running cycle, before it (in front) those in which
    /// credits come due, behind it the complete ones that are kept.
    pub(crate) cycle_history: VecDeque<CycleInfo>,
    pub(crate) last_final_slot: Slot,
}

impl PosState {
    /// The state at genesis: the slots of period 0 are final, with the seed bits of their blocks.
    ///
    /// # Errors
    /// There are not as many bits as threads, or a cycle of one period.
    pub fn genesis(config: Arc<Config>, seed_bits: &[bool]) -> Result<Self, PosError> {
        if seed_bits.len() != usize::from(config.thread_count) || config.periods_per_cycle < 2 {
            return Err(PosError::Config("a cycle must be longer than the genesis"));
        }
        let last_final_slot = Slot::new(0, config.thread_count.saturating_sub(1));
        let cycle = CycleInfo {
            last_final_slot: Some(last_final_slot),
            roll_counts: Arc::clone(&config.genesis_rolls),
            rng_seed: seed_bits.iter().copied().collect(),
            ..CycleInfo::new(0)
        };
        Ok(Self {
            config,
            cycle_history: VecDeque::from([cycle]),
            last_final_slot,
        })
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The history, the newest cycle at the front.
    #[must_use]
    pub fn cycle_history(&self) -> &VecDeque<CycleInfo> {
        &self.cycle_history
    }

    /// The slot that comes next, and its cycle: the running one.
    pub(crate) fn next_slot(&self) -> Result<(Slot, u64), PosError> {
        let next = self.last_final_slot.next(self.config.thread_count)?;
        Ok((next, self.config.cycle_of(next)?))
    }

    /// The cycle of the next slot.
    ///
    /// # Errors
    /// The chain is at its end.
    pub fn running_cycle(&self) -> Result<u64, PosError> {
        Ok(self.next_slot()?.1)
    }

    fn running_info(&self) -> Option<&CycleInfo> {
        self.info(self.running_cycle().ok()?)
    }

    pub(crate) fn info(&self, cycle: u64) -> Option<&CycleInfo> {
        let newest = self.cycle_history.front()?.cycle;
        let index = usize::try_from(newest.checked_sub(cycle)?).ok()?;
        self.cycle_history.get(index)
    }

    /// The cycle, made known together with those before it if it is a coming one.
    fn info_mut(&mut self, cycle: u64) -> Result<&mut CycleInfo, PosError> {
        while let Some(newest) = self.cycle_history.front().map(|info| info.cycle)
            && newest < cycle
        {
            self.cycle_history
                .push_front(CycleInfo::new(newest.saturating_add(1)));
        }
        let newest = self.cycle_history.front().map_or(cycle, |info| info.cycle);
        let index = usize::try_from(newest.saturating_sub(cycle)).unwrap_or(usize::MAX);
        self.cycle_history
            .get_mut(index)
            .filter(|info| info.cycle == cycle)
            .ok_or(PosError::UnknownCycle(cycle))
    }

    /// That `slot` is ahead, in the running cycle, and that there is one seed bit for each slot.
    pub(crate) fn check_follows(&self, slot: Slot, changes: &PosChanges) -> Result<u64, PosError> {
        let (next, cycle) = self.next_slot()?;
        let not_next = PosError::NotNext {
            slot,
            expected: next,
        };
        if slot < next || self.config.cycle_of(slot)? != cycle {
            return Err(not_next);
        }
        let between = Slot::slots_between(next, slot, self.config.thread_count)?;
        let bits = u64::try_from(changes.seed_bits.len()).unwrap_or(u64::MAX);
        let known = |(cycle, _): &(u64, Address)| self.is_known_or_coming(*cycle);
        if self.config.ends_cycle(slot)? {
            self.check_all_reimbursed(cycle, changes)?;
        }
        if between.checked_add(1) != Some(bits)
            || !changes.deferred_credits.keys().all(known)
            || !changes.production_stats.keys().all(known)
        {
            return Err(not_next);
        }
        Ok(cycle)
    }

    /// That a cycle whose end is settled leaves no credit behind.
    fn check_all_reimbursed(&self, cycle: u64, changes: &PosChanges) -> Result<(), PosError> {
        let credits = self.deferred_credits_of_cycle(cycle);
        let range = changes.deferred_credits.range((cycle, LEAST)..);
        let mut new = range.take_while(|((of, _), _)| *of == cycle).peekable();
        let are_gone = credits.keys().all(|address| {
            while new.next_if(|((_, changed), _)| changed < address).is_some() {}
            matches!(new.peek(), Some(((_, changed), coins)) if changed == address && coins.is_zero())
        });
        if are_gone {
            Ok(())
        } else {
            Err(PosError::NotReimbursed(cycle))
        }
    }

    fn is_known_or_coming(&self, cycle: u64) -> bool {
        self.cycle_history
            .back()
            .is_some_and(|oldest| oldest.cycle <= cycle)
    }

    /// Takes over new credits; nothing is left of those that come due with `ended`.
    fn settle_credits(&mut self, changes: &PosChanges, ended: Option<u64>) -> Result<(), PosError> {
        if let Some(ended) = ended {
            self.info_mut(ended)?.deferred_credits = Arc::default();
        }
        for (&(cycle, address), &amount) in &changes.deferred_credits {
            if amount.is_zero() && ended == Some(cycle) {
                continue;
            }
            let credits = Arc::make_mut(&mut self.info_mut(cycle)?.deferred_credits);
            if amount.is_zero() {
                credits.remove(&address);
            } else {
                credits.insert(address, amount);
            }
        }
        Ok(())
    }

    /// Seals the cycle and begins the next one (design 06, 'After the last slot', 3 and 4).
    fn seal(&mut self, cycle: u64) -> Result<(), PosError> {
        let info = self.info_mut(cycle)?;
        info.complete = true;
        let rolls = Arc::clone(&info.roll_counts);
        self.info_mut(cycle.saturating_add(1))?.roll_counts = rolls;
        while let Some(oldest) = self.cycle_history.back()
            && self.is_outdated(oldest.cycle, cycle)
        {
            self.cycle_history.pop_back();
        }
        Ok(())
    }

    /// Whether a complete cycle is not needed any more once `completed` is complete.
    pub(crate) fn is_outdated(&self, cycle: u64, completed: u64) -> bool {
        cycle.saturating_add(self.config.kept_cycles) <= completed
    }

    /// Coming cycles in which no credit is left are as unknown as those that never had one.
    pub(crate) fn forget_empty_coming(&mut self, running: u64) {
        while let Some(newest) = self.cycle_history.front()
            && newest.cycle > running
            && newest.deferred_credits.is_empty()
        {
            self.cycle_history.pop_front();
        }
    }
}

/// Takes over new roll counts; zero is none.
pub(crate) fn apply_rolls(
    counts: &mut Arc<BTreeMap<Address, u64>>,
    changes: &BTreeMap<Address, u64>,
) {
    let changed =
        |(address, rolls): &(&Address, &u64)| counts.get(*address).copied().unwrap_or(0) != **rolls;
    let changed: Vec<_> = changes.iter().filter(changed).collect();
    if changed.is_empty() {
        // The snapshot of the cycle before is shared as long as nothing changes.
        return;
    }
    let counts = Arc::make_mut(counts);
    for (address, &rolls) in changed {
        if rolls == 0 {
            counts.remove(address);
        } else {
            counts.insert(*address, rolls);
        }
    }
}

impl PosFinalState for PosState {
    fn last_final_slot(&self) -> Slot {
        self.last_final_slot
    }

    fn settle_slot(&mut self, slot: Slot, changes: &PosChanges) -> Result<(), PosError> {
        let running = self.check_follows(slot, changes)?;
        let ends_cycle = self.config.ends_cycle(slot)?;
        self.settle_credits(changes, ends_cycle.then_some(running))?;
        for (&(cycle, address), &stats) in &changes.production_stats {
            Arc::make_mut(&mut self.info_mut(cycle)?.production_stats).insert(address, stats);
        }
        let info = self.info_mut(running)?;
        apply_rolls(&mut info.roll_counts, &changes.rolls);
        info.rng_seed.extend(changes.seed_bits.iter().copied());
        info.last_final_slot = Some(slot);
        self.last_final_slot = slot;
        let mut running = running;
        if ends_cycle {
            self.seal(running)?;
            running = running.saturating_add(1);
        }
        self.forget_empty_coming(running);
        Ok(())
    }

    fn rolls(&self, address: &Address) -> u64 {
        let rolls = self.running_info().map(|info| &info.roll_counts);
        rolls
            .and_then(|rolls| rolls.get(address).copied())
            .unwrap_or(0)
    }

    fn roll_counts(&self) -> Arc<BTreeMap<Address, u64>> {
        self.running_info()
            .map(|info| Arc::clone(&info.roll_counts))
            .unwrap_or_default()
    }

    fn cycle_info(&self, cycle: u64) -> Option<Arc<CycleInfo>> {
        self.info(cycle).cloned().map(Arc::new)
    }

    fn known_cycles(&self) -> Vec<u64> {
        self.cycle_history
            .iter()
            .rev()
            .map(|info| info.cycle)
            .collect()
    }

    fn stats(&self, cycle: u64, address: &Address) -> ProductionStats {
        self.info(cycle)
            .and_then(|info| info.production_stats.get(address))
            .copied()
            .unwrap_or_default()
    }

    fn stats_of_cycle(&self, cycle: u64) -> Arc<BTreeMap<Address, ProductionStats>> {
        self.info(cycle)
            .map(|info| Arc::clone(&info.production_stats))
            .unwrap_or_default()
    }

    fn deferred_credit(&self, cycle: u64, address: &Address) -> Amount {
        self.info(cycle)
            .and_then(|info| info.deferred_credits.get(address))
            .copied()
            .unwrap_or_default()
    }

    fn deferred_credits(&self, address: &Address) -> BTreeMap<u64, Amount> {
        self.cycle_history
            .iter()
            .filter_map(|info| Some((info.cycle, *info.deferred_credits.get(address)?)))
            .collect()
    }

    fn deferred_credits_of_cycle(&self, cycle: u64) -> Arc<BTreeMap<Address, Amount>> {
        self.info(cycle)
            .map(|info| Arc::clone(&info.deferred_credits))
            .unwrap_or_default()
    }

    fn snapshot_for_draws(&self, cycle: u64) -> Option<DrawInputs> {
        let rolls = self.active_rolls(cycle)?;
        if cycle < GENESIS_CYCLES {
            let index = usize::try_from(cycle).ok()?;
            return Some((rolls, *self.config.genesis_seeds.get(index)?));
        }
        let seed_of = self.info(cycle.checked_sub(2)?)?;
        seed_of.complete.then(|| (rolls, seed_of.seed()))
    }

    fn active_rolls(&self, cycle: u64) -> Option<Arc<BTreeMap<Address, u64>>> {
        let Some(snapshot_of) = cycle.checked_sub(GENESIS_CYCLES) else {
            return Some(Arc::clone(&self.config.genesis_rolls));
        };
        let info = self.info(snapshot_of).filter(|info| info.complete)?;
        Some(Arc::clone(&info.roll_counts))
    }
}
