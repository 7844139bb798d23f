//! From and to the pairs of the state store.

use crate::state::apply_rolls;
use crate::{Config, CycleInfo, PosChanges, PosError, PosState, ProductionStats};
use picot_clock::Slot;
use picot_ledger::keys::{self, KeyKind};
use picot_ledger::{LedgerError, StateBatch, StateStore, for_each_pair};
use picot_models::limits::MAX_VALIDATORS;
use picot_models::{Address, Amount};
use picot_serialization::{
    Decode, Encode, decode_bits, decode_exact, decode_map, encode_bits, encode_map,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Addresses with rolls in one snapshot: nobody can become one more.
const MAX_STAKERS: usize = MAX_VALIDATORS;
/// Bits of one cycle: the bound of the chain parameters on periods, times that on threads.
const MAX_SEED_BITS: usize = 65_536 * 64;

impl PosState {
    /// Adds to a batch what [`settle_slot`](crate::PosFinalState::settle_slot) with the same
    /// arguments changes: only changed pairs. Changes nothing itself.
    ///
    /// # Errors
    /// The slots do not follow, or the changes are not theirs.
    pub fn write_slot(
        &self,
        slot: Slot,
        changes: &PosChanges,
        batch: &mut StateBatch,
    ) -> Result<(), PosError> {
        let cycle = self.check_follows(slot, changes)?;
        write_changes(changes, batch);
        let info = self.info(cycle).ok_or(PosError::UnknownCycle(cycle))?;
        let mut bits = info.rng_seed.clone();
        bits.extend(changes.seed_bits.iter().copied());
        let mut value = Vec::new();
        encode_bits(bits.len(), bits.as_raw_slice(), &mut value);
        batch.put(keys::seed_bits(cycle), value);
        if self.config.ends_cycle(slot)? {
            let mut rolls = Arc::clone(&info.roll_counts);
            apply_rolls(&mut rolls, &changes.rolls);
            let mut value = Vec::new();
            encode_map(&rolls, &mut value);
            batch.put(keys::roll_snapshot(cycle), value);
            self.write_dropped(cycle, batch);
        }
        Ok(())
    }

    /// Everything, as a batch for an empty store.
    pub fn write_all(&self, batch: &mut StateBatch) {
        for info in &self.cycle_history {
            let credits = info.deferred_credits.iter();
            let stats = info.production_stats.iter();
            let cycle = info.cycle;
            let mut changes = PosChanges {
                deferred_credits: credits.map(|(of, coins)| ((cycle, *of), *coins)).collect(),
                production_stats: stats.map(|(of, stats)| ((cycle, *of), *stats)).collect(),
                ..PosChanges::new()
            };
            if info.complete {
                let mut value = Vec::new();
                encode_map(&info.roll_counts, &mut value);
                batch.put(keys::roll_snapshot(cycle), value);
            } else if info.last_final_slot.is_some() || !info.roll_counts.is_empty() {
                changes.rolls.clone_from(&info.roll_counts);
            }
            if !info.rng_seed.is_empty() {
                let mut value = Vec::new();
                encode_bits(
                    info.rng_seed.len(),
                    info.rng_seed.as_raw_slice(),
                    &mut value,
                );
                batch.put(keys::seed_bits(cycle), value);
            }
            write_changes(&changes, batch);
        }
    }

    /// Deletes what [`PosState::seal`] drops.
    fn write_dropped(&self, completed: u64, batch: &mut StateBatch) {
        let dropped = self
            .cycle_history
            .iter()
            .filter(|info| self.is_outdated(info.cycle, completed));
        for info in dropped {
            batch.delete(keys::seed_bits(info.cycle));
            batch.delete(keys::roll_snapshot(info.cycle));
            let addresses = info.production_stats.keys();
            let keys = addresses.map(|address| keys::production_stats(info.cycle, address));
            batch.change_all(keys.map(|key| (key, None)));
        }
    }

    /// Reads the state of a slot from a store, and checks all of it.
    ///
    /// # Errors
    /// The store failed, or what it holds is not the state of that slot.
    pub fn load(
        config: Arc<Config>,
        last_final_slot: Slot,
        store: &dyn StateStore,
    ) -> Result<Self, PosError> {
        let mut state = Self {
            config,
            cycle_history: VecDeque::new(),
            last_final_slot,
        };
        let running = state.running_cycle()?;
        state.load_cycles(running, store)?;
        state.load_stats(running, store)?;
        state.load_credits(running, store)?;
        Ok(state)
    }

    /// The kept cycles with their rolls and bits.
    fn load_cycles(&mut self, running: u64, store: &dyn StateStore) -> Result<(), PosError> {
        let mut bits = read_bits(store)?;
        let mut snapshots = read_snapshots(store)?;
        let oldest = running.saturating_sub(self.config.kept_cycles);
        for cycle in oldest..=running {
            let complete = cycle < running;
            let roll_counts = if complete {
                let missing = || corrupt(cycle, "roll snapshot", "it is not there");
                snapshots.remove(&cycle).ok_or_else(missing)?
            } else {
                read_rolls(running, store)?
            };
            let info = CycleInfo {
                cycle,
                complete,
                last_final_slot: self.last_final_slot_in(cycle, running)?,
                roll_counts: Arc::new(roll_counts),
                rng_seed: bits.remove(&cycle).unwrap_or_default(),
                ..CycleInfo::default()
            };
            self.check_bits(&info)?;
            self.cycle_history.push_front(info);
        }
        let left = bits.keys().chain(snapshots.keys()).next();
        match left {
            Some(&cycle) => Err(corrupt(cycle, "history", "it should not be kept")),
            None => Ok(()),
        }
    }

    fn last_final_slot_in(&self, cycle: u64, running: u64) -> Result<Option<Slot>, PosError> {
        if cycle < running {
            let (periods, threads) = (self.config.periods_per_cycle, self.config.thread_count);
            return Ok(Some(Slot::last_of_cycle(cycle, periods, threads)?));
        }
        let is_inside = self.config.cycle_of(self.last_final_slot)? == cycle;
        Ok(is_inside.then_some(self.last_final_slot))
    }

    /// One bit for each slot of the cycle that is final.
    fn check_bits(&self, info: &CycleInfo) -> Result<(), PosError> {
        let expected = match info.last_final_slot {
            None => 0,
            Some(last) => {
                let first = Slot::first_of_cycle(info.cycle, self.config.periods_per_cycle)?;
                Slot::slots_between(first, last, self.config.thread_count)?.saturating_add(1)
            }
        };
        if u64::try_from(info.rng_seed.len()) == Ok(expected) {
            return Ok(());
        }
        let reason = format!("{} instead of {expected}", info.rng_seed.len());
        Err(corrupt(info.cycle, "number of seed bits", reason))
    }

    fn load_stats(&mut self, running: u64, store: &dyn StateStore) -> Result<(), PosError> {
        read_by_cycle(store, KeyKind::ProductionStats, |cycle, address, value| {
            let stats: ProductionStats = read(cycle, "production counts", value)?;
            let index = running.checked_sub(cycle);
            let info = index
                .and_then(|index| self.cycle_history.get_mut(usize::try_from(index).ok()?))
                .ok_or_else(|| corrupt(cycle, "production counts", "the cycle is not kept"))?;
            Arc::make_mut(&mut info.production_stats).insert(address, stats);
            Ok(())
        })
    }

    fn load_credits(&mut self, running: u64, store: &dyn StateStore) -> Result<(), PosError> {
        let last = running.saturating_add(self.config.deferred_credit_cycles);
        read_by_cycle(store, KeyKind::DeferredCredit, |cycle, address, value| {
            let what = "deferred credit";
            let amount: Amount = read(cycle, what, value)?;
            if amount.is_zero() {
                return Err(corrupt(cycle, what, "it is zero"));
            }
            if !(running..=last).contains(&cycle) {
                return Err(corrupt(cycle, what, format!("cycle {running} runs")));
            }
            while let Some(newest) = self.cycle_history.front().map(|info| info.cycle)
                && newest < cycle
            {
                let coming = CycleInfo::new(newest.saturating_add(1));
                self.cycle_history.push_front(coming);
            }
            // Keys ascend, so the credit is of the newest cycle so far.
            if let Some(info) = self.cycle_history.front_mut() {
                Arc::make_mut(&mut info.deferred_credits).insert(address, amount);
            }
            Ok(())
        })
    }
}

fn write_changes(changes: &PosChanges, batch: &mut StateBatch) {
    batch.change_all(changes.rolls.iter().map(|(address, rolls)| {
        let value = (*rolls > 0).then(|| rolls.to_bytes());
        (keys::rolls(address), value)
    }));
    let credits = changes.deferred_credits.iter();
    batch.change_all(credits.map(|((cycle, address), amount)| {
        let value = (!amount.is_zero()).then(|| amount.to_bytes());
        (keys::deferred_credit(*cycle, address), value)
    }));
    let stats = changes.production_stats.iter();
    batch.change_all(stats.map(|((cycle, address), stats)| {
        let key = keys::production_stats(*cycle, address);
        (key, Some(stats.to_bytes()))
    }));
}

fn corrupt(cycle: u64, what: &'static str, reason: impl ToString) -> PosError {
    PosError::Corrupt {
        cycle,
        what,
        reason: reason.to_string(),
    }
}

fn read<T: Decode>(cycle: u64, what: &'static str, value: &[u8]) -> Result<T, PosError> {
    decode_exact(value).map_err(|error| corrupt(cycle, what, error))
}

fn bad_key(kind: KeyKind) -> PosError {
    LedgerError::corrupt("a key of stakes", format!("one of {kind:?} is malformed")).into()
}

/// Visits all pairs of a kind whose key is a cycle and an address, in ascending order.
fn read_by_cycle(
    store: &dyn StateStore,
    kind: KeyKind,
    mut visit: impl FnMut(u64, Address, &[u8]) -> Result<(), PosError>,
) -> Result<(), PosError> {
    for_each_pair(store, &kind.prefix(), |key, value| {
        let cycle_and_address = keys::strip(kind, key)
            .and_then(keys::split_cycle)
            .and_then(|(cycle, rest)| Some((cycle, keys::split_address(rest)?)));
        match cycle_and_address {
            Some((cycle, (address, []))) => visit(cycle, address, value),
            _ => Err(bad_key(kind)),
        }
    })
}

/// All pairs of a kind whose key is a cycle.
fn read_cycles<T>(
    store: &dyn StateStore,
    kind: KeyKind,
    read: impl Fn(u64, &[u8]) -> Result<T, PosError>,
) -> Result<BTreeMap<u64, T>, PosError> {
    let mut found = BTreeMap::new();
    for_each_pair(store, &kind.prefix(), |key, value| {
        match keys::strip(kind, key).and_then(keys::split_cycle) {
            Some((cycle, [])) => {
                found.insert(cycle, read(cycle, value)?);
                Ok(())
            }
            _ => Err(bad_key(kind)),
        }
    })?;
    Ok(found)
}

type Bits = bitvec::prelude::BitVec<u8, bitvec::prelude::Lsb0>;

fn read_bits(store: &dyn StateStore) -> Result<BTreeMap<u64, Bits>, PosError> {
    read_cycles(store, KeyKind::SeedBits, |cycle, value| {
        let what = "seed bits";
        match decode_bits(value, MAX_SEED_BITS, what) {
            Ok(([], (len, bytes))) => {
                let mut bits = Bits::from_slice(bytes);
                bits.truncate(len);
                Ok(bits)
            }
            Ok(_) => Err(corrupt(cycle, what, "bytes follow")),
            Err(error) => Err(corrupt(cycle, what, error)),
        }
    })
}

type RollCounts = BTreeMap<Address, u64>;

fn read_snapshots(store: &dyn StateStore) -> Result<BTreeMap<u64, RollCounts>, PosError> {
    read_cycles(store, KeyKind::RollSnapshot, |cycle, value| {
        let what = "roll snapshot";
        match decode_map::<Address, u64>(value, MAX_STAKERS, what) {
            Ok(([], rolls)) if rolls.values().all(|rolls| *rolls > 0) => Ok(rolls),
            Ok(([], _)) => Err(corrupt(cycle, what, "somebody has zero rolls")),
            Ok(_) => Err(corrupt(cycle, what, "bytes follow")),
            Err(error) => Err(corrupt(cycle, what, error)),
        }
    })
}

fn read_rolls(running: u64, store: &dyn StateStore) -> Result<RollCounts, PosError> {
    let mut found = RollCounts::new();
    let kind = KeyKind::Rolls;
    for_each_pair(store, &kind.prefix(), |key, value| {
        let rolls: u64 = read(running, "rolls", value)?;
        match keys::strip(kind, key).and_then(keys::split_address) {
            Some((_, [])) if found.len() >= MAX_STAKERS => {
                Err(corrupt(running, "rolls", "more stakers than there can be"))
            }
            Some((address, [])) if rolls > 0 => {
                found.insert(address, rolls);
                Ok(())
            }
            Some((_, [])) => Err(corrupt(running, "rolls", "somebody has zero rolls")),
            _ => Err(bad_key(kind)),
        }
    })?;
    Ok(found)
}
