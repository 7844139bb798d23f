//! The life of stakers, chosen by a seed before it begins.

use crate::byzantine::Behaviour;
use crate::config::SimConfig;
use crate::random::Random;
use crate::scenario::{Absence, Away, Order, Scenario, Spell};
use picot_models::{Amount, OperationKind, ProposalPolicy};

/// Stakers of a seeded life, each with a node of its own.
pub const STAKERS: usize = 20;
/// Addresses without a node that are given coins, and of which some buy rolls nobody produces with.
pub const NEWCOMERS: usize = 4;

/// Threads of the chain: as few as show that there are several.
const THREADS: u8 = 2;
/// How stakers misbehave now and then, one each.
const FAULTS: [Behaviour; 3] = [
    Behaviour::TwoVotes,
    Behaviour::TwoBlocks,
    Behaviour::FinaliseAndNullify,
];
/// Stakers that are away at the same time. With one that misbehaves, they are less than a third.
const MAX_AWAY: usize = 2;
/// Cycles at the beginning and at the end in which nobody leaves: whoever was away is drawn again.
const QUIET_CYCLES: u64 = 1;
const CALM_CYCLES: u64 = 9;
/// Of so many periods of a cycle, in the first half, orders are given: they are in a block before it
/// ends.
const ORDERS_PER_CYCLE: u64 = 5;

/// Twenty unequal stakers over so many cycles of so many periods. Of three seeds, one lets the drawn
/// producer alone propose, so that slots are missed, one the first three, and one everybody.
#[must_use]
pub fn staking_config(seed: u64, cycles: u64, periods: u64) -> SimConfig {
    let mut config = SimConfig::new(seed, STAKERS);
    config.params.thread_count = THREADS;
    config.params.proposal_policy = match seed % 3 {
        0 => ProposalPolicy::All,
        1 => ProposalPolicy::Ranked { count: 3 },
        _ => ProposalPolicy::Drawn,
    };
    config.set_cycle(periods);
    config.operations_per_100_slots = 0;
    config.record_stakes = true;
    // Nobody produces for period 0.
    config.slots = (cycles * periods).saturating_sub(1).max(1) * u64::from(THREADS);
    let mut random = Random::new(seed, "stakes");
    let places = random.indices(STAKERS, STAKERS);
    let rolls = places
        .iter()
        .map(|place| u64::try_from(*place).unwrap_or(0));
    config.rolls = rolls.map(|place| 5 + 2 * place).collect();
    config
}

/// What the seed of a configuration lets its stakers do: they buy and sell rolls and send coins, stop
/// (their node, or only production) and come back and buy again, and three of them sign
/// contradictions at times, some of them just after they sold.
#[must_use]
pub fn staking_scenario(config: &SimConfig) -> Scenario {
    let plan = Plan {
        random: Random::new(config.seed, "staking"),
        cycle_us: config.params.periods_per_cycle * config.params.t0_ms * 1_000,
        period_us: config.params.t0_ms * 1_000,
        cycles: cycles(config),
        rolls: config.rolls.clone(),
        byzantine: Vec::new(),
        away: Vec::new(),
        scenario: Scenario::new(config),
    };
    plan.make(config)
}

/// Whole cycles of a run.
const fn cycles(config: &SimConfig) -> u64 {
    let periods = config.slots / config.params.thread_count as u64 + 1;
    periods / config.params.periods_per_cycle
}

struct Plan {
    random: Random,
    cycle_us: u64,
    period_us: u64,
    cycles: u64,
    /// What each staker should have by its orders alone.
    rolls: Vec<u64>,
    byzantine: Vec<usize>,
    /// Who is away, up to which cycle, and then recovers its stake in the next ones.
    away: Vec<(usize, u64)>,
    scenario: Scenario,
}

impl Plan {
    fn make(mut self, config: &SimConfig) -> Scenario {
        self.choose_byzantine(config.max_byzantine_rolls());
        for cycle in 0..self.cycles {
            self.away.retain(|(_, until)| *until > cycle);
            for _ in 0..ORDERS_PER_CYCLE {
                self.order_something(cycle);
            }
            let may_leave = cycle >= QUIET_CYCLES && cycle + CALM_CYCLES < self.cycles;
            if may_leave && self.random.below(3) > 0 {
                self.leave(cycle);
            }
            if cycle >= QUIET_CYCLES && self.random.below(4) == 0 {
                self.misbehave(cycle);
            }
        }
        // Who never does is as honest as the others.
        let spells = &self.scenario.spells;
        let has_any = |(staker, _): &(usize, Behaviour)| {
            spells.iter().any(|spell| spell.validator == *staker)
        };
        self.scenario.byzantine.retain(has_any);
        self.scenario
    }

    fn choose_byzantine(&mut self, most_rolls: u64) {
        let mut left = most_rolls;
        for staker in self.random.indices(self.rolls.len(), self.rolls.len()) {
            let rolls = self.rolls.get(staker).copied().unwrap_or(u64::MAX);
            if self.byzantine.len() < FAULTS.len() && rolls <= left {
                left -= rolls;
                self.byzantine.push(staker);
                let which = self.scenario.byzantine.len();
                let behaviour = FAULTS.get(which).copied();
                let behaviour = behaviour.unwrap_or(Behaviour::TwoVotes);
                self.scenario.byzantine.push((staker, behaviour));
            }
        }
    }

    fn is_here(&self, staker: usize) -> bool {
        self.away.iter().all(|(away, _)| *away != staker)
    }

    /// Somebody who is here.
    fn anybody(&mut self) -> usize {
        loop {
            let staker = self.random.index(self.rolls.len());
            if self.is_here(staker) {
                return staker;
            }
        }
    }

    /// A moment of the first half of a cycle.
    fn moment(&mut self, cycle: u64) -> u64 {
        cycle * self.cycle_us + self.random.below(self.cycle_us / 2)
    }

    fn order(&mut self, at_us: u64, staker: usize, kind: OperationKind) {
        self.scenario.orders.push(Order {
            at_us,
            staker,
            kind,
        });
    }

    fn buy(&mut self, at_us: u64, staker: usize, roll_count: u64) {
        if let Some(rolls) = self.rolls.get_mut(staker) {
            *rolls += roll_count;
        }
        self.order(at_us, staker, OperationKind::RollBuy { roll_count });
    }

    fn sell(&mut self, at_us: u64, staker: usize, roll_count: u64) {
        if let Some(rolls) = self.rolls.get_mut(staker) {
            *rolls = rolls.saturating_sub(roll_count);
        }
        self.order(at_us, staker, OperationKind::RollSell { roll_count });
    }

    fn send(&mut self, at_us: u64, staker: usize, to: usize, nanos: u64) {
        let kind = OperationKind::Transfer {
            recipient: SimConfig::address(to),
            amount: Amount::from_nanos(nanos),
        };
        self.order(at_us, staker, kind);
    }

    /// One order, or two that belong together.
    fn order_something(&mut self, cycle: u64) {
        let (at_us, staker) = (self.moment(cycle), self.anybody());
        let rolls = self.random.between(1, 4);
        let own = self.rolls.get(staker).copied().unwrap_or(0);
        match self.random.below(10) {
            0..3 => self.buy(at_us, staker, rolls),
            3 | 4 if own > 8 => self.sell(at_us, staker, rolls),
            5 if own > 8 => {
                // Taken back in the same cycle, in part or with some more.
                self.sell(at_us, staker, rolls);
                let back = self.random.between(1, 5);
                self.buy(at_us + self.period_us, staker, back);
            }
            6 => self.fail(at_us, staker),
            7 => self.newcomer(at_us, staker),
            _ => {
                let to = self.random.index(self.rolls.len());
                let nanos = 1_000_000 + self.random.below(1_000_000_000);
                self.send(at_us, staker, to, nanos);
            }
        }
    }

    /// Something that nobody can do, and that no pool takes.
    fn fail(&mut self, at_us: u64, staker: usize) {
        let kind = if self.random.below(2) == 0 {
            OperationKind::RollBuy {
                roll_count: 1_000_000_000,
            }
        } else {
            OperationKind::RollSell { roll_count: 10_000 }
        };
        self.order(at_us, staker, kind);
    }

    /// Somebody without a node is given coins for three rolls, and may buy two of them.
    fn newcomer(&mut self, at_us: u64, staker: usize) {
        let newcomer = self.rolls.len() + self.random.index(NEWCOMERS);
        self.send(at_us, staker, newcomer, 300_000_000_000);
        if self.random.below(2) == 0 {
            let kind = OperationKind::RollBuy { roll_count: 2 };
            self.order(at_us + self.period_us, newcomer, kind);
        }
    }

    /// Somebody leaves for one to four cycles, and buys what it had when it is back.
    fn leave(&mut self, cycle: u64) {
        if self.away.len() >= MAX_AWAY {
            return;
        }
        let staker = self.anybody();
        if self.byzantine.contains(&staker) {
            return;
        }
        let cycles = self.random.between(1, 4);
        let how = if self.random.below(2) == 0 {
            Away::Off
        } else {
            Away::NotProducing
        };
        let from_us = self.moment(cycle);
        let back = cycle + cycles + 1;
        let to_us = back * self.cycle_us - self.random.below(self.cycle_us / 2);
        self.scenario.absences.push(Absence {
            node: staker,
            from_us,
            to_us,
            how,
        });
        self.away.push((staker, back + 1));
        // Its stake is known to be gone when it buys the same again.
        let own = self.rolls.get(staker).copied().unwrap_or(0);
        let kind = OperationKind::RollBuy {
            roll_count: own.clamp(5, 45),
        };
        let at_us = self.moment(back);
        self.order(at_us, staker, kind);
    }

    /// One of the Byzantine stakers signs contradictions for a period; half of the time it has sold
    /// rolls just before, so that it pays with what it has coming.
    fn misbehave(&mut self, cycle: u64) {
        let which = self.random.index(self.byzantine.len());
        let Some(staker) = self.byzantine.get(which).copied() else {
            return;
        };
        let begin_us = cycle * self.cycle_us;
        let own = self.rolls.get(staker).copied().unwrap_or(0);
        if self.random.below(2) == 0 && own > 4 {
            let rolls = self.random.between(1, 3);
            self.sell(begin_us + 1_000, staker, rolls);
        }
        let from_us = begin_us + self.cycle_us / 2;
        self.scenario.spells.push(Spell {
            validator: staker,
            from_us,
            to_us: from_us + self.period_us,
        });
        // So that it is worth denouncing again.
        if own < 6 {
            self.buy(begin_us + self.cycle_us * 3 / 4, staker, 5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_the_same_life_again_and_another_seed_another() {
        let life = |seed| staking_scenario(&staking_config(seed, 50, 4));
        assert_eq!(life(1), life(1));
        assert_ne!(life(1), life(2));
        assert_ne!(
            staking_config(1, 50, 4).rolls,
            staking_config(2, 50, 4).rolls
        );
    }

    #[test]
    fn every_life_has_sales_purchases_absences_of_both_kinds_and_misbehaviour() {
        for seed in 0..50 {
            let config = staking_config(seed, 50, 4);
            let life = staking_scenario(&config);
            let sells = |order: &&Order| matches!(order.kind, OperationKind::RollSell { .. });
            let buys = |order: &&Order| matches!(order.kind, OperationKind::RollBuy { .. });
            assert!(life.orders.iter().filter(sells).count() > 20, "seed {seed}");
            assert!(life.orders.iter().filter(buys).count() > 40, "seed {seed}");
            for how in [Away::Off, Away::NotProducing] {
                assert!(life.absences.iter().any(|absence| absence.how == how));
            }
            assert!(life.spells.len() > 2, "seed {seed}");
        }
    }

    #[test]
    fn who_misbehaves_does_so_at_times_only() {
        for seed in 0..50 {
            let life = staking_scenario(&staking_config(seed, 12, 4));
            for (staker, _) in &life.byzantine {
                assert!(life.spells.iter().any(|spell| spell.validator == *staker));
            }
        }
    }

    #[test]
    fn who_is_away_or_misbehaves_is_less_than_a_third_at_any_time() {
        for seed in 0..50 {
            let config = staking_config(seed, 50, 4);
            let life = staking_scenario(&config);
            for absence in &life.absences {
                let others = life.absences.iter().filter(|other| {
                    other.from_us <= absence.from_us && absence.from_us < other.to_us
                });
                assert!(others.count() <= MAX_AWAY, "seed {seed}");
                let bad = life.byzantine.iter().map(|(staker, _)| *staker);
                assert!(bad.clone().all(|staker| staker != absence.node));
            }
            // Nobody has more than a tenth, so that three are less than a third.
            let total: u64 = config.rolls.iter().sum();
            assert!(config.rolls.iter().all(|rolls| rolls * 10 < total));
        }
    }
}
