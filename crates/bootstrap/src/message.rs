//! What travels, and its byte form.

use crate::chunk::{ChunkInfo, MAX_CHUNK_BYTES};
use picot_checkpoint::{ChainStep, MAX_STEPS, TrustedStart};
use picot_clock::{Millis, Slot};
use picot_crypto::Hash;
use picot_models::{Checkpoint, CheckpointCertificate, CheckpointHash};
use picot_serialization::{codec_enum, codec_struct};

/// States that one node offers at once.
pub const MAX_OFFERS: usize = 4;
/// Chunks of which one answer tells.
pub const INDEX_PAGE: usize = 256;

/// What a peer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// The certificate chain after a slot.
    Chain(Slot),
    /// What a node needs that trusts a checkpoint.
    Start(CheckpointHash),
    /// Which states it serves.
    Offers,
    /// The certificate of the checkpoint of a slot.
    Certificate(Slot),
    /// What the chunks of a state are, from one on: at most [`INDEX_PAGE`].
    Index {
        /// The hash of the whole index.
        index: Hash,
        /// The number of the first chunk.
        first: u32,
    },
    /// A chunk.
    Chunk {
        /// The hash of the index that it is of.
        index: Hash,
        /// Its number.
        number: u32,
    },
}

codec_enum!(Question {
    0 => Chain(after),
    1 => Start(hash),
    2 => Offers,
    3 => Certificate(slot),
    4 => Index { index, first },
    5 => Chunk { index, number },
});

/// A state that a peer serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Of which checkpoint. Whether that is certified is for the receiver to find out.
    pub checkpoint: Checkpoint,
    /// What names the index of its chunks: the same for all who have the same state.
    pub index: Hash,
    /// Its chunks.
    pub chunks: u32,
    /// Its pairs.
    pub pairs: u64,
    /// The bytes of its chunks.
    pub bytes: u64,
}

codec_struct!(Offer {
    checkpoint,
    index,
    chunks,
    pairs,
    bytes
});

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not here, or not any more.
    NotHere,
    /// There is too much to do: ask again after a while.
    Busy(Millis),
}

codec_enum!(Refusal {
    0 => NotHere,
    1 => Busy(wait),
});

/// What travels between who receives a state and who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages are made once and taken apart at once"
)]
pub enum Message {
    /// A question.
    Ask(Question),
    /// Steps of the certificate chain after a slot; none if there are none yet.
    Chain {
        /// The slot that was asked for.
        after: Slot,
        /// The steps.
        steps: Vec<ChainStep>,
    },
    /// A trusted checkpoint and its sets.
    Start {
        /// The hash that was asked for.
        hash: CheckpointHash,
        /// The start.
        start: TrustedStart,
    },
    /// Which states are served.
    Offers(Vec<Offer>),
    /// A certificate.
    Certificate {
        /// The slot that was asked for.
        slot: Slot,
        /// The certificate.
        certificate: CheckpointCertificate,
    },
    /// What chunks are.
    Index {
        /// The index.
        index: Hash,
        /// The number of the first chunk.
        first: u32,
        /// The chunks.
        chunks: Vec<ChunkInfo>,
    },
    /// A chunk.
    Chunk {
        /// The index that it is of.
        index: Hash,
        /// Its number.
        number: u32,
        /// Its pairs: keys and values, each with its length in front.
        pairs: Vec<u8>,
    },
    /// A question is not answered.
    Refused {
        /// The question.
        question: Question,
        /// Why.
        refusal: Refusal,
    },
}

codec_enum!(Message {
    0 => Ask(question),
    1 => Chain { after, steps: seq(MAX_STEPS) },
    2 => Start { hash, start },
    3 => Offers(offers: seq(MAX_OFFERS)),
    4 => Certificate { slot, certificate },
    5 => Index { index, first, chunks: seq(INDEX_PAGE) },
    6 => Chunk { index, number, pairs: bytes(MAX_CHUNK_BYTES) },
    7 => Refused { question, refusal },
});

impl Message {
    /// The question that it answers; `None` of a question.
    #[must_use]
    pub const fn answers(&self) -> Option<Question> {
        Some(match self {
            Self::Ask(_) => return None,
            Self::Chain { after, .. } => Question::Chain(*after),
            Self::Start { hash, .. } => Question::Start(*hash),
            Self::Offers(_) => Question::Offers,
            Self::Certificate { slot, .. } => Question::Certificate(*slot),
            Self::Index { index, first, .. } => Question::Index {
                index: *index,
                first: *first,
            },
            Self::Chunk { index, number, .. } => Question::Chunk {
                index: *index,
                number: *number,
            },
            Self::Refused { question, .. } => *question,
        })
    }
}
