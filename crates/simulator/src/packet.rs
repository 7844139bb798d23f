//! What travels between simulated nodes.

use picot_checkpoint::CheckpointMessage;
use picot_consensus::Message;
use picot_protocol::{Frame, Lane, Packet, PacketKind};
use std::fmt;
use std::sync::Arc;

/// One thing on its way, on one lane of a connection.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// A frame.
    Frame {
        /// On which lane.
        lane: Lane,
        /// What.
        frame: Arc<Frame>,
    },
    /// So many bytes that are no frame.
    Noise(usize),
}

impl Parcel {
    /// A frame on the lane where it belongs.
    #[must_use]
    pub fn new(frame: Arc<Frame>) -> Self {
        let lane = frame.lane();
        Self::Frame { lane, frame }
    }

    /// Bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Frame { frame, .. } => frame.len(),
            Self::Noise(bytes) => *bytes,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// For the trace: the first bytes of the hash of what it is.
    pub(crate) fn tag(&self) -> u64 {
        match self {
            Self::Frame { frame, .. } => u64::from_be_bytes(frame.tag().0),
            Self::Noise(_) => 0,
        }
    }

    pub(crate) fn kind(&self) -> Option<PacketKind> {
        match self {
            Self::Frame { frame, .. } => Some(PacketKind::of(frame.packet())),
            Self::Noise(_) => None,
        }
    }

    /// Whether a link that loses, repeats and holds up messages does so with this. Setting up a
    /// connection is as reliable as with a real transport.
    pub(crate) fn is_handshake(&self) -> bool {
        self.kind() == Some(PacketKind::Hello)
    }

    /// Whether a link may repeat it. A question that comes twice is answered twice, and who gets an
    /// answer twice has not asked for the second one: no real transport does that to anyone.
    pub(crate) fn may_be_repeated(&self) -> bool {
        !matches!(
            self.kind(),
            None | Some(
                PacketKind::Hello
                    | PacketKind::Ask
                    | PacketKind::Body
                    | PacketKind::GetOperations
                    | PacketKind::Operations
                    | PacketKind::GetBlock
                    | PacketKind::BlockIds
                    | PacketKind::GetBlockOperations
                    | PacketKind::BlockOperations
                    | PacketKind::NotHeld
                    | PacketKind::GetState
                    | PacketKind::State
            )
        )
    }
}

impl fmt::Display for Parcel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame { frame, .. } => show_packet(frame.packet(), formatter),
            Self::Noise(bytes) => write!(formatter, "{bytes} bytes that are no packet"),
        }
    }
}

fn show_packet(packet: &Packet, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match packet {
        Packet::Hello(_) => formatter.write_str("hello"),
        Packet::Status(status) => write!(formatter, "status {:?}", status.decided),
        Packet::Neighbours(nodes) => write!(formatter, "{} neighbours", nodes.len()),
        Packet::Consensus(message) => show_message(&message.0, formatter),
        Packet::Candidate { header, operations } => {
            let slot = header.content.slot;
            match operations {
                Some(operations) => write!(
                    formatter,
                    "candidate {slot} with {} operations in short",
                    operations.0.len()
                ),
                None => write!(formatter, "candidate {slot}"),
            }
        }
        Packet::Have(tags) => write!(formatter, "have {tags:?}"),
        Packet::Want(tags) => write!(formatter, "want {tags:?}"),
        Packet::Announce(prefixes) => write!(formatter, "announce {prefixes:?}"),
        Packet::GetOperations(prefixes) => write!(formatter, "get operations {prefixes:?}"),
        Packet::Operations(all) => write!(formatter, "{} operations", all.len()),
        Packet::Endorsements(all) => write!(formatter, "{} endorsements", all.len()),
        Packet::Denunciations(all) => write!(formatter, "{} denunciations", all.len()),
        Packet::GetBlock(id) => write!(formatter, "get block {id}"),
        Packet::BlockIds { id, operations } => {
            write!(formatter, "{} ids of block {id}", operations.len())
        }
        Packet::GetBlockOperations { id, places } => {
            write!(formatter, "get operations {places:?} of block {id}")
        }
        Packet::BlockOperations { id, operations } => {
            write!(formatter, "{} operations of block {id}", operations.len())
        }
        Packet::NotHeld(id) => write!(formatter, "block {id} not held"),
        Packet::GetState(question) => write!(formatter, "{} bytes for a state", question.len()),
        Packet::State(answer) => write!(formatter, "{} bytes of a state", answer.len()),
        Packet::Checkpoint(message) => show_checkpoint(&message.0, formatter),
    }
}

fn show_checkpoint(message: &CheckpointMessage, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match message {
        CheckpointMessage::Signatures(all) => {
            write!(formatter, "{} signatures of checkpoints", all.len())
        }
        CheckpointMessage::GetSteps { after } => {
            write!(formatter, "get checkpoints after {after}")
        }
        CheckpointMessage::Steps { after, steps } => {
            write!(formatter, "{} checkpoints after {after}", steps.len())
        }
    }
}

fn show_message(message: &Message, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match message {
        Message::Candidate(header) => write!(formatter, "candidate {}", header.content.slot),
        Message::Vote(vote) => {
            let content = &vote.content;
            write!(
                formatter,
                "vote {} round {} {:?}",
                content.slot, content.round, content.ballot
            )
        }
        Message::Proposal { proposal, .. } => {
            let content = &proposal.content;
            write!(
                formatter,
                "proposal {} round {} {:?} {:?}",
                content.slot, content.round, content.value, content.carry
            )
        }
        Message::Certificate(one) => write!(
            formatter,
            "certificate {} round {} {:?}",
            one.slot, one.round, one.subject
        ),
        Message::Have {
            slot,
            round,
            subject,
        } => write!(formatter, "have {slot} round {round} {subject:?}"),
        Message::Outcome { outcome, .. } => {
            write!(
                formatter,
                "outcome {} {:?}",
                outcome.slot(),
                outcome.value()
            )
        }
        Message::Ask(request) => write!(formatter, "ask {request:?}"),
        Message::Body(block) => write!(formatter, "body {}", block.header.content.slot),
        Message::NotHeld(request) => write!(formatter, "not held {request:?}"),
    }
}
