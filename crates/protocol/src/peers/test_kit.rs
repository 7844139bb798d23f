//! Packets, peers and a small world of them for the tests.
#![allow(clippy::unwrap_used, reason = "these are helpers of tests")]

use super::{Accounts, ClockOffsets, PacketKind, PeerInfo, PeersConfig, Statuses, Table};
use crate::packet::{
    Hello, NodeTag, Packet, Prefix, SharedCheckpoint, SharedMessage, ShortBlock, Status, Tag,
};
use crate::{Fault, Frame};
use picot_checkpoint::CheckpointMessage;
use picot_clock::Timestamp;
use picot_consensus::{Message, Peer, Request};
use picot_crypto::Hash;
use picot_models::mocks::{address, block, chain_id, key, transfer};
use picot_models::{
    Ballot, Block, BlockEnvelope, BlockId, Carry, CertificateSubject, OperationId, Signed, Slot,
    ThreadDigest, Value, Vote,
};
use std::sync::Arc;

/// What peers of [`World`] say in their handshakes: the version and the program.
pub(super) const HELLO_SOURCES: (u32, &str) = (1, "picot/test");

pub(super) fn node(number: u64) -> Hash {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Hash(bytes)
}

pub(super) fn hello(_number: u64) -> Hello {
    Hello {
        version: HELLO_SOURCES.0,
        chain_id: chain_id(1),
        agent: HELLO_SOURCES.1.to_owned(),
    }
}

fn shared(message: Message) -> Packet {
    Packet::Consensus(SharedMessage(Arc::new(message)))
}

fn frame(packet: Packet) -> Arc<Frame> {
    Arc::new(Frame::new(packet))
}

pub(super) fn hello_frame(agent_bytes: usize) -> Arc<Frame> {
    frame(Packet::Hello(Hello {
        agent: "a".repeat(agent_bytes),
        ..hello(1)
    }))
}

fn vote(period: u64, thread: u8, number: u32) -> Packet {
    let vote = Vote {
        version: 1,
        slot: Slot::new(period, thread),
        round: number,
        thread_digest: ThreadDigest {
            hash: Hash([3; 32]),
        },
        ballot: Ballot::Nullify,
    };
    // Nobody looks at the signature here, and making one takes long.
    thread_local! {
        static SIGNED: picot_models::Envelope<Vote> = Signed::sign(
            Vote {
                version: 1,
                slot: Slot::new(1, 0),
                round: 0,
                thread_digest: ThreadDigest { hash: Hash([3; 32]) },
                ballot: Ballot::Notarise {
                    value: Value::Miss { through: 1 },
                    carry: Carry::Free,
                },
            },
            &key(1),
            &chain_id(1),
        )
        .into_envelope();
    }
    let mut envelope = SIGNED.with(Clone::clone);
    envelope.content = vote;
    shared(Message::Vote(envelope))
}

pub(super) fn vote_frame(period: u64, thread: u8, number: u32) -> Arc<Frame> {
    frame(vote(period, thread, number))
}

pub(super) fn operation_frame(amount: u64) -> Arc<Frame> {
    let operation = transfer(&key(1), address(2), amount, 1, 9, &chain_id(1));
    frame(Packet::Operations(vec![operation.envelope().clone()]))
}

/// The ids of so many operations.
pub(super) fn block_frame(number: u8, operations: usize) -> Arc<Frame> {
    frame(Packet::BlockIds {
        id: BlockId::from(Hash([number; 32])),
        operations: vec![OperationId::from(Hash([number; 32])); operations],
    })
}

pub(super) fn ask_outcomes(thread: u8, period: u64) -> Packet {
    shared(Message::Ask(Request::Outcomes { thread, period }))
}

fn some_block() -> Block {
    let operation = transfer(&key(1), address(2), 1, 1, 9, &chain_id(1));
    let slot = Slot::new(3, 1);
    block(&key(1), slot, vec![], vec![operation], &chain_id(1))
}

/// One of each kind that can be made without a chain, in the order of [`Packet`].
pub(crate) fn packet_of_each_kind() -> Vec<Packet> {
    let block = some_block();
    let (id, slot) = (block.id(), block.slot());
    let ids: Vec<OperationId> = block.operations.iter().map(|one| one.id()).collect();
    let prefixes: Vec<Prefix> = ids.iter().map(Prefix::of).collect();
    let operations: Vec<_> = block
        .operations
        .iter()
        .map(|one| one.envelope().clone())
        .collect();
    let header = block.header.envelope().clone();
    let body = BlockEnvelope {
        header: header.clone(),
        operations: operations.clone(),
    };
    vec![
        Packet::Hello(hello(1)),
        Packet::Status(status(&[1, 2], 0)),
        Packet::Neighbours(vec![NodeTag([1; 8])]),
        vote(3, 1, 0),
        shared(Message::Have {
            slot,
            round: 0,
            subject: CertificateSubject::Nullify,
        }),
        ask_outcomes(1, 3),
        shared(Message::Body(body)),
        Packet::Candidate {
            header,
            operations: Some(ShortBlock(prefixes.clone())),
        },
        Packet::Have(vec![Tag([1; 8])]),
        Packet::Want(vec![Tag([1; 8])]),
        Packet::Announce(prefixes.clone()),
        Packet::GetOperations(prefixes),
        Packet::Operations(operations.clone()),
        Packet::Endorsements(Vec::new()),
        Packet::Denunciations(Vec::new()),
        Packet::GetBlock(id),
        Packet::BlockIds {
            id,
            operations: ids,
        },
        Packet::GetBlockOperations {
            id,
            places: vec![0],
        },
        Packet::BlockOperations { id, operations },
        Packet::NotHeld(id),
        about_checkpoints(CheckpointMessage::Signatures(Vec::new())),
        about_checkpoints(CheckpointMessage::GetSteps { after: slot }),
        about_checkpoints(CheckpointMessage::Steps {
            after: slot,
            steps: Vec::new(),
        }),
        Packet::GetState(vec![1]),
        Packet::State(vec![2, 3]),
    ]
}

fn about_checkpoints(message: CheckpointMessage) -> Packet {
    Packet::Checkpoint(SharedCheckpoint(Arc::new(message)))
}

pub(super) fn packet_of_kind(kind: PacketKind) -> Packet {
    let mut packets = packet_of_each_kind().into_iter();
    packets
        .find(|packet| PacketKind::of(packet) == kind)
        .unwrap()
}

/// Frames of all lanes, several of each worth.
pub(super) fn frames_of_all_worths() -> Vec<Arc<Frame>> {
    let mut frames: Vec<_> = packet_of_each_kind().into_iter().map(frame).collect();
    for period in 1..4 {
        frames.extend((0..3).map(|number| vote_frame(period, 0, number)));
        frames.push(block_frame(1, usize::try_from(period).unwrap()));
    }
    frames
}

/// With these bounds on each lane.
pub(super) fn small_config(
    queue_frames: usize,
    queue_bytes: usize,
    window_bytes: usize,
) -> PeersConfig {
    let config = PeersConfig::default();
    let lanes = config.lanes.map(|limits| super::LaneLimits {
        queue_frames,
        queue_bytes,
        window_bytes,
        ..*limits
    });
    PeersConfig { lanes, ..config }
}

pub(super) fn status(decided: &[u64], serves_from: u64) -> Status {
    Status {
        sent_at_ms: 5,
        echo: None,
        decided: decided.to_vec(),
        serves_from,
    }
}

/// A table and what belongs to it, at one moment.
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) table: Table,
    pub(super) statuses: Statuses,
    pub(super) clocks: ClockOffsets,
    pub(super) accounts: Accounts,
}

impl World {
    pub(super) fn new() -> Self {
        let config = PeersConfig::default();
        Self {
            now: Timestamp(1_000_000),
            table: Table::new(&config),
            statuses: Statuses::new(&config),
            clocks: ClockOffsets::default(),
            accounts: Accounts::new(&config),
        }
    }

    pub(super) fn connect(&mut self, number: u64) {
        let address = Some([10, 0, 0, 1].into());
        self.table
            .connect(self.now, Peer(number), node(number), address, true, false)
            .unwrap();
    }

    /// Connected, introduced, and told how far this node is.
    pub(super) fn ready(&mut self, number: u64) {
        self.connect(number);
        let ours = (HELLO_SOURCES.0, chain_id(1));
        self.table
            .introduce(Peer(number), hello(number), ours)
            .unwrap();
        self.statuses.make(self.now, &[0, 0], 0, Peer(number));
    }

    pub(super) fn status(&mut self, number: u64, decided: &[u64]) {
        let status = status(decided, 0);
        self.statuses.on_status(self.now, Peer(number), &status);
    }

    pub(super) fn fault(&mut self, number: u64) {
        self.accounts
            .penalise(self.now, node(number), Fault::BadItem);
    }

    pub(super) fn infos(&self, decided: &[u64]) -> Vec<PeerInfo> {
        let Self {
            now,
            table,
            statuses,
            clocks,
            accounts,
        } = self;
        table.infos(*now, statuses, clocks, accounts, decided)
    }
}
