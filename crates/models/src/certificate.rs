//! Certificates: votes of more than two thirds of the stake for one thing, and what is made of them.

use crate::limits::{MAX_JUSTIFICATION_CERTIFICATES, MAX_VALIDATORS};
use crate::{
    Address, Ballot, Carry, ChainId, Envelope, SignedVote, ThreadDigest, ValidatorSet, Value, Vote,
};
use bitvec::prelude::{BitVec, Lsb0};
use displaydoc::Display;
use picot_clock::Slot;
use picot_crypto::{BatchEntry, BatchError, PublicKey, Signature, verify_batch};
use picot_serialization::{
    Bound, Decode, DecodeError, Encode, IResult, bits_len, codec_enum, codec_struct, decode_bits,
    decode_seq, encode_bits, encode_seq, fail, seq_len,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum CertificateError {
    /// the certificate of slot {slot} names {found} validators of a set of {expected}
    WrongSetSize {
        /// The slot.
        slot: Slot,
        /// Bits in the certificate.
        found: usize,
        /// Validators of the cycle.
        expected: usize,
    },
    /// the certificate of slot {slot} has {signatures} signatures for {signers} signers
    WrongSignatureCount {
        /// The slot.
        slot: Slot,
        /// Signatures found.
        signatures: usize,
        /// Bits set.
        signers: usize,
    },
    /// signer {index} of the certificate of slot {slot} signed with the key of {found}, not of {expected}
    WrongKey {
        /// The slot.
        slot: Slot,
        /// The place in the validator set.
        index: usize,
        /// The address of the key found.
        found: Box<Address>,
        /// The address of the validator.
        expected: Box<Address>,
    },
    /// the certificate of slot {slot} has power {found}, a quorum is {quorum}
    NoQuorum {
        /// The slot.
        slot: Slot,
        /// The power of its signers.
        found: u64,
        /// The power that decides.
        quorum: u64,
    },
    /// signatures of the certificate of slot {slot} are invalid
    BadSignatures {
        /// The slot.
        slot: Slot,
        /// Which.
        #[source]
        source: BatchError,
    },
    /// the certificate of slot {0} is not one of finalise votes
    NotFinal(Slot),
    /// the outcome of slot {slot} misses through period {through}, which is not within its cycle
    WrongRange {
        /// The slot.
        slot: Slot,
        /// The last period that the miss would cover.
        through: u64,
    },
}

/// What a certificate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CertificateSubject {
    /// `N(r, v)`: notarise votes.
    Notarise {
        /// The value.
        value: Value,
    },
    /// `Z(r)`: nullify votes.
    Nullify,
    /// `Fin(r, v)`: finalise votes.
    Finalise {
        /// The value.
        value: Value,
    },
}

codec_enum!(CertificateSubject { 0 => Notarise { value }, 1 => Nullify, 2 => Finalise { value } });

impl CertificateSubject {
    /// What a ballot counts for.
    #[must_use]
    pub const fn of_ballot(ballot: &Ballot) -> Self {
        match *ballot {
            Ballot::Notarise { value, .. } => Self::Notarise { value },
            Ballot::Nullify => Self::Nullify,
            Ballot::Finalise { value } => Self::Finalise { value },
        }
    }

    /// The value, if it is for one.
    #[must_use]
    pub const fn value(&self) -> Option<Value> {
        match *self {
            Self::Notarise { value } | Self::Finalise { value } => Some(value),
            Self::Nullify => None,
        }
    }

    const fn ballot(&self, carry: Carry) -> Ballot {
        match *self {
            Self::Notarise { value } => Ballot::Notarise { value, carry },
            Self::Nullify => Ballot::Nullify,
            Self::Finalise { value } => Ballot::Finalise { value },
        }
    }
}

/// What one signer adds to a certificate.
///
/// The public key is there because a validator set names addresses, which are hashes of keys: a
/// certificate is checked against nothing but the set. The carry is part of a notarise vote and may
/// differ between signers; it is `Free` in the other kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSignature {
    /// The signer's key.
    #[serde(with = "crate::text::as_text")]
    pub signer: PublicKey,
    /// What its notarise vote relied on.
    pub carry: Carry,
    /// Its signature of the vote's id.
    #[serde(with = "crate::text::as_text")]
    pub signature: Signature,
}

codec_struct!(CertificateSignature {
    signer,
    carry,
    signature
});

/// Votes of more than two thirds of a slot's stake for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The protocol version that was voted under.
    pub version: u32,
    /// The slot.
    pub slot: Slot,
    /// The round.
    pub round: u32,
    /// The thread's outcomes before the slot.
    pub thread_digest: ThreadDigest,
    /// What the votes are for.
    pub subject: CertificateSubject,
    /// A bit for each validator of the cycle's set, by its place.
    pub signers: BitVec<u8, Lsb0>,
    /// One for each bit that is set, in their order.
    pub signatures: Vec<CertificateSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CertificateHead {
    version: u32,
    slot: Slot,
    round: u32,
    thread_digest: ThreadDigest,
    subject: CertificateSubject,
}

codec_struct!(CertificateHead {
    version,
    slot,
    round,
    thread_digest,
    subject
});

impl Certificate {
    /// Makes a certificate of votes that are known to be valid and alike, in any order.
    ///
    /// `None` if a voter is not in the set, or if there are no votes.
    #[must_use]
    pub fn from_votes<'a>(
        votes: impl IntoIterator<Item = &'a SignedVote>,
        validators: &ValidatorSet,
    ) -> Option<Self> {
        let by_place = votes
            .into_iter()
            .map(|vote| {
                let place = validators.index_of(&vote.signer_address())?;
                Some((place, vote.envelope()))
            })
            .collect::<Option<std::collections::BTreeMap<_, _>>>()?;
        Self::from_placed_votes(by_place, validators)
    }

    /// As [`from_votes`](Self::from_votes), of votes whose voters' places in the set are known, by
    /// ascending place and one of each.
    ///
    /// `None` if the places are not, or if there are no votes.
    #[must_use]
    pub fn from_placed_votes<'a>(
        votes: impl IntoIterator<Item = (usize, &'a Envelope<Vote>)>,
        validators: &ValidatorSet,
    ) -> Option<Self> {
        let votes = votes.into_iter();
        let mut first = None;
        let mut last = None;
        let mut signers = BitVec::repeat(false, validators.len());
        let mut signatures = Vec::with_capacity(votes.size_hint().0);
        for (place, vote) in votes {
            first.get_or_insert(&vote.content);
            if last.replace(place) >= Some(place) {
                return None;
            }
            *signers.get_mut(place)? = true;
            signatures.push(CertificateSignature::of_vote(vote));
        }
        let first = first?;
        Some(Self {
            version: first.version,
            slot: first.slot,
            round: first.round,
            thread_digest: first.thread_digest,
            subject: CertificateSubject::of_ballot(&first.ballot),
            signers,
            signatures,
        })
    }

    /// The votes that it is made of.
    pub fn votes(&self) -> impl Iterator<Item = Envelope<Vote>> + '_ {
        self.signatures.iter().map(|entry| Envelope {
            content: Vote {
                version: self.version,
                slot: self.slot,
                round: self.round,
                thread_digest: self.thread_digest,
                ballot: self.subject.ballot(entry.carry),
            },
            signer: entry.signer,
            signature: entry.signature,
        })
    }

    /// Everything but the signatures: that the signers are of the set, and are a quorum.
    ///
    /// # Errors
    /// [`CertificateError`], but not its `BadSignatures`.
    pub fn check_power(&self, validators: &ValidatorSet) -> Result<(), CertificateError> {
        let slot = self.slot;
        if self.signers.len() != validators.len() {
            return Err(CertificateError::WrongSetSize {
                slot,
                found: self.signers.len(),
                expected: validators.len(),
            });
        }
        let signers = self.signers.count_ones();
        if self.signatures.len() != signers {
            return Err(CertificateError::WrongSignatureCount {
                slot,
                signatures: self.signatures.len(),
                signers,
            });
        }
        let mut found: u64 = 0;
        for (index, entry) in self.signers.iter_ones().zip(&self.signatures) {
            let Some(validator) = validators.get(index) else {
                continue;
            };
            let address = Address::of_key(&entry.signer);
            if address != validator.address {
                return Err(CertificateError::WrongKey {
                    slot,
                    index,
                    found: Box::new(address),
                    expected: Box::new(validator.address),
                });
            }
            found = found.saturating_add(validator.power);
        }
        let quorum = validators.quorum();
        if found < quorum {
            return Err(CertificateError::NoQuorum {
                slot,
                found,
                quorum,
            });
        }
        Ok(())
    }

    /// What a batch verification needs of it, so that many certificates are checked at once.
    #[must_use]
    pub fn batch_entries(&self, chain_id: &ChainId) -> Vec<BatchEntry> {
        self.votes()
            .map(|vote| vote.batch_entry(chain_id))
            .collect()
    }

    /// Checks the whole against the validator set of the slot's cycle.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
    ) -> Result<(), CertificateError> {
        self.check_power(validators)?;
        verify_batch(&self.batch_entries(chain_id)).map_err(|source| {
            CertificateError::BadSignatures {
                slot: self.slot,
                source,
            }
        })
    }

    fn head(&self) -> CertificateHead {
        CertificateHead {
            version: self.version,
            slot: self.slot,
            round: self.round,
            thread_digest: self.thread_digest,
            subject: self.subject,
        }
    }
}

impl CertificateSignature {
    fn of_vote(vote: &Envelope<Vote>) -> Self {
        let carry = match vote.content.ballot {
            Ballot::Notarise { carry, .. } => carry,
            Ballot::Nullify | Ballot::Finalise { .. } => Carry::Free,
        };
        Self {
            signer: vote.signer,
            carry,
            signature: vote.signature,
        }
    }
}

impl Encode for Certificate {
    fn encode(&self, out: &mut Vec<u8>) {
        self.head().encode(out);
        encode_bits(self.signers.len(), self.signers.as_raw_slice(), out);
        encode_seq(&self.signatures, out);
    }

    fn encoded_len(&self) -> usize {
        self.head()
            .encoded_len()
            .saturating_add(bits_len(self.signers.len()))
            .saturating_add(seq_len(&self.signatures))
    }
}

impl Decode for Certificate {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        let (input, head) = CertificateHead::decode(input)?;
        let (input, (bit_len, bytes)) = decode_bits(input, MAX_VALIDATORS, "Certificate.signers")?;
        let mut signers = BitVec::from_slice(bytes);
        signers.truncate(bit_len);
        let (input, signatures) = decode_seq(input, MAX_VALIDATORS, "Certificate.signatures")?;
        let CertificateHead {
            version,
            slot,
            round,
            thread_digest,
            subject,
        } = head;
        Ok((
            input,
            Self {
                version,
                slot,
                round,
                thread_digest,
                subject,
                signers,
                signatures,
            },
        ))
    }
}

/// What allows a value to be proposed or voted for in a round after the first (design 07).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Justification {
    /// `N(j, v)`, if a notarised value is carried.
    pub notarised: Option<Certificate>,
    /// `Z` of each round after `j`, or of each round from 0, by ascending round.
    pub nullified: Vec<Certificate>,
}

codec_struct!(Justification {
    notarised,
    nullified: seq(MAX_JUSTIFICATION_CERTIFICATES)
});

/// A slot's decided value with the certificate that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    certificate: Certificate,
    value: Value,
}

impl Outcome {
    /// The outcome that a certificate of finalise votes proves.
    ///
    /// # Errors
    /// The certificate is of another kind.
    pub fn new(certificate: Certificate) -> Result<Self, CertificateError> {
        match certificate.subject {
            CertificateSubject::Finalise { value } => Ok(Self { certificate, value }),
            CertificateSubject::Notarise { .. } | CertificateSubject::Nullify => {
                Err(CertificateError::NotFinal(certificate.slot))
            }
        }
    }

    /// The slot.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.certificate.slot
    }

    /// The last period of the thread that is decided by it.
    #[must_use]
    pub const fn through(&self) -> u64 {
        self.value.through(self.certificate.slot.period)
    }

    /// The decided value.
    #[must_use]
    pub const fn value(&self) -> Value {
        self.value
    }

    /// The proof.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl Encode for Outcome {
    fn encode(&self, out: &mut Vec<u8>) {
        self.certificate.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.certificate.encoded_len()
    }
}

impl Decode for Outcome {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        let (rest, certificate) = Certificate::decode(input)?;
        match Self::new(certificate) {
            Ok(outcome) => Ok((rest, outcome)),
            Err(_) => fail(
                input,
                "Outcome.certificate",
                Bound::Invalid("a certificate of finalise votes"),
            ),
        }
    }
}
