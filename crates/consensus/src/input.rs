//! What goes into the engine and what comes out of it.

use crate::{ConsensusEvent, Message, Request};
use picot_clock::Timestamp;
use picot_models::{
    Address, Block, BlockId, Certificate, Denunciation, Prepared, PublicKey, RoundProposal,
    SignedProposal, SignedVote, Slot, ValidatorSet, Vote,
};
use picot_storage::Decided;
use picot_wallet::{ClaimKind, SignRequest};
use std::sync::Arc;

/// Another node, by a handle that the network gives and that is meaningless elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u64);

/// What happened outside.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "inputs are made once and taken apart at once"
)]
pub enum Input {
    /// Time passed: a wake-up that was asked for, or any other moment.
    Tick,
    /// A block of our own, its header claimed in the signing log.
    OwnBlock(Block),
    /// A message of another node. The signatures of the operations of a body are checked already
    /// (by `protocol`); nothing else is.
    Message {
        /// Who sent it.
        from: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// A body that this node had on its own disk.
    Body(Block),
    /// A peer says that it has decided these: what is lacked is asked for in a moment.
    DecidedElsewhere {
        /// Who.
        peer: Peer,
        /// The last slot of each thread.
        slots: Vec<Slot>,
    },
    /// The draws of a cycle can be asked for, and this is its validator set.
    CycleReady(Arc<ValidatorSet>),
    /// The keys to vote with from now on.
    Keys(Vec<PublicKey>),
    /// What the signing log says that our keys signed, after a restart.
    Restore(Vec<SignRequest>),
    /// What came of requests to sign.
    Signed(Vec<SignResult>),
    /// These candidates are durable.
    CandidatesStored(Vec<BlockId>),
    /// These decisions are durable, each named by the slot of its outcome.
    DecisionsStored(Vec<Slot>),
    /// Where the decided block with this id is, if the archive has it.
    Resolved {
        /// The block that was asked for.
        id: BlockId,
        /// Its slot.
        slot: Option<Slot>,
    },
}

/// Something of ours that is to be claimed in the signing log and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsigned {
    /// A vote.
    Vote {
        /// The signer.
        address: Address,
        /// What is to be signed.
        prepared: Prepared<Vote>,
        /// The certificate that a finalise vote relies on. It becomes durable with the claim: whoever
        /// signed to finalise a round never nullifies it, so it must be able to prove to others why,
        /// after a crash too.
        relies_on: Option<Arc<Certificate>>,
    },
    /// A proposal.
    Proposal {
        /// The signer.
        address: Address,
        /// What is to be signed.
        prepared: Prepared<RoundProposal>,
    },
}

/// What came of one [`Unsigned`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignResult {
    /// The claim is durable and the vote is signed.
    Vote(SignedVote),
    /// The claim is durable and the proposal is signed.
    Proposal(SignedProposal),
    /// The claim was refused for good: it would contradict what was signed before.
    Refused(Unsigned),
    /// Nothing was signed, for a reason that may pass: a locked wallet, a full disk.
    Failed(Unsigned),
}

/// Why a peer is to blame: it sent what no honest node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerFault {
    /// A signature that is not its signer's.
    BadSignature,
    /// A certificate or outcome that proves nothing.
    BadCertificate,
    /// A header that breaks a rule of validity.
    InvalidHeader,
    /// A body that is not the header's.
    WrongBody,
    /// A message that no rule allows anyone to send.
    Malformed,
}

/// What is to be done outside, in order.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "outputs are made once and taken apart at once"
)]
pub enum Output {
    /// Make these bodies durable, then say [`Input::CandidatesStored`]. No notarise vote for a
    /// block is asked to be signed before.
    StoreCandidates(Vec<Block>),
    /// Make these decisions durable in one batch, then say [`Input::DecisionsStored`].
    StoreDecided(Vec<Decided>),
    /// Claim all of these in the signing log with one sync, sign, then say [`Input::Signed`].
    Sign(Vec<Unsigned>),
    /// Send to all. Whatever of ours is in it is durable.
    Broadcast(Arc<Message>),
    /// Tell a few others, who are not to pass it on: that there is something to be asked for, or what
    /// nearly everybody has.
    Tell(Arc<Message>),
    /// Pass on what another node sent: a vote or a proposal that is new here, whose signature is not
    /// verified, or the header of a candidate that is valid and held.
    Relay {
        /// Who sent it, and needs it least.
        from: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// Send to one.
    Send {
        /// To whom.
        to: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// Ask one peer, or whoever is likely to know. A body is looked for on the own disk first.
    Ask {
        /// Whom; `None`: any.
        to: Option<Peer>,
        /// For what.
        request: Request,
    },
    /// Answer a peer's request from the archive.
    Answer {
        /// Who asked.
        to: Peer,
        /// For what.
        request: Request,
    },
    /// Look in the archive for the decided block with this id, then say [`Input::Resolved`].
    Resolve(BlockId),
    /// A slot's time has come, but the draws of its cycle are not known: say
    /// [`Input::CycleReady`] as soon as they are.
    AwaitCycle(u64),
    /// Say [`Input::Tick`] at this time, if nothing else happens before. Replaces the one before.
    WakeAt(Timestamp),
    /// Something is decided and durable.
    Decided(Decided),
    /// A candidate body lost: its operations may go back to the pool.
    Lost(Block),
    /// The leading candidates changed: see [`Engine::leading_candidates`](crate::Engine::leading_candidates).
    CandidatesChanged,
    /// The proof of a fault.
    Evidence(Arc<Denunciation>),
    /// A peer misbehaved.
    Blame {
        /// Who.
        peer: Peer,
        /// How.
        fault: PeerFault,
    },
    /// A valid signature of one of our keys was seen that this node did not make: the key is in
    /// use elsewhere, or the signing log is an old one. The key signs nothing any more in this run.
    ForeignSignature {
        /// Whose key.
        address: Address,
        /// Where it was seen.
        slot: Slot,
    },
    /// Something to tell subscribers.
    Event(ConsensusEvent),
}

impl Unsigned {
    /// The signer.
    #[must_use]
    pub const fn address(&self) -> &Address {
        match self {
            Self::Vote { address, .. } | Self::Proposal { address, .. } => address,
        }
    }

    /// The slot.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Vote { prepared, .. } => prepared.content().slot,
            Self::Proposal { prepared, .. } => prepared.content().slot,
        }
    }

    /// As the wallet is asked.
    #[must_use]
    pub fn to_request(&self) -> SignRequest {
        use picot_models::Ballot;
        use picot_serialization::Encode;
        match self {
            Self::Vote {
                address,
                prepared,
                relies_on,
            } => SignRequest {
                address: *address,
                kind: match prepared.content().ballot {
                    Ballot::Notarise { .. } => ClaimKind::Notarise,
                    Ballot::Nullify | Ballot::Finalise { .. } => ClaimKind::RoundEnd,
                },
                slot: prepared.content().slot,
                round: prepared.content().round,
                id: *prepared.id().as_hash(),
                payload: ClaimedVote::encode(prepared.content(), relies_on.as_deref()),
            },
            Self::Proposal { address, prepared } => SignRequest {
                address: *address,
                kind: ClaimKind::Proposal,
                slot: prepared.content().slot,
                round: prepared.content().round,
                id: *prepared.id().as_hash(),
                payload: prepared.content().to_bytes(),
            },
        }
    }

    /// With the wallet's signature.
    #[must_use]
    pub fn seal(self, signature: picot_models::Signature) -> SignResult {
        match self {
            Self::Vote { prepared, .. } => SignResult::Vote(prepared.seal(signature)),
            Self::Proposal { prepared, .. } => SignResult::Proposal(prepared.seal(signature)),
        }
    }
}

/// A vote as the signing log keeps it: its bytes, and after those of a finalise vote the certificate
/// that it relied on.
pub(crate) struct ClaimedVote {
    pub(crate) vote: Vote,
    pub(crate) relied_on: Option<Certificate>,
}

impl ClaimedVote {
    fn encode(vote: &Vote, relies_on: Option<&Certificate>) -> Vec<u8> {
        use picot_serialization::Encode;
        let len = relies_on.map_or(0, Encode::encoded_len);
        let mut payload = Vec::with_capacity(vote.encoded_len().saturating_add(len));
        vote.encode(&mut payload);
        if let Some(certificate) = relies_on {
            certificate.encode(&mut payload);
        }
        payload
    }

    /// From the payload of a claim; `None` if it is of another form.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        use picot_serialization::{Decode, decode_exact};
        let (rest, vote) = Vote::decode(payload).ok()?;
        let relied_on = match rest {
            [] => None,
            rest => Some(decode_exact(rest).ok()?),
        };
        Some(Self { vote, relied_on })
    }
}
