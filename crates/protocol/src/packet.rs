//! What travels between nodes (design 09, 'What travels'), and its byte form.

use picot_checkpoint::CheckpointMessage;
use picot_consensus::Message;
use picot_crypto::Hash;
use picot_models::limits::{MAX_OPERATIONS, MAX_THREAD_COUNT};
use picot_models::{
    BlockId, ChainId, Denunciation, Endorsement, Envelope, Header, Operation, OperationId,
};
use picot_serialization::{Decode, DecodeError, Encode, IResult, codec_enum, codec_struct};
use std::fmt;
use std::sync::Arc;

/// Operations that one announcement, request or answer names.
pub const MAX_ANNOUNCED: usize = 4_096;
/// Endorsements or denunciations in one packet.
pub const MAX_ITEMS: usize = 256;
/// Messages that one packet says to be had, or asks for.
pub const MAX_TAGS: usize = 1_024;
/// Neighbours that a node names.
pub const MAX_NEIGHBOURS: usize = 256;
/// Bytes of a question for a part of a state.
pub const MAX_STATE_QUESTION_BYTES: usize = 128;
/// Bytes of a part of a state: less than the longest frame of its lane.
pub const MAX_STATE_BYTES: usize = 15 << 20;
/// Bytes of what a node says of its program.
pub(crate) const MAX_AGENT_BYTES: usize = 64;

/// The first eight bytes of an operation's id. Two operations of one prefix cost 2³² tries, and whoever
/// makes them delays his own alone: to hold back somebody else's takes 2⁶⁴.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(pub [u8; 8]);

impl Prefix {
    /// Of an operation.
    #[must_use]
    pub fn of(id: &OperationId) -> Self {
        Self(first_eight(id.as_hash()))
    }

    /// As the pool is asked: the bytes as a number, the first one highest.
    #[must_use]
    pub const fn number(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

/// The name of a message among those that nodes pass on: the first eight bytes of the hash of its
/// canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 8]);

/// The short name of a node among the neighbours of another: the first eight bytes of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeTag(pub [u8; 8]);

impl NodeTag {
    /// Of a node.
    #[must_use]
    pub fn of(node: &Hash) -> Self {
        Self(first_eight(node))
    }
}

pub(crate) fn first_eight(hash: &Hash) -> [u8; 8] {
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

macro_rules! eight_bytes {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
            }
        }

        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }

            fn encoded_len(&self) -> usize {
                self.0.len()
            }
        }

        impl Decode for $name {
            fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
                <[u8; 8]>::decode(input).map(|(rest, bytes)| (rest, Self(bytes)))
            }
        }
    )*};
}
eight_bytes!(Prefix, Tag, NodeTag);

/// A message of consensus, shared by all to whom it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedMessage(pub Arc<Message>);

impl Encode for SharedMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }
}

impl Decode for SharedMessage {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        Message::decode(input).map(|(rest, message)| (rest, Self(Arc::new(message))))
    }
}

/// A message about checkpoints, shared by all to whom it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCheckpoint(pub Arc<CheckpointMessage>);

impl Encode for SharedCheckpoint {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }
}

impl Decode for SharedCheckpoint {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        CheckpointMessage::decode(input).map(|(rest, message)| (rest, Self(Arc::new(message))))
    }
}

/// The operations of a block in order, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortBlock(pub Vec<Prefix>);

codec_struct!(ShortBlock(prefixes: seq(MAX_OPERATIONS)));

/// The first thing that each side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The version of this protocol.
    pub version: u32,
    /// The chain, which is the hash of its genesis.
    pub chain_id: ChainId,
    /// The program and its version, for people.
    pub agent: String,
}

codec_struct!(Hello {
    version,
    chain_id,
    agent: text(MAX_AGENT_BYTES)
});

/// What a node says of itself after the handshake and from time to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its clock when it sent this, in milliseconds since the epoch.
    pub sent_at_ms: u64,
    /// The latest `sent_at_ms` of the other side that it saw, and how long ago it saw it.
    pub echo: Option<Echo>,
    /// By thread: the last decided period.
    pub decided: Vec<u64>,
    /// The first period whose blocks it can give.
    pub serves_from: u64,
}

/// What lets the other side tell how far away a node is, and how far its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// The other side's clock when it sent.
    pub sent_at_ms: u64,
    /// The time between its arrival and this answer.
    pub held_ms: u64,
}

codec_struct!(Echo {
    sent_at_ms,
    held_ms
});
codec_struct!(Status {
    sent_at_ms,
    echo,
    decided: seq(MAX_THREAD_COUNT),
    serves_from
});

/// What one node sends to another in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "packets are shared by pointer from the moment they are made"
)]
pub enum Packet {
    /// The handshake.
    Hello(Hello),
    /// How far the sender is.
    Status(Status),
    /// The nodes that the sender is connected to: what it sends to all reaches them without help.
    Neighbours(Vec<NodeTag>),
    /// A message of consensus: a vote, a proposal, a certificate, what is had, a question, an outcome,
    /// and a whole block for who asked for one.
    Consensus(SharedMessage),
    /// A candidate header whose block the sender has, and the operations of that in short.
    Candidate {
        /// The header.
        header: Envelope<Header>,
        /// The operations in order; none if it is left to the receiver to ask.
        operations: Option<ShortBlock>,
    },
    /// Messages of consensus that the sender has and has not sent.
    Have(Vec<Tag>),
    /// Of these, those that the receiver of `Have` lacks.
    Want(Vec<Tag>),
    /// Operations that the sender has.
    Announce(Vec<Prefix>),
    /// Operations that the sender lacks and the receiver announced.
    GetOperations(Vec<Prefix>),
    /// Operations that were asked for.
    Operations(Vec<Envelope<Operation>>),
    /// Endorsements.
    Endorsements(Vec<Envelope<Endorsement>>),
    /// Proofs of faults.
    Denunciations(Vec<Denunciation>),
    /// A question for the operations of a block, by their ids.
    GetBlock(BlockId),
    /// The ids of a block's operations, in order.
    BlockIds {
        /// The block.
        id: BlockId,
        /// Its operations.
        operations: Vec<OperationId>,
    },
    /// A question for operations of a block, by their places in it, ascending.
    GetBlockOperations {
        /// The block.
        id: BlockId,
        /// The places.
        places: Vec<u32>,
    },
    /// Operations of a block that were asked for, in the order of the places, or the first of them: the
    /// rest has to be asked for again.
    BlockOperations {
        /// The block.
        id: BlockId,
        /// The operations.
        operations: Vec<Envelope<Operation>>,
    },
    /// The sender does not have the block that it was asked for.
    NotHeld(BlockId),
    /// Signatures of checkpoints, questions for what is certified, and answers.
    Checkpoint(SharedCheckpoint),
    /// A question for a part of a state or for what proves it, as bytes: this protocol carries it and
    /// knows nothing of it.
    GetState(Vec<u8>),
    /// An answer to such a question.
    State(Vec<u8>),
}

codec_enum!(Packet {
    0 => Hello(hello),
    1 => Status(status),
    2 => Neighbours(neighbours: seq(MAX_NEIGHBOURS)),
    3 => Consensus(message),
    4 => Candidate { header, operations },
    5 => Have(tags: seq(MAX_TAGS)),
    6 => Want(tags: seq(MAX_TAGS)),
    7 => Announce(prefixes: seq(MAX_ANNOUNCED)),
    8 => GetOperations(prefixes: seq(MAX_ANNOUNCED)),
    9 => Operations(operations: seq(MAX_ANNOUNCED)),
    10 => Endorsements(endorsements: seq(MAX_ITEMS)),
    11 => Denunciations(denunciations: seq(MAX_ITEMS)),
    12 => GetBlock(id),
    13 => BlockIds { id, operations: seq(MAX_OPERATIONS) },
    14 => GetBlockOperations { id, places: seq(MAX_OPERATIONS) },
    15 => BlockOperations { id, operations: seq(MAX_OPERATIONS) },
    16 => NotHeld(id),
    17 => Checkpoint(message),
    18 => GetState(question: bytes(MAX_STATE_QUESTION_BYTES)),
    19 => State(answer: bytes(MAX_STATE_BYTES)),
});
