//! The work after the last slot of a cycle (design 06, 'After the last slot of cycle `C` is final').

use crate::{Config, PosError, ProductionStats, RollRegistry};
use picot_models::{Address, Amount};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the end of a cycle did to coins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CycleEnd {
    /// Rolls that were sold because their owner did not do what it was drawn for.
    pub implicitly_sold: BTreeMap<Address, u64>,
    /// Coins of those sales, now deferred credits.
    pub sold_coins: Amount,
    /// Whether such sales were left out, because nobody would have had rolls any more. Whoever makes
    /// the cycle final warns of it.
    pub kept_last_stake: bool,
    /// Deferred credits that came due, to be added to the balances.
    pub reimbursed: BTreeMap<Address, Amount>,
}

impl RollRegistry<'_> {
    /// Does the cycle-end work, as part of the cycle's last slot, in a network of `total_rolls`.
    ///
    /// # Errors
    /// The rolls that were active in the cycle are not known, or a sum overflows.
    pub fn end_cycle(&mut self, total_rolls: u64) -> Result<CycleEnd, PosError> {
        let mut end = CycleEnd::default();
        self.sell_implicitly(total_rolls, &mut end)?;
        self.reimburse(&mut end);
        Ok(end)
    }

    /// Rule 1: who missed too much has its active rolls sold.
    fn sell_implicitly(&mut self, total_rolls: u64, end: &mut CycleEnd) -> Result<(), PosError> {
        let active = self.below.active_rolls(self.cycle);
        let active = active.ok_or(PosError::UnknownCycle(self.cycle.saturating_sub(3)))?;
        let mut sales = BTreeMap::new();
        let (below, changed) = self.stats_of_cycle();
        let unchanged = below
            .iter()
            .filter(|(address, _)| !changed.contains_key(address));
        for (&address, &stats) in unchanged.chain(&changed) {
            // Asked first: most stakers do what they are drawn for.
            if !is_over_rate(&stats, self.config) {
                continue;
            }
            let active = active.get(&address).copied().unwrap_or(0);
            let count = active.min(self.rolls(&address));
            if count > 0 {
                sales.insert(address, count);
            }
        }
        let sum = sales
            .values()
            .try_fold(0_u64, |sum, count| sum.checked_add(*count));
        if !sales.is_empty() && sum.is_none_or(|sum| sum >= total_rolls) {
            end.kept_last_stake = true;
            return Ok(());
        }
        for (&address, &count) in &sales {
            let overflow = || PosError::Overflow {
                what: "the deferred credit",
                address: Box::new(address),
            };
            let coins = self.sell_owned(address, count).ok_or_else(overflow)?;
            let sold = end.sold_coins.checked_add(coins);
            end.sold_coins = sold.ok_or_else(overflow)?;
        }
        end.implicitly_sold = sales;
        Ok(())
    }

    /// Rule 2: what was deferred to the end of this cycle comes due.
    fn reimburse(&mut self, end: &mut CycleEnd) {
        let cycle = self.cycle;
        let below = self.below.deferred_credits_of_cycle(cycle);
        let mut due = BTreeMap::clone(&below);
        let layers = self.layers.iter().rev().copied();
        for layer in layers.chain([&self.changes]) {
            let range = layer.deferred_credits.iter();
            let of_cycle = range.filter(|((of, _), _)| *of == cycle);
            due.extend(of_cycle.map(|((_, address), amount)| (*address, *amount)));
        }
        due.retain(|_, amount| !amount.is_zero());
        let none_left = due.keys().map(|address| ((cycle, *address), Amount::ZERO));
        // At once, which is several times as fast.
        let mut none_left: BTreeMap<_, _> = none_left.collect();
        self.changes.deferred_credits.append(&mut none_left);
        end.reimbursed = due;
    }

    /// The counts of everyone who was drawn in the cycle: final ones, and the changed ones above.
    fn stats_of_cycle(
        &self,
    ) -> (
        Arc<BTreeMap<Address, ProductionStats>>,
        BTreeMap<Address, ProductionStats>,
    ) {
        let mut changed = BTreeMap::new();
        let layers = self.layers.iter().rev().copied();
        for layer in layers.chain([&self.changes]) {
            let stats = layer.production_stats.iter();
            let of_cycle = stats.filter(|((of, _), _)| *of == self.cycle);
            changed.extend(of_cycle.map(|((_, address), stats)| (*address, *stats)));
        }
        (self.below.stats_of_cycle(self.cycle), changed)
    }
}

/// Whether an address missed more than it may, of blocks or of endorsements.
fn is_over_rate(stats: &ProductionStats, config: &Config) -> bool {
    let is_judged = |draws| draws >= config.min_draws_for_deactivation;
    let (blocks, endorsements) = (stats.block_draws(), stats.endorsement_draws());
    let blocks_missed = is_judged(blocks)
        && config
            .max_block_miss_rate
            .is_exceeded_by(stats.block_failure_count, blocks);
    let endorsements_missed = is_judged(endorsements)
        && config
            .max_endorsement_miss_rate
            .is_exceeded_by(stats.endorsement_failure_count, endorsements);
    blocks_missed || endorsements_missed
}
