//! What can go wrong.

use crate::CertificateFault;
use displaydoc::Display;
use picot_clock::{ClockError, Slot};
use picot_crypto::Hash;
use picot_models::{Checkpoint, CheckpointHash, GenesisError, ValidatorSetError};
use picot_pos::PosError;
use std::sync::Arc;
use thiserror::Error;

/// Why a checkpoint was not made, not believed, or not kept.
#[derive(Debug, Clone, Display, Error)]
pub enum CheckpointError {
    /// the state after slot {0} is not one that validators sign
    NoCheckpoint(Slot),
    /// the checkpoint of slot {slot} does not follow: what comes next is one of cycle {cycle}, after slot {after}
    NotNext {
        /// The slot of what was offered.
        slot: Slot,
        /// The cycle that runs after what was followed so far.
        cycle: u64,
        /// The last slot that was followed.
        after: Slot,
    },
    /// the certificate of the checkpoint of slot {slot} proves nothing
    Certificate {
        /// Its slot.
        slot: Slot,
        /// Why.
        #[source]
        source: CertificateFault,
    },
    /// the certificate has no signature
    EmptyCertificate,
    /// the validator sets given with slot {0} are not those that its checkpoint names
    OtherSets(Slot),
    /// the change of validator sets is wrong: {0}
    WrongChange(&'static str),
    /// the roll counts of a cycle make no validator set
    Validators(#[from] ValidatorSetError),
    /// the checkpoint is {found}, the trusted one is {trusted}
    NotTrusted {
        /// The hash of what was offered.
        found: Box<CheckpointHash>,
        /// The hash that is trusted.
        trusted: Box<CheckpointHash>,
    },
    /// the genesis makes no chain
    Genesis(#[from] GenesisError),
    /// the proof-of-stake state does not tell what the next cycles draw from
    Pos(#[from] PosError),
    /// the slot is not on this chain
    Slot(#[from] ClockError),
    /// this node's state is wrong: after slot {slot} its hash is {own}, and more than two thirds of the stake have signed {certified}
    Diverged {
        /// The slot.
        slot: Slot,
        /// The hash of this node's state.
        own: Hash,
        /// The certified hash.
        certified: Hash,
    },
    /// the checkpoint worker has stopped: {0}
    Stopped(String),
    /// the checkpoint store failed while {action}
    Store {
        /// What was being done.
        action: &'static str,
        /// What the engine says.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// what is stored of {what} is damaged: {reason}
    Damaged {
        /// The record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl CheckpointError {
    /// Whether it tells of what was offered, and so of whoever offered it; otherwise it is this node's
    /// own trouble.
    #[must_use]
    pub const fn is_of_the_offer(&self) -> bool {
        !matches!(
            self,
            Self::Genesis(_)
                | Self::Pos(_)
                | Self::Diverged { .. }
                | Self::Stopped(_)
                | Self::Store { .. }
                | Self::Damaged { .. }
        )
    }

    pub(crate) const fn diverged(own: &Checkpoint, certified: &Checkpoint) -> Self {
        Self::Diverged {
            slot: own.slot,
            own: own.state_hash,
            certified: certified.state_hash,
        }
    }
}
