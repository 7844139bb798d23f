//! What nodes say to each other (design 07, 'Values and messages').

use picot_models::{
    BlockEnvelope, BlockId, Certificate, CertificateSubject, Envelope, Header, Justification,
    Outcome, RoundProposal, Slot, Vote,
};
use picot_serialization::codec_enum;

/// The most outcomes that one request asks for.
pub const MAX_OUTCOMES_PER_REQUEST: u64 = 64;
/// The most bytes of the messages that answer one request, unless the first alone has more. Who asks
/// holds as much of a thread's blocks until they are decided.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A question to another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// For a certificate of an undecided slot.
    Certificate {
        /// The slot.
        slot: Slot,
        /// The round.
        round: u32,
        /// Of what.
        subject: CertificateSubject,
    },
    /// For a thread's outcomes, with their blocks, from a period on; at most
    /// [`MAX_OUTCOMES_PER_REQUEST`].
    Outcomes {
        /// The thread.
        thread: u8,
        /// The first period.
        period: u64,
    },
    /// For a block.
    Body {
        /// Its id.
        id: BlockId,
    },
}

codec_enum!(Request {
    0 => Certificate { slot, round, subject },
    1 => Outcomes { thread, period },
    2 => Body { id },
});

/// A message. Nothing in it has been checked but its form.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages are shared by pointer from the moment they are read"
)]
pub enum Message {
    /// A header; its body is had on demand.
    Candidate(Envelope<Header>),
    /// A notarise, nullify or finalise vote.
    Vote(Envelope<Vote>),
    /// The coordinator's proposal of a round after the first.
    Proposal {
        /// What the coordinator signed.
        proposal: Envelope<RoundProposal>,
        /// The certificates that allow it.
        justification: Justification,
    },
    /// A certificate: formed, on request, or part of an entry bundle.
    Certificate(Certificate),
    /// A certificate was formed: who lacks it asks.
    Have {
        /// The slot.
        slot: Slot,
        /// The round.
        round: u32,
        /// Of what.
        subject: CertificateSubject,
    },
    /// A decision; with its block for who is behind.
    Outcome {
        /// The value and its proof.
        outcome: Outcome,
        /// The block.
        block: Option<BlockEnvelope>,
    },
    /// A question.
    Ask(Request),
    /// A block that was asked for.
    Body(BlockEnvelope),
    /// What was asked for is not held: a block that is not known, or outcomes that are too old.
    NotHeld(Request),
}

codec_enum!(Message {
    0 => Candidate(header),
    1 => Vote(vote),
    2 => Proposal { proposal, justification },
    3 => Certificate(certificate),
    4 => Have { slot, round, subject },
    5 => Outcome { outcome, block },
    6 => Ask(request),
    7 => Body(block),
    8 => NotHeld(request),
});

impl Message {
    /// The slot that it is about, if it names one.
    #[must_use]
    pub const fn slot(&self) -> Option<Slot> {
        match self {
            Self::Candidate(header) => Some(header.content.slot),
            Self::Vote(vote) => Some(vote.content.slot),
            Self::Proposal { proposal, .. } => Some(proposal.content.slot),
            Self::Certificate(certificate) => Some(certificate.slot),
            Self::Have { slot, .. } => Some(*slot),
            Self::Outcome { outcome, .. } => Some(outcome.slot()),
            Self::Ask(_) | Self::NotHeld(_) => None,
            Self::Body(block) => Some(block.header.content.slot),
        }
    }
}
