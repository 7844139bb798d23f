//! The port to what keeps the decided past.

use crate::StorageError;
use picot_models::{Block, BlockId, Outcome, Slot};
use std::sync::Arc;

/// One decided thing of a thread: a block with its outcome, or a miss, maybe of several periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The value with its finalise certificate.
    pub outcome: Arc<Outcome>,
    /// The block. Read from an archive it is there whenever the value is a block; written, it may
    /// be left out if the archive holds it as a candidate.
    pub block: Option<Block>,
}

impl Decided {
    /// The slot that was decided; a range miss covers later slots of its thread too.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.outcome.slot()
    }

    /// The last period of the thread that it settles.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.outcome.through()
    }
}

/// What was dropped from an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Outcomes.
    pub outcomes: u64,
    /// Blocks, and candidates that were never decided.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Pruned {
    /// Whether there was nothing to drop.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.outcomes == 0 && self.blocks == 0
    }

    /// Adds what was dropped after it.
    pub const fn add(&mut self, later: Self) {
        self.outcomes = self.outcomes.saturating_add(later.outcomes);
        self.blocks = self.blocks.saturating_add(later.blocks);
        self.bytes = self.bytes.saturating_add(later.bytes);
    }
}

/// The last period of a thread whose slot is before `slot`; none if there is none.
#[must_use]
pub const fn last_period_before(slot: Slot, thread: u8) -> Option<u64> {
    if thread < slot.thread {
        Some(slot.period)
    } else {
        slot.period.checked_sub(1)
    }
}

/// The durable archive of what was decided, and of candidates that this node voted for (design 10,
/// 'What is on disk').
///
/// A thread's outcomes follow each other without a gap from the first one that is held: the first one
/// stored, or a later one if older ones were [dropped](Self::prune_before). The certificate
/// of an outcome is not looked at again here: who stores has verified it. Reads may run beside
/// writes, and see all of a batch or nothing of it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait BlockArchive: Send + Sync {
    /// Keeps the bodies of candidates. Durable on return. A candidate of a slot that is decided, or
    /// that is held, is passed over.
    ///
    /// # Errors
    /// The archive failed; then nothing of it may be counted on.
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError>;

    /// Keeps decisions: outcome, certificate, body and the threads' cursors in one batch, durable
    /// on return, all or nothing. Within the call, those of a thread ascend. Candidates of the
    /// settled slots that lost are dropped with it. The same value again is fine, even with other
    /// signers in its certificate; the one that is stored stays.
    ///
    /// # Errors
    /// [`StorageError::Contradiction`], [`StorageError::Gap`], [`StorageError::MissingBody`],
    /// [`StorageError::WrongBody`], or the archive failed.
    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError>;

    /// The first outcome of the thread that is held.
    ///
    /// # Errors
    /// The archive failed, or the record is damaged.
    fn first_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError>;

    /// Drops what settled only slots before `slot`, outcomes with their blocks, the oldest of each
    /// thread first and about `max` outcomes at once: whoever wants all of it dropped calls until
    /// [nothing](Pruned::is_nothing) was. What a crash leaves has no gap either.
    ///
    /// A thread whose last outcome goes, too, has no cursor then: its next outcome may be of any
    /// period. Nobody needs that but a node that goes on from a later state.
    ///
    /// # Errors
    /// The archive failed; what was dropped before stays dropped.
    fn prune_before(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError>;

    /// Gives back the space of what was dropped. May take long, and holds up no other call for long.
    ///
    /// # Errors
    /// The archive failed.
    fn reclaim(&self) -> Result<(), StorageError>;

    /// The thread's cursor: its last decided outcome, or none before the first.
    ///
    /// # Errors
    /// The archive failed, or the record is damaged.
    fn last_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError>;

    /// What settled the slot: its own outcome, or an earlier miss that reaches over it.
    ///
    /// # Errors
    /// The archive failed, or the record is damaged.
    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, StorageError>;

    /// What settled the thread's periods from `period` on, ascending, at most `max` things. The
    /// first may be a miss that began earlier and reaches over `period`.
    ///
    /// # Errors
    /// The archive failed, or a record is damaged.
    fn decided_from(
        &self,
        thread: u8,
        period: u64,
        max: usize,
    ) -> Result<Vec<Decided>, StorageError>;

    /// A block that was decided, or that is held as a candidate.
    ///
    /// # Errors
    /// The archive failed, or the record is damaged.
    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError>;
}
