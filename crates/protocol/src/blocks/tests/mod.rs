//! The rules of the exchange of blocks, by name.

mod bounds;
mod faults;
mod fetching;
mod hostile;
mod links;

use super::{Blocks, BlocksConfig, HeaderCheck};
use crate::input::Effects;
use crate::operations::test_kit::{Shared, TestPool, chain};
use crate::packet::{Packet, Prefix, ShortBlock};
use crate::{Fault, Frame, Output};
use picot_clock::{Millis, Timestamp};
use picot_consensus::{BatchVerifier, Message, Peer};
use picot_models::mocks::{block, key};
use picot_models::{Block, BlockEnvelope, BlockId, Slot};
use std::sync::Arc;

pub(super) const WAIT: u64 = 1_000;

pub(super) fn config() -> BlocksConfig {
    BlocksConfig::new(Millis(WAIT))
}

/// A block of a slot with these operations.
pub(super) fn block_of(period: u64, operations: &[Shared]) -> Block {
    let operations = operations.iter().map(|one| (**one).clone()).collect();
    block(
        &key(1),
        Slot::new(period, 0),
        Vec::new(),
        operations,
        &chain(),
    )
}

pub(super) fn short_of(operations: &[Shared]) -> ShortBlock {
    ShortBlock(operations.iter().map(|one| Prefix::of(&one.id())).collect())
}

pub(super) fn envelope_of(block: &Block) -> BlockEnvelope {
    BlockEnvelope {
        header: block.header.envelope().clone(),
        operations: block
            .operations
            .iter()
            .map(|one| one.envelope().clone())
            .collect(),
    }
}

/// One node: the component, a pool, and the time, which stands still unless it is moved.
pub(super) struct Node {
    pub(super) blocks: Blocks,
    pub(super) pool: TestPool,
    pub(super) now: Timestamp,
    /// What was said since this was looked at last.
    pub(super) sent: Vec<(Peer, Packet)>,
    pub(super) faults: Vec<(Peer, Fault)>,
    /// What is to be verified.
    pub(super) verify: Vec<(u64, Vec<Shared>)>,
    /// Blocks that consensus got.
    pub(super) bodies: Vec<(Peer, BlockEnvelope)>,
}

fn check() -> HeaderCheck {
    HeaderCheck::new(chain(), Arc::new(BatchVerifier::default()))
}

impl Node {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: BlocksConfig) -> Self {
        Self {
            blocks: Blocks::with_config(chain(), check(), config),
            pool: TestPool::new(),
            now: Timestamp(1_000_000),
            sent: Vec::new(),
            faults: Vec::new(),
            verify: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// One input, after which time is looked at, as the core does.
    pub(super) fn step<T>(
        &mut self,
        run: impl FnOnce(&mut Blocks, &TestPool, &mut Effects) -> T,
    ) -> T {
        let mut effects = Effects::default();
        let result = run(&mut self.blocks, &self.pool, &mut effects);
        self.blocks.tick(self.now, &self.pool.pool, &mut effects);
        let sends = effects.sends.into_iter();
        self.sent
            .extend(sends.map(|(to, frame)| (to, frame.packet().clone())));
        self.faults.extend(effects.faults);
        for output in effects.outputs {
            match output {
                Output::Verify { ticket, operations } => self.verify.push((ticket, operations)),
                Output::Consensus { from, message } => match message.as_ref() {
                    Message::Body(body) => self.bodies.push((from, body.clone())),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
        result
    }

    pub(super) fn after(&mut self, millis: u64) {
        self.now = Timestamp(self.now.0 + millis);
        self.step(|_, _, _| {});
    }

    /// A peer announces a block, with its operations in short if `short` is given.
    pub(super) fn candidate(&mut self, from: u64, block: &Block, short: Option<&ShortBlock>) {
        let (now, header) = (self.now, block.header.envelope());
        self.step(|it, _, _| it.on_candidate(now, Peer(from), block.id(), header, short));
    }

    pub(super) fn ask(&mut self, id: BlockId, to: Option<u64>, others: &[u64]) {
        let (now, to) = (self.now, to.map(Peer));
        let others: Vec<Peer> = others.iter().copied().map(Peer).collect();
        self.step(|it, pool, out| it.ask(now, id, to, &others, &pool.pool, out));
    }

    /// Any packet of a peer about blocks. What is asked for and not held is answered as by an archive
    /// that has nothing.
    pub(super) fn receive(&mut self, from: Peer, packet: &Packet) {
        let now = self.now;
        self.step(|it, pool, out| match packet {
            Packet::GetBlock(id) => {
                it.on_get_block(now, from, *id, out);
            }
            Packet::BlockIds { id, operations } => {
                it.on_block_ids(now, from, *id, operations, &pool.pool, out);
            }
            Packet::GetBlockOperations { id, places } => {
                it.on_get_block_operations(now, from, *id, places, out);
            }
            Packet::BlockOperations { id, operations } => {
                it.on_block_operations(now, from, *id, operations, out);
            }
            Packet::NotHeld(id) => it.on_not_held(now, from, *id, out),
            Packet::Consensus(message) => match message.0.as_ref() {
                Message::Body(block) => it.on_body(now, from, block, &pool.pool, out),
                Message::Ask(_) => {}
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        });
    }

    pub(super) fn ids(&mut self, from: u64, block: &Block) {
        let operations = block.operations.iter().map(|one| one.id()).collect();
        let id = block.id();
        self.receive(Peer(from), &Packet::BlockIds { id, operations });
    }

    pub(super) fn operations(&mut self, from: u64, id: BlockId, operations: &[Shared]) {
        let operations = operations
            .iter()
            .map(|one| one.envelope().clone())
            .collect();
        self.receive(Peer(from), &Packet::BlockOperations { id, operations });
    }

    pub(super) fn body(&mut self, from: u64, block: &BlockEnvelope) {
        let (now, from) = (self.now, Peer(from));
        self.step(|it, pool, out| it.on_body(now, from, block, &pool.pool, out));
    }

    pub(super) fn gone(&mut self, peer: u64) {
        let now = self.now;
        self.step(|it, _, out| it.disconnected(now, Peer(peer), out));
    }

    /// Verifies what is to be verified, and gives how much that was.
    pub(super) fn verify(&mut self) -> usize {
        let mut count = 0;
        for (ticket, operations) in std::mem::take(&mut self.verify) {
            count += operations.len();
            let places = operations.iter().enumerate();
            let bad: Vec<usize> = places
                .filter(|(_, operation)| operation.verify().is_err())
                .map(|(place, _)| place)
                .collect();
            let now = self.now;
            self.step(|it, _, out| it.on_verified(now, ticket, &bad, out));
        }
        count
    }

    pub(super) fn sent(&mut self) -> Vec<(u64, Packet)> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.map(|(peer, packet)| (peer.0, packet)).collect()
    }

    pub(super) fn faults(&mut self) -> Vec<(u64, Fault)> {
        let faults = std::mem::take(&mut self.faults).into_iter();
        faults.map(|(peer, fault)| (peer.0, fault)).collect()
    }

    /// Whom the one block that was finished is from; it must be this one.
    pub(super) fn finished(&mut self, block: &Block) -> Option<u64> {
        let bodies = std::mem::take(&mut self.bodies);
        assert!(bodies.len() <= 1);
        let (from, body) = bodies.into_iter().next()?;
        assert_eq!(body, envelope_of(block));
        Some(from.0)
    }
}

pub(super) fn places(id: BlockId, places: impl IntoIterator<Item = u32>) -> Packet {
    let places = places.into_iter().collect();
    Packet::GetBlockOperations { id, places }
}

pub(super) fn len(packet: &Packet) -> usize {
    Frame::new(packet.clone()).len()
}

pub(super) fn forged(operation: &Shared, other: &Shared) -> Shared {
    Arc::new(crate::operations::test_kit::forged(operation, other))
}
