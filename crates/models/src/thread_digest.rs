//! The hash chain of a thread's outcomes, which ties each vote to one history.

use crate::{ChainId, Value};
use picot_clock::Slot;
use picot_crypto::{Context, Hash, Hasher};
use picot_serialization::{Encode, codec_struct};
use serde::{Deserialize, Serialize};

/// The hash chain of the outcomes of a thread before some slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ThreadDigest {
    /// The hash.
    pub hash: Hash,
}

codec_struct!(ThreadDigest { hash });

impl ThreadDigest {
    /// Before the first outcome: after the genesis block of the thread.
    #[must_use]
    pub fn genesis(chain_id: &ChainId, thread: u8) -> Self {
        let mut hasher = Hasher::new(Context::ThreadDigest);
        hasher.update(chain_id.as_bytes());
        hasher.update(&[thread]);
        Self {
            hash: hasher.finalize(),
        }
    }

    /// After one more outcome.
    #[must_use]
    pub fn after(&self, slot: Slot, value: &Value) -> Self {
        let len = slot.encoded_len().saturating_add(value.encoded_len());
        let mut input = Vec::with_capacity(self.hash.encoded_len().saturating_add(len));
        self.hash.encode(&mut input);
        slot.encode(&mut input);
        value.encode(&mut input);
        Self {
            hash: Context::ThreadDigest.hash(&input),
        }
    }
}
