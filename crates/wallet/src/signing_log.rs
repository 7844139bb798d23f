//! The port to the durable memory of what was signed.

use crate::{ClaimRecord, SigningLogError};
use displaydoc::Display;
use picot_models::{Address, Hash, Slot};

/// The answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// The claim is this content's, now or since before: signing contradicts nothing.
    Safe,
    /// Signing could contradict what was signed.
    NotSafe {
        /// Why.
        reason: Refusal,
    },
}

impl ClaimVerdict {
    /// The rule of every signing log: `held` is the id that has the record's claim, and `horizon`
    /// the first slot for which claims are kept.
    #[must_use]
    pub fn of(record: &ClaimRecord, held: Option<Hash>, horizon: Slot) -> Self {
        match held {
            Some(id) if id == record.id => Self::Safe,
            Some(by) => Self::NotSafe {
                reason: Refusal::Taken { by },
            },
            None if record.slot < horizon => Self::NotSafe {
                reason: Refusal::Pruned { before: horizon },
            },
            None => Self::Safe,
        }
    }
}

/// Why a claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
pub enum Refusal {
    /// other content was claimed for it, with id {by}
    Taken {
        /// The id of the content that has the claim.
        by: Hash,
    },
    /// the log remembers nothing before slot {before}
    Pruned {
        /// The first slot for which claims are kept.
        before: Slot,
    },
}

/// The durable log of claims (design 08, 'Signing protection').
///
/// Calls may come from several threads, at once; an implementation may let one sync serve all.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SigningLog: Send + Sync {
    /// Claims for each record, in order, and answers for each. Every claim answered with
    /// [`ClaimVerdict::Safe`] is durable on return. The same id again is safe, and the first
    /// payload stays; another id is not, be it of this call or of before a restart.
    ///
    /// # Errors
    /// The log could not be read or written. Nothing may be signed then; the claims may have been
    /// made nevertheless.
    fn claim(&self, records: &[ClaimRecord]) -> Result<Vec<ClaimVerdict>, SigningLogError>;

    /// What the address claimed for slots from `from` on, in ascending order of slot, kind, round.
    ///
    /// # Errors
    /// The log could not be read, or is damaged.
    fn records(&self, address: &Address, from: Slot) -> Result<Vec<ClaimRecord>, SigningLogError>;

    /// Forgets the claims for slots earlier than `before`, for which every later claim is refused.
    /// The horizon never moves back.
    ///
    /// # Errors
    /// The log could not be written.
    fn prune(&self, before: Slot) -> Result<(), SigningLogError>;
}

/// What a signing log can tell of itself, so that keys can move to another machine with what they
/// signed.
pub trait SigningHistory: SigningLog {
    /// Who has claims, ascending.
    ///
    /// # Errors
    /// The log could not be read, or is damaged.
    fn addresses(&self) -> Result<Vec<Address>, SigningLogError>;

    /// The first slot for which claims are kept: those of earlier slots were pruned.
    ///
    /// # Errors
    /// The log could not be read, or is damaged.
    fn horizon(&self) -> Result<Slot, SigningLogError>;
}
