//! A record against the model: everything, at every slot.

use super::model::{Model, Rules};
use super::record::{SlotRecord, StakeRecord, StateRecord};
use super::report::{CycleReport, StakingReport};
use displaydoc::Display;
use picot_models::{Address, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use thiserror::Error;

/// One in so many slots may have become final together with the next one, so that its state was not
/// seen.
const MAX_UNSEEN_STATES: usize = 4;

/// A record that is not what the rules of design 05 and 06 make of its blocks.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
#[displaydoc("after {slot}: {what}")]
pub struct AuditFailure {
    /// After which slot.
    pub slot: Slot,
    /// What differs.
    pub what: String,
}

/// Goes through a record with a plain model of its chain: what became of each operation, all
/// rolls, balances, deferred credits and totals after each slot, the weights that each cycle draws
/// with, and, over all cycles, how often each staker was drawn.
///
/// # Errors
/// The first difference.
pub fn audit(record: &StakeRecord, rules: Rules) -> Result<StakingReport, AuditFailure> {
    let mut audit = Audit {
        model: Model::new(&record.genesis, rules),
        record,
        report: StakingReport::default(),
        at: Slot::new(0, 0),
    };
    audit.run()?;
    Ok(audit.report)
}

struct Audit<'a> {
    model: Model,
    record: &'a StakeRecord,
    report: StakingReport,
    at: Slot,
}

impl Audit<'_> {
    fn run(&mut self) -> Result<(), AuditFailure> {
        let threads = self.record.genesis.params.thread_count;
        let mut expected = Slot::new(1, 0);
        for record in &self.record.slots {
            self.at = record.slot;
            self.equal("the next final slot", &record.slot, &expected)?;
            expected = if expected.thread + 1 < threads {
                Slot::new(expected.period, expected.thread + 1)
            } else {
                Slot::new(expected.period + 1, 0)
            };
            self.slot(record)?;
        }
        let states = usize::try_from(self.report.states).unwrap_or(0);
        let unseen = self.record.slots.len().saturating_sub(states);
        self.hold(
            unseen * MAX_UNSEEN_STATES <= self.record.slots.len(),
            || format!("the state was not seen after {unseen} slots"),
        )?;
        for address in self.report.addresses() {
            let luck = self.report.luck(&address);
            self.hold(luck.is_plausible(), || {
                format!("the draws of {address} do not follow its stake: {luck:?}")
            })?;
        }
        Ok(())
    }

    fn slot(&mut self, record: &SlotRecord) -> Result<(), AuditFailure> {
        let cycle = self.model.cycle(record.slot);
        if self.report.cycles.last().map(|last| last.cycle) != Some(cycle) {
            self.begin_cycle(cycle)?;
        }
        self.draws(record)?;
        let outcomes = self.model.slot(record);
        self.equal("what became of operations", &record.outcomes, &outcomes)?;
        let kept = self.model.kept_last_stake;
        self.equal(
            "whether the last stake was kept",
            &record.kept_last_stake,
            &kept,
        )?;
        self.note(record);
        self.conservation()?;
        if let Some(state) = &record.state {
            self.report.states += 1;
            self.state(state)?;
        }
        Ok(())
    }

    /// The weights of a cycle are the rolls at the end of the third one before it.
    fn begin_cycle(&mut self, cycle: u64) -> Result<(), AuditFailure> {
        let active = self.model.active_rolls(cycle);
        let powers = self.record.powers.get(&cycle).cloned();
        let what = format!("the weights of the draws of cycle {cycle}");
        self.equal_maps(&what, &powers.unwrap_or_default(), &active)?;
        let mut report = CycleReport {
            cycle,
            ..CycleReport::default()
        };
        for (address, weight) in active {
            report.stakers.entry(address).or_default().weight = weight;
        }
        self.report.cycles.push(report);
        Ok(())
    }

    /// Who is drawn has weight.
    fn draws(&mut self, record: &SlotRecord) -> Result<(), AuditFailure> {
        let count = usize::try_from(self.record.genesis.params.endorsement_count);
        self.equal(
            "the number of endorsers",
            &Ok(record.endorsers.len()),
            &count,
        )?;
        let Some(cycle) = self.report.cycles.last_mut() else {
            return Ok(());
        };
        let all = record.producers.iter().chain(&record.endorsers);
        let weightless = all.copied().find(|one| cycle.of(one).weight == 0);
        for drawn in record.producers.iter().take(1).chain(&record.endorsers) {
            cycle.stakers.entry(*drawn).or_default().draws += 1;
        }
        self.hold(weightless.is_none(), || {
            format!("{weightless:?} is drawn without stake")
        })
    }

    /// What happened, for the report.
    fn note(&mut self, record: &SlotRecord) {
        let Some(cycle) = self.report.cycles.last_mut() else {
            return;
        };
        cycle.slots += 1;
        cycle.misses += u64::from(record.block.is_none());
        cycle.kept_last_stake |= record.kept_last_stake;
        let headers = record.block.iter().map(|block| block.header.content());
        let denunciations: usize = headers.map(|header| header.denunciations.len()).sum();
        cycle.denunciations += u64::try_from(denunciations).unwrap_or(0);
        for (address, outcome) in std::mem::take(&mut self.model.happened) {
            cycle.stakers.entry(address).or_default().add(outcome);
        }
        for staker in cycle.stakers.values_mut() {
            (staker.rolls, staker.deferred) = (0, 0);
        }
        for (address, rolls) in &self.model.rolls {
            cycle.stakers.entry(*address).or_default().rolls = *rolls;
        }
        for ((_, address), coins) in &self.model.credits {
            cycle.stakers.entry(*address).or_default().deferred += coins;
        }
    }

    fn conservation(&self) -> Result<(), AuditFailure> {
        let supply = self.record.genesis.supply().unwrap_or_default().as_nanos();
        let model = &self.model;
        let supplied = supply + model.minted - model.burnt - model.slashed;
        self.equal("all coins", &model.all_coins(), &supplied)
    }

    fn state(&self, state: &StateRecord) -> Result<(), AuditFailure> {
        let (model, totals) = (&self.model, &state.totals);
        self.equal_maps("rolls", &state.rolls, &model.rolls)?;
        let credits = state.credits.iter();
        let credits: BTreeMap<(u64, Address), u64> = credits
            .map(|(key, coins)| (*key, coins.as_nanos()))
            .collect();
        self.equal_maps("deferred credits", &credits, &model.credits)?;
        let balances = state.balances.iter();
        let balances: BTreeMap<Address, u64> = balances
            .filter_map(|(address, coins)| Some((*address, coins.as_ref()?.as_nanos())))
            .collect();
        self.equal_maps("balances", &balances, &model.balances)?;
        for (what, told, counted) in [
            (
                "the total of balances",
                totals.balances,
                sum(&model.balances),
            ),
            (
                "the total of credits",
                totals.deferred_credits,
                sum(&model.credits),
            ),
            ("what was minted", totals.minted, model.minted),
            ("what was burnt", totals.burnt, model.burnt),
            ("what was slashed", totals.slashed, model.slashed),
        ] {
            self.equal(what, &told.as_nanos(), &counted)?;
        }
        self.equal("the total of rolls", &totals.rolls, &sum(&model.rolls))
    }

    /// Of two maps, only what differs is told.
    fn equal_maps<K: Ord + Debug, V: PartialEq + Debug>(
        &self,
        what: &str,
        nodes: &BTreeMap<K, V>,
        model: &BTreeMap<K, V>,
    ) -> Result<(), AuditFailure> {
        let differs = |key: &&K| nodes.get(*key) != model.get(*key);
        let keys = nodes.keys().chain(model.keys());
        let keys: BTreeSet<&K> = keys.filter(differs).collect();
        let of = |map: &BTreeMap<K, V>| -> Vec<String> {
            let value = |key| format!("{key:?}: {:?}", map.get(key));
            keys.iter().copied().map(value).collect()
        };
        self.hold(keys.is_empty(), || {
            let (nodes, model) = (of(nodes).join(", "), of(model).join(", "));
            format!("{what}: the nodes have {nodes}; the rules say {model}")
        })
    }

    fn equal<T: PartialEq + Debug>(
        &self,
        what: &str,
        nodes: &T,
        model: &T,
    ) -> Result<(), AuditFailure> {
        self.hold(nodes == model, || {
            format!("{what}: the nodes have {nodes:?}, the rules say {model:?}")
        })
    }

    fn hold(&self, holds: bool, what: impl FnOnce() -> String) -> Result<(), AuditFailure> {
        if holds {
            return Ok(());
        }
        Err(AuditFailure {
            slot: self.at,
            what: what(),
        })
    }
}

fn sum<K>(map: &BTreeMap<K, u64>) -> u64 {
    map.values().sum()
}
