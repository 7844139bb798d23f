//! Nodes that exchange operations over links that delay, reorder and lose.

use super::{Node, WAIT, config};
use crate::Frame;
use crate::operations::test_kit::{Shared, transfers};
use crate::packet::{Packet, Prefix};
use picot_clock::Timestamp;
use picot_consensus::Peer;
use picot_pool::Pool;
use picot_serialization::Encode;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes that are all connected to each other. A connection is `(lower, higher, how often it broke)`.
struct Net {
    nodes: Vec<Node>,
    /// By pair: how often the connection broke.
    broken: BTreeMap<(usize, usize), u64>,
    /// Packets on their way, by time of arrival: connection, to whom, what.
    flying: BTreeMap<(u64, u64), (Peer, usize, Packet)>,
    sent: u64,
    bytes: BTreeMap<(usize, usize), usize>,
    /// Bodies that crossed a connection in one direction.
    crossed: BTreeSet<(Peer, usize, Prefix)>,
    random: u64,
    delay: u64,
    loss: u64,
}

impl Net {
    fn new(count: usize, seed: u64, delay: u64, loss: u64) -> Self {
        let mut net = Self {
            nodes: (0..count).map(|_| Node::with(config())).collect(),
            broken: BTreeMap::new(),
            flying: BTreeMap::new(),
            sent: 0,
            bytes: BTreeMap::new(),
            crossed: BTreeSet::new(),
            random: seed,
            delay,
            loss,
        };
        for low in 0..count {
            for high in low + 1..count {
                net.broken.insert((low, high), 0);
                net.connect(low, high);
            }
        }
        net
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % below.max(1)
    }

    /// The handle of a connection, never used again.
    fn handle(&self, one: usize, other: usize) -> Peer {
        let pair = (one.min(other), one.max(other));
        Peer((self.broken[&pair] * 100 + pair.0 as u64) * 100 + pair.1 as u64)
    }

    fn connect(&mut self, one: usize, other: usize) {
        let peer = self.handle(one, other);
        self.nodes[one].operations.connected(peer);
        self.nodes[other].operations.connected(peer);
    }

    /// A connection ends: what was on its way is lost.
    fn break_link(&mut self, one: usize, other: usize) {
        let peer = self.handle(one, other);
        self.flying.retain(|_, (over, _, _)| *over != peer);
        for node in [one, other] {
            self.nodes[node].gone(peer.0);
        }
        *self
            .broken
            .get_mut(&(one.min(other), one.max(other)))
            .unwrap() += 1;
        self.connect(one, other);
    }

    fn collect(&mut self) {
        for from in 0..self.nodes.len() {
            for (peer, packet) in self.nodes[from].sent() {
                let to =
                    (0..self.nodes.len()).find(|to| *to != from && self.handle(from, *to) == peer);
                let Some(to) = to else { continue };
                if let Packet::Operations(operations) = &packet {
                    for operation in operations {
                        let prefix = Prefix::of(&operation.id(&super::chain()));
                        let is_first = self.crossed.insert((peer, from, prefix));
                        assert!(is_first, "a body crossed a connection twice");
                    }
                }
                let pair = (from.min(to), from.max(to));
                *self.bytes.entry(pair).or_default() += Frame::new(packet.clone()).len();
                if self.random(100) < self.loss {
                    continue;
                }
                let now = self.nodes[0].now.0;
                let arrival = now + 1 + self.random(self.delay);
                self.sent += 1;
                self.flying.insert((arrival, self.sent), (peer, to, packet));
            }
        }
    }

    /// To the next time at which something happens. False if nothing will.
    fn advance(&mut self) -> bool {
        for node in &mut self.nodes {
            node.judge();
            node.step(|_, _, _| {});
        }
        self.collect();
        let wakes = self
            .nodes
            .iter()
            .filter_map(|node| node.operations.next_wake());
        let arrival = self.flying.keys().next().map(|(at, _)| Timestamp(*at));
        let Some(next) = wakes.chain(arrival).min() else {
            return false;
        };
        let next = next.max(self.nodes[0].now);
        self.nodes.iter_mut().for_each(|node| node.now = next);
        while let Some((key, _)) = self
            .flying
            .first_key_value()
            .filter(|(key, _)| key.0 <= next.0)
        {
            let key = *key;
            let (peer, to, packet) = self.flying.remove(&key).unwrap();
            let node = &mut self.nodes[to];
            let now = node.now;
            node.step(|it, pool, out| match &packet {
                Packet::Announce(prefixes) => it.on_announce(now, peer, prefixes, &pool.pool, out),
                Packet::GetOperations(prefixes) => it.on_get(now, peer, prefixes, &pool.pool, out),
                Packet::Operations(operations) => it.on_operations(now, peer, operations, out),
                other => panic!("{other:?}"),
            });
        }
        true
    }

    fn run(&mut self) {
        for _ in 0..100_000 {
            if !self.advance() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn assert_equal(&mut self, operations: &[Shared]) {
        for node in &mut self.nodes {
            assert!(
                operations
                    .iter()
                    .all(|one| node.pool.pool.contains(&one.id()))
            );
            assert_eq!(node.faults(), []);
            assert!(node.operations.wanted.is_empty() && node.operations.waiting.is_empty());
            assert_eq!(node.operations.members.asked().0, 0);
        }
    }
}

fn bytes_of(operations: &[Shared]) -> usize {
    operations.iter().map(|one| one.encoded_len()).sum()
}

#[test]
fn an_operation_costs_a_link_its_own_bytes_once_and_sixteen_more() {
    let mut net = Net::new(2, 1, 50, 0);
    let operations = transfers(2_000);
    // As users submit them: a few at a time, to both.
    for (turn, some) in operations.chunks(50).enumerate() {
        net.nodes[turn % 2].submit(some);
        net.advance();
    }
    net.run();
    net.assert_equal(&operations);
    let (cost, own) = (net.bytes[&(0, 1)], bytes_of(&operations));
    assert!(cost >= own + 16 * operations.len());
    assert!(cost * 10 <= own * 13, "{cost} bytes for {own}");
    let frames = usize::try_from(net.sent).unwrap() * 8;
    assert!(cost <= own + 16 * operations.len() + frames);
}

#[test]
fn over_a_slow_link_nothing_is_sent_twice() {
    let mut net = Net::new(2, 1, 5 * WAIT, 0);
    let operations = transfers(300);
    net.nodes[0].submit(&operations);
    net.run();
    net.assert_equal(&operations);
    let (cost, own) = (net.bytes[&(0, 1)], bytes_of(&operations));
    assert!(cost * 10 <= own * 13, "{cost} bytes for {own}");
}

#[test]
fn in_a_mesh_each_body_comes_over_one_link_and_announcements_over_all() {
    let mut net = Net::new(4, 3, 20, 0);
    let operations = transfers(600);
    for (turn, some) in operations.chunks(20).enumerate() {
        net.nodes[turn % 4].submit(some);
        net.advance();
    }
    net.run();
    net.assert_equal(&operations);
    // Each of the other three nodes gets each body once.
    assert_eq!(net.crossed.len(), 3 * operations.len());
    let (cost, own) = (net.bytes.values().sum::<usize>(), bytes_of(&operations));
    // Six links, on each at most an announcement in both directions.
    assert!(cost <= 3 * own + operations.len() * (3 * 8 + 12 * 8) + 20_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn over_links_that_delay_reorder_lose_and_break_all_pools_become_equal(
        count in 2_usize..4,
        seed: u64,
        delay in 1_u64..2_500,
        loss in 0_u64..40,
        batches in prop::collection::vec((0_usize..4, 1_usize..40, 0_usize..6, any::<bool>()), 1..10),
    ) {
        let mut net = Net::new(count, seed, delay, loss);
        let operations = transfers(batches.iter().map(|(_, len, _, _)| *len as u64).sum());
        let mut left = &operations[..];
        for (at, len, turns, breaks) in batches {
            let (some, rest) = left.split_at(len);
            left = rest;
            net.nodes[at % count].submit(some);
            for _ in 0..turns {
                net.advance();
            }
            if breaks {
                let one = usize::try_from(net.random(count as u64)).unwrap();
                net.break_link(one, (one + 1) % count);
            }
        }
        net.run();
        // What was lost without the connection's end is made good by the next connection.
        net.loss = 0;
        net.delay = 50;
        for one in 0..count {
            for other in one + 1..count {
                net.break_link(one, other);
            }
        }
        net.run();
        net.assert_equal(&operations);
        // A body crosses each connection at most once: that is checked when it is sent.
        let connections = net.broken.values().map(|broken| broken + 1).sum::<u64>();
        let bound = usize::try_from(connections).unwrap() * 2 * (bytes_of(&operations) * 13 / 10 + 200);
        prop_assert!(net.bytes.values().sum::<usize>() <= bound);
    }
}
