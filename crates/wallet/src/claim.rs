//! What is claimed before it is signed.

use displaydoc::Display;
use picot_models::{Address, Hash, Slot};
use picot_serialization::{codec_enum, codec_struct};
use serde::{Deserialize, Serialize};

/// The most bytes of a payload: a proposal with a justification of a large validator set.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1_024 * 1_024;

/// The kinds of signatures that can contradict each other: at most one content of each kind per
/// address, slot and round. Nullify and finalise are one kind, so that they exclude each other in a
/// round (design 07, L2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// block header
    Header,
    /// notarise vote
    Notarise,
    /// nullify or finalise vote
    RoundEnd,
    /// round proposal
    Proposal,
    /// endorsement
    Endorsement,
    /// checkpoint
    Checkpoint,
}

codec_enum!(ClaimKind {
    0 => Header,
    1 => Notarise,
    2 => RoundEnd,
    3 => Proposal,
    4 => Endorsement,
    5 => Checkpoint,
});

/// A content to be signed once and for all, which is also what the log keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignRequest {
    /// Who signs.
    pub address: Address,
    /// What kind of thing.
    pub kind: ClaimKind,
    /// The slot.
    pub slot: Slot,
    /// The round of a vote or proposal, the index of an endorsement, 0 otherwise.
    pub round: u32,
    /// The id, which is what gets signed.
    pub id: Hash,
    /// The canonical bytes of the content, so that a restart can send the same again.
    #[serde(with = "picot_models::text::as_hex")]
    pub payload: Vec<u8>,
}

codec_struct!(SignRequest {
    address,
    kind,
    slot,
    round,
    id,
    payload: bytes(MAX_PAYLOAD_BYTES),
});

/// What a signing log keeps: the request itself.
pub type ClaimRecord = SignRequest;

impl SignRequest {
    /// What may be claimed once.
    #[must_use]
    pub const fn key(&self) -> ClaimKey {
        ClaimKey {
            address: self.address,
            slot: self.slot,
            kind: self.kind,
            round: self.round,
        }
    }
}

/// What may be claimed once. The order is that of the log's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    /// Who signs.
    pub address: Address,
    /// The slot.
    pub slot: Slot,
    /// What kind of thing.
    pub kind: ClaimKind,
    /// The round or index.
    pub round: u32,
}

impl ClaimKey {
    /// The least key of an address from a slot on.
    #[must_use]
    pub const fn first(address: Address, slot: Slot) -> Self {
        Self {
            address,
            slot,
            kind: ClaimKind::Header,
            round: 0,
        }
    }
}
