//! What other crates ask of consensus.

use crate::{Agreement, ConsensusError};
use crossbeam_channel::Receiver;
use picot_clock::{Millis, Timestamp};
use picot_models::{Address, Block, BlockId, FaultKey, Slot, Value};

/// For each thread a decided block, which a new block names as its parents (design 07, 'Order').
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestParents {
    /// By thread: the id and the period of the block.
    pub parents: Vec<(BlockId, u64)>,
}

impl BestParents {
    /// The ids alone, as a header names them.
    #[must_use]
    pub fn ids(&self) -> Vec<BlockId> {
        self.parents.iter().map(|&(id, _)| id).collect()
    }

    /// The parent in a thread.
    #[must_use]
    pub fn in_thread(&self, thread: u8) -> Option<(BlockId, Slot)> {
        let &(id, period) = self.parents.get(usize::from(thread))?;
        Some((id, Slot::new(period, thread)))
    }
}

/// What is known of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotStatus {
    /// Not open: its time has not come, or the slot before it in its thread is undecided, or the
    /// draws of its cycle are not known.
    NotOpen,
    /// Open, and the validators are at work.
    Undecided {
        /// The round that this node is in.
        round: u32,
        /// When it opened here.
        opened_at: Timestamp,
        /// The valid candidates held, by id.
        candidates: Vec<BlockId>,
        /// The one in the blockclique.
        leading: Option<BlockId>,
    },
    /// Decided, for good.
    Decided {
        /// The slot of the outcome: earlier than the slot asked for inside a miss of many periods.
        outcome: Slot,
        /// As what.
        value: Value,
    },
    /// Decided, so long ago that this node does not keep as what.
    NotKept,
}

/// Why this node is not voting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BehindReason {
    /// The start-up wait of design 08 lasts until then.
    StartupWait {
        /// When it ends, unless this node still catches up then.
        until: Timestamp,
    },
    /// The draws of a cycle are not known yet: execution has not reached the end of an earlier one.
    Draws {
        /// The cycle.
        cycle: u64,
    },
    /// Others have decided slots that this node has not.
    Outcomes {
        /// The latest slot that is known to be decided elsewhere.
        decided_elsewhere: Slot,
    },
    /// The oldest undecided slot began longer than a period ago.
    Undecided {
        /// That slot.
        slot: Slot,
    },
}

/// The state of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSummary {
    /// The thread.
    pub thread: u8,
    /// The last decided period.
    pub decided_period: u64,
    /// The latest decided block and its period.
    pub latest_block: (BlockId, u64),
    /// The slot that is open, with the round that this node is in.
    pub open: Option<(Slot, u32)>,
}

/// The state of consensus as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsensusSummary {
    /// By thread.
    pub threads: Vec<ThreadSummary>,
    /// Why this node is behind, if it is.
    pub behind: Option<BehindReason>,
    /// Slots decided since the start.
    pub decided_slots: u64,
    /// Of these, slots decided as misses.
    pub missed_slots: u64,
    /// Signatures that were found bad and blamed.
    pub bad_signatures: u64,
    /// Faults found, each proven by a denunciation.
    pub faults: u64,
}

/// What happened, for histories, streams and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsensusEvent {
    /// A slot opened here.
    Opened {
        /// The slot.
        slot: Slot,
    },
    /// A block became a candidate.
    CandidateAdded {
        /// The slot.
        slot: Slot,
        /// The block.
        id: BlockId,
        /// Its producer.
        producer: Address,
    },
    /// Another candidate of an undecided slot is in the blockclique now.
    LeadingCandidateChanged {
        /// The slot.
        slot: Slot,
        /// The candidate; `None` if there is none any more.
        id: Option<BlockId>,
    },
    /// This node went on to a later round of a slot.
    RoundEntered {
        /// The slot.
        slot: Slot,
        /// The round.
        round: u32,
    },
    /// Slots were decided, and the decision is durable here.
    Decided {
        /// The slot, or the first of several in its thread.
        slot: Slot,
        /// The last period that is decided by it.
        through: u64,
        /// As what.
        value: Value,
        /// The round that decided.
        round: u32,
        /// From the start of the slot to the decision here.
        delay: Millis,
    },
    /// A staker's fault was proven.
    Fault(FaultKey),
    /// A valid signature of one of our keys was seen that this node did not make. The key signs no
    /// vote any more in this run.
    ForeignSignature {
        /// Whose key.
        address: Address,
        /// Where it was seen.
        slot: Slot,
    },
}

/// Decides each slot once, for good, as one block or a miss.
///
/// Every method may be called from any thread and as often as one likes. Reads are of what is
/// durable here: after a restart they answer the same or more.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Consensus: Send + Sync {
    /// The parents for a block of `slot`.
    ///
    /// Blocks up to `timeout` while the slot before it in its thread is undecided, or while this node is
    /// so far behind in another thread that it lacks what the parent names there, and returns at once
    /// otherwise.
    ///
    /// # Errors
    /// [`ConsensusError::ParentUndecided`] after the time-out, [`ConsensusError::AlreadyDecided`]
    /// if the slot is, [`ConsensusError::UnknownThread`], [`ConsensusError::Stopped`].
    fn best_parents(&self, slot: Slot, timeout: Millis) -> Result<BestParents, ConsensusError>;

    /// The block of the blockclique at `slot`: the decided one or the leading candidate; `None` if
    /// there is none. Does not block but for reading the archive.
    ///
    /// # Errors
    /// [`ConsensusError::UnknownThread`], [`ConsensusError::Storage`].
    fn blockclique_block(&self, slot: Slot) -> Result<Option<BlockId>, ConsensusError>;

    /// Takes over a block of our own, whose header is in the signing log already; consensus
    /// announces it once it is integrated. The same block again is fine.
    ///
    /// Queues and returns; blocks only while the queue is full.
    ///
    /// # Errors
    /// [`ConsensusError::AlreadyDecided`], [`ConsensusError::UnknownThread`],
    /// [`ConsensusError::Stopped`].
    fn register_block(&self, block: Block) -> Result<(), ConsensusError>;

    /// What is known of a slot.
    ///
    /// # Errors
    /// [`ConsensusError::UnknownThread`], [`ConsensusError::Storage`].
    fn slot_status(&self, slot: Slot) -> Result<SlotStatus, ConsensusError>;

    /// The agreement on a slot: candidates, votes by round, and the decision with its certificate.
    ///
    /// For people: it asks the engine, one question at a time, and waits for its answer.
    ///
    /// # Errors
    /// [`ConsensusError::UnknownThread`], [`ConsensusError::Storage`],
    /// [`ConsensusError::Busy`], [`ConsensusError::Stopped`].
    fn agreement(&self, slot: Slot) -> Result<Agreement, ConsensusError>;

    /// The state of all threads.
    fn summary(&self) -> ConsensusSummary;

    /// What happens from now on, in order. The queue is bounded
    /// ([`EVENT_QUEUE_LEN`](crate::EVENT_QUEUE_LEN)): a reader that lets it fill up is cut off, and
    /// sees its channel closed.
    fn subscribe(&self) -> Receiver<ConsensusEvent>;
}
