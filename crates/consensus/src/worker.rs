//! The thread around the engine: it waits for inputs and times, and does what the engine says.

use crate::answerer::Answerer;
use crate::view::{View, leading};
use crate::{
    Agreement, BestParents, Config, Consensus, ConsensusError, ConsensusEvent, ConsensusInbox,
    ConsensusNetwork, ConsensusSummary, Engine, Input, Message, Output, Peer, Request, SignResult,
    SlotStatus, SlotVotes, Unsigned, Verifier, thread_starts,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use picot_clock::{Clock, Millis, Timestamp};
use picot_execution::{Base, DecidedSlots, Execution};
use picot_models::{Address, Block, BlockEnvelope, BlockId, Outcome, PublicKey, Slot};
use picot_pool::Pool;
use picot_selector::Selector;
use picot_storage::{BlockArchive, Decided, StorageError};
use picot_wallet::{SignRequest, Wallet, WalletError};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{debug, error, warn};

/// Inputs that wait; a sender blocks when there are more.
const QUEUE_LEN: usize = 4_096;
/// Inputs that are taken together.
const MAX_TOGETHER: usize = 1_024;
/// The longest sleep before the wall clock is read again.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// How soon the draws of a cycle are looked for again while slots wait for them: at first, and after
/// a while in vain.
const DRAWS_SLEEP: Duration = Duration::from_micros(100);
const DRAWS_SLEEP_MAX: Duration = Duration::from_millis(1);
/// Looks in vain before they become rarer.
const EAGER_LOOKS: u32 = 100;
/// How long somebody who looks on waits for the engine, at each step.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);
/// How soon the archive is tried again after it failed.
const RETRY_SLEEP: Duration = Duration::from_millis(100);

/// Everything that consensus uses.
pub struct ConsensusPorts {
    /// What the final state says of the threads, at the start or before. What was decided since is
    /// read from the archive.
    pub base: Base,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The draws.
    pub selector: Arc<dyn Selector>,
    /// Our keys.
    pub wallet: Arc<dyn Wallet>,
    /// What was decided.
    pub archive: Arc<dyn BlockArchive>,
    /// What runs decided blocks and leading candidates. What the archive has decided before the
    /// start is handed to it by the node.
    pub execution: Arc<dyn Execution>,
    /// What takes evidence, and the operations of candidates that lost.
    pub pool: Arc<dyn Pool>,
    /// Other nodes.
    pub network: Arc<dyn ConsensusNetwork>,
    /// What verifies signatures.
    pub verifier: Box<dyn Verifier>,
}

enum Event {
    Input(Box<Input>),
    /// Somebody looks on.
    Ask(Question),
    Wake,
    Stop,
}

/// Whose votes are asked for, and where the answer goes.
struct Question {
    slot: Slot,
    reply: Sender<SlotVotes>,
}

/// The engine on a thread of its own. It stops when dropped.
pub struct ConsensusWorker {
    thread_count: u8,
    view: Arc<View>,
    archive: Arc<dyn BlockArchive>,
    events: Sender<Event>,
    /// Held by who has asked the engine something: others wait, and it is asked one thing at a time.
    asking: Mutex<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ConsensusWorker {
    /// Goes on from where base, archive and signing log stop, on a new thread.
    ///
    /// # Errors
    /// The configuration is wrong, the archive or the signing log cannot be read, the system gives
    /// no thread.
    pub fn start(config: Config, ports: ConsensusPorts) -> Result<Self, ConsensusError> {
        let starts = thread_starts(&config, &ports.base, ports.archive.as_ref())?;
        let thread_count = config.params.thread_count;
        let ConsensusPorts {
            clock,
            selector,
            wallet,
            archive,
            execution,
            pool,
            network,
            verifier,
            base: _,
        } = ports;
        let engine = Engine::new(config, Arc::clone(&selector), verifier, starts)?;
        let view = Arc::new(View::new(&engine, clock.now()));
        let (events, receiver) = bounded(QUEUE_LEN);
        let answerer = Answerer::start(
            Arc::clone(&archive),
            Arc::clone(&network),
            Arc::clone(&clock),
        )?;
        let mut shell = Shell {
            answerer,
            engine,
            clock,
            selector,
            wallet,
            archive: Arc::clone(&archive),
            execution,
            pool,
            network,
            view: Arc::clone(&view),
            keys: Vec::new(),
            unstored_candidates: Vec::new(),
            unstored_decisions: Vec::new(),
            decided: Vec::new(),
            candidates_changed: false,
            looks_in_vain: 0,
            stopped: None,
            read: Timestamp::EPOCH,
        };
        let first = shell.update_keys()?;
        let run = move || shell.run(&receiver, first);
        let thread = std::thread::Builder::new()
            .name("consensus".to_owned())
            .spawn(run)
            .map_err(|error| ConsensusError::Stopped(format!("no thread: {error}")))?;
        Ok(Self {
            thread_count,
            view,
            archive,
            events,
            asking: Mutex::new(()),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Something that consensus waits for may have changed: draws, keys, the clock. Never blocks.
    pub fn wake(&self) {
        // A queue that is full wakes it anyway.
        let _ = self.events.try_send(Event::Wake);
    }

    /// Ends the thread, once what is being made durable is.
    pub fn stop(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = self.events.send(Event::Stop);
            if thread.join().is_err() {
                error!("the thread of consensus panicked");
            }
        }
    }

    fn send(&self, input: Input) -> Result<(), ConsensusError> {
        self.events
            .send(Event::Input(Box::new(input)))
            .map_err(|_| ConsensusError::Stopped("its thread has ended".to_owned()))
    }

    fn votes(&self, slot: Slot) -> Result<SlotVotes, ConsensusError> {
        let turn = self.asking.try_lock_for(ANSWER_PATIENCE);
        let _turn = turn.ok_or(ConsensusError::Busy)?;
        let (reply, answer) = bounded(1);
        let stopped = || ConsensusError::Stopped("its thread has ended".to_owned());
        let question = Event::Ask(Question { slot, reply });
        match self.events.send_timeout(question, ANSWER_PATIENCE) {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => return Err(ConsensusError::Busy),
            Err(SendTimeoutError::Disconnected(_)) => return Err(stopped()),
        }
        match answer.recv_timeout(ANSWER_PATIENCE) {
            Ok(votes) => Ok(votes),
            Err(RecvTimeoutError::Timeout) => Err(ConsensusError::Busy),
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        }
    }

    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, ConsensusError> {
        Ok(self.archive.decided_at(slot)?)
    }
}

impl Drop for ConsensusWorker {
    fn drop(&mut self) {
        self.stop();
    }
}

impl ConsensusInbox for ConsensusWorker {
    fn deliver(&self, from: Peer, message: Arc<Message>) -> Result<(), ConsensusError> {
        self.send(Input::Message { from, message })
    }

    fn decided_elsewhere(&self, peer: Peer, slots: Vec<Slot>) -> Result<(), ConsensusError> {
        self.send(Input::DecidedElsewhere { peer, slots })
    }
}

impl Consensus for ConsensusWorker {
    fn best_parents(&self, slot: Slot, timeout: Millis) -> Result<BestParents, ConsensusError> {
        self.view.best_parents(slot, timeout)
    }

    fn blockclique_block(&self, slot: Slot) -> Result<Option<BlockId>, ConsensusError> {
        Ok(leading(&self.slot_status(slot)?))
    }

    fn register_block(&self, block: Block) -> Result<(), ConsensusError> {
        let slot = block.slot();
        if slot.thread >= self.thread_count {
            return Err(ConsensusError::UnknownThread {
                slot,
                thread_count: self.thread_count,
            });
        }
        self.view.check_undecided(slot)?;
        self.send(Input::OwnBlock(block))
    }

    fn slot_status(&self, slot: Slot) -> Result<SlotStatus, ConsensusError> {
        if let Some(status) = self.view.undecided(slot)? {
            return Ok(status);
        }
        Ok(match self.decided_at(slot)? {
            Some(decided) => SlotStatus::Decided {
                outcome: decided.slot(),
                value: decided.outcome.value(),
            },
            // It was decided when this node looked: its record is gone, or never was here.
            None => SlotStatus::NotKept,
        })
    }

    fn agreement(&self, slot: Slot) -> Result<Agreement, ConsensusError> {
        // Asked first: what is decided in between is decided, with the votes that decided it.
        let mut votes = match self.view.undecided(slot)? {
            Some(SlotStatus::NotOpen) => SlotVotes::default(),
            Some(_) | None => self.votes(slot)?,
        };
        if let Some(status) = self.view.undecided(slot)? {
            return Ok(Agreement {
                status,
                votes,
                outcome: None,
            });
        }
        votes.canonical = None;
        let outcome = self.decided_at(slot)?.map(|decided| decided.outcome);
        let status = outcome
            .as_ref()
            .map_or(SlotStatus::NotKept, |outcome| SlotStatus::Decided {
                outcome: outcome.slot(),
                value: outcome.value(),
            });
        Ok(Agreement {
            status,
            votes,
            outcome,
        })
    }

    fn summary(&self) -> ConsensusSummary {
        self.view.summary()
    }

    fn subscribe(&self) -> Receiver<ConsensusEvent> {
        self.view.subscribe()
    }
}

/// What the thread owns.
struct Shell {
    answerer: Answerer,
    engine: Engine,
    clock: Arc<dyn Clock>,
    selector: Arc<dyn Selector>,
    wallet: Arc<dyn Wallet>,
    archive: Arc<dyn BlockArchive>,
    execution: Arc<dyn Execution>,
    pool: Arc<dyn Pool>,
    network: Arc<dyn ConsensusNetwork>,
    view: Arc<View>,
    keys: Vec<Address>,
    /// Asked to be made durable; the archive failed so far. Those of undecided slots only.
    unstored_candidates: Vec<Block>,
    unstored_decisions: Vec<Decided>,
    /// For execution, since it was told last.
    decided: Vec<DecidedSlots>,
    candidates_changed: bool,
    /// How often draws that are awaited were looked for since anything happened.
    looks_in_vain: u32,
    stopped: Option<String>,
    /// What the clock showed when it was read last.
    read: Timestamp,
}

impl Shell {
    fn run(&mut self, events: &Receiver<Event>, first: Vec<Input>) {
        self.process(first);
        while self.stopped.is_none() {
            let (mut inputs, mut questions) = (Vec::new(), Vec::new());
            if !gather(events, self.sleep(), &mut inputs, &mut questions) {
                break;
            }
            match self.update_keys() {
                Ok(changes) => inputs.splice(0..0, changes).for_each(drop),
                Err(error) => warn!(%error, "the keys of the wallet cannot be taken up"),
            }
            self.process(inputs);
            for Question { slot, reply } in questions {
                // Who asked may have lost patience.
                let _ = reply.try_send(self.engine.votes(slot));
            }
        }
        let reason = self.stopped.take();
        self.view
            .stop(reason.unwrap_or_else(|| "the node is ending".to_owned()));
    }

    fn sleep(&self) -> Duration {
        let mut sleep = MAX_SLEEP;
        if let Some(at) = self.engine.wake_at() {
            let left = at.since(self.clock.now()).unwrap_or(Millis::ZERO);
            sleep = sleep.min(Duration::from(left));
        }
        if self.engine.awaited_cycle().is_some() {
            let eager = self.looks_in_vain < EAGER_LOOKS;
            sleep = sleep.min(if eager { DRAWS_SLEEP } else { DRAWS_SLEEP_MAX });
        }
        if self.has_unstored() {
            sleep = sleep.max(RETRY_SLEEP);
        }
        sleep
    }

    fn has_unstored(&self) -> bool {
        !self.unstored_candidates.is_empty() || !self.unstored_decisions.is_empty()
    }

    /// Steps the engine until it waits for something outside, so that one sync serves all threads.
    fn process(&mut self, mut inputs: Vec<Input>) {
        self.store_candidates(&mut inputs);
        self.store_decisions(&mut inputs);
        self.add_ready_cycles(&mut inputs);
        let now = self.read_clock(&mut inputs);
        if self.engine.wake_at().is_some_and(|at| at <= now) {
            inputs.push(Input::Tick);
        }
        if inputs.is_empty() {
            self.looks_in_vain = self.looks_in_vain.saturating_add(1);
            self.view.publish(&self.engine, now, false);
            return;
        }
        self.looks_in_vain = 0;
        while !inputs.is_empty() && self.stopped.is_none() {
            self.add_ready_cycles(&mut inputs);
            let now = self.clock.now();
            self.step(now, &mut inputs);
        }
    }

    fn step(&mut self, now: Timestamp, inputs: &mut Vec<Input>) {
        let outputs = self.engine.step_all(now, std::mem::take(inputs));
        for output in outputs {
            self.execute(output, inputs);
        }
        self.hand_over(now);
    }

    /// When the clock was set back, the engine is told how far it had come, so that waits lose no
    /// more than the time since it was read before, and then what it shows now.
    fn read_clock(&mut self, inputs: &mut Vec<Input>) -> Timestamp {
        let now = self.clock.now();
        let before = std::mem::replace(&mut self.read, now);
        if now < before {
            let mut first = vec![Input::Tick];
            self.step(before, &mut first);
            inputs.extend(first);
            inputs.push(Input::Tick);
        }
        now
    }

    fn add_ready_cycles(&self, inputs: &mut Vec<Input>) {
        for cycle in self.selector.ready_cycles() {
            if self.engine.needs_cycle(cycle)
                && let Ok(validators) = self.selector.voting_power(cycle)
            {
                inputs.push(Input::CycleReady(validators));
            }
        }
    }

    /// Publishes what is decided, then tells execution.
    fn hand_over(&mut self, now: Timestamp) {
        let decided = std::mem::take(&mut self.decided);
        let changed = std::mem::take(&mut self.candidates_changed) || !decided.is_empty();
        self.view.publish(&self.engine, now, !decided.is_empty());
        if changed {
            let candidates = self.engine.leading_candidates();
            if let Err(error) = self.execution.update(decided, candidates) {
                self.stop(format!("execution: {error}"));
            }
        }
    }

    fn stop(&mut self, reason: String) {
        error!(reason, "consensus stops");
        self.stopped.get_or_insert(reason);
    }

    /// New keys of the wallet, with what they signed before.
    fn update_keys(&mut self) -> Result<Vec<Input>, ConsensusError> {
        let addresses = self.wallet.addresses();
        if addresses == self.keys {
            return Ok(Vec::new());
        }
        let from = self.engine.oldest_undecided().unwrap_or(Slot::new(0, 0));
        let mut records = Vec::new();
        for address in addresses
            .iter()
            .filter(|address| !self.keys.contains(address))
        {
            let signed = self
                .wallet
                .signed_since(address, from)
                .map_err(|error| ConsensusError::Stopped(format!("signing log: {error}")))?;
            records.extend(signed);
        }
        let keys: Vec<PublicKey> = addresses
            .iter()
            .filter_map(|address| self.wallet.public_key(address))
            .collect();
        self.keys = addresses;
        Ok(vec![Input::Restore(records), Input::Keys(keys)])
    }

    fn execute(&mut self, output: Output, inputs: &mut Vec<Input>) {
        match output {
            Output::StoreCandidates(blocks) => {
                self.unstored_candidates.extend(blocks);
                self.store_candidates(inputs);
            }
            Output::StoreDecided(decided) => {
                self.unstored_decisions.extend(decided);
                self.store_decisions(inputs);
            }
            Output::Sign(unsigned) => inputs.push(self.sign(unsigned)),
            Output::Broadcast(message) => self.network.broadcast(message),
            Output::Tell(message) => self.network.tell(message),
            Output::Relay { from, message } => self.network.relay(from, message),
            Output::Send { to, message } => self.network.send(to, message),
            Output::Ask { to, request } => self.ask(to, request, inputs),
            Output::Answer { to, request } => self.answer(to, request),
            Output::Resolve(id) => inputs.push(self.resolve(id)),
            Output::WakeAt(_) => {}
            Output::AwaitCycle(cycle) => debug!(cycle, "slots wait for the draws of their cycle"),
            Output::Decided(decided) => self.decided.push(DecidedSlots {
                slot: decided.slot(),
                through: decided.through(),
                block: decided.block,
            }),
            Output::Lost(block) => self.pool.offer_again(block.operations),
            Output::CandidatesChanged => self.candidates_changed = true,
            Output::Evidence(denunciation) => {
                for refused in self.pool.add_denunciations(vec![denunciation]) {
                    if let Err(error) = refused {
                        debug!(%error, "the pool refuses evidence");
                    }
                }
            }
            Output::Blame { peer, fault } => self.network.blame(peer, fault),
            Output::ForeignSignature { address, slot } => {
                error!(
                    %address, %slot,
                    "a signature of our key was seen that this node did not make: the key is in \
                     use elsewhere and will sign nothing here"
                );
                let event = ConsensusEvent::ForeignSignature { address, slot };
                self.view.tell(&event);
            }
            Output::Event(event) => {
                if let ConsensusEvent::CandidateAdded { id, .. } = &event
                    && let Some(block) = self.engine.candidate(id)
                {
                    self.network.hold(block);
                }
                self.view.tell(&event);
            }
        }
    }

    fn store_candidates(&mut self, inputs: &mut Vec<Input>) {
        self.engine.retain_undecided(&mut self.unstored_candidates);
        if self.unstored_candidates.is_empty() {
            return;
        }
        match self.archive.store_candidates(&self.unstored_candidates) {
            Ok(()) => {
                let ids = self.unstored_candidates.drain(..).map(|block| block.id());
                inputs.push(Input::CandidatesStored(ids.collect()));
            }
            Err(error) => warn!(%error, "candidates are not durable: no vote for them"),
        }
    }

    fn store_decisions(&mut self, inputs: &mut Vec<Input>) {
        if self.unstored_decisions.is_empty() {
            return;
        }
        match self.archive.store_decided(&self.unstored_decisions) {
            Ok(()) => {
                let slots = self
                    .unstored_decisions
                    .drain(..)
                    .map(|decided| decided.slot());
                inputs.push(Input::DecisionsStored(slots.collect()));
            }
            Err(error) if is_lasting(&error) => self.stop(format!("archive: {error}")),
            Err(error) => warn!(%error, "decisions are not durable: their threads wait"),
        }
    }

    /// One claim in the log, and one sync, for all.
    fn sign(&self, unsigned: Vec<Unsigned>) -> Input {
        let requests: Vec<SignRequest> = unsigned.iter().map(Unsigned::to_request).collect();
        let mut signatures = self.wallet.sign_claimed(&requests).into_iter();
        let results = unsigned
            .into_iter()
            .map(|unsigned| match signatures.next() {
                Some(Ok(signature)) => unsigned.seal(signature),
                Some(Err(error @ WalletError::NotSafe { .. })) => {
                    warn!(%error, "a vote is not signed");
                    SignResult::Refused(unsigned)
                }
                Some(Err(error)) => {
                    warn!(%error, "a vote cannot be signed now");
                    SignResult::Failed(unsigned)
                }
                None => SignResult::Failed(unsigned),
            })
            .collect();
        Input::Signed(results)
    }

    fn resolve(&self, id: BlockId) -> Input {
        let slot = self
            .read_block(&id)
            .map(|block| block.slot())
            .filter(|slot| {
                let decided = self.archive.decided_at(*slot).ok().flatten();
                decided.is_some_and(|decided| decided.outcome.value().block() == Some(id))
            });
        Input::Resolved { id, slot }
    }

    fn read_block(&self, id: &BlockId) -> Option<Block> {
        match self.archive.block(id) {
            Ok(block) => block,
            Err(error) => {
                warn!(%error, block = %id, "a block cannot be read");
                None
            }
        }
    }

    fn ask(&self, to: Option<Peer>, request: Request, inputs: &mut Vec<Input>) {
        if let Request::Body { id } = request
            && let Some(block) = self.read_block(&id)
        {
            inputs.push(Input::Body(block));
            return;
        }
        self.network.ask(to, request);
    }

    /// What is held in memory is given at once; what has to be read is not waited for.
    fn answer(&self, to: Peer, request: Request) {
        let held = match request {
            Request::Body { id } => self.engine.candidate(&id),
            Request::Outcomes { .. } | Request::Certificate { .. } => None,
        };
        match held {
            Some(block) => {
                let message = Message::Body(envelope(block));
                self.network.send(to, Arc::new(message));
            }
            None => self.answerer.answer(to, request),
        }
    }
}

/// Waits for a first event, and takes what else is there. False if it is time to end.
fn gather(
    events: &Receiver<Event>,
    sleep: Duration,
    inputs: &mut Vec<Input>,
    questions: &mut Vec<Question>,
) -> bool {
    let first = match events.recv_timeout(sleep) {
        Ok(event) => Some(event),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return false,
    };
    for event in first
        .into_iter()
        .chain(events.try_iter().take(MAX_TOGETHER))
    {
        match event {
            Event::Input(input) => inputs.push(*input),
            Event::Ask(question) => questions.push(question),
            Event::Wake => {}
            Event::Stop => return false,
        }
    }
    true
}

/// Whether trying again cannot help.
const fn is_lasting(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::Contradiction { .. }
            | StorageError::Gap { .. }
            | StorageError::MissingBody { .. }
            | StorageError::WrongBody { .. }
    )
}

/// The wire form of a block.
pub(crate) fn envelope(block: &Block) -> BlockEnvelope {
    BlockEnvelope {
        header: block.header.envelope().clone(),
        operations: block
            .operations
            .iter()
            .map(|operation| operation.envelope().clone())
            .collect(),
    }
}

/// A decision as it is sent to who is behind.
pub(crate) fn outcome_message(decided: &Decided) -> Message {
    Message::Outcome {
        outcome: Outcome::clone(&decided.outcome),
        block: decided.block.as_ref().map(envelope),
    }
}
