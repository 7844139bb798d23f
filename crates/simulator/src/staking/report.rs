//! What became of stakes, by cycle and staker.

use super::model::Outcome;
use picot_models::Address;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const MILLION: i128 = 1_000_000;

/// One staker in one cycle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StakerCycle {
    /// The rolls that the cycle draws from.
    pub weight: u64,
    /// Times it was drawn, as first producer or as endorser.
    pub draws: u64,
    /// Rolls bought.
    pub bought: u64,
    /// Of these, sales of the same cycle that were taken back.
    pub taken_back: u64,
    /// Rolls sold by operations.
    pub sold: u64,
    /// Rolls sold at the end of the cycle, because it missed too much.
    pub sold_implicitly: u64,
    /// Faults punished.
    pub faults: u64,
    /// Nano-coins slashed from deferred credits.
    pub slashed_credits: u64,
    /// Rolls slashed.
    pub slashed_rolls: u64,
    /// Nano-coins of deferred credits that came due.
    pub reimbursed: u64,
    /// Rolls at the end of the cycle.
    pub rolls: u64,
    /// Nano-coins of deferred credits at the end of the cycle.
    pub deferred: u64,
}

impl StakerCycle {
    pub(super) const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Bought { rolls, taken_back } => {
                self.bought += rolls;
                self.taken_back += taken_back;
            }
            Outcome::Sold { rolls } => self.sold += rolls,
            Outcome::SoldImplicitly { rolls } => self.sold_implicitly += rolls,
            Outcome::Slashed {
                from_credits,
                rolls,
            } => {
                self.faults += 1;
                self.slashed_credits += from_credits;
                self.slashed_rolls += rolls;
            }
            Outcome::Reimbursed { coins } => self.reimbursed += coins,
        }
    }
}

/// One cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CycleReport {
    /// The cycle.
    pub cycle: u64,
    /// Final slots.
    pub slots: u64,
    /// Of these, misses.
    pub misses: u64,
    /// Denunciations in blocks.
    pub denunciations: u64,
    /// Whether no rolls were sold at its end, because nobody would have had any.
    pub kept_last_stake: bool,
    /// Everybody who had rolls, was drawn or had credits.
    pub stakers: BTreeMap<Address, StakerCycle>,
}

impl CycleReport {
    /// The sum of a number over all stakers.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&StakerCycle) -> u64) -> u64 {
        self.stakers.values().map(of).sum()
    }

    /// What a staker did and had.
    #[must_use]
    pub fn of(&self, address: &Address) -> StakerCycle {
        self.stakers.get(address).copied().unwrap_or_default()
    }

    /// Percent of the draws that fell to others than the stake says: half the sum of the distances
    /// between the shares of draws and of rolls, in hundredths of a percent.
    #[must_use]
    pub fn draws_not_by_stake(&self) -> u64 {
        let (draws, weight) = (self.sum(|one| one.draws), self.sum(|one| one.weight));
        let of = |part: u64, whole: u64| (part * 1_000_000).checked_div(whole).unwrap_or(0);
        let distance = self.sum(|one| of(one.draws, draws).abs_diff(of(one.weight, weight)));
        distance / 200
    }
}

/// How often somebody was drawn, and how often it should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Luck {
    /// Times it was drawn.
    pub draws: u64,
    /// The expected times, in millionths.
    pub expected: i128,
    /// The variance of the times, in millionths.
    pub variance: i128,
}

impl Luck {
    /// Whether the times are within five standard deviations of what is expected, and three more,
    /// since few draws are not distributed normally.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let distance = (i128::from(self.draws) * MILLION - self.expected).abs();
        let beyond = (distance - 3 * MILLION).max(0);
        beyond * beyond <= 25 * self.variance * MILLION
    }
}

/// A whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StakingReport {
    /// By cycle.
    pub cycles: Vec<CycleReport>,
    /// States that were compared.
    pub states: u64,
}

impl StakingReport {
    /// Who appears in any cycle.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let all = self.cycles.iter().flat_map(|cycle| cycle.stakers.keys());
        let mut all: Vec<Address> = all.copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// How often somebody was drawn over all cycles.
    #[must_use]
    pub fn luck(&self, address: &Address) -> Luck {
        let mut luck = Luck::default();
        for cycle in &self.cycles {
            let staker = cycle.of(address);
            let weight = i128::from(cycle.sum(|one| one.weight));
            let draws = i128::from(cycle.sum(|one| one.draws));
            let chance = i128::from(staker.weight) * MILLION;
            let chance = chance.checked_div(weight).unwrap_or(0);
            luck.draws += staker.draws;
            luck.expected += draws * chance;
            luck.variance += draws * chance * (MILLION - chance) / MILLION;
        }
        luck
    }

    /// As JSON, where `name` tells who is who.
    #[must_use]
    pub fn to_json(&self, name: impl Fn(&Address) -> String) -> Json {
        let staker = |(address, one): (&Address, &StakerCycle)| {
            let fields = json!({
                "weight": one.weight,
                "draws": one.draws,
                "bought": one.bought,
                "taken_back": one.taken_back,
                "sold": one.sold,
                "sold_implicitly": one.sold_implicitly,
                "faults": one.faults,
                "slashed_credits": one.slashed_credits,
                "slashed_rolls": one.slashed_rolls,
                "reimbursed": one.reimbursed,
                "rolls": one.rolls,
                "deferred": one.deferred,
            });
            (name(address), fields)
        };
        let cycle = |cycle: &CycleReport| {
            json!({
                "cycle": cycle.cycle,
                "slots": cycle.slots,
                "misses": cycle.misses,
                "denunciations": cycle.denunciations,
                "kept_last_stake": cycle.kept_last_stake,
                "draws_not_by_stake_percent_x100": cycle.draws_not_by_stake(),
                "stakers": cycle.stakers.iter().map(staker).collect::<BTreeMap<_, _>>(),
            })
        };
        json!({
            "states_compared": self.states,
            "cycles": self.cycles.iter().map(cycle).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;

    fn cycle(draws: &[(u64, u64)]) -> CycleReport {
        let staker = |(number, (weight, draws)): (usize, &(u64, u64))| {
            let staker = StakerCycle {
                weight: *weight,
                draws: *draws,
                ..StakerCycle::default()
            };
            (SimConfig::address(number), staker)
        };
        CycleReport {
            stakers: draws.iter().enumerate().map(staker).collect(),
            ..CycleReport::default()
        }
    }

    #[test]
    fn draws_in_proportion_to_rolls_are_by_stake_and_all_of_one_are_not() {
        assert_eq!(cycle(&[(1, 10), (3, 30)]).draws_not_by_stake(), 0);
        assert_eq!(cycle(&[(1, 40), (3, 0)]).draws_not_by_stake(), 7_500);
    }

    #[test]
    fn five_standard_deviations_and_three_draws_are_plausible_and_more_is_not() {
        // Of 400 draws with a chance of one half: 200 expected, a deviation of 10.
        let luck = |draws| {
            let report = StakingReport {
                cycles: vec![cycle(&[(1, draws), (1, 400 - draws)])],
                states: 0,
            };
            report.luck(&SimConfig::address(0))
        };
        assert_eq!(luck(253).expected, 200 * MILLION);
        assert_eq!(luck(253).variance, 100 * MILLION);
        assert!(luck(253).is_plausible() && luck(147).is_plausible());
        assert!(!luck(254).is_plausible() && !luck(146).is_plausible());
    }
}
