//! Which packet something is, and what it is worth when not all can be sent.

use crate::{Lane, Packet};
use picot_checkpoint::CheckpointMessage;
use picot_consensus::Message;
use picot_models::Slot;
use serde::Serialize;

/// Which packet something is: the name of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketKind {
    /// A handshake.
    Hello,
    /// How far a node is.
    Status,
    /// Whom it is connected to.
    Neighbours,
    /// A header.
    Candidate,
    /// A vote.
    Vote,
    /// A proposal of a round.
    Proposal,
    /// A certificate.
    Certificate,
    /// A certificate that is had.
    HaveCertificate,
    /// An outcome, with or without its block.
    Outcome,
    /// A question of consensus.
    Ask,
    /// A whole block.
    Body,
    /// Messages that are had.
    Have,
    /// Messages that are wanted.
    Want,
    /// Operations that are had.
    Announce,
    /// Operations that are wanted.
    GetOperations,
    /// Operations.
    Operations,
    /// Endorsements.
    Endorsements,
    /// Proofs of faults.
    Denunciations,
    /// A block that is wanted.
    GetBlock,
    /// Ids of a block's operations.
    BlockIds,
    /// Operations of a block that are wanted.
    GetBlockOperations,
    /// Operations of a block.
    BlockOperations,
    /// A block that is not had, or outcomes.
    NotHeld,
    /// Signatures of checkpoints.
    CheckpointSignatures,
    /// Certified checkpoints that are wanted.
    GetCheckpoints,
    /// Certified checkpoints.
    Checkpoints,
    /// Parts of states that are wanted.
    GetState,
    /// Parts of states.
    State,
}

impl PacketKind {
    /// Of a packet.
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        match packet {
            Packet::Hello(_) => Self::Hello,
            Packet::Status(_) => Self::Status,
            Packet::Neighbours(_) => Self::Neighbours,
            Packet::Consensus(message) => Self::of_message(&message.0),
            Packet::Candidate { .. } => Self::Candidate,
            Packet::Have(_) => Self::Have,
            Packet::Want(_) => Self::Want,
            Packet::Announce(_) => Self::Announce,
            Packet::GetOperations(_) => Self::GetOperations,
            Packet::Operations(_) => Self::Operations,
            Packet::Endorsements(_) => Self::Endorsements,
            Packet::Denunciations(_) => Self::Denunciations,
            Packet::GetBlock(_) => Self::GetBlock,
            Packet::BlockIds { .. } => Self::BlockIds,
            Packet::GetBlockOperations { .. } => Self::GetBlockOperations,
            Packet::BlockOperations { .. } => Self::BlockOperations,
            Packet::NotHeld(_) => Self::NotHeld,
            Packet::GetState(_) => Self::GetState,
            Packet::State(_) => Self::State,
            Packet::Checkpoint(message) => match *message.0 {
                CheckpointMessage::Signatures(_) => Self::CheckpointSignatures,
                CheckpointMessage::GetSteps { .. } => Self::GetCheckpoints,
                CheckpointMessage::Steps { .. } => Self::Checkpoints,
            },
        }
    }

    const fn of_message(message: &Message) -> Self {
        match message {
            Message::Candidate(_) => Self::Candidate,
            Message::Vote(_) => Self::Vote,
            Message::Proposal { .. } => Self::Proposal,
            Message::Certificate(_) => Self::Certificate,
            Message::Have { .. } => Self::HaveCertificate,
            Message::Outcome { .. } => Self::Outcome,
            Message::Ask(_) => Self::Ask,
            Message::Body(_) => Self::Body,
            Message::NotHeld(_) => Self::NotHeld,
        }
    }
}

/// What a packet is worth beside others of its lane: less is dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worth {
    class: u8,
    /// Later slots are worth more: older ones are decided without it, or will be told as outcomes.
    slot: Slot,
}

impl Worth {
    /// Of a packet.
    ///
    /// | lane | from the most to the least valuable |
    /// | --- | --- |
    /// | urgent | handshake and status; what slots are decided by, later slots first; questions and refusals, which are asked again; what only names something |
    /// | gossip | proofs of faults; endorsements and signatures of checkpoints; operations, which were asked for; questions for them; announcements |
    /// | bulk | all the same |
    pub(crate) fn of(lane: Lane, packet: &Packet) -> Self {
        let kind = PacketKind::of(packet);
        let class = match kind {
            _ if lane == Lane::Bulk => 0,
            PacketKind::Hello | PacketKind::Status => 5,
            PacketKind::Denunciations => 4,
            PacketKind::Candidate
            | PacketKind::Vote
            | PacketKind::Proposal
            | PacketKind::Certificate
            | PacketKind::Outcome
            | PacketKind::Endorsements
            | PacketKind::CheckpointSignatures => 3,
            PacketKind::Operations => 2,
            PacketKind::Ask
            | PacketKind::GetBlock
            | PacketKind::GetBlockOperations
            | PacketKind::NotHeld
            | PacketKind::GetCheckpoints
            | PacketKind::GetState
            | PacketKind::GetOperations => 1,
            PacketKind::Neighbours
            | PacketKind::Have
            | PacketKind::HaveCertificate
            | PacketKind::Want
            | PacketKind::Announce
            | PacketKind::Body
            | PacketKind::Checkpoints
            | PacketKind::State
            | PacketKind::BlockIds
            | PacketKind::BlockOperations => 0,
        };
        let slot = match packet {
            Packet::Candidate { header, .. } => Some(header.content.slot),
            Packet::Consensus(message) if lane != Lane::Bulk => message.0.slot(),
            _ => None,
        };
        Self {
            class,
            slot: slot.unwrap_or(Slot::new(0, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{operation_frame, packet_of_each_kind, vote_frame};
    use super::*;
    use crate::Frame;

    fn worth(frame: &Frame) -> Worth {
        Worth::of(frame.lane(), frame.packet())
    }

    #[test]
    fn each_packet_has_a_kind_of_its_own() {
        let kinds: std::collections::BTreeSet<_> =
            packet_of_each_kind().iter().map(PacketKind::of).collect();
        assert_eq!(kinds.len(), packet_of_each_kind().len());
    }

    #[test]
    fn what_slots_are_decided_by_is_worth_more_than_names_and_less_than_handshakes() {
        let worth_of = |kind| {
            let packets = packet_of_each_kind();
            let packet = packets.iter().find(|it| PacketKind::of(it) == kind);
            worth(&Frame::new(packet.unwrap().clone()))
        };
        let urgent = [
            PacketKind::Hello,
            PacketKind::Vote,
            PacketKind::GetBlock,
            PacketKind::Neighbours,
        ];
        let gossip = [
            PacketKind::Denunciations,
            PacketKind::Endorsements,
            PacketKind::Operations,
            PacketKind::GetOperations,
            PacketKind::Announce,
        ];
        for order in [&urgent[..], &gossip[..]] {
            assert!(order.windows(2).all(|it| worth_of(it[0]) > worth_of(it[1])));
        }
        assert!(worth_of(PacketKind::Want) < worth_of(PacketKind::Ask));
    }

    #[test]
    fn of_votes_those_of_later_slots_are_worth_more() {
        let at = |period, thread| worth(&vote_frame(period, thread, 0));
        assert!(at(2, 0) > at(1, 3));
        assert!(at(2, 1) > at(2, 0));
        assert!(worth(&operation_frame(1)) == worth(&operation_frame(2)));
    }
}
