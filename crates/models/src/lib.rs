#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod address;
mod amount;
mod block;
mod certificate;
mod checkpoint;
mod denunciation;
mod endorsement;
mod genesis;
mod header;
mod id;
pub mod limits;
mod operation;
mod params;
mod signed;
pub mod text;
mod thread_digest;
mod validators;
mod vote;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

pub use address::{Address, AddressError};
pub use amount::{Amount, AmountError};
pub use block::{Block, BlockEnvelope, operations_hash};
pub use certificate::{
    Certificate, CertificateError, CertificateSignature, CertificateSubject, Justification, Outcome,
};
pub use checkpoint::{Checkpoint, CheckpointCertificate, SignedCheckpoint};
pub use denunciation::{Denunciation, DenunciationError, DenunciationKind, FaultKey};
pub use endorsement::{Endorsement, SignedEndorsement};
pub use genesis::{Genesis, GenesisError, GenesisStaker};
pub use header::{Header, HeaderProof, SignedHeader};
pub use id::{
    BlockId, ChainId, CheckpointHash, CheckpointId, DenunciationId, EndorsementId, OperationId,
    ProposalId, VoteId,
};
pub use operation::{DatastoreEntry, Operation, OperationKind, SignedOperation};
pub use params::{CanonicalRuleKind, ChainParams, ParamsError, ProposalPolicy, Ratio};
pub use signed::{Content, Envelope, Prepared, Signed};
pub use thread_digest::ThreadDigest;
pub use validators::{Validator, ValidatorSet, ValidatorSetError, quorum};
pub use vote::{Ballot, Carry, RoundProposal, SignedProposal, SignedVote, Value, Vote};

pub use picot_clock::{Slot, Timestamp};
pub use picot_crypto::{Hash, PublicKey, SecretKey, Signature};
