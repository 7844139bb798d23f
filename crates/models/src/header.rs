//! Block headers, and the short proof that a header was signed.

use crate::limits::{MAX_ENDORSEMENTS, MAX_THREAD_COUNT};
use crate::signed::id_of_input;
use crate::{BlockId, ChainId, Content, Denunciation, Endorsement, Envelope, Signed};
use picot_clock::Slot;
use picot_crypto::{BatchEntry, Context, Hash, PublicKey, Signature};
use picot_serialization::{Encode, codec_struct};
use serde::{Deserialize, Serialize};

/// What a producer signs of its block.
///
/// The id covers the slot and the hash of the whole content rather than the content itself, so
/// that two headers of one slot are proven by two hashes and two signatures ([`HeaderProof`]):
/// headers carry denunciations, and denunciations must not carry headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The protocol version that the block follows.
    pub version: u32,
    /// The slot.
    pub slot: Slot,
    /// For each thread, a decided block (design 07, 'Order').
    pub parents: Vec<BlockId>,
    /// BLAKE3 of the ids of the operations in block order.
    pub operations_hash: Hash,
    /// The number of operations.
    pub operation_count: u32,
    /// Endorsements of the parent in the own thread, by ascending index.
    pub endorsements: Vec<Envelope<Endorsement>>,
    /// Denunciations, by ascending id.
    pub denunciations: Vec<Denunciation>,
}

codec_struct!(Header {
    version,
    slot,
    parents: seq(MAX_THREAD_COUNT),
    operations_hash,
    operation_count,
    endorsements: seq(MAX_ENDORSEMENTS),
    denunciations: with(bounded_denunciations),
});

/// A sequence that is bounded in bytes too.
mod bounded_denunciations {
    use super::total_len;
    use crate::Denunciation;
    use crate::limits::{MAX_DENUNCIATION_BYTES, MAX_DENUNCIATIONS};
    use picot_serialization::{Bound, DecodeError, IResult, decode_seq, encode_seq, fail, seq_len};

    const WHAT: &str = "Header.denunciations";

    pub(super) fn encode(denunciations: &[Denunciation], out: &mut Vec<u8>) {
        encode_seq(denunciations, out);
    }

    pub(super) fn encoded_len(denunciations: &[Denunciation]) -> usize {
        seq_len(denunciations)
    }

    pub(super) fn decode(input: &[u8]) -> IResult<&[u8], Vec<Denunciation>, DecodeError> {
        let (rest, denunciations) = decode_seq(input, MAX_DENUNCIATIONS, WHAT)?;
        let bytes = total_len(&denunciations);
        if bytes > MAX_DENUNCIATION_BYTES {
            let [len, max] =
                [bytes, MAX_DENUNCIATION_BYTES].map(|it| u64::try_from(it).unwrap_or(u64::MAX));
            return fail(input, WHAT, Bound::TooLong { len, max });
        }
        Ok((rest, denunciations))
    }
}

fn total_len(denunciations: &[Denunciation]) -> usize {
    denunciations
        .iter()
        .fold(0, |sum, one| sum.saturating_add(one.encoded_len()))
}

impl Header {
    /// The hash of the whole content, which stands for it in a [`HeaderProof`].
    #[must_use]
    pub fn content_hash(&self) -> Hash {
        Context::HeaderContent.hash(&self.to_bytes())
    }

    /// The bytes of its denunciations, which are at most
    /// [`MAX_DENUNCIATION_BYTES`](crate::limits::MAX_DENUNCIATION_BYTES).
    #[must_use]
    pub fn denunciation_bytes(&self) -> usize {
        total_len(&self.denunciations)
    }
}

impl Content for Header {
    type Id = BlockId;
    const CONTEXT: Context = Context::HeaderId;

    fn write_id_input(&self, out: &mut Vec<u8>) {
        write_id_input(self.slot, &self.content_hash(), out);
    }
}

fn write_id_input(slot: Slot, content_hash: &Hash, out: &mut Vec<u8>) {
    slot.encode(out);
    content_hash.encode(out);
}

/// A header with its producer, its signature and its id, which is the block's.
pub type SignedHeader = Signed<Header>;

/// That a producer signed a header at a slot, without the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderProof {
    /// The hash of the header's content.
    pub content_hash: Hash,
    /// The producer's signature of the block id.
    #[serde(with = "crate::text::as_text")]
    pub signature: Signature,
}

codec_struct!(HeaderProof {
    content_hash,
    signature
});

impl HeaderProof {
    /// The proof of a header.
    #[must_use]
    pub fn of(header: &SignedHeader) -> Self {
        Self {
            content_hash: header.content().content_hash(),
            signature: *header.signature(),
        }
    }

    /// The id of the block.
    #[must_use]
    pub fn block_id(&self, slot: Slot, producer: &PublicKey, chain_id: &ChainId) -> BlockId {
        let mut input = Vec::new();
        write_id_input(slot, &self.content_hash, &mut input);
        id_of_input(Header::CONTEXT, &input, producer, chain_id).into()
    }

    /// What a batch verification needs.
    #[must_use]
    pub fn batch_entry(&self, slot: Slot, producer: &PublicKey, chain_id: &ChainId) -> BatchEntry {
        BatchEntry {
            message: *self.block_id(slot, producer, chain_id).as_hash(),
            public_key: *producer,
            signature: self.signature,
        }
    }
}
