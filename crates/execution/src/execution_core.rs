//! The state machine: decided slots and candidates in, outputs out. No threads, no time.

use crate::base::{Base, base_of};
use crate::chain::Chain;
use crate::checkpoint_watch::{CheckpointWatch, Watches};
use crate::decided_queue::DecidedQueue;
use crate::effects::{ExecutedSlot, SlotEffects};
use crate::final_state::FinalState;
use crate::pending::Pending;
use crate::slot::execute_slot;
use crate::view::View;
use crate::world::World;
use crate::{Config, DecidedSlots, ExecutionError, ExecutionReader, Level, SlotOutput};
use parking_lot::RwLock;
use picot_clock::Slot;
use picot_ledger::StateStore;
use picot_models::{Address, Block, BlockId, Genesis, SignedOperation, Value};
use picot_pos::PosError;
use picot_selector::Selector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an [`ExecutionCore::apply`] did, for whoever has to be told.
#[derive(Debug, Default)]
pub struct Applied {
    /// The slots that became final, in order.
    pub final_slots: Vec<Arc<SlotOutput>>,
    /// The operations of candidates that were executed and then lost, and are not executed now.
    pub lost_operations: Vec<Arc<SignedOperation>>,
    /// The addresses whose coins or rolls may be others at the candidate level: ascending, each once.
    pub touched: Vec<Address>,
    /// The slot whose draws were not known yet: calling again, even with nothing new, goes on once
    /// they are.
    pub waits_for_draws: Option<Slot>,
    /// The candidate that could not be executed, and why: those from it on wait, until they are given
    /// again. What cannot be executed ahead stops nobody.
    pub failed_candidate: Option<(Slot, ExecutionError)>,
    /// Why it could not go on. All that is reported above happened before; after an error execution
    /// stops, and the final state is that of the last slot in `final_slots`.
    pub failure: Option<ExecutionError>,
}

impl Applied {
    fn touch(&mut self, effects: &SlotEffects) {
        self.touched.extend(effects.touched());
    }
}

/// Execution without threads (design 05). Owns the final state; what readers see of it is shared
/// with its [`ExecutionReader`]s.
pub struct ExecutionCore {
    chain: Arc<Chain>,
    config: Config,
    world: Arc<RwLock<World>>,
    decided: DecidedQueue,
    candidates: BTreeMap<Slot, Block>,
    pending: Pending,
    /// The last slot that may become final, if any.
    last_slot: Option<Slot>,
    has_failed: bool,
    watches: Watches,
}

impl ExecutionCore {
    /// Opens the final state of a store, or makes that of the genesis in an empty one, and feeds
    /// the selector all draws that it knows.
    ///
    /// What was decided after [`last_final_slot`](Self::last_final_slot) must be handed over again.
    ///
    /// # Errors
    /// The state is damaged, of another chain or another format; the genesis makes no chain.
    pub fn open(
        store: Arc<dyn StateStore>,
        genesis: &Genesis,
        selector: Arc<dyn Selector>,
        config: Config,
    ) -> Result<Self, ExecutionError> {
        config.validate()?;
        let chain = Arc::new(Chain::new(genesis, selector)?);
        let final_state = FinalState::open(store, genesis, &chain)?;
        if config.verify_state_hash {
            final_state.verify_state_hash()?;
            final_state.verify_balances()?;
        }
        final_state.pos.feed_all(&*chain.selector)?;
        let last_final_slot = final_state.last_final_slot();
        let mut decided = DecidedQueue::new(chain.params.thread_count, last_final_slot);
        for (thread, known) in &final_state.threads {
            decided.miss_until(*thread, known.next_period)?;
        }
        Ok(Self {
            decided,
            chain,
            config,
            world: Arc::new(RwLock::new(World::new(final_state))),
            candidates: BTreeMap::new(),
            pending: Pending::default(),
            last_slot: None,
            has_failed: false,
            watches: Watches::default(),
        })
    }

    /// The slot whose state is the final one.
    #[must_use]
    pub fn last_final_slot(&self) -> Slot {
        self.world.read().final_state.last_final_slot()
    }

    /// Nothing after this slot becomes final, whatever is decided: for checks of a data directory.
    pub const fn stop_after(&mut self, last_slot: Option<Slot>) {
        self.last_slot = last_slot;
    }

    /// What consensus goes on from.
    #[must_use]
    pub fn base(&self) -> Base {
        base_of(&self.world)
    }

    /// A reader of the state, for any thread.
    #[must_use]
    pub fn reader(&self) -> ExecutionReader {
        ExecutionReader::new(Arc::clone(&self.chain), Arc::clone(&self.world))
    }

    /// Takes newly decided slots and the present candidates, and executes what can be executed:
    /// first what became final, then what is ahead of it.
    pub fn apply(&mut self, decided: Vec<DecidedSlots>, candidates: Vec<Block>) -> Applied {
        self.candidates = candidates
            .into_iter()
            .map(|block| (block.slot(), block))
            .collect();
        self.resume(decided)
    }

    /// As [`apply`](Self::apply), with the candidates that were given last.
    pub fn resume(&mut self, decided: Vec<DecidedSlots>) -> Applied {
        let mut applied = Applied::default();
        let mut lost = Vec::new();
        let done = if self.has_failed {
            let reason = "it failed before".to_owned();
            Err(ExecutionError::Stopped(reason))
        } else {
            decided
                .into_iter()
                .try_for_each(|decided| self.decided.push(decided))
                .and_then(|()| self.advance_final(&mut applied, &mut lost))
        };
        self.has_failed = done.is_err();
        if !self.has_failed {
            self.advance_candidate(&mut applied, &mut lost);
        }
        applied.failure = done.err();
        // What each slot touched ascends already, nearly: this sort is made for that.
        applied.touched.sort();
        applied.touched.dedup();
        self.report_lost(lost, &mut applied);
        self.world.write().waiting_decided = self.decided.len();
        applied
    }

    /// From now on tells `watch` each checkpoint that the final state comes to, and at once the one that
    /// it is at.
    ///
    /// # Errors
    /// [`ExecutionError::Checkpoint`]: the watch failed.
    pub fn watch_checkpoints(
        &mut self,
        watch: Arc<dyn CheckpointWatch>,
    ) -> Result<(), ExecutionError> {
        let world = self.world.read();
        self.watches.add(watch, &self.chain, &world.final_state)
    }

    /// Returns when all that is final survives a failure of the machine. Until then it survives the
    /// end of the process, and the archive leads to it again.
    ///
    /// # Errors
    /// The store failed.
    pub fn sync(&self) -> Result<(), ExecutionError> {
        let store = Arc::clone(&self.world.read().final_state.store);
        Ok(store.sync()?)
    }

    pub(crate) fn world(&self) -> &Arc<RwLock<World>> {
        &self.world
    }
}

/// Final slots.
impl ExecutionCore {
    fn advance_final(
        &mut self,
        applied: &mut Applied,
        lost: &mut Vec<Block>,
    ) -> Result<(), ExecutionError> {
        let mut next = self.chain.next(self.last_final_slot())?;
        let mut history_index = 0_usize;
        while self.last_slot.is_none_or(|last| next <= last)
            && let Some(decided) = self.decided.get(next).map(|block| block.map(Block::id))
        {
            match self.finalise(next, decided, &mut history_index, applied, lost) {
                Ok(()) => {}
                Err(ExecutionError::Draws { slot, source }) if source.is_not_known_yet() => {
                    applied.waits_for_draws = Some(slot);
                    break;
                }
                Err(error) => {
                    // What was executed before is sound.
                    self.commit(applied)?;
                    return Err(error);
                }
            }
            if self.chain.params.is_checkpoint(next)
                || self.pending.len() >= self.config.max_commit_slots
            {
                self.commit(applied)?;
                history_index = 0;
            }
            next = self.chain.next(next)?;
        }
        self.commit(applied)
    }

    /// Adds the next slot to what will be committed: its speculative output as it is, if it was of
    /// the same block, or a new one.
    fn finalise(
        &mut self,
        slot: Slot,
        decided: Option<BlockId>,
        history_index: &mut usize,
        applied: &mut Applied,
        lost: &mut Vec<Block>,
    ) -> Result<(), ExecutionError> {
        let speculative = self.world.read().history.get(*history_index).cloned();
        if let Some(executed) = speculative {
            if executed.is_of(slot, decided) {
                self.note_outcome(slot, decided);
                self.decided.take(slot);
                *history_index = history_index.saturating_add(1);
                self.pending.push_shared(executed);
                return Ok(());
            }
            self.roll_back(*history_index, applied, lost);
        }
        let executed = {
            let world = self.world.read();
            let view = View::new(&world.final_state, self.pending.newest_first());
            execute_slot(&self.chain, &view, slot, self.decided.get(slot).flatten())?
        };
        self.note_outcome(slot, decided);
        self.decided.take(slot);
        applied.touch(&executed.effects);
        self.pending.push_owned(executed);
        Ok(())
    }

    /// Where an outcome begins, its thread is decided as far as it reaches. It is no effect of the
    /// slot: what was executed ahead does not know how far a miss will reach.
    fn note_outcome(&mut self, slot: Slot, block: Option<BlockId>) {
        let known = match self.pending.threads.get(&slot.thread) {
            Some(pending) => Some(*pending),
            None => {
                let world = self.world.read();
                world.final_state.threads.get(&slot.thread).copied()
            }
        };
        let through = self.decided.through(slot).unwrap_or(slot.period);
        let value = block.map_or(Value::Miss { through }, |id| Value::Block { id });
        if let Some(known) = known.filter(|known| known.next_period == slot.period) {
            let after = known.after(slot, &value);
            self.pending.threads.insert(slot.thread, after);
        }
    }

    /// Makes all pending slots final in one commit, publishes them, and feeds the selector.
    fn commit(&mut self, applied: &mut Applied) -> Result<(), ExecutionError> {
        let Some(slot) = self.pending.last_slot() else {
            return Ok(());
        };
        let mut pending = std::mem::take(&mut self.pending);
        let threads = std::mem::take(&mut pending.threads);
        let layers = pending.oldest_first();
        let mut commit = {
            let world = self.world.read();
            let state = &world.final_state;
            let mut commit = state.prepare_commit(slot, &layers, threads, &self.chain)?;
            state.store.commit(std::mem::take(&mut commit.batch))?;
            commit
        };
        commit.batch.changes.clear();
        let state_hash = {
            let mut world = self.world.write();
            let world = &mut *world;
            world
                .final_state
                .finish_commit(commit, &layers, &self.chain)?;
            while world
                .history
                .front()
                .is_some_and(|first| first.output.slot <= slot)
            {
                world.history.pop_front();
            }
            world.final_state.state_hash()
        };
        applied.final_slots.extend(pending.into_outputs(state_hash));
        self.feed_selector(slot)?;
        self.watches
            .tell(&self.chain, &self.world.read().final_state)
    }

    fn feed_selector(&self, slot: Slot) -> Result<(), ExecutionError> {
        if !self.chain.pos.ends_cycle(slot)? {
            return Ok(());
        }
        let completed = self.chain.pos.cycle_of(slot)?;
        let pos = &self.world.read().final_state.pos;
        Ok(pos.feed_after(completed, &*self.chain.selector)?)
    }
}

/// Candidates.
impl ExecutionCore {
    fn advance_candidate(&mut self, applied: &mut Applied, lost: &mut Vec<Block>) {
        let targets = self.targets();
        let kept = self.matching(&targets);
        self.roll_back(kept, applied, lost);
        for &slot in targets.iter().skip(kept) {
            let block = self.target(slot).cloned();
            let mut executed = {
                let world = self.world.read();
                let view = world.view(Level::Candidate);
                match execute_slot(&self.chain, &view, slot, block.as_ref()) {
                    Ok(executed) => executed,
                    // Draws of a cycle that is far ahead: the candidates wait.
                    Err(ExecutionError::Draws { source, .. }) if source.is_not_known_yet() => break,
                    Err(ExecutionError::Pos(PosError::UnknownCycle(_))) => break,
                    Err(error) => {
                        applied.failed_candidate = Some((slot, error));
                        break;
                    }
                }
            };
            executed.block = block;
            applied.touch(&executed.effects);
            self.world.write().history.push_back(Arc::new(executed));
        }
    }

    /// The slots to be executed ahead of the final one: everything up to the last block that is
    /// known.
    fn targets(&self) -> Vec<Slot> {
        let mut slot = self.last_final_slot();
        let last_candidate = self.candidates.keys().next_back().copied();
        let last = last_candidate.max(self.decided.last_block_slot());
        let mut targets = Vec::new();
        while last.is_some_and(|last| slot < last)
            && targets.len() < self.config.max_candidate_slots
            && let Ok(next) = self.chain.next(slot)
        {
            slot = next;
            targets.push(slot);
        }
        targets
    }

    /// What is to be executed at such a slot. One without a block counts as a miss until it has one.
    fn target(&self, slot: Slot) -> Option<&Block> {
        match self.decided.get(slot) {
            Some(decided) => decided,
            None => self.candidates.get(&slot),
        }
    }

    /// How many slots of the history are as they should be.
    fn matching(&self, targets: &[Slot]) -> usize {
        let world = self.world.read();
        let pairs = world.history.iter().zip(targets);
        pairs
            .take_while(|(executed, slot)| {
                executed.is_of(**slot, self.target(**slot).map(Block::id))
            })
            .count()
    }

    /// Drops the history from an index on.
    fn roll_back(&mut self, kept: usize, applied: &mut Applied, lost: &mut Vec<Block>) {
        if self.world.read().history.len() <= kept {
            return;
        }
        let dropped = self.world.write().history.split_off(kept);
        for executed in dropped {
            applied.touch(&executed.effects);
            lost.extend(executed.block.clone());
        }
    }

    /// Operations of blocks that were rolled back, and that nothing executes any more.
    fn report_lost(&self, lost: Vec<Block>, applied: &mut Applied) {
        let world = self.world.read();
        let view = world.view(Level::Candidate);
        let operations = lost.into_iter().flat_map(|block| block.operations);
        applied
            .lost_operations
            .extend(operations.filter(|operation| view.block_of(&operation.id()).is_none()));
    }
}

/// The effects of pending slots as layers.
pub(crate) type Layers<'a> = Vec<&'a SlotEffects>;

impl std::fmt::Debug for ExecutionCore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let world = self.world.read();
        formatter
            .debug_struct("ExecutionCore")
            .field("last_final_slot", &world.final_state.last_final_slot())
            .field("candidate_slot", &world.candidate_slot())
            .finish_non_exhaustive()
    }
}

/// A speculative output, shared between history and what is pending.
pub(crate) type SharedSlot = Arc<ExecutedSlot>;
