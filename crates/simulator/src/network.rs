//! The links between nodes: delay, jitter, bandwidth, loss, repetition, reordering, partitions.

use crate::latency::Latencies;
use crate::random::Random;
use std::collections::BTreeSet;

/// Nothing arrives sooner, however near it is.
const LEAST_DELAY_US: u64 = 100;

/// What links do to messages. Rates are per million messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRules {
    /// Messages that are lost.
    pub loss: u64,
    /// Messages that arrive twice.
    pub repetition: u64,
    /// Messages that are held up, so that later ones overtake them.
    pub reordering: u64,
    /// The longest of these hold-ups in microseconds.
    pub hold_up_us: u64,
    /// Jitter: up to so many percent more delay.
    pub jitter_percent: u64,
    /// Bytes that a node can send in a millisecond; none: as many as it likes.
    pub uplink_bytes_per_ms: Option<u64>,
}

impl LinkRules {
    /// A network that is well.
    pub const WELL: Self = Self {
        loss: 0,
        repetition: 0,
        reordering: 0,
        hold_up_us: 0,
        jitter_percent: 20,
        uplink_bytes_per_ms: None,
    };
}

/// A cut of the network: nodes of different sides do not hear each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The side of each node.
    pub sides: Vec<u8>,
}

/// Links that lose everything one way, for a while: who hears whom is chosen for each anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// When it begins, in microseconds after genesis.
    pub from_us: u64,
    /// When it ends.
    pub to_us: u64,
    /// Senders, each with a receiver that does not hear it.
    pub deaf: BTreeSet<(usize, usize)>,
}

/// A pair of nodes between which everything takes longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowLink {
    /// One end.
    pub one: usize,
    /// The other end.
    pub other: usize,
    /// By how many times.
    pub factor: u64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    /// When its last byte left.
    pub left_us: u64,
    /// When it arrives.
    pub arrives_us: [Option<u64>; 2],
}

/// All links.
#[derive(Debug)]
pub(crate) struct Network {
    latencies: Latencies,
    regions: Vec<usize>,
    rules: LinkRules,
    slow: Vec<SlowLink>,
    /// Cuts that are in force, by their number.
    cuts: Vec<(usize, Cut)>,
    /// Storms, one after the other, in microseconds of the run.
    storms: Vec<Storm>,
    uplink_free_us: Vec<u64>,
    random: Random,
}

impl Network {
    /// Nodes in these regions.
    #[must_use]
    pub(crate) fn new(latencies: Latencies, regions: Vec<usize>, random: Random) -> Self {
        Self {
            latencies,
            uplink_free_us: vec![0; regions.len()],
            regions,
            rules: LinkRules::WELL,
            slow: Vec::new(),
            cuts: Vec::new(),
            storms: Vec::new(),
            random,
        }
    }

    /// What links do from now on.
    pub(crate) fn set_rules(&mut self, rules: LinkRules, slow: Vec<SlowLink>) {
        self.rules = rules;
        self.slow = slow;
    }

    /// Storms, one after the other.
    pub(crate) fn set_storms(&mut self, storms: Vec<Storm>, genesis_us: u64) {
        self.storms = storms;
        for storm in &mut self.storms {
            storm.from_us += genesis_us;
            storm.to_us += genesis_us;
        }
    }

    /// A cut begins. Several may be in force, and overlap.
    pub(crate) fn cut(&mut self, number: usize, cut: Cut) {
        self.cuts.push((number, cut));
    }

    /// A cut ends.
    pub(crate) fn join(&mut self, number: usize) {
        self.cuts.retain(|(other, _)| *other != number);
    }

    /// All faults end.
    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.slow.clear();
        self.storms.clear();
        self.rules = LinkRules {
            uplink_bytes_per_ms: self.rules.uplink_bytes_per_ms,
            ..LinkRules::WELL
        };
    }

    /// What a node sends arrives nowhere sooner than after so long.
    #[must_use]
    pub(crate) fn shortest_us(&self) -> u64 {
        let regions: BTreeSet<usize> = self.regions.iter().copied().collect();
        let pairs = regions
            .iter()
            .flat_map(|from| regions.iter().map(|to| self.one_way_us(*from, *to)));
        pairs.min().unwrap_or(LEAST_DELAY_US)
    }

    fn one_way_us(&self, from: usize, to: usize) -> u64 {
        self.latencies.one_way_us(from, to).max(LEAST_DELAY_US)
    }

    /// Whether no cut is between two nodes.
    #[must_use]
    pub(crate) fn connects(&self, from: usize, to: usize) -> bool {
        self.cuts
            .iter()
            .all(|(_, cut)| cut.sides.get(from) == cut.sides.get(to))
    }

    /// When what is sent at `now_us` has left, and when it arrives: never, once or twice.
    pub(crate) fn carry(&mut self, now_us: u64, from: usize, to: usize, bytes: u64) -> Carried {
        let left_us = self.leave(now_us, from, bytes);
        let is_lost = !self.connects(from, to) || self.is_deaf(now_us, from, to);
        if is_lost || self.random.chance(self.rules.loss) {
            let arrives_us = [None, None];
            return Carried {
                left_us,
                arrives_us,
            };
        }
        let first = left_us + self.travel(from, to);
        let second = self
            .random
            .chance(self.rules.repetition)
            .then(|| left_us + self.travel(from, to));
        Carried {
            left_us,
            arrives_us: [Some(first), second],
        }
    }

    /// The same for what is neither lost nor repeated.
    pub(crate) fn carry_surely(
        &mut self,
        now_us: u64,
        from: usize,
        to: usize,
        bytes: u64,
    ) -> Carried {
        let left_us = self.leave(now_us, from, bytes);
        Carried {
            left_us,
            arrives_us: [Some(left_us + self.travel(from, to)), None],
        }
    }

    fn is_deaf(&self, now_us: u64, from: usize, to: usize) -> bool {
        let over = self.storms.partition_point(|storm| storm.to_us <= now_us);
        let next = self.storms.get(over);
        next.is_some_and(|storm| storm.from_us <= now_us && storm.deaf.contains(&(from, to)))
    }

    /// When the last byte leaves.
    fn leave(&mut self, now_us: u64, from: usize, bytes: u64) -> u64 {
        let (Some(rate), Some(free)) = (
            self.rules.uplink_bytes_per_ms,
            self.uplink_free_us.get_mut(from),
        ) else {
            return now_us;
        };
        let takes = bytes.saturating_mul(1_000).checked_div(rate).unwrap_or(0);
        *free = now_us.max(*free).saturating_add(takes);
        *free
    }

    fn travel(&mut self, from: usize, to: usize) -> u64 {
        let region = |node: usize| self.regions.get(node).copied().unwrap_or(0);
        let base = self.one_way_us(region(from), region(to));
        let jitter = self
            .random
            .below(base * self.rules.jitter_percent / 100 + 1);
        let held_up = if self.random.chance(self.rules.reordering) {
            self.random.below(self.rules.hold_up_us + 1)
        } else {
            0
        };
        let factor = self
            .slow
            .iter()
            .find(|slow| {
                (slow.one, slow.other) == (from, to) || (slow.other, slow.one) == (from, to)
            })
            .map_or(1, |slow| slow.factor);
        (base + jitter) * factor + held_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(nodes: usize) -> Network {
        Network::new(Latencies::lan(), vec![0; nodes], Random::new(1, "network"))
    }

    #[test]
    fn a_network_that_is_well_delivers_each_message_once() {
        let mut network = network(2);
        for _ in 0..100 {
            let [Some(at), None] = network.carry(5, 0, 1, 10).arrives_us else {
                panic!("lost or repeated");
            };
            assert!((1_005..=1_205).contains(&at));
        }
    }

    #[test]
    fn nothing_arrives_sooner_than_between_the_two_that_are_nearest() {
        let rules = LinkRules {
            jitter_percent: 0,
            ..LinkRules::WELL
        };
        let aws = Latencies::aws();
        let nodes = aws.len() + 3;
        let places = (0..nodes).map(|node| node % aws.len()).collect();
        let mut network = Network::new(aws, places, Random::new(1, "network"));
        network.set_rules(rules, Vec::new());
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        let arrivals = pairs.map(|(from, to)| network.carry(0, from, to, 1).arrives_us[0].unwrap());
        let soonest = arrivals.collect::<Vec<_>>().into_iter().min();
        assert_eq!(soonest, Some(network.shortest_us()));
        assert_eq!(soonest, Some(1_500));
    }

    #[test]
    fn cuts_overlap_and_each_ends_by_itself() {
        let mut network = network(3);
        network.cut(
            1,
            Cut {
                sides: vec![0, 1, 1],
            },
        );
        network.cut(
            2,
            Cut {
                sides: vec![0, 0, 1],
            },
        );
        assert!(!network.connects(0, 1) && !network.connects(1, 2));
        network.join(1);
        assert!(network.connects(0, 1) && !network.connects(0, 2));
        network.heal();
        assert!(network.connects(0, 2));
    }

    #[test]
    fn in_a_storm_one_does_not_hear_the_other_and_the_other_hears_it() {
        let mut network = network(2);
        let storm = Storm {
            from_us: 0,
            to_us: 10,
            deaf: [(0, 1)].into(),
        };
        network.set_storms(vec![storm], 10);
        let mut arrives =
            |at_us, from, to| network.carry(at_us, from, to, 1).arrives_us[0].is_some();
        assert!(!arrives(10, 0, 1) && !arrives(19, 0, 1));
        assert!(arrives(10, 1, 0));
        assert!(arrives(9, 0, 1) && arrives(20, 0, 1));
    }

    #[test]
    fn an_uplink_sends_one_byte_after_the_other() {
        let mut network = network(2);
        let rules = LinkRules {
            uplink_bytes_per_ms: Some(10),
            jitter_percent: 0,
            ..LinkRules::WELL
        };
        network.set_rules(rules, Vec::new());
        let carried = |left_us, at_us| Carried {
            left_us,
            arrives_us: [Some(at_us), None],
        };
        assert_eq!(network.carry(0, 0, 1, 100), carried(10_000, 11_000));
        assert_eq!(network.carry(0, 0, 1, 100), carried(20_000, 21_000));
        assert_eq!(network.carry(0, 1, 0, 100), carried(10_000, 11_000));
    }

    #[test]
    fn what_sets_up_a_connection_arrives_once_whatever_the_links_do() {
        let mut network = network(2);
        let rules = LinkRules {
            loss: 1_000_000,
            repetition: 1_000_000,
            ..LinkRules::WELL
        };
        network.set_rules(rules, Vec::new());
        assert_eq!(network.carry(0, 0, 1, 1).arrives_us, [None, None]);
        let [first, second] = network.carry_surely(0, 0, 1, 1).arrives_us;
        assert!(first.is_some() && second.is_none());
    }

    #[test]
    fn rates_are_per_million() {
        let mut network = network(2);
        let rules = LinkRules {
            loss: 500_000,
            repetition: 500_000,
            ..LinkRules::WELL
        };
        network.set_rules(rules, Vec::new());
        let arrivals: Vec<_> = (0..1_000)
            .map(|_| network.carry(0, 0, 1, 1).arrives_us)
            .collect();
        let count = |wanted: fn(&[Option<u64>; 2]) -> bool| {
            arrivals.iter().filter(|one| wanted(one)).count()
        };
        assert!((400..600).contains(&count(|one| one[0].is_none())));
        assert!((150..350).contains(&count(|one| one[1].is_some())));
    }
}
