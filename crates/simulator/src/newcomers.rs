//! Who joins late or comes back after long, and how much of the past the others keep: chosen by the seed.

use crate::byzantine::{Behaviour, StateLie};
use crate::config::SimConfig;
use crate::fuse::Boundary;
use crate::latency::MICROS_PER_MILLI;
use crate::random::Random;
use crate::scenario::{Absence, Away, CrashPlan, Scenario, crash};
use picot_consensus::history::fewest_kept_cycles;

/// Of a million pairs of nodes, those of which one does not hear the other in a storm.
const DEAF_PER_MILLION: u64 = 300_000;
/// The time from the start of a newcomer in which it crashes, if it does.
const CRASH_WITHIN_US: u64 = 7_000 * MICROS_PER_MILLI;
/// How long it stays down, at most.
const DOWN_US: u64 = 2_000 * MICROS_PER_MILLI;

/// A node that begins late, without any data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newcomer {
    /// Which.
    pub node: usize,
    /// When it begins, in microseconds after genesis.
    pub at_us: u64,
}

/// A node without stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observer {
    /// How it misbehaves, if it does.
    pub behaviour: Option<Behaviour>,
}

impl Observer {
    /// One that only follows.
    pub const HONEST: Self = Self { behaviour: None };
}

/// Chooses them, beside the faults that are chosen already.
pub(crate) fn choose(scenario: &mut Scenario, config: &SimConfig, heal_us: u64) {
    let mut random = Random::new(config.seed, "newcomers");
    let cycle_us = config.params.periods_per_cycle * config.params.t0_ms * MICROS_PER_MILLI;
    let first = scenario.first_observer(config);
    choose_liars(scenario, &mut random);
    let late_us = |random: &mut Random| random.between((cycle_us * 3).min(heal_us), heal_us);
    for _ in 0..random.between(1, 2) {
        scenario.newcomers.push(Newcomer {
            node: first + scenario.observers.len(),
            at_us: late_us(&mut random),
        });
        scenario.observers.push(Observer::HONEST);
    }
    let mut missed: u64 = scenario
        .lost_logs
        .iter()
        .filter_map(|lost| config.rolls.get(lost.node))
        .sum();
    if random.below(2) == 0
        && let Some(node) = spare(scenario, config, &mut random, &mut missed)
    {
        let at_us = late_us(&mut random);
        scenario.newcomers.push(Newcomer { node, at_us });
    }
    if random.below(2) == 0
        && let Some(node) = spare(scenario, config, &mut random, &mut missed)
    {
        let from_us = random.between(cycle_us / 4, cycle_us * 3 / 4);
        let back_us = (from_us + cycle_us * 4).min(heal_us);
        scenario.absences.push(Absence {
            node,
            from_us,
            to_us: random.between(back_us, heal_us),
            how: Away::Off,
        });
    }
    let nodes = first + scenario.observers.len();
    choose_history(scenario, config, &mut random, nodes);
    choose_crashes(scenario, &mut random, heal_us);
    extend_links(scenario, &mut random, config.rolls.len()..nodes, heal_us);
}

/// Nodes without stake that lie about states: however many there are, they cost the others nothing.
fn choose_liars(scenario: &mut Scenario, random: &mut Random) {
    for _ in 0..random.below(4) {
        let which = random.index(StateLie::ALL.len());
        let lie = StateLie::ALL.get(which).copied();
        scenario.observers.push(Observer {
            behaviour: lie.map(Behaviour::FalseStates),
        });
    }
}

/// An honest validator that can be missed beside all others that are.
fn spare(
    scenario: &Scenario,
    config: &SimConfig,
    random: &mut Random,
    missed: &mut u64,
) -> Option<usize> {
    let left = scenario.honest_rolls_to_miss(config);
    let left = left.saturating_sub(*missed);
    let taken = scenario.byzantine.iter().map(|(validator, _)| *validator);
    let taken = taken.chain(scenario.lost_logs.iter().map(|lost| lost.node));
    let taken = taken.chain(scenario.newcomers.iter().map(|newcomer| newcomer.node));
    let taken: Vec<usize> = taken.collect();
    let rolls = |node: usize| config.rolls.get(node).copied().unwrap_or(u64::MAX);
    let mut all = random
        .indices(config.rolls.len(), config.rolls.len())
        .into_iter();
    let node = all.find(|node| !taken.contains(node) && rolls(*node) <= left)?;
    *missed += rolls(node);
    Some(node)
}

/// All keep everything, some do, or, in half of the runs, nobody: then what is old can be had from nobody.
fn choose_history(scenario: &mut Scenario, config: &SimConfig, random: &mut Random, nodes: usize) {
    let fewest = fewest_kept_cycles(&config.params);
    let mode = random.below(4);
    let keeps_little = |random: &mut Random| match mode {
        0 => false,
        1 => random.below(2) == 0,
        _ => true,
    };
    scenario.history = (0..nodes)
        .map(|_| keeps_little(random).then_some(fewest))
        .collect();
}

/// Those who join and those who come back crash while they do.
fn choose_crashes(scenario: &mut Scenario, random: &mut Random, heal_us: u64) {
    let joining = scenario.newcomers.iter();
    let joining = joining.map(|newcomer| (newcomer.node, newcomer.at_us));
    let back = scenario.absences.iter();
    let back = back.map(|absence| (absence.node, absence.to_us));
    let all: Vec<(usize, u64)> = joining.chain(back).collect();
    for (node, at_us) in all {
        for _ in 0..random.below(4) {
            let few = |random: &mut Random| u32::try_from(random.below(8)).unwrap_or(0);
            let boundary = match crash(random, 1, heal_us).boundary {
                Boundary::BeforePersist(_) => Boundary::BeforePersist(few(random)),
                Boundary::AfterPersist(_) => Boundary::AfterPersist(few(random)),
                other => other,
            };
            scenario.crashes.push(CrashPlan {
                at_us: (at_us + random.below(CRASH_WITHIN_US)).min(heal_us),
                node,
                boundary,
                down_us: random.below(DOWN_US),
                loses_state: random.below(2) == 0,
            });
        }
    }
}

/// Nodes without stake are on some side of each cut, and do not hear some others in storms.
fn extend_links(
    scenario: &mut Scenario,
    random: &mut Random,
    added: std::ops::Range<usize>,
    heal_us: u64,
) {
    for partition in &mut scenario.partitions {
        let sides = partition.cut.sides.iter().max().copied().unwrap_or(0);
        let more = added.clone().map(|_| random.below(u64::from(sides) + 1));
        let more = more.map(|side| u8::try_from(side).unwrap_or(0));
        partition.cut.sides.extend(more);
    }
    for storm in &mut scenario.storms {
        debug_assert!(storm.to_us <= heal_us, "storms end when all faults do");
        for node in added.clone() {
            for other in 0..added.end {
                for link in [(node, other), (other, node)] {
                    if random.chance(DEAF_PER_MILLION) {
                        storm.deaf.insert(link);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Faults;
    use std::collections::BTreeSet;

    fn config(seed: u64) -> SimConfig {
        let mut config = SimConfig {
            faults: Faults::Documented,
            rolls: vec![7, 1, 4, 4, 2],
            slots: 96,
            ..SimConfig::new(seed, 1)
        };
        config.let_join(None);
        config
    }

    #[test]
    fn one_run_of_some_has_newcomers_if_enough_cycles_fit_in() {
        let has = |seed: u64, slots: u64| {
            let mut config = SimConfig::new(seed, 4);
            config.slots = slots;
            config.document(None);
            config.newcomers
        };
        let count = (0..500).filter(|seed| has(*seed, 96)).count();
        assert!((60..=140).contains(&count), "{count}");
        assert!((0..500).all(|seed| !has(seed, 24)));
    }

    #[test]
    fn with_those_who_are_away_less_than_a_third_of_the_stake_is_missing() {
        let (mut newcomers, mut absent) = (0, 0);
        for seed in 0..300 {
            let config = config(seed);
            let scenario = Scenario::new(&config);
            let bad = scenario.byzantine.iter().map(|(validator, _)| *validator);
            let lost = scenario.lost_logs.iter().map(|lost| lost.node);
            let late = scenario.newcomers.iter().map(|newcomer| newcomer.node);
            let away = scenario.absences.iter().map(|absence| absence.node);
            let missing: BTreeSet<usize> = bad.chain(lost).chain(late).chain(away).collect();
            let rolls = missing.iter().filter_map(|node| config.rolls.get(*node));
            assert!(rolls.sum::<u64>() <= config.max_byzantine_rolls());
            newcomers += scenario.newcomers.len();
            absent += scenario.absences.len();
        }
        assert!(newcomers > 300 && absent > 30, "{newcomers} {absent}");
    }

    #[test]
    fn all_that_is_chosen_ends_when_faults_do_and_concerns_nodes_that_there_are() {
        for seed in 0..300 {
            let config = config(seed);
            let scenario = Scenario::new(&config);
            let heal_us = scenario.heal_us.unwrap();
            let nodes = scenario.first_observer(&config) + scenario.observers.len();
            assert_eq!(scenario.history.len(), nodes);
            assert!(
                scenario
                    .newcomers
                    .iter()
                    .all(|one| one.at_us <= heal_us && one.node < nodes)
            );
            assert!(scenario.absences.iter().all(|one| one.to_us <= heal_us));
            assert!(
                scenario
                    .crashes
                    .iter()
                    .all(|one| one.at_us <= heal_us && one.node < nodes)
            );
            let sides = scenario.partitions.iter().map(|one| one.cut.sides.len());
            assert!(sides.into_iter().all(|sides| sides == nodes));
        }
    }

    #[test]
    fn seeds_choose_every_lie_and_peers_that_keep_everything_some_or_nothing() {
        let all: Vec<Scenario> = (0..300).map(|seed| Scenario::new(&config(seed))).collect();
        let lies: BTreeSet<Behaviour> = all
            .iter()
            .flat_map(|one| one.observers.iter().filter_map(|it| it.behaviour))
            .collect();
        assert_eq!(lies.len(), StateLie::ALL.len());
        let keeping = |one: &Scenario| {
            let all = one.history.len();
            let little = one.history.iter().flatten().count();
            (little == 0, little == all)
        };
        let count = |which: (bool, bool)| all.iter().filter(|one| keeping(one) == which).count();
        assert!(count((true, false)) > 20, "all keep everything");
        assert!(count((false, true)) > 80, "nobody does");
        assert!(count((false, false)) > 20, "some do");
    }
}
