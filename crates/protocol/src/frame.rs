//! A packet that is made once and shared by all to whom it goes.

use crate::packet::{Packet, Tag, first_eight};
use picot_crypto::{Context, Hasher};
use picot_serialization::Encode;
use std::sync::{Arc, OnceLock};

/// How urgent a packet is. Each lane has its own queue and its own stream, so that votes and headers
/// are never stuck behind bodies, state or operations (design 09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What slots wait for: votes, proposals, headers, certificates, and the small talk of peers.
    Urgent,
    /// Operations that are announced, asked for and sent, endorsements, denunciations.
    Gossip,
    /// Blocks, outcomes with their blocks, and states.
    Bulk,
}

impl Lane {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Gossip, Self::Bulk];

    /// Its number on the wire, from 0.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Urgent => 0,
            Self::Gossip => 1,
            Self::Bulk => 2,
        }
    }

    /// The lane with a number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The longest frame in bytes: a certificate and an outcome of the most validators, and a block with
    /// its outcome, are the largest things.
    #[must_use]
    pub const fn max_frame_bytes(self) -> usize {
        match self {
            Self::Urgent | Self::Bulk => 16 << 20,
            Self::Gossip => 2 << 20,
        }
    }
}

/// A packet, its length, and, made when they are first asked for, its bytes and its tag.
#[derive(Debug)]
pub struct Frame {
    packet: Packet,
    len: usize,
    bytes: OnceLock<Arc<[u8]>>,
    tag: OnceLock<Tag>,
}

impl Frame {
    /// Of a packet that is to be sent.
    #[must_use]
    pub fn new(packet: Packet) -> Self {
        let len = packet.encoded_len();
        Self {
            packet,
            len,
            bytes: OnceLock::new(),
            tag: OnceLock::new(),
        }
    }

    /// Of a packet that came as these bytes. Those of urgent ones are kept, for they are passed on.
    #[must_use]
    pub fn received(packet: Packet, bytes: &[u8]) -> Self {
        let is_kept = lane_of(&packet) == Lane::Urgent;
        Self {
            packet,
            len: bytes.len(),
            bytes: is_kept
                .then(|| Arc::from(bytes))
                .map_or_else(OnceLock::new, OnceLock::from),
            tag: OnceLock::new(),
        }
    }

    /// What it carries.
    #[must_use]
    pub const fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// No packet is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        self.bytes.get_or_init(|| self.packet.to_bytes().into())
    }

    /// Its name among what is passed on: of a candidate that of the header alone, for not everyone sends
    /// the operations along.
    #[must_use]
    pub fn tag(&self) -> Tag {
        *self.tag.get_or_init(|| {
            let mut hasher = Hasher::new(Context::MessageTag);
            match &self.packet {
                Packet::Candidate { header, .. } => hasher.update(&header.to_bytes()),
                _ => hasher.update(self.bytes()),
            };
            Tag(first_eight(&hasher.finalize()))
        })
    }

    /// The lane that it takes.
    #[must_use]
    pub fn lane(&self) -> Lane {
        lane_of(&self.packet)
    }
}

fn lane_of(packet: &Packet) -> Lane {
    use picot_checkpoint::CheckpointMessage;
    use picot_consensus::Message;
    match packet {
        Packet::Hello(_)
        | Packet::Status(_)
        | Packet::Neighbours(_)
        | Packet::Candidate { .. }
        | Packet::Have(_)
        | Packet::Want(_)
        | Packet::GetBlock(_)
        | Packet::GetBlockOperations { .. }
        | Packet::NotHeld(_) => Lane::Urgent,
        Packet::Consensus(message) => match *message.0 {
            Message::Body(_) | Message::Outcome { block: Some(_), .. } => Lane::Bulk,
            _ => Lane::Urgent,
        },
        Packet::Announce(_)
        | Packet::GetOperations(_)
        | Packet::Operations(_)
        | Packet::Endorsements(_)
        | Packet::Denunciations(_) => Lane::Gossip,
        Packet::GetState(_) => Lane::Gossip,
        Packet::BlockIds { .. } | Packet::BlockOperations { .. } | Packet::State(_) => Lane::Bulk,
        Packet::Checkpoint(message) => match *message.0 {
            CheckpointMessage::Signatures(_) | CheckpointMessage::GetSteps { .. } => Lane::Gossip,
            CheckpointMessage::Steps { .. } => Lane::Bulk,
        },
    }
}
