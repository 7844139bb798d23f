//! Denunciations: the proof of a fault, by two contradicting signatures of one staker (design 06).

use crate::signed::AsIdHash;
use crate::{
    Address, Ballot, Carry, Certificate, CertificateError, CertificateSubject, ChainId, Checkpoint,
    Content, DenunciationId, Endorsement, Envelope, HeaderProof, RoundProposal, ValidatorSet, Vote,
};
use displaydoc::Display;
use picot_clock::Slot;
use picot_crypto::{BatchEntry, BatchError, Context, PublicKey, verify_batch};
use picot_serialization::{Encode, codec_enum};
use thiserror::Error;

/// Why a denunciation proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum DenunciationError {
    /// the two signed objects do not contradict each other
    NoContradiction,
    /// the two objects are signed by different keys
    DifferentSigners,
    /// the two objects of the proof are not in ascending order, so it would have two ids
    WrongOrder,
    /// a signature of the proof is invalid
    BadSignature(#[source] BatchError),
    /// the certificate of the proof is invalid
    BadCertificate(#[source] CertificateError),
}

/// What kind of fault a denunciation proves; one is punished once per address, slot and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenunciationKind {
    /// Two headers of one slot.
    Headers,
    /// Two contradicting votes of one slot and round.
    Votes,
    /// Two proposals of one round.
    Proposals,
    /// A notarise vote that relied on what a certificate excludes.
    FalseCarry,
    /// Two endorsements for one slot and index.
    Endorsements,
    /// Two checkpoints of one slot.
    Checkpoints,
}

codec_enum!(DenunciationKind {
    0 => Headers,
    1 => Votes,
    2 => Proposals,
    3 => FalseCarry,
    4 => Endorsements,
    5 => Checkpoints,
});

/// What a punishment is recorded under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultKey {
    /// Whose fault.
    pub address: Address,
    /// At which slot.
    pub slot: Slot,
    /// Of which kind.
    pub kind: DenunciationKind,
}

picot_serialization::codec_struct!(FaultKey {
    address,
    slot,
    kind
});

/// The proof of a fault. The two signed objects are in ascending order of their bytes, so that one
/// fault's two objects make one id.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Denunciation {
    /// Two headers of one slot.
    Headers {
        /// The slot.
        slot: Slot,
        /// The producer.
        #[serde(with = "crate::text::as_text")]
        producer: PublicKey,
        /// One header.
        first: HeaderProof,
        /// The other.
        second: HeaderProof,
    },
    /// Two contradicting votes of one slot and round.
    Votes {
        /// One vote.
        first: Envelope<Vote>,
        /// The other.
        second: Envelope<Vote>,
    },
    /// Two proposals of one round.
    Proposals {
        /// One proposal.
        first: Envelope<RoundProposal>,
        /// The other.
        second: Envelope<RoundProposal>,
    },
    /// A notarise vote whose carry is contradicted by a certificate.
    FalseCarry {
        /// The vote.
        vote: Envelope<Vote>,
        /// The certificate.
        #[serde(with = "crate::denunciation::certificate_as_hex")]
        certificate: Certificate,
    },
    /// Two endorsements for one slot and index.
    Endorsements {
        /// One endorsement.
        first: Envelope<Endorsement>,
        /// The other.
        second: Envelope<Endorsement>,
    },
    /// Two checkpoints of one slot.
    Checkpoints {
        /// One checkpoint.
        first: Envelope<Checkpoint>,
        /// The other.
        second: Envelope<Checkpoint>,
    },
}

codec_enum!(Denunciation {
    0 => Headers { slot, producer, first, second },
    1 => Votes { first, second },
    2 => Proposals { first, second },
    3 => FalseCarry { vote, certificate },
    4 => Endorsements { first, second },
    5 => Checkpoints { first, second },
});

impl Denunciation {
    /// Of two headers, in either order.
    #[must_use]
    pub fn of_headers(
        slot: Slot,
        producer: PublicKey,
        one: HeaderProof,
        other: HeaderProof,
    ) -> Self {
        let (first, second) = ascending(one, other);
        Self::Headers {
            slot,
            producer,
            first,
            second,
        }
    }

    /// Of two votes, in either order.
    #[must_use]
    pub fn of_votes(one: Envelope<Vote>, other: Envelope<Vote>) -> Self {
        let (first, second) = ascending(one, other);
        Self::Votes { first, second }
    }

    /// Of two round proposals, in either order.
    #[must_use]
    pub fn of_proposals(one: Envelope<RoundProposal>, other: Envelope<RoundProposal>) -> Self {
        let (first, second) = ascending(one, other);
        Self::Proposals { first, second }
    }

    /// Of two endorsements, in either order.
    #[must_use]
    pub fn of_endorsements(one: Envelope<Endorsement>, other: Envelope<Endorsement>) -> Self {
        let (first, second) = ascending(one, other);
        Self::Endorsements { first, second }
    }

    /// Of two checkpoints, in either order.
    #[must_use]
    pub fn of_checkpoints(one: Envelope<Checkpoint>, other: Envelope<Checkpoint>) -> Self {
        let (first, second) = ascending(one, other);
        Self::Checkpoints { first, second }
    }

    /// The id: the hash of the chain id and the canonical bytes. Nobody signs it.
    #[must_use]
    pub fn id(&self, chain_id: &ChainId) -> DenunciationId {
        let mut input = chain_id.as_bytes().to_vec();
        self.encode(&mut input);
        Context::DenunciationId.hash(&input).into()
    }

    /// The kind of the fault.
    #[must_use]
    pub const fn kind(&self) -> DenunciationKind {
        match self {
            Self::Headers { .. } => DenunciationKind::Headers,
            Self::Votes { .. } => DenunciationKind::Votes,
            Self::Proposals { .. } => DenunciationKind::Proposals,
            Self::FalseCarry { .. } => DenunciationKind::FalseCarry,
            Self::Endorsements { .. } => DenunciationKind::Endorsements,
            Self::Checkpoints { .. } => DenunciationKind::Checkpoints,
        }
    }

    /// The slot of the fault.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Headers { slot, .. } => *slot,
            Self::Votes { first, .. } | Self::FalseCarry { vote: first, .. } => first.content.slot,
            Self::Proposals { first, .. } => first.content.slot,
            Self::Endorsements { first, .. } => first.content.slot,
            Self::Checkpoints { first, .. } => first.content.slot,
        }
    }

    /// The key that signed both.
    #[must_use]
    pub const fn culprit_key(&self) -> &PublicKey {
        match self {
            Self::Headers { producer, .. } => producer,
            Self::Votes { first, .. } | Self::FalseCarry { vote: first, .. } => &first.signer,
            Self::Proposals { first, .. } => &first.signer,
            Self::Endorsements { first, .. } => &first.signer,
            Self::Checkpoints { first, .. } => &first.signer,
        }
    }

    /// What the punishment is recorded under.
    #[must_use]
    pub fn fault_key(&self) -> FaultKey {
        FaultKey {
            address: Address::of_key(self.culprit_key()),
            slot: self.slot(),
            kind: self.kind(),
        }
    }

    /// Checks that it proves a fault. Whether the culprit was drawn or had power at the slot is
    /// for the caller, who knows the draws; `validators` is the set of the slot's cycle.
    ///
    /// # Errors
    /// [`DenunciationError`].
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
    ) -> Result<(), DenunciationError> {
        self.check_contradiction()?;
        verify_batch(&self.batch_entries(chain_id)).map_err(DenunciationError::BadSignature)?;
        match self {
            Self::FalseCarry { certificate, .. } => certificate
                .verify(chain_id, validators)
                .map_err(DenunciationError::BadCertificate),
            _ => Ok(()),
        }
    }

    /// Everything but signatures: one signer, a contradiction, ascending order.
    ///
    /// # Errors
    /// `NoContradiction`, `DifferentSigners` or `WrongOrder`.
    pub fn check_contradiction(&self) -> Result<(), DenunciationError> {
        match self {
            Self::Headers { first, second, .. } => {
                require(first.content_hash != second.content_hash)?;
                check_order(first, second)
            }
            Self::Votes { first, second } => {
                check_pair(first, second, first.content.contradicts(&second.content))
            }
            Self::Proposals { first, second } => {
                check_pair(first, second, first.content.contradicts(&second.content))
            }
            Self::Endorsements { first, second } => {
                let (one, other) = (&first.content, &second.content);
                let contradict =
                    one.slot == other.slot && one.index == other.index && one.block != other.block;
                check_pair(first, second, contradict)
            }
            Self::Checkpoints { first, second } => {
                check_pair(first, second, first.content.contradicts(&second.content))
            }
            Self::FalseCarry { vote, certificate } => {
                require(carry_is_false(&vote.content, certificate))
            }
        }
    }

    fn batch_entries(&self, chain_id: &ChainId) -> Vec<BatchEntry> {
        match self {
            Self::Headers {
                slot,
                producer,
                first,
                second,
            } => [first, second]
                .map(|proof| proof.batch_entry(*slot, producer, chain_id))
                .to_vec(),
            Self::Votes { first, second } => entries([first, second], chain_id),
            Self::FalseCarry { vote, .. } => entries([vote], chain_id),
            Self::Proposals { first, second } => entries([first, second], chain_id),
            Self::Endorsements { first, second } => entries([first, second], chain_id),
            Self::Checkpoints { first, second } => entries([first, second], chain_id),
        }
    }
}

/// Whether a certificate of the same slot excludes what a notarise vote says it relied on.
///
/// `Carry(j)` says `N(j, v)` and `Z` of each round in between; `Free` says `Z` of each round before.
/// A certificate `N(j, v')` of another value excludes the first (L1 of design 07), and a `Fin(k, ·)`
/// excludes `Z(k)` (L2).
fn carry_is_false(vote: &Vote, certificate: &Certificate) -> bool {
    let Ballot::Notarise { value, carry } = vote.ballot else {
        return false;
    };
    if certificate.slot != vote.slot || certificate.thread_digest != vote.thread_digest {
        return false;
    }
    let nullified_from = match carry {
        Carry::Free => 0,
        Carry::From { round } => round.saturating_add(1),
    };
    match certificate.subject {
        CertificateSubject::Notarise { value: notarised } => {
            carry
                == Carry::From {
                    round: certificate.round,
                }
                && notarised != value
        }
        CertificateSubject::Finalise { .. } => {
            (nullified_from..vote.round).contains(&certificate.round)
        }
        CertificateSubject::Nullify => false,
    }
}

fn require(contradict: bool) -> Result<(), DenunciationError> {
    if contradict {
        Ok(())
    } else {
        Err(DenunciationError::NoContradiction)
    }
}

fn check_order(first: &impl Encode, second: &impl Encode) -> Result<(), DenunciationError> {
    if first.to_bytes() < second.to_bytes() {
        Ok(())
    } else {
        Err(DenunciationError::WrongOrder)
    }
}

fn check_pair<C: Content>(
    first: &Envelope<C>,
    second: &Envelope<C>,
    contradict: bool,
) -> Result<(), DenunciationError> {
    require(contradict)?;
    if first.signer != second.signer {
        return Err(DenunciationError::DifferentSigners);
    }
    check_order(first, second)
}

fn ascending<T: Encode>(one: T, other: T) -> (T, T) {
    if one.to_bytes() <= other.to_bytes() {
        (one, other)
    } else {
        (other, one)
    }
}

fn entries<C: Content, const N: usize>(
    envelopes: [&Envelope<C>; N],
    chain_id: &ChainId,
) -> Vec<BatchEntry>
where
    C::Id: AsIdHash,
{
    envelopes
        .map(|envelope| envelope.batch_entry(chain_id))
        .to_vec()
}

/// Certificates inside JSON: their canonical bytes in hexadecimal.
mod certificate_as_hex {
    use crate::Certificate;
    use crate::text::as_hex;
    use picot_serialization::{Encode, decode_exact};
    use serde::{Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        certificate: &Certificate,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        as_hex::serialize(&certificate.to_bytes(), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Certificate, D::Error> {
        let bytes: Vec<u8> = as_hex::deserialize(deserializer)?;
        decode_exact(&bytes).map_err(D::Error::custom)
    }
}
