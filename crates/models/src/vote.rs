//! Votes and round proposals (design 07, 'Values and messages').

use crate::{BlockId, Content, ProposalId, Signed, ThreadDigest, VoteId};
use picot_clock::Slot;
use picot_crypto::Context;
use picot_serialization::{codec_enum, codec_struct};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a slot can be decided as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Value {
    /// This block.
    Block {
        /// The block's id.
        id: BlockId,
    },
    /// No block, nor in the thread's later slots up to this period.
    Miss {
        /// The last period that the miss covers: the slot's own, or a later one of its cycle.
        through: u64,
    },
}

codec_enum!(Value { 0 => Block { id }, 1 => Miss { through } });

impl Value {
    /// The block, if it is one.
    #[must_use]
    pub const fn block(&self) -> Option<BlockId> {
        match self {
            Self::Block { id } => Some(*id),
            Self::Miss { .. } => None,
        }
    }

    /// The last period of the thread that the value settles, for a decision at `period`.
    #[must_use]
    pub const fn through(&self, period: u64) -> u64 {
        match self {
            Self::Block { .. } => period,
            Self::Miss { through } => *through,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { id } => write!(formatter, "{id}"),
            Self::Miss { through } => write!(formatter, "miss through period {through}"),
        }
    }
}

/// What a notarise vote or a round proposal relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Carry {
    /// Every round before was nullified (in round 0: there is none).
    Free,
    /// The value was notarised in this round, and every round after it was nullified.
    From {
        /// The round of the notarisation.
        round: u32,
    },
}

codec_enum!(Carry { 0 => Free, 1 => From { round } });

/// The three votes of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ballot {
    /// For a value.
    Notarise {
        /// The value.
        value: Value,
        /// What the vote relied on.
        carry: Carry,
    },
    /// Against waiting any longer in this round.
    Nullify,
    /// For deciding a notarised value.
    Finalise {
        /// The value.
        value: Value,
    },
}

codec_enum!(Ballot { 0 => Notarise { value, carry }, 1 => Nullify, 2 => Finalise { value } });

/// What a validator signs as its vote. No time stamps: a repeat is the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The protocol version.
    pub version: u32,
    /// The slot.
    pub slot: Slot,
    /// The round within the slot.
    pub round: u32,
    /// The thread's outcomes before the slot.
    pub thread_digest: ThreadDigest,
    /// The vote itself.
    pub ballot: Ballot,
}

codec_struct!(Vote {
    version,
    slot,
    round,
    thread_digest,
    ballot
});

impl Vote {
    /// Whether nobody honest signs both: the same slot and round, and two notarise votes or two
    /// finalise votes that differ, or a finalise vote and a nullify vote.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.slot == other.slot
            && self.round == other.round
            && match (self.ballot, other.ballot) {
                (Ballot::Notarise { .. }, Ballot::Notarise { .. })
                | (Ballot::Finalise { .. }, Ballot::Finalise { .. })
                | (Ballot::Nullify, Ballot::Nullify) => self != other,
                (Ballot::Nullify, Ballot::Finalise { .. })
                | (Ballot::Finalise { .. }, Ballot::Nullify) => true,
                (Ballot::Notarise { .. }, _) | (_, Ballot::Notarise { .. }) => false,
            }
    }
}

impl Content for Vote {
    type Id = VoteId;
    const CONTEXT: Context = Context::VoteId;
}

/// A vote with its signer, its signature and its id.
pub type SignedVote = Signed<Vote>;

/// What the coordinator of a round signs.
///
/// The certificates that justify it travel beside it, as a
/// [`Justification`](crate::Justification): anyone may complete them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundProposal {
    /// The protocol version.
    pub version: u32,
    /// The slot.
    pub slot: Slot,
    /// The round within the slot, at least 1.
    pub round: u32,
    /// The thread's outcomes before the slot.
    pub thread_digest: ThreadDigest,
    /// What is proposed.
    pub value: Value,
    /// What it relies on.
    pub carry: Carry,
}

codec_struct!(RoundProposal {
    version,
    slot,
    round,
    thread_digest,
    value,
    carry
});

impl RoundProposal {
    /// Whether nobody honest signs both: one coordinator proposes once per round.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.slot == other.slot && self.round == other.round && self != other
    }
}

impl Content for RoundProposal {
    type Id = ProposalId;
    const CONTEXT: Context = Context::ProposalId;
}

/// A round proposal with its coordinator, its signature and its id.
pub type SignedProposal = Signed<RoundProposal>;
