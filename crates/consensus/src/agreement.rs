//! The agreement on a slot as this node sees it: what people look at when they ask why a slot was
//! decided so.

use crate::SlotStatus;
use picot_models::{Address, BlockId, CertificateSubject, Outcome};
use std::sync::Arc;

/// The agreement on a slot, as far as this node holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// What is known of the slot.
    pub status: SlotStatus,
    /// The valid candidates and the votes; of a slot that was decided some slots ago, nothing.
    pub votes: SlotVotes,
    /// The decision with its certificate, once there is one.
    pub outcome: Option<Arc<Outcome>>,
}

/// The candidates and the votes of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotVotes {
    /// The headers that are valid, by id.
    pub candidates: Vec<KnownCandidate>,
    /// The one that the canonical rule prefers at this node, while the slot is undecided.
    pub canonical: Option<BlockId>,
    /// The rounds of which votes are held, ascending.
    pub rounds: Vec<RoundVotes>,
}

/// A candidate whose header is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCandidate {
    /// The block.
    pub id: BlockId,
    /// Its producer.
    pub producer: Address,
}

/// The votes of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundVotes {
    /// The round.
    pub round: u32,
    /// By what they are for.
    pub subjects: Vec<SubjectVotes>,
}

/// The votes for one thing, as they were received: a signature is verified only where a quorum
/// depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectVotes {
    /// What they are for.
    pub subject: CertificateSubject,
    /// The stake of the voters.
    pub power: u64,
    /// Who voted, in the order of the validator set.
    pub signers: Vec<Address>,
}
