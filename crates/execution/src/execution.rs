//! The trait: decided blocks and candidates in, state out.

use crate::{ExecutionError, Level, OperationStatus, Simulation, SlotOutput, Totals};
use crossbeam_channel::Receiver;
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_models::{Address, Amount, Block, Operation, OperationId};
use picot_pos::CycleInfo;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One decided thing of a thread, as consensus hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedSlots {
    /// The slot that was decided.
    pub slot: Slot,
    /// The last period of the thread that it settles: the slot's own, or a later one of the same
    /// cycle for a miss that reaches further.
    pub through: u64,
    /// The block; `None` for a miss.
    pub block: Option<Block>,
}

impl DecidedSlots {
    /// A decided block.
    #[must_use]
    pub fn block(block: Block) -> Self {
        let slot = block.slot();
        Self {
            slot,
            through: slot.period,
            block: Some(block),
        }
    }

    /// A miss that settles a thread's periods from the slot's own to `through`.
    #[must_use]
    pub const fn miss(slot: Slot, through: u64) -> Self {
        Self {
            slot,
            through,
            block: None,
        }
    }
}

/// Where execution is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// The slot whose state is the final one.
    pub last_final_slot: Slot,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// The coins of the final state.
    pub totals: Totals,
    /// The cycle of the last final slot.
    pub cycle: u64,
    /// The newest slot that was executed ahead of its decision; the last final one if none is.
    pub candidate_slot: Slot,
    /// Decided things that wait for earlier slots of other threads.
    pub waiting_decided: usize,
    /// Why execution has stopped, if it has.
    pub stopped: Option<String>,
}

impl ExecutionSummary {
    /// The first period of a thread that is not final yet: what a node asks its archive for at
    /// start.
    #[must_use]
    pub const fn next_period(&self, thread: u8) -> u64 {
        if thread <= self.last_final_slot.thread {
            self.last_final_slot.period.saturating_add(1)
        } else {
            self.last_final_slot.period
        }
    }
}

/// Decided blocks in slot order over one ledger, and candidates ahead of them.
///
/// `update` may be called from one thread only; everything else from any, as often as one likes.
/// A read answers from the latest published state and never waits for an execution. After a restart
/// the final state is that of some slot that was final before, exactly; what was decided after it
/// must be handed over again, from the archive ([`ExecutionSummary::next_period`]). The candidate
/// level starts out equal to the final one.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Execution: Send + Sync {
    /// Hands over newly decided slots, and the leading candidates of undecided slots as they are
    /// now, ascending.
    ///
    /// `decided` ascends within a thread and leaves no gap to what was handed over before; what is
    /// final already is passed over. Threads may run ahead of each other. `candidates` replaces
    /// what was given before. Queues and returns: it waits only while the queue is full.
    ///
    /// # Errors
    /// [`ExecutionError::Stopped`] once execution has stopped, for good.
    fn update(
        &self,
        decided: Vec<DecidedSlots>,
        candidates: Vec<Block>,
    ) -> Result<(), ExecutionError>;

    /// The coins of an address; `None` if it has no entry.
    ///
    /// # Errors
    /// The state cannot be read.
    fn balance(&self, level: Level, address: &Address) -> Result<Option<Amount>, ExecutionError>;

    /// The rolls of an address.
    ///
    /// # Errors
    /// The state cannot be read.
    fn rolls(&self, level: Level, address: &Address) -> Result<u64, ExecutionError>;

    /// The coins that an address has coming, by the cycle at whose end they are credited.
    ///
    /// # Errors
    /// The state cannot be read.
    fn deferred_credits(
        &self,
        level: Level,
        address: &Address,
    ) -> Result<BTreeMap<u64, Amount>, ExecutionError>;

    /// A value of an address's datastore.
    ///
    /// # Errors
    /// The state cannot be read.
    fn datastore(
        &self,
        level: Level,
        address: &Address,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ExecutionError>;

    /// The operations of a thread that blocks still inside the validity window carry: decided ones,
    /// and those of the blockclique. A block that carried one of them again would be invalid.
    ///
    /// # Errors
    /// The state cannot be read.
    fn executed_operations(&self, thread: u8) -> Result<BTreeSet<OperationId>, ExecutionError>;

    /// What became of an operation; `None` if it was not executed, or so long ago that its record
    /// is gone.
    ///
    /// # Errors
    /// The state cannot be read.
    fn operation_status(&self, id: &OperationId)
    -> Result<Option<OperationStatus>, ExecutionError>;

    /// What an operation would do at the candidate level. Nothing is kept.
    ///
    /// # Errors
    /// The state cannot be read.
    fn simulate(
        &self,
        operation: &Operation,
        sender: &Address,
    ) -> Result<Simulation, ExecutionError>;

    /// Where execution is.
    fn summary(&self) -> ExecutionSummary;

    /// Final slots from now on, in order. Each reader has a bounded queue: what does not fit while
    /// it is full is left out, which the reader sees as a gap between two slots.
    fn subscribe(&self) -> Receiver<Arc<SlotOutput>>;

    /// The rolls of all stakers, final.
    fn stakers(&self) -> Arc<BTreeMap<Address, u64>>;

    /// What the final state knows of a cycle; `None` if it was dropped, or nothing is known yet.
    fn cycle_info(&self, cycle: u64) -> Option<Arc<CycleInfo>>;

    /// The cycles that [`cycle_info`](Self::cycle_info) knows, ascending.
    fn known_cycles(&self) -> Vec<u64>;
}
