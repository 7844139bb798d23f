//! Whether each fault that an honest node saw both halves of is proven (design 07, 'What must be
//! shown' 3: evidence found for each provable fault).
//!
//! Only what the node must have looked at counts: both halves came while it worked on their slot,
//! in or next to the round that it was in, and it lived on.

use crate::invariants::{Invariant, Violation};
use picot_consensus::Message;
use picot_models::{
    Address, DenunciationKind, FaultKey, Hash, Header, PublicKey, RoundProposal, Slot, Vote,
};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds around that of a node in which it must look at votes.
const ROUNDS_AROUND: u32 = 1;

/// One life of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life {
    /// The node.
    pub node: usize,
    /// The number of the life.
    pub life: u64,
}

/// What a validator signed, as far as a contradiction of it can be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Half {
    Header(Hash),
    Proposal(u32, Hash),
    Vote(Vote),
}

impl Half {
    const fn kind(&self) -> DenunciationKind {
        match self {
            Self::Header(_) => DenunciationKind::Headers,
            Self::Proposal(..) => DenunciationKind::Proposals,
            Self::Vote(_) => DenunciationKind::Votes,
        }
    }

    fn contradicts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(one), Self::Header(other)) => one != other,
            (Self::Proposal(round, one), Self::Proposal(of_round, other)) => {
                round == of_round && one != other
            }
            (Self::Vote(one), Self::Vote(other)) => one.contradicts(other),
            _ => false,
        }
    }
}

/// Something that an honest node is about to look at.
#[derive(Debug)]
pub(crate) struct Glimpse {
    life: Life,
    fault: FaultKey,
    half: Half,
}

/// What honest nodes saw of Byzantine validators, and what they proved.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    byzantine: BTreeMap<PublicKey, Address>,
    seen: BTreeMap<(Life, FaultKey), Vec<Half>>,
    provable: BTreeSet<FaultKey>,
    proven: BTreeSet<FaultKey>,
}

impl Witness {
    /// Of these validators.
    #[must_use]
    pub(crate) fn new(byzantine: impl IntoIterator<Item = PublicKey>) -> Self {
        Self {
            byzantine: byzantine
                .into_iter()
                .map(|key| (key, Address::of_key(&key)))
                .collect(),
            ..Self::default()
        }
    }

    /// The Byzantine validator that signed a message, if one did.
    #[must_use]
    pub(crate) fn signer(&self, message: &Message) -> Option<Address> {
        let signer = match message {
            Message::Candidate(header) => &header.signer,
            Message::Vote(vote) => &vote.signer,
            Message::Proposal { proposal, .. } => &proposal.signer,
            _ => return None,
        };
        self.byzantine.get(signer).copied()
    }

    /// What a node that works on this slot and round has to look at in a message.
    #[must_use]
    pub(crate) fn glimpse(
        &self,
        life: Life,
        open: (Slot, u32),
        message: &Message,
    ) -> Option<Glimpse> {
        let address = self.signer(message)?;
        let (slot, round) = open;
        let half = match message {
            Message::Candidate(header) => half_of_header(&header.content, slot),
            Message::Vote(vote) => half_of_vote(&vote.content, slot, round),
            Message::Proposal { proposal, .. } => half_of_proposal(&proposal.content, slot, round),
            _ => None,
        }?;
        let kind = half.kind();
        let fault = FaultKey {
            address,
            slot,
            kind,
        };
        Some(Glimpse { life, fault, half })
    }

    /// The node has looked at it.
    pub(crate) fn saw(&mut self, glimpse: Glimpse) {
        let Glimpse { life, fault, half } = glimpse;
        let seen = self.seen.entry((life, fault)).or_default();
        if seen.contains(&half) {
            return;
        }
        if seen.iter().any(|other| other.contradicts(&half)) {
            self.provable.insert(fault);
        }
        seen.push(half);
    }

    /// A node proved it.
    pub(crate) fn proved(&mut self, fault: FaultKey) {
        self.proven.insert(fault);
    }

    /// At the end: everything provable is proven.
    ///
    /// # Errors
    /// Something is not.
    pub(crate) fn finish(&self) -> Result<(), Violation> {
        match self.provable.difference(&self.proven).next() {
            None => Ok(()),
            Some(fault) => {
                let FaultKey {
                    address,
                    slot,
                    kind,
                } = fault;
                let text = format!("nobody proves the {kind:?} of {address} at {slot}");
                Err(Violation::new(Invariant::Evidence, text))
            }
        }
    }
}

fn half_of_header(header: &Header, open: Slot) -> Option<Half> {
    (header.slot == open).then(|| Half::Header(header.content_hash()))
}

fn half_of_vote(vote: &Vote, open: Slot, round: u32) -> Option<Half> {
    let is_near = vote.round.abs_diff(round) <= ROUNDS_AROUND;
    (vote.slot == open && is_near).then(|| Half::Vote(vote.clone()))
}

fn half_of_proposal(proposal: &RoundProposal, open: Slot, round: u32) -> Option<Half> {
    let bytes = picot_serialization::Encode::to_bytes(proposal);
    let hash = Hash(*blake3::hash(&bytes).as_bytes());
    (proposal.slot == open && proposal.round == round)
        .then_some(Half::Proposal(proposal.round, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use picot_models::{Ballot, Signed, SignedVote, ThreadDigest, Value};

    const SLOT: Slot = Slot::new(3, 0);
    const FIRST: Life = Life { node: 1, life: 1 };

    fn witness() -> Witness {
        Witness::new([SimConfig::key(0).public_key()])
    }

    fn vote(signer: usize, round: u32, ballot: Ballot) -> Message {
        let chain_id = SimConfig::new(1, 4).genesis().chain_id();
        let content = Vote {
            version: 1,
            slot: SLOT,
            round,
            thread_digest: ThreadDigest::genesis(&chain_id, 0),
            ballot,
        };
        let vote: SignedVote = Signed::sign(content, &SimConfig::key(signer), &chain_id);
        Message::Vote(vote.into_envelope())
    }

    fn finalise() -> Ballot {
        Ballot::Finalise {
            value: Value::Miss { through: 3 },
        }
    }

    fn see(witness: &mut Witness, life: Life, open: (Slot, u32), message: &Message) {
        if let Some(glimpse) = witness.glimpse(life, open, message) {
            witness.saw(glimpse);
        }
    }

    #[test]
    fn a_contradiction_that_one_node_saw_must_be_proven() {
        let mut witness = witness();
        for ballot in [finalise(), Ballot::Nullify] {
            see(&mut witness, FIRST, (SLOT, 0), &vote(0, 0, ballot));
        }
        let error = witness.finish().unwrap_err();
        assert_eq!(error.invariant, Invariant::Evidence);
        witness.proved(FaultKey {
            address: SimConfig::address(0),
            slot: SLOT,
            kind: DenunciationKind::Votes,
        });
        assert_eq!(witness.finish(), Ok(()));
    }

    #[test]
    fn what_no_node_had_to_look_at_in_one_life_need_not_be_proven() {
        let (one, other) = (vote(0, 0, finalise()), vote(0, 0, Ballot::Nullify));
        let later = Life { life: 2, ..FIRST };
        let elsewhere = Life { node: 2, life: 1 };
        for (second_life, second_open) in [
            (later, (SLOT, 0)),
            (elsewhere, (SLOT, 0)),
            (FIRST, (SLOT, 2)),
            (FIRST, (Slot::new(4, 0), 0)),
        ] {
            let mut witness = witness();
            see(&mut witness, FIRST, (SLOT, 0), &one);
            see(&mut witness, second_life, second_open, &other);
            assert_eq!(witness.finish(), Ok(()));
        }
        let mut witness = witness();
        for ballot in [finalise(), Ballot::Nullify] {
            see(&mut witness, FIRST, (SLOT, 0), &vote(1, 0, ballot));
        }
        assert_eq!(witness.finish(), Ok(()));
    }
}
