//! The rules of the exchange of operations, by name.

mod asking;
mod hostile;
mod links;
mod serving;

use super::test_kit::{Shared, TestPool, chain};
use super::{Operations, OperationsConfig};
use crate::input::Effects;
use crate::packet::{Hello, NodeTag, Packet, Prefix};
use crate::peers::{PeersConfig, Table};
use crate::{Fault, Output};
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_crypto::Context;
use picot_models::{Envelope, Operation};
use picot_pool::PoolError;

pub(super) const WAIT: u64 = 1_000;

pub(super) fn config() -> OperationsConfig {
    OperationsConfig::new(Millis(WAIT))
}

/// One node: the component, a pool, and the time, which stands still unless it is moved.
pub(super) struct Node {
    pub(super) operations: Operations,
    pub(super) pool: TestPool,
    /// Nobody is in it, unless the test says who is connected to whom.
    pub(super) table: Table,
    pub(super) now: Timestamp,
    /// What was said since this was looked at last.
    pub(super) sent: Vec<(Peer, Packet)>,
    pub(super) faults: Vec<(Peer, Fault)>,
    /// What the pool was given and has not answered to.
    pub(super) added: Vec<(u64, Vec<Shared>)>,
}

impl Node {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: OperationsConfig) -> Self {
        Self {
            operations: Operations::with_config(chain(), config),
            pool: TestPool::new(),
            table: Table::new(&PeersConfig::default()),
            now: Timestamp(1_000_000),
            sent: Vec::new(),
            faults: Vec::new(),
            added: Vec::new(),
        }
    }

    /// With these peers.
    pub(super) fn of(peers: u64) -> Self {
        let mut node = Self::new();
        (0..peers).for_each(|peer| node.operations.connected(Peer(peer)));
        node.step(|_, _, _| {});
        node
    }

    /// One peer says to be connected to these others, and they to it.
    pub(super) fn adjoin(&mut self, one: u64, others: &[u64]) {
        let node = |peer: u64| Context::Test.hash(&peer.to_be_bytes());
        for peer in others.iter().chain([&one]) {
            let handle = Peer(*peer);
            let connected = self
                .table
                .connect(self.now, handle, node(*peer), None, false, true);
            connected.unwrap();
            let hello = Hello {
                version: 1,
                chain_id: chain(),
                agent: String::new(),
            };
            self.table.introduce(handle, hello, (1, chain())).unwrap();
            self.table
                .set_neighbours(handle, &[NodeTag::of(&node(one))]);
        }
        let others: Vec<NodeTag> = others
            .iter()
            .map(|peer| NodeTag::of(&node(*peer)))
            .collect();
        self.table.set_neighbours(Peer(one), &others);
    }

    /// One input, after which time is looked at, as the core does.
    pub(super) fn step(&mut self, run: impl FnOnce(&mut Operations, &TestPool, &mut Effects)) {
        let mut effects = Effects::default();
        run(&mut self.operations, &self.pool, &mut effects);
        self.operations
            .tick(self.now, &self.table, &self.pool.pool, &mut effects);
        let sends = effects.sends.into_iter();
        self.sent
            .extend(sends.map(|(to, frame)| (to, frame.packet().clone())));
        self.faults.extend(effects.faults);
        for output in effects.outputs {
            match output {
                Output::AddOperations { ticket, operations } => {
                    self.added.push((ticket, operations));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) fn after(&mut self, millis: u64) {
        self.now = Timestamp(self.now.0 + millis);
        self.step(|_, _, _| {});
    }

    /// The pool takes these in from a user.
    pub(super) fn submit(&mut self, operations: &[Shared]) {
        let (_, new) = self.pool.add(operations);
        let now = self.now;
        self.step(|it, _, _| it.on_new(now, &new));
    }

    pub(super) fn announced(&mut self, from: u64, operations: &[Shared]) {
        let (now, prefixes) = (self.now, prefixes(operations));
        self.step(|it, pool, out| it.on_announce(now, Peer(from), &prefixes, &pool.pool, out));
    }

    pub(super) fn asked(&mut self, from: u64, operations: &[Shared]) {
        let (now, prefixes) = (self.now, prefixes(operations));
        self.step(|it, pool, out| it.on_get(now, Peer(from), &prefixes, &pool.pool, out));
    }

    pub(super) fn came(&mut self, from: u64, operations: &[Shared]) {
        let (now, envelopes) = (self.now, envelopes(operations));
        self.step(|it, _, out| it.on_operations(now, Peer(from), &envelopes, out));
    }

    pub(super) fn gone(&mut self, peer: u64) {
        let now = self.now;
        self.step(|it, _, out| it.disconnected(now, Peer(peer), out));
    }

    /// The pool answers to all that it was given.
    pub(super) fn judge(&mut self) -> Vec<Result<(), PoolError>> {
        let mut all = Vec::new();
        for (ticket, operations) in std::mem::take(&mut self.added) {
            let (results, new) = self.pool.add(&operations);
            let now = self.now;
            if !new.is_empty() {
                self.step(|it, _, _| it.on_new(now, &new));
            }
            self.step(|it, _, out| it.on_added(now, ticket, &results, out));
            all.extend(results);
        }
        all
    }

    pub(super) fn sent(&mut self) -> Vec<(Peer, Packet)> {
        std::mem::take(&mut self.sent)
    }

    /// Who was asked since this was looked at last, in order, and for what.
    pub(super) fn questions(&mut self) -> Vec<(u64, Vec<Prefix>)> {
        let sent = self.sent().into_iter();
        sent.filter_map(|(peer, packet)| match packet {
            Packet::GetOperations(prefixes) => Some((peer.0, prefixes)),
            _ => None,
        })
        .collect()
    }

    pub(super) fn faults(&mut self) -> Vec<(u64, Fault)> {
        let faults = std::mem::take(&mut self.faults).into_iter();
        faults.map(|(peer, fault)| (peer.0, fault)).collect()
    }
}

pub(super) fn prefixes(operations: &[Shared]) -> Vec<Prefix> {
    operations.iter().map(|one| Prefix::of(&one.id())).collect()
}

pub(super) fn sorted(operations: &[Shared]) -> Vec<Prefix> {
    let mut prefixes = prefixes(operations);
    prefixes.sort_unstable();
    prefixes
}

pub(super) fn envelopes(operations: &[Shared]) -> Vec<Envelope<Operation>> {
    operations
        .iter()
        .map(|one| one.envelope().clone())
        .collect()
}
