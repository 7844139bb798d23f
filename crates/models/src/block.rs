//! Blocks: a header and the list of its operations.

use crate::limits::MAX_OPERATIONS;
use crate::{
    BlockId, ChainId, Envelope, Header, Operation, OperationId, SignedHeader, SignedOperation,
};
use picot_clock::Slot;
use picot_crypto::{Context, Hash, Hasher};
use picot_serialization::{Encode, codec_struct, encode_seq, seq_len};
use std::sync::Arc;

/// A block as it is on the wire and on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEnvelope {
    /// The header.
    pub header: Envelope<Header>,
    /// The operations, in the order in which they are executed.
    pub operations: Vec<Envelope<Operation>>,
}

codec_struct!(BlockEnvelope {
    header,
    operations: seq(MAX_OPERATIONS)
});

impl BlockEnvelope {
    /// The same with all ids found out.
    #[must_use]
    pub fn identify(self, chain_id: &ChainId) -> Block {
        Block {
            header: Arc::new(self.header.identify(chain_id)),
            operations: self
                .operations
                .into_iter()
                .map(|operation| Arc::new(operation.identify(chain_id)))
                .collect(),
        }
    }
}

/// A block whose ids are known; its parts are shared, so a copy is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Arc<SignedHeader>,
    /// The operations, in the order in which they are executed.
    pub operations: Vec<Arc<SignedOperation>>,
}

impl Block {
    /// The id, which is that of the header.
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.header.content().slot
    }

    /// Whether the operations are those that the header names, in number and by hash.
    #[must_use]
    pub fn matches_header(&self) -> bool {
        let header = self.header.content();
        u32::try_from(self.operations.len()) == Ok(header.operation_count)
            && self.operations_hash() == header.operations_hash
    }

    /// The hash over the ids of the operations.
    #[must_use]
    pub fn operations_hash(&self) -> Hash {
        operations_hash(self.operations.iter().map(|operation| operation.id()))
    }
}

impl Encode for Block {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        encode_seq(&self.operations, out);
    }

    fn encoded_len(&self) -> usize {
        self.header
            .encoded_len()
            .saturating_add(seq_len(&self.operations))
    }
}

/// BLAKE3 over the ids in order: also the root that inclusion proofs use, for BLAKE3 is a Merkle
/// tree over chunks of 1 KiB (design 08).
#[must_use]
pub fn operations_hash(ids: impl IntoIterator<Item = OperationId>) -> Hash {
    let mut hasher = Hasher::new(Context::OperationsHash);
    for id in ids {
        hasher.update(id.as_bytes());
    }
    hasher.finalize()
}
