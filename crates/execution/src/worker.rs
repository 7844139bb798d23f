//! The thread around the core.

use crate::execution_core::Applied;
use crate::subscribers::Subscribers;
use crate::world::World;
use crate::{
    Config, DecidedSlots, EndedCycle, Execution, ExecutionCore, ExecutionError, ExecutionReader,
    ExecutionSummary, Level, OperationStatus, Simulation, SlotOutput,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Select, Sender, bounded};
use parking_lot::{Mutex, RwLock};
use picot_clock::Slot;
use picot_models::{Address, Amount, Block, Operation, OperationId};
use picot_pool::Pool;
use picot_pos::CycleInfo;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Decided things that are executed at once: an orderly stop waits for no more than these.
const DECIDED_AT_ONCE: usize = 256;

/// How often draws that are being prepared are asked for again. They come from another thread, which
/// has no way to wake this one.
const DRAWS_RETRY: Duration = Duration::from_millis(1);

enum Command {
    Update {
        decided: Vec<DecidedSlots>,
        candidates: Vec<Block>,
    },
    /// Answer when everything before is done.
    Barrier(Sender<()>),
    Stop,
}

/// [`Execution`] on a thread of its own. Dropping it ends the thread soon: updates that still wait
/// are left, for they come again from the archive after a restart.
#[derive(Debug)]
pub struct ExecutionWorker {
    commands: Sender<Command>,
    reader: ExecutionReader,
    subscribers: Arc<Subscribers>,
    failures: Receiver<ExecutionError>,
    /// Disconnected once the thread has ended.
    has_ended: Receiver<Infallible>,
    is_stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ExecutionWorker {
    /// Starts the thread around a core.
    ///
    /// # Errors
    /// The settings are wrong, or the system gives no thread.
    pub fn start(
        core: ExecutionCore,
        pool: Arc<dyn Pool>,
        config: Config,
    ) -> Result<Self, ExecutionError> {
        config.validate()?;
        let (commands, queue) = bounded(config.queued_updates);
        let (failure, failures) = bounded(1);
        let (end, has_ended) = bounded(0);
        let subscribers = Arc::new(Subscribers::new(config.queued_outputs));
        let reader = core.reader();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            world: Arc::clone(core.world()),
            core,
            pool,
            queue,
            failure,
            subscribers: Arc::clone(&subscribers),
            is_stopping: Arc::clone(&is_stopping),
            last_stake_kept_in: None,
            failed_candidate: None,
            _end: end,
        };
        let thread = Builder::new()
            .name("execution".to_owned())
            .spawn(move || worker.run())
            .map_err(|error| ExecutionError::Stopped(format!("no thread: {error}")))?;
        Ok(Self {
            commands,
            reader,
            subscribers,
            failures,
            has_ended,
            is_stopping,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A reader of the state, which the pool can ask, too.
    #[must_use]
    pub fn reader(&self) -> ExecutionReader {
        self.reader.clone()
    }

    /// Where the reason is sent when execution stops by itself: the node stops then. The final state
    /// is intact.
    #[must_use]
    pub fn failures(&self) -> Receiver<ExecutionError> {
        self.failures.clone()
    }

    /// Waits until all that was handed over before is executed as far as it can be.
    ///
    /// # Errors
    /// [`ExecutionError::Stopped`].
    pub fn wait_done(&self) -> Result<(), ExecutionError> {
        let (done, is_done) = bounded(1);
        let sent = self.commands.send(Command::Barrier(done)).is_ok();
        if sent {
            // What is sent while the thread ends may lie in the queue for good.
            let mut either = Select::new();
            either.recv(&is_done);
            either.recv(&self.has_ended);
            either.ready();
        }
        is_done.try_recv().map_err(|_| self.stopped())
    }

    fn stopped(&self) -> ExecutionError {
        let reason = self.reader.summary().stopped;
        ExecutionError::Stopped(reason.unwrap_or_else(|| "the node is stopping".to_owned()))
    }
}

impl Drop for ExecutionWorker {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        // Wakes it; if it has stopped already, nobody listens.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.lock().take() {
            // A panic was caught and reported inside.
            let _ = thread.join();
        }
    }
}

impl Execution for ExecutionWorker {
    fn update(
        &self,
        decided: Vec<DecidedSlots>,
        candidates: Vec<Block>,
    ) -> Result<(), ExecutionError> {
        let command = Command::Update {
            decided,
            candidates,
        };
        self.commands.send(command).map_err(|_| self.stopped())
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
        self.subscribers.subscribe()
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

struct Worker {
    core: ExecutionCore,
    world: Arc<RwLock<World>>,
    pool: Arc<dyn Pool>,
    queue: Receiver<Command>,
    failure: Sender<ExecutionError>,
    subscribers: Arc<Subscribers>,
    is_stopping: Arc<AtomicBool>,
    /// The last cycle in which the last stake was kept.
    last_stake_kept_in: Option<u64>,
    /// The slot of the last candidate that could not be executed.
    failed_candidate: Option<Slot>,
    /// Says by its end that the thread has ended.
    _end: Sender<Infallible>,
}

/// Everything that waited in the queue, as one.
#[derive(Default)]
struct Batch {
    decided: Vec<DecidedSlots>,
    /// The newest candidates, if any came.
    candidates: Option<Vec<Block>>,
    barriers: Vec<Sender<()>>,
    is_last: bool,
}

impl Batch {
    fn add(&mut self, command: Command) {
        match command {
            Command::Update {
                decided,
                candidates,
            } => {
                self.decided.extend(decided);
                self.candidates = Some(candidates);
            }
            Command::Barrier(done) => self.barriers.push(done),
            Command::Stop => self.is_last = true,
        }
    }
}

impl Worker {
    fn run(mut self) {
        let mut waits_for_draws = false;
        while !self.is_stopping.load(Ordering::SeqCst)
            && let Some(batch) = self.next_batch(waits_for_draws)
        {
            match self.run_batch(batch) {
                Ok(waits) => waits_for_draws = waits,
                Err(error) => return self.stop(error),
            }
        }
        if let Err(error) = self.core.sync() {
            tracing::warn!(%error, "the final state is not synced: it may have to be found again");
        }
    }

    /// Executes what was handed over; gives whether it waits for draws.
    fn run_batch(&mut self, mut batch: Batch) -> Result<bool, ExecutionError> {
        while batch.decided.len() > DECIDED_AT_ONCE && !self.is_stopping.load(Ordering::SeqCst) {
            let after = batch.decided.split_off(DECIDED_AT_ONCE);
            let decided = std::mem::replace(&mut batch.decided, after);
            self.step_caught(decided, None)?;
        }
        if self.is_stopping.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let waits = self.step_caught(batch.decided, batch.candidates)?;
        for done in batch.barriers {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
        Ok(waits)
    }

    /// All commands that wait; blocks for the first one, unless there is something to be tried
    /// again. `None` when there is nobody left to send any.
    fn next_batch(&self, retry: bool) -> Option<Batch> {
        let mut batch = Batch::default();
        if retry {
            match self.queue.recv_timeout(DRAWS_RETRY) {
                Ok(command) => batch.add(command),
                Err(RecvTimeoutError::Timeout) => return Some(batch),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        } else {
            batch.add(self.queue.recv().ok()?);
        }
        while !batch.is_last
            && let Ok(command) = self.queue.try_recv()
        {
            batch.add(command);
        }
        Some(batch)
    }

    /// A panic is a fault of the node: it is caught here, between two commits, and what it left
    /// half done is never used again (design 05).
    fn step_caught(
        &mut self,
        decided: Vec<DecidedSlots>,
        candidates: Option<Vec<Block>>,
    ) -> Result<bool, ExecutionError> {
        let slot = self.core.last_final_slot();
        let step = AssertUnwindSafe(|| self.step(decided, candidates));
        let panicked = |panic: Box<dyn Any + Send>| ExecutionError::Panicked {
            slot,
            message: panic_message(&*panic),
        };
        catch_unwind(step).map_err(panicked)?
    }

    fn step(
        &mut self,
        decided: Vec<DecidedSlots>,
        candidates: Option<Vec<Block>>,
    ) -> Result<bool, ExecutionError> {
        let applied = match candidates {
            Some(candidates) => self.core.apply(decided, candidates),
            None => self.core.resume(decided),
        };
        self.tell(&applied);
        match applied.failure {
            Some(error) => Err(error),
            None => Ok(applied.waits_for_draws.is_some()),
        }
    }

    /// Tells the pool and the readers; what they may ask for is published already.
    fn tell(&mut self, applied: &Applied) {
        let last = applied.final_slots.last();
        for output in &applied.final_slots {
            self.warn_of_kept_stake(output);
            let is_last = last.is_some_and(|last| last.slot == output.slot);
            if is_last || !output.operations.is_empty() {
                let ids: Vec<OperationId> = output.operations.iter().map(|(id, _)| *id).collect();
                self.pool.notify_final(output.slot, &ids);
            }
        }
        if !applied.lost_operations.is_empty() {
            self.pool.offer_again(applied.lost_operations.clone());
        }
        if !applied.touched.is_empty() {
            self.pool.notify_balances(&applied.touched);
        }
        self.subscribers.publish(&applied.final_slots);
        self.warn_of_failed_candidate(applied);
    }

    /// Warns once for each slot, however often it is tried again.
    fn warn_of_failed_candidate(&mut self, applied: &Applied) {
        let Some((slot, error)) = &applied.failed_candidate else {
            return;
        };
        if self.failed_candidate.replace(*slot) != Some(*slot) {
            tracing::warn!(%slot, %error, "a candidate cannot be executed; what is final goes on");
        }
    }

    /// Warns once for all cycles in a row: a network that was off for a day is told so once.
    fn warn_of_kept_stake(&mut self, output: &SlotOutput) {
        let Some(EndedCycle {
            cycle,
            kept_last_stake: true,
        }) = output.ended_cycle
        else {
            return;
        };
        let before = self.last_stake_kept_in.replace(cycle);
        if before.is_none_or(|before| before.checked_add(1) != Some(cycle)) {
            tracing::warn!(
                cycle,
                "all stakers missed too much: their rolls are not sold, for nobody would have any"
            );
        }
    }

    fn stop(&self, error: ExecutionError) {
        let reason = with_causes(&error);
        tracing::error!(error = %reason, "execution stops; the final state is intact");
        self.world.write().stopped = Some(reason);
        // The channel has room for one, and nothing else is ever sent.
        let _ = self.failure.try_send(error);
    }
}

/// An error with what it comes from: that the state cannot be written is not all that an operator
/// wants to know.
fn with_causes(error: &ExecutionError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
