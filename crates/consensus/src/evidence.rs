//! Proofs of faults, made of two signatures of one staker (design 06, 'Slashing').

use picot_models::{
    Address, Ballot, Carry, Certificate, CertificateSubject, Denunciation, DenunciationKind,
    Envelope, FaultKey, HeaderProof, SignedHeader, SignedProposal, Vote,
};
use std::collections::BTreeSet;

/// The faults found in one slot: each is told once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    told: BTreeSet<FaultKey>,
}

impl Faults {
    /// The denunciation, if its fault was not told before.
    pub(crate) fn new_one(&mut self, denunciation: Denunciation) -> Option<Denunciation> {
        self.told
            .insert(denunciation.fault_key())
            .then_some(denunciation)
    }

    /// Whether a fault was told before.
    pub(crate) fn is_told(&self, vote: &Envelope<Vote>, kind: DenunciationKind) -> bool {
        self.told.contains(&FaultKey {
            address: Address::of_key(&vote.signer),
            slot: vote.content.slot,
            kind,
        })
    }
}

/// Two headers of one slot by one producer.
pub(crate) fn of_headers(one: &SignedHeader, other: &SignedHeader) -> Denunciation {
    Denunciation::of_headers(
        one.content().slot,
        *one.signer(),
        HeaderProof::of(one),
        HeaderProof::of(other),
    )
}

/// Two votes of one slot and round that contradict each other.
pub(crate) fn of_votes(one: Envelope<Vote>, other: Envelope<Vote>) -> Denunciation {
    Denunciation::of_votes(one, other)
}

/// Two proposals of one round.
pub(crate) fn of_proposals(one: &SignedProposal, other: &SignedProposal) -> Denunciation {
    Denunciation::of_proposals(one.envelope().clone(), other.envelope().clone())
}

/// A notarise vote whose carry a certificate excludes.
pub(crate) fn of_carry(vote: &Envelope<Vote>, certificate: &Certificate) -> Denunciation {
    Denunciation::FalseCarry {
        vote: vote.clone(),
        certificate: certificate.clone(),
    }
}

/// Whether a certificate of the same slot and history excludes what a notarise vote says that it
/// relied on: another value notarised in the round of its carry (L1), or a decision in a round that
/// it says was nullified (L2).
pub(crate) fn carry_is_false(vote: &Vote, certificate: &Certificate) -> bool {
    let Ballot::Notarise { value, carry } = vote.ballot else {
        return false;
    };
    if vote.slot != certificate.slot || vote.thread_digest != certificate.thread_digest {
        return false;
    }
    match (certificate.subject, carry) {
        (CertificateSubject::Notarise { value: notarised }, Carry::From { round }) => {
            round == certificate.round && notarised != value
        }
        (CertificateSubject::Finalise { .. }, Carry::Free) => certificate.round < vote.round,
        (CertificateSubject::Finalise { .. }, Carry::From { round }) => {
            round < certificate.round && certificate.round < vote.round
        }
        _ => false,
    }
}
