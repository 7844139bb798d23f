//! The faults of one run, all chosen by its seed before it begins.

use crate::byzantine::Behaviour;
use crate::config::{Faults, SimConfig};
use crate::fuse::Boundary;
use crate::latency::MICROS_PER_MILLI;
use crate::network::{Cut, LinkRules, SlowLink};
use crate::random::Random;

/// A partition of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// When it begins, in microseconds after genesis.
    pub from_us: u64,
    /// When it ends.
    pub to_us: u64,
    /// Who is on which side.
    pub cut: Cut,
}

/// A crash of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPlan {
    /// When the fuse is armed, in microseconds after genesis.
    pub at_us: u64,
    /// Which node.
    pub node: usize,
    /// At which boundary from then on.
    pub boundary: Boundary,
    /// How long it stays down.
    pub down_us: u64,
    /// Whether commits of the state that were not synced are lost.
    pub loses_state: bool,
}

/// All faults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// When all faults but the Byzantine ones end; none: there are none.
    pub heal_us: Option<u64>,
    /// What links do until then.
    pub rules: LinkRules,
    /// Slow links until then.
    pub slow: Vec<SlowLink>,
    /// Partitions, which may overlap.
    pub partitions: Vec<Partition>,
    /// Crashes.
    pub crashes: Vec<CrashPlan>,
    /// By how many milliseconds each node's clock is ahead, for the whole run.
    pub clock_ahead_ms: Vec<i64>,
    /// Who misbehaves, and how.
    pub byzantine: Vec<(usize, Behaviour)>,
    /// A bug of all nodes, to show that the invariants find it; no seed ever chooses one.
    pub planted: Option<Planted>,
}

/// A bug that is planted to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// After a crash the signing log is empty, and nobody tells consensus.
    ForgetLog,
    /// After a crash the archive is empty: outcomes that were decided are lost.
    ForgetOutcomes,
}

impl Scenario {
    /// The faults that the seed of a run chooses.
    #[must_use]
    pub fn new(config: &SimConfig) -> Self {
        let rules = LinkRules {
            uplink_bytes_per_ms: config.uplink_bytes_per_ms,
            ..LinkRules::WELL
        };
        let quiet = Self {
            heal_us: None,
            rules,
            slow: Vec::new(),
            partitions: Vec::new(),
            crashes: Vec::new(),
            clock_ahead_ms: vec![0; config.rolls.len()],
            byzantine: config.byzantine.clone(),
            planted: None,
        };
        match config.faults {
            Faults::None => quiet,
            Faults::Documented => quiet.documented(config),
        }
    }

    fn documented(mut self, config: &SimConfig) -> Self {
        let mut random = Random::new(config.seed, "scenario");
        let nodes = config.rolls.len();
        let slot_us =
            config.params.t0_ms * MICROS_PER_MILLI / u64::from(config.params.thread_count).max(1);
        let heal_us = config.params.t0_ms * MICROS_PER_MILLI + config.slots * slot_us * 3 / 5;
        self.heal_us = Some(heal_us);
        self.rules = LinkRules {
            loss: some_of(&mut random, 150_000),
            repetition: some_of(&mut random, 100_000),
            reordering: some_of(&mut random, 200_000),
            hold_up_us: random.between(1, config.params.t0_ms) * MICROS_PER_MILLI / 2,
            jitter_percent: random.between(0, 400),
            ..self.rules
        };
        self.slow = (0..random.below(4))
            .map(|_| SlowLink {
                one: random.index(nodes),
                other: random.index(nodes),
                factor: random.between(2, 50),
            })
            .collect();
        self.partitions = (0..random.below(4))
            .map(|_| partition(&mut random, nodes, heal_us))
            .collect();
        self.crashes = (0..random.below(2 * u64::try_from(nodes).unwrap_or(0)))
            .map(|_| crash(&mut random, nodes, heal_us))
            .collect();
        let drift = config.params.max_clock_drift_ms;
        self.clock_ahead_ms = (0..nodes)
            .map(|_| i64::try_from(random.below(drift + 1)).unwrap_or(0))
            .map(|offset| offset - i64::try_from(drift / 2).unwrap_or(0))
            .collect();
        self.choose_byzantine(config, &mut random);
        self
    }

    /// Some validators, up to `F` of the stake, in two runs of three.
    fn choose_byzantine(&mut self, config: &SimConfig, random: &mut Random) {
        let mut left = config.max_byzantine_rolls();
        for (validator, _) in &self.byzantine {
            left = left.saturating_sub(config.rolls.get(*validator).copied().unwrap_or(0));
        }
        if random.below(3) == 0 {
            return;
        }
        for validator in random.indices(config.rolls.len(), config.rolls.len()) {
            let rolls = config.rolls.get(validator).copied().unwrap_or(0);
            let is_free = self.byzantine.iter().all(|(other, _)| *other != validator);
            if is_free && rolls <= left {
                left -= rolls;
                let which = random.index(Behaviour::ALL.len());
                let behaviour = Behaviour::ALL.get(which).copied();
                self.byzantine
                    .push((validator, behaviour.unwrap_or(Behaviour::Silent)));
            }
        }
    }
}

/// Nothing in half of the cases, otherwise up to so much.
fn some_of(random: &mut Random, most: u64) -> u64 {
    if random.below(2) == 0 {
        0
    } else {
        random.below(most)
    }
}

fn partition(random: &mut Random, nodes: usize, heal_us: u64) -> Partition {
    let from_us = random.below(heal_us);
    let to_us = random.between(from_us, heal_us);
    let sides = random.between(2, 3);
    let side = |_| u8::try_from(random.below(sides)).unwrap_or(0);
    Partition {
        from_us,
        to_us,
        cut: Cut {
            sides: (0..nodes).map(side).collect(),
        },
    }
}

fn crash(random: &mut Random, nodes: usize, heal_us: u64) -> CrashPlan {
    let within = |random: &mut Random, most| u32::try_from(random.below(most)).unwrap_or(0);
    let boundary = match random.below(3) {
        0 => Boundary::BeforePersist(within(random, 20)),
        1 => Boundary::AfterPersist(within(random, 20)),
        _ => Boundary::AfterSends(within(random, 60)),
    };
    CrashPlan {
        at_us: random.below(heal_us),
        node: random.index(nodes),
        boundary,
        down_us: random.below(heal_us / 3 + 1),
        loses_state: random.below(2) == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(seed: u64) -> SimConfig {
        SimConfig {
            faults: Faults::Documented,
            rolls: vec![7, 1, 4, 4, 2],
            ..SimConfig::new(seed, 1)
        }
    }

    #[test]
    fn a_seed_chooses_the_same_faults_again_and_another_seed_others() {
        assert_eq!(Scenario::new(&config(3)), Scenario::new(&config(3)));
        assert_ne!(Scenario::new(&config(3)), Scenario::new(&config(4)));
    }

    #[test]
    fn less_than_a_third_of_the_stake_misbehaves_and_all_else_heals() {
        for seed in 0..200 {
            let config = config(seed);
            let scenario = Scenario::new(&config);
            let rolls = |(validator, _): &(usize, Behaviour)| config.rolls[*validator];
            let bad: u64 = scenario.byzantine.iter().map(rolls).sum();
            assert!(bad <= config.max_byzantine_rolls());
            let heal_us = scenario.heal_us.unwrap();
            assert!(scenario.partitions.iter().all(|one| one.to_us <= heal_us));
            assert!(scenario.crashes.iter().all(|one| one.at_us <= heal_us));
        }
    }

    #[test]
    fn a_run_without_faults_has_none() {
        let scenario = Scenario::new(&SimConfig::new(1, 4));
        assert_eq!(scenario.heal_us, None);
        assert_eq!(scenario.rules, LinkRules::WELL);
        assert!(scenario.crashes.is_empty() && scenario.partitions.is_empty());
    }
}
