//! The traits that the factories and the pool expect, over the cores and without threads.
//!
//! They are the shells of `picot-consensus` and `picot-execution` without their threads: an answer
//! that the real ones would wait for is given at once.

use crossbeam_channel::Receiver;
use parking_lot::Mutex;
use picot_clock::{Clock, ManualClock, Millis};
use picot_consensus::{
    Agreement, BestParents, Consensus, ConsensusError, ConsensusEvent, ConsensusSummary, Engine,
    SlotStatus,
};
use picot_execution::{
    Applied, Base, DecidedSlots, Execution, ExecutionCore, ExecutionError, ExecutionReader,
    ExecutionSummary, Level, OperationStatus, Simulation, SlotOutput,
};
use picot_models::{
    Address, Amount, Block, BlockId, Denunciation, Operation, OperationId, SignedEndorsement,
    SignedOperation, Slot,
};
use picot_pool::{Pool, Propagation};
use picot_pos::CycleInfo;
use picot_storage::BlockArchive;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// [`Consensus`] over an engine.
pub(crate) struct ConsensusPort {
    /// The engine.
    pub engine: Arc<Mutex<Engine>>,
    clock: ManualClock,
    archive: Arc<dyn BlockArchive>,
    own_blocks: Mutex<Vec<Block>>,
    thread_count: u8,
}

impl ConsensusPort {
    /// Over this engine, with what was decided in this archive.
    #[must_use]
    pub(crate) fn new(
        engine: Arc<Mutex<Engine>>,
        clock: ManualClock,
        archive: Arc<dyn BlockArchive>,
        thread_count: u8,
    ) -> Self {
        Self {
            engine,
            clock,
            archive,
            own_blocks: Mutex::default(),
            thread_count,
        }
    }

    /// The blocks that were registered since this was asked last.
    #[must_use]
    pub(crate) fn take_own_blocks(&self) -> Vec<Block> {
        std::mem::take(&mut self.own_blocks.lock())
    }

    fn next_period(&self, slot: Slot) -> Result<u64, ConsensusError> {
        let engine = self.engine.lock();
        let chain = engine.chains().get(usize::from(slot.thread));
        chain
            .map(picot_consensus::ThreadChain::next_period)
            .ok_or(ConsensusError::UnknownThread {
                slot,
                thread_count: self.thread_count,
            })
    }

    fn check_undecided(&self, slot: Slot) -> Result<u64, ConsensusError> {
        match self.next_period(slot)? {
            next if slot.period < next => Err(ConsensusError::AlreadyDecided { slot }),
            next => Ok(next),
        }
    }
}

impl Consensus for ConsensusPort {
    fn best_parents(&self, slot: Slot, _timeout: Millis) -> Result<BestParents, ConsensusError> {
        self.check_undecided(slot)?;
        let parents = self.engine.lock().best_parents(slot);
        parents.ok_or_else(|| ConsensusError::ParentUndecided {
            slot: Slot::new(slot.period.saturating_sub(1), slot.thread),
        })
    }

    fn blockclique_block(&self, slot: Slot) -> Result<Option<BlockId>, ConsensusError> {
        Ok(match self.slot_status(slot)? {
            SlotStatus::NotOpen | SlotStatus::NotKept => None,
            SlotStatus::Undecided { leading, .. } => leading,
            SlotStatus::Decided { value, .. } => value.block(),
        })
    }

    fn register_block(&self, block: Block) -> Result<(), ConsensusError> {
        self.check_undecided(block.slot())?;
        self.own_blocks.lock().push(block);
        Ok(())
    }

    fn slot_status(&self, slot: Slot) -> Result<SlotStatus, ConsensusError> {
        if slot.period >= self.next_period(slot)? {
            return Ok(self.engine.lock().undecided_status(slot));
        }
        Ok(match self.archive.decided_at(slot)? {
            Some(decided) => SlotStatus::Decided {
                outcome: decided.slot(),
                value: decided.outcome.value(),
            },
            None => SlotStatus::NotKept,
        })
    }

    fn agreement(&self, slot: Slot) -> Result<Agreement, ConsensusError> {
        let votes = self.engine.lock().votes(slot);
        Ok(Agreement {
            status: self.slot_status(slot)?,
            votes,
            outcome: self
                .archive
                .decided_at(slot)?
                .map(|decided| decided.outcome),
        })
    }

    fn summary(&self) -> ConsensusSummary {
        self.engine.lock().summary(self.clock.now())
    }

    fn subscribe(&self) -> Receiver<ConsensusEvent> {
        crossbeam_channel::never()
    }
}

/// [`Execution`] over a core.
pub(crate) struct ExecutionPort {
    core: Mutex<ExecutionCore>,
    reader: ExecutionReader,
    pool: Arc<dyn Pool>,
    final_slots: Mutex<Vec<Arc<SlotOutput>>>,
    /// Whether factories are not told what was executed: a planted bug.
    forgetful: bool,
}

impl ExecutionPort {
    /// Over this core; the pool is told what becomes final.
    #[must_use]
    pub(crate) fn new(core: ExecutionCore, pool: Arc<dyn Pool>, forgetful: bool) -> Self {
        Self {
            reader: core.reader(),
            core: Mutex::new(core),
            pool,
            final_slots: Mutex::default(),
            forgetful,
        }
    }

    /// The slots that became final since this was asked last.
    #[must_use]
    pub(crate) fn take_final_slots(&self) -> Vec<Arc<SlotOutput>> {
        std::mem::take(&mut self.final_slots.lock())
    }

    /// What consensus goes on from.
    #[must_use]
    pub(crate) fn base(&self) -> Base {
        self.reader.base()
    }

    fn tell(&self, applied: Applied) -> Result<(), ExecutionError> {
        for output in &applied.final_slots {
            let ids: Vec<OperationId> = output.operations.iter().map(|(id, _)| *id).collect();
            self.pool.notify_final(output.slot, &ids);
        }
        if !applied.lost_operations.is_empty() {
            self.pool.offer_again(applied.lost_operations);
        }
        if !applied.touched.is_empty() {
            self.pool.notify_balances(&applied.touched);
        }
        self.final_slots.lock().extend(applied.final_slots);
        applied.failure.map_or(Ok(()), Err)
    }
}

impl Execution for ExecutionPort {
    fn update(
        &self,
        decided: Vec<DecidedSlots>,
        candidates: Vec<Block>,
    ) -> Result<(), ExecutionError> {
        let applied = self.core.lock().apply(decided, candidates);
        self.tell(applied)
    }

    fn balance(&self, level: Level, address: &Address) -> Result<Option<Amount>, ExecutionError> {
        self.reader.balance(level, address)
    }

    fn rolls(&self, level: Level, address: &Address) -> Result<u64, ExecutionError> {
        self.reader.rolls(level, address)
    }

    fn deferred_credits(
        &self,
        level: Level,
        address: &Address,
    ) -> Result<BTreeMap<u64, Amount>, ExecutionError> {
        self.reader.deferred_credits(level, address)
    }

    fn datastore(
        &self,
        level: Level,
        address: &Address,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ExecutionError> {
        self.reader.datastore(level, address, key)
    }

    fn executed_operations(&self, thread: u8) -> Result<BTreeSet<OperationId>, ExecutionError> {
        if self.forgetful {
            return Ok(BTreeSet::new());
        }
        self.reader.executed_operations(thread)
    }

    fn operation_status(
        &self,
        id: &OperationId,
    ) -> Result<Option<OperationStatus>, ExecutionError> {
        self.reader.operation_status(id)
    }

    fn simulate(
        &self,
        operation: &Operation,
        sender: &Address,
    ) -> Result<Simulation, ExecutionError> {
        self.reader.simulate(operation, sender)
    }

    fn summary(&self) -> ExecutionSummary {
        self.reader.summary()
    }

    fn subscribe(&self) -> Receiver<Arc<SlotOutput>> {
        crossbeam_channel::never()
    }

    fn stakers(&self) -> Arc<BTreeMap<Address, u64>> {
        self.reader.stakers()
    }

    fn cycle_info(&self, cycle: u64) -> Option<Arc<CycleInfo>> {
        self.reader.cycle_info(cycle)
    }

    fn known_cycles(&self) -> Vec<u64> {
        self.reader.known_cycles()
    }
}

/// What the pool and the factories say to other nodes besides consensus.
#[derive(Debug, Clone)]
pub(crate) enum Gossip {
    /// Pending operations.
    Operations(Vec<Arc<SignedOperation>>),
    /// Endorsements.
    Endorsements(Vec<Arc<SignedEndorsement>>),
    /// Proofs of faults.
    Denunciations(Vec<Arc<Denunciation>>),
}

/// [`Propagation`] into a list.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<Vec<Gossip>>);

impl Outbox {
    /// What was said since this was asked last.
    #[must_use]
    pub(crate) fn take(&self) -> Vec<Gossip> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Propagation for Outbox {
    fn operations(&self, operations: &[Arc<SignedOperation>]) {
        self.0.lock().push(Gossip::Operations(operations.to_vec()));
    }

    fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]) {
        let gossip = Gossip::Endorsements(endorsements.to_vec());
        self.0.lock().push(gossip);
    }

    fn denunciations(&self, denunciations: &[Arc<Denunciation>]) {
        let gossip = Gossip::Denunciations(denunciations.to_vec());
        self.0.lock().push(gossip);
    }
}
