//! What travels of the certificate chain.

use crate::{SetsChange, ValidatorSetsRecord};
use picot_clock::Slot;
use picot_models::{Checkpoint, CheckpointCertificate};
use picot_serialization::codec_struct;

/// Steps in one answer.
pub const MAX_STEPS: usize = 4_096;

/// One certified checkpoint, with what is new in the validator sets that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainStep {
    /// The checkpoint and who signed it.
    pub certificate: CheckpointCertificate,
    /// At the end of a cycle, what it adds to the validator sets; inside a cycle, nothing.
    pub change: Option<SetsChange>,
}

codec_struct!(ChainStep {
    certificate,
    change
});

impl ChainStep {
    /// What was signed; `None` if nobody did.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        let first = self.certificate.signatures.first()?;
        Some(&first.content)
    }

    /// Its slot.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        Some(self.checkpoint()?.slot)
    }
}

/// A checkpoint whose hash an operator trusts, with the validator sets that it names: what a node
/// needs to follow the chain from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedStart {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The sets that it names.
    pub sets: ValidatorSetsRecord,
}

codec_struct!(TrustedStart { checkpoint, sets });
