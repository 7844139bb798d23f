//! The faults of one run, all chosen by its seed before it begins.

use crate::byzantine::Behaviour;
use crate::clock::NodeClock;
use crate::config::{Faults, SimConfig};
use crate::fuse::Boundary;
use crate::latency::MICROS_PER_MILLI;
use crate::network::{Cut, LinkRules, SlowLink, Storm};
use crate::newcomers::{self, Newcomer, Observer};
use crate::planted::Planted;
use crate::random::Random;
use picot_models::OperationKind;

/// The most that a clock gains or loses, in millionths: so much that it shows in a short run.
const MAX_RATE_PPM: i64 = 20_000;

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

/// A change of a node's clock during the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockChange {
    /// When, in microseconds after genesis.
    pub at_us: u64,
    /// Which node.
    pub node: usize,
    /// By how many microseconds it is set forward, or back if negative.
    pub step_us: i64,
    /// How many millionths of the time it gains from then on, or loses if negative.
    pub rate_ppm: i64,
}

/// A node that stops for a while, as one whose machine is suspended: it does nothing, and then gets
/// everything that came meanwhile at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When, in microseconds after genesis.
    pub at_us: u64,
    /// Which node.
    pub node: usize,
    /// How long.
    pub for_us: u64,
}

/// A crash after which a node's signing log is gone. At its next starts it says so, and consensus
/// signs in a thread only after a decision of a slot that began after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostLog {
    /// When, in microseconds after genesis.
    pub at_us: u64,
    /// Which node.
    pub node: usize,
    /// How long it stays down.
    pub down_us: u64,
}

/// Something that a staker orders, by way of its own node, or of another while that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// When, in microseconds after genesis.
    pub at_us: u64,
    /// Whose key signs it: that of a validator, or past them of somebody without a node.
    pub staker: usize,
    /// What.
    pub kind: OperationKind,
}

/// How a staker is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Its node is off.
    Off,
    /// Its node votes, but makes neither blocks nor endorsements.
    NotProducing,
}

/// A staker that stops, and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// Which node.
    pub node: usize,
    /// When it stops, in microseconds after genesis.
    pub from_us: u64,
    /// When it is back.
    pub to_us: u64,
    /// How it is away.
    pub how: Away,
}

/// A time in which a Byzantine validator misbehaves. One that has any is as the others in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// Which validator.
    pub validator: usize,
    /// When it begins, in microseconds after genesis.
    pub from_us: u64,
    /// When it ends.
    pub to_us: u64,
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
    /// Storms, one after the other.
    pub storms: Vec<Storm>,
    /// Crashes.
    pub crashes: Vec<CrashPlan>,
    /// By how many milliseconds each node's clock is ahead when the run begins.
    pub clock_ahead_ms: Vec<i64>,
    /// Steps and drifts of clocks, in order of time.
    pub clock_changes: Vec<ClockChange>,
    /// Nodes that stop for a while.
    pub pauses: Vec<Pause>,
    /// Signing logs that are lost.
    pub lost_logs: Vec<LostLog>,
    /// Who misbehaves, and how.
    pub byzantine: Vec<(usize, Behaviour)>,
    /// When they do, if not all the time.
    pub spells: Vec<Spell>,
    /// What stakers order.
    pub orders: Vec<Order>,
    /// Stakers that stop for a while, whatever else happens.
    pub absences: Vec<Absence>,
    /// Nodes without stake, after the validators and the second nodes of twins.
    pub observers: Vec<Observer>,
    /// Nodes that begin late, without any data.
    pub newcomers: Vec<Newcomer>,
    /// By node: the cycles before the current one whose blocks it keeps; none: all.
    pub history: Vec<Option<u64>>,
    /// A bug of all nodes, to show that the invariants find it; no seed ever chooses one.
    pub planted: Option<Planted>,
    /// Whether only agreement is looked at: what a planted bug leads to where nothing else finds it
    /// before.
    pub agreement_only: bool,
}

impl Scenario {
    /// The faults that the seed of a run chooses.
    #[must_use]
    pub fn new(config: &SimConfig) -> Self {
        let quiet = Self::quiet(config);
        match config.faults {
            Faults::None => quiet,
            Faults::Documented => quiet.documented(config),
        }
    }

    /// None but those that the configuration names.
    pub(crate) fn quiet(config: &SimConfig) -> Self {
        let rules = LinkRules {
            uplink_bytes_per_ms: config.uplink_bytes_per_ms,
            ..LinkRules::WELL
        };
        Self {
            heal_us: None,
            rules,
            slow: Vec::new(),
            partitions: Vec::new(),
            storms: Vec::new(),
            crashes: Vec::new(),
            clock_ahead_ms: vec![0; config.rolls.len()],
            clock_changes: Vec::new(),
            pauses: Vec::new(),
            lost_logs: Vec::new(),
            byzantine: config.byzantine.clone(),
            spells: Vec::new(),
            orders: Vec::new(),
            absences: Vec::new(),
            observers: Vec::new(),
            newcomers: Vec::new(),
            history: Vec::new(),
            planted: None,
            agreement_only: false,
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
        let mut random = Random::new(config.seed, "nodes");
        self.clock_changes = clock_changes(&mut random, &self.clock_ahead_ms, drift, heal_us);
        self.pauses = (0..random.below(4))
            .map(|_| pause(&mut random, nodes, heal_us))
            .collect();
        self.choose_lost_logs(config, &mut random, heal_us);
        let round_us = config.params.network_delay_ms * MICROS_PER_MILLI * 6;
        let mut random = Random::new(config.seed, "storms");
        self.storms = storms(&mut random, nodes, round_us, heal_us);
        if config.newcomers {
            newcomers::choose(&mut self, config, heal_us);
        }
        self
    }

    /// The first node without stake.
    #[must_use]
    pub fn first_observer(&self, config: &SimConfig) -> usize {
        let is_twin = |(_, how): &&(usize, Behaviour)| *how == Behaviour::TwinKey;
        config.rolls.len() + self.byzantine.iter().filter(is_twin).count()
    }

    /// Some validators, up to what is left of `F` of the stake, in one run of three: until others
    /// have gone on, their votes are missing, for they are not known to contradict nothing.
    fn choose_lost_logs(&mut self, config: &SimConfig, random: &mut Random, heal_us: u64) {
        if random.below(3) > 0 {
            return;
        }
        let mut left = self.honest_rolls_to_miss(config);
        for validator in random.indices(config.rolls.len(), config.rolls.len()) {
            let rolls = config.rolls.get(validator).copied().unwrap_or(0);
            let is_honest = self.byzantine.iter().all(|(other, _)| *other != validator);
            if is_honest && rolls <= left {
                left -= rolls;
                self.lost_logs.push(LostLog {
                    at_us: random.below(heal_us),
                    node: validator,
                    down_us: random.below(heal_us / 4 + 1),
                });
            }
        }
    }

    /// What is left of `F` beside the Byzantine validators.
    pub(crate) fn honest_rolls_to_miss(&self, config: &SimConfig) -> u64 {
        let mut left = config.max_byzantine_rolls();
        for (validator, _) in &self.byzantine {
            left = left.saturating_sub(config.rolls.get(*validator).copied().unwrap_or(0));
        }
        left
    }

    /// Some validators, up to `F` of the stake, in two runs of three. In a third of these they work
    /// together.
    fn choose_byzantine(&mut self, config: &SimConfig, random: &mut Random) {
        let mut left = self.honest_rolls_to_miss(config);
        if random.below(3) == 0 {
            return;
        }
        let choose = |random: &mut Random, all: &[Behaviour]| {
            let which = random.index(all.len());
            all.get(which).copied().unwrap_or(Behaviour::Silent)
        };
        let together = random.below(3) == 0;
        let common = choose(random, &Behaviour::TOGETHER);
        for validator in random.indices(config.rolls.len(), config.rolls.len()) {
            let rolls = config.rolls.get(validator).copied().unwrap_or(0);
            let is_free = self.byzantine.iter().all(|(other, _)| *other != validator);
            if is_free && rolls <= left {
                left -= rolls;
                let own = choose(random, &Behaviour::ALL);
                self.byzantine
                    .push((validator, if together { common } else { own }));
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

/// In a third of the runs, the links change all the time, within a round or over a few of them.
fn storms(random: &mut Random, nodes: usize, round_us: u64, heal_us: u64) -> Vec<Storm> {
    let mut storms = Vec::new();
    if random.below(3) > 0 {
        return storms;
    }
    let deaf_percent = random.between(10, 60);
    let longest_us = round_us * random.between(1, 8) / 2;
    let mut from_us = random.below(heal_us);
    while from_us < heal_us {
        let to_us = (from_us + random.between(round_us / 6, longest_us)).min(heal_us);
        let links = (0..nodes).flat_map(|one| (0..nodes).map(move |other| (one, other)));
        let deaf = links.filter(|_| random.below(100) < deaf_percent).collect();
        storms.push(Storm {
            from_us,
            to_us,
            deaf,
        });
        from_us = to_us + random.below(longest_us);
    }
    storms
}

pub(crate) fn crash(random: &mut Random, nodes: usize, heal_us: u64) -> CrashPlan {
    let within = |random: &mut Random, most| u32::try_from(random.below(most)).unwrap_or(0);
    let boundary = match random.below(4) {
        0 => Boundary::InPersist {
            writes: within(random, 20),
            whole: within(random, 4),
        },
        1 => Boundary::BeforePersist(within(random, 20)),
        2 => Boundary::AfterPersist(within(random, 20)),
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

fn pause(random: &mut Random, nodes: usize, heal_us: u64) -> Pause {
    let at_us = random.below(heal_us);
    let longest_us = (heal_us - at_us).min(2_000 * MICROS_PER_MILLI);
    Pause {
        at_us,
        node: random.index(nodes),
        for_us: random.below(longest_us + 1),
    }
}

/// Steps and drifts, in half of the cases of each node, that leave its clock within half the drift
/// bound of the true time. Clocks that drift are right in their rate again when faults end.
fn clock_changes(
    random: &mut Random,
    ahead_ms: &[i64],
    drift_ms: u64,
    heal_us: u64,
) -> Vec<ClockChange> {
    let bound_us = i64::try_from(drift_ms * MICROS_PER_MILLI / 2).unwrap_or(0);
    let mut changes = Vec::new();
    for (node, ahead_ms) in ahead_ms.iter().enumerate() {
        if random.below(2) == 0 {
            continue;
        }
        let mut clock = NodeClock::new(0, *ahead_ms);
        let mut times: Vec<u64> = (0..random.between(1, 5))
            .map(|_| random.below(heal_us))
            .collect();
        times.sort_unstable();
        let ends = times.iter().skip(1).chain([&heal_us]);
        for (at_us, end_us) in times.iter().zip(ends) {
            let steps = random.below(2) == 0;
            let before_us = clock.ahead_us(*at_us);
            let after_us = if steps {
                within(random, bound_us)
            } else {
                before_us
            };
            let takes_us = i64::try_from(end_us - at_us).unwrap_or(0).max(1);
            let change = ClockChange {
                at_us: *at_us,
                node,
                step_us: after_us - before_us,
                // Rounded towards nothing: the bound is not passed.
                rate_ppm: ((within(random, bound_us) - after_us) * 1_000_000 / takes_us)
                    .clamp(-MAX_RATE_PPM, MAX_RATE_PPM),
            };
            clock.change(change.at_us, change.step_us, change.rate_ppm);
            changes.push(change);
        }
        changes.push(ClockChange {
            at_us: heal_us,
            node,
            step_us: 0,
            rate_ppm: 0,
        });
    }
    changes.sort_by_key(|change| change.at_us);
    changes
}

/// A number that is not further from 0 than this.
fn within(random: &mut Random, bound: i64) -> i64 {
    let span = random.below(2 * bound.unsigned_abs() + 1);
    i64::try_from(span).unwrap_or(0) - bound
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
            assert!(scenario.storms.iter().all(|one| one.to_us <= heal_us));
        }
    }

    #[test]
    fn clocks_that_drift_and_are_stepped_stay_within_the_bound_and_go_right_after_it() {
        let mut steps_back = 0;
        for seed in 0..200 {
            let config = config(seed);
            let scenario = Scenario::new(&config);
            let heal_us = scenario.heal_us.unwrap();
            let bound_us = i64::try_from(config.params.max_clock_drift_ms * 500).unwrap();
            for (node, ahead_ms) in scenario.clock_ahead_ms.iter().enumerate() {
                let mut clock = NodeClock::new(0, *ahead_ms);
                let changes = scenario.clock_changes.iter();
                for change in changes.filter(|change| change.node == node) {
                    assert!(clock.ahead_us(change.at_us).abs() <= bound_us);
                    clock.change(change.at_us, change.step_us, change.rate_ppm);
                    assert!(clock.ahead_us(change.at_us).abs() <= bound_us);
                    steps_back += u64::from(change.step_us < -1_000);
                }
                assert_eq!(clock.ahead_us(heal_us), clock.ahead_us(10 * heal_us));
            }
        }
        assert!(steps_back > 100, "{steps_back}");
    }

    #[test]
    fn seeds_choose_pauses_torn_writes_lost_logs_and_actors_that_work_together() {
        let all: Vec<(SimConfig, Scenario)> = (0..200)
            .map(|seed| (config(seed), Scenario::new(&config(seed))))
            .collect();
        let count = |has: fn(&Scenario) -> bool| all.iter().filter(|(_, one)| has(one)).count();
        let is_torn = |crash: &CrashPlan| matches!(crash.boundary, Boundary::InPersist { .. });
        assert!(count(|one| !one.pauses.is_empty()) > 50);
        assert!(all.iter().any(|(_, one)| one.crashes.iter().any(is_torn)));
        assert!(count(|one| !one.lost_logs.is_empty()) > 20);
        assert!(count(|one| one.byzantine.iter().any(|(_, how)| how.is_together())) > 20);
        for (config, scenario) in &all {
            let lost = scenario.lost_logs.iter().map(|lost| lost.node);
            let bad = scenario.byzantine.iter().map(|(validator, _)| *validator);
            let rolls: u64 = lost.chain(bad).map(|node| config.rolls[node]).sum();
            assert!(rolls <= config.max_byzantine_rolls());
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
