//! One whole node: the real engine, draws, execution, pool and factories, put together as
//! `picot-node` does it, with the shell of consensus run by hand.

use crate::SimError;
use crate::durable::Disk;
use crate::fuse::Fuse;
use crate::mocks::grinding::Grinder;
use crate::planted::{BlindJudge, LateSeeds, OfferingAgain, Planted};
use crate::ports::{ConsensusPort, ExecutionPort, Outbox};
use crate::shared_sets::SharedSets;
use crate::verified::SharedVerifier;
use crate::wallet::SimWallet;
use parking_lot::Mutex;
use picot_block_factory::{AlwaysConnected, Asking, BlockFactory, BlockProducer, MemoryHistory};
use picot_clock::{Due, ManualClock, Millis, SlotClock, Tick, TickSequence, Timestamp};
use picot_consensus::{
    ConsensusEvent, Engine, Input, Message, Output, Peer, PeerFault, Request, SignResult, Unsigned,
    answer_outcomes, thread_starts,
};
use picot_endorsement_factory::{EndorsementFactory, EndorsementProducer};
use picot_execution::{DecidedSlots, Execution, ExecutionCore, SlotOutput};
use picot_models::{
    Address, Block, BlockEnvelope, BlockId, Denunciation, Genesis, PublicKey, SecretKey, Slot,
};
use picot_pool::{AccountView, LateAccounts, Pool, Propagation, SharedPool};
use picot_selector::{Selector, StakeSelector};
use picot_storage::{BlockArchive, BoundedStorage, Decided, Storage, StorageConfig, StorageError};
use picot_wallet::{SignRequest, Wallet, WalletError};
use std::sync::Arc;

/// Inputs after which a node that still has something to do is taken to be in a loop.
const MAX_TURNS: usize = 10_000;
/// Periods for which blocks stay in memory after they are final.
const BLOCKS_KEPT_PERIODS: u64 = 8;
/// Nodes to which a node passes on what another sent, and that it tells what it has.
const RELAY_FANOUT: usize = 8;
/// Nodes that are asked when any may know.
const ASK_FANOUT: usize = 3;
/// Entries of each factory's history.
const HISTORY_ENTRIES: usize = 64;

/// To whom something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To all others.
    All,
    /// To all others but this one.
    AllBut(usize),
    /// To one.
    One(usize),
    /// To a few others.
    Few,
    /// To whoever is likely to know.
    Some,
}

/// What a node did, in order, for the world outside of it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A message, and how many of those whom it is for it reaches before the node crashes.
    Send(Target, Arc<Message>, usize),
    /// A decision is durable.
    Decided(Decided),
    /// A fault was proven.
    Evidence(Arc<Denunciation>),
    /// A peer was blamed.
    Blame(usize, PeerFault),
    /// A key of this node is in use elsewhere.
    Foreign(Address, Slot),
    /// Something to tell.
    Event(ConsensusEvent),
    /// Something that must never happen inside a node.
    Broken(String),
}

/// How a node is started.
pub(crate) struct Start<'a> {
    /// The chain.
    pub genesis: &'a Genesis,
    /// Its place among the nodes.
    pub index: usize,
    /// How many nodes there are.
    pub nodes: usize,
    /// Its keys.
    pub keys: Vec<SecretKey>,
    /// Who verifies signatures for all nodes.
    pub verifier: SharedVerifier,
    /// The validators that all nodes draw.
    pub sets: SharedSets,
    /// Its disk.
    pub disk: &'a Disk,
    /// Its time now.
    pub now: Timestamp,
    /// Whether this is the first start of all.
    pub fresh: bool,
    /// A bug that is planted in it.
    pub planted: Option<Planted>,
    /// What makes its blocks win, if anything does.
    pub grinder: Option<Grinder>,
}

/// A running node.
pub(crate) struct Node {
    /// Where it crashes.
    pub fuse: Arc<Fuse>,
    /// Its clock.
    pub clock: ManualClock,
    /// What it did since it was asked last.
    pub effects: Vec<Effect>,
    /// What its pool and factories said.
    pub outbox: Arc<Outbox>,
    /// Its pool.
    pub pool: Arc<dyn Pool>,
    /// When its engine wants to be woken, by its own clock.
    pub wake_at: Option<Timestamp>,
    nodes: usize,
    wallet: Arc<SimWallet>,
    selector: Arc<dyn Selector>,
    archive: Arc<dyn BlockArchive>,
    storage: Arc<dyn Storage>,
    consensus: Arc<ConsensusPort>,
    execution: Arc<ExecutionPort>,
    _accounts: Arc<dyn AccountView>,
    blocks: BlockProducer,
    endorsements: EndorsementProducer,
    block_ticks: TickSequence,
    endorsement_ticks: TickSequence,
    slot_clock: SlotClock,
    production_deadline_ms: u64,
    waiting_tick: Option<Tick>,
    grinder: Option<Grinder>,
    sets: SharedSets,
    /// Whether execution, which alone feeds the draws, ran since the engine was told of them.
    draws_may_be_new: bool,
    /// An empty list of inputs, with room.
    spare_inputs: Vec<Input>,
    unstored_candidates: Vec<Block>,
    unstored_decisions: Vec<Decided>,
    decided: Vec<DecidedSlots>,
    candidates_changed: bool,
    /// A planted bug.
    loses_evidence: bool,
}

impl Node {
    /// A node that goes on from its disk.
    ///
    /// # Errors
    /// A part cannot be made.
    pub(crate) fn start(start: &Start<'_>) -> Result<Self, SimError> {
        let index = start.index;
        let wrong = |error: &dyn std::error::Error| SimError::Part {
            node: index,
            reason: reason(error),
        };
        let (genesis, params) = (start.genesis, &start.genesis.params);
        let fuse = Arc::new(Fuse::default());
        let clock = ManualClock::new(start.now);
        let slot_clock = genesis.slot_clock().map_err(|error| wrong(&error))?;
        let archive: Arc<dyn BlockArchive> = Arc::new(start.disk.archive(&fuse));
        let wallet = Arc::new(SimWallet::new(
            &start.keys,
            Arc::new(start.disk.log(&fuse)),
            start.verifier.clone(),
            start.planted.is_some_and(Planted::signs_all),
        ));
        let selector_config = picot_selector::Config::from_params(params);
        let selector = StakeSelector::new(selector_config).map_err(|error| wrong(&error))?;
        let mut selector: Arc<dyn Selector> = Arc::new(selector);
        if start.planted == Some(Planted::WrongDraws) && !start.fresh {
            selector = Arc::new(LateSeeds::new(selector));
        }
        let outbox = Arc::new(Outbox::default());
        let late = Arc::new(LateAccounts::new());
        let pool = SharedPool::new(
            picot_pool::Config::default(),
            genesis.chain_id(),
            params.clone(),
            Arc::clone(&selector),
            Arc::clone(&late) as _,
            Arc::clone(&outbox) as _,
        );
        let mut pool: Arc<dyn Pool> = Arc::new(pool.map_err(|error| wrong(&error))?);
        let reuses = start.planted == Some(Planted::AcceptReuse);
        if reuses {
            pool = Arc::new(OfferingAgain::new(pool, params.clone()));
        }
        let mut judge = Arc::clone(&selector);
        if start.planted == Some(Planted::ForgetSlash) {
            judge = Arc::new(BlindJudge::new(judge));
        }
        let core = ExecutionCore::open(
            Arc::new(start.disk.state(&fuse)),
            genesis,
            judge,
            picot_execution::Config::default(),
        );
        let core = core.map_err(|error| wrong(&error))?;
        let accounts: Arc<dyn AccountView> = Arc::new(core.reader());
        late.connect(Arc::downgrade(&accounts));
        let execution = Arc::new(ExecutionPort::new(core, Arc::clone(&pool), reuses));
        replay(&*archive, &*execution, params.thread_count).map_err(|reason| SimError::Part {
            node: index,
            reason,
        })?;
        let voting_from = if start.fresh {
            start.now
        } else {
            Timestamp(start.now.0 + params.endorsement_startup_delay_ms)
        };
        let mut config = picot_consensus::Config::of_genesis(genesis, voting_from);
        config.signing_log_since = start.disk.log_since;
        let starts = thread_starts(&config, &*archive).map_err(|error| wrong(&error))?;
        let verifier = Box::new(start.verifier.clone());
        let engine = Engine::new(config, Arc::clone(&selector), verifier, starts);
        let mut engine = engine.map_err(|error| wrong(&error))?;
        if let Some(bug) = start.planted.and_then(Planted::in_engine) {
            engine.plant(bug);
        }
        let engine = Arc::new(Mutex::new(engine));
        let consensus = Arc::new(ConsensusPort::new(
            engine,
            clock.clone(),
            Arc::clone(&archive),
            params.thread_count,
        ));
        let storage = BoundedStorage::new(StorageConfig::default(), Arc::clone(&archive));
        let storage: Arc<dyn Storage> = Arc::new(storage.map_err(|error| wrong(&error))?);
        let factory = |delay: u64| picot_block_factory::Config {
            chain_id: genesis.chain_id(),
            params: params.clone(),
            genesis_timestamp: genesis.genesis_timestamp,
            start: start.now,
            startup_delay: Millis(delay),
            fresh: start.fresh,
            enabled: true,
            asking: Asking::Inline,
        };
        let parts = picot_block_factory::Collaborators {
            clock: Arc::new(clock.clone()),
            selector: Arc::clone(&selector),
            wallet: Arc::clone(&wallet) as _,
            consensus: Arc::clone(&consensus) as _,
            pool: Arc::clone(&pool),
            execution: Arc::clone(&execution) as _,
            storage: Arc::clone(&storage),
            // A partition loses messages; a node in it does not know.
            connection: Arc::new(AlwaysConnected),
            history: Arc::new(MemoryHistory::new(HISTORY_ENTRIES)),
        };
        let blocks = BlockProducer::new(&factory(params.block_startup_delay_ms), &parts);
        let parts = picot_endorsement_factory::Collaborators {
            clock: parts.clock,
            selector: parts.selector,
            wallet: parts.wallet,
            consensus: parts.consensus,
            storage: parts.storage,
            pool: parts.pool,
            network: Arc::clone(&outbox) as Arc<dyn Propagation>,
            connection: parts.connection,
            history: parts.history,
        };
        let delay = params.endorsement_startup_delay_ms;
        let endorsements = EndorsementProducer::new(&factory(delay), &parts);
        let offset = slot_clock.endorsement_offset();
        let mut node = Self {
            fuse,
            clock,
            effects: Vec::new(),
            outbox,
            pool,
            wake_at: None,
            nodes: start.nodes,
            wallet,
            selector,
            archive,
            storage,
            consensus,
            execution,
            _accounts: accounts,
            blocks: blocks.map_err(|error| wrong(&error))?,
            endorsements: endorsements.map_err(|error| wrong(&error))?,
            block_ticks: TickSequence::from_time(slot_clock, Millis::ZERO, start.now),
            endorsement_ticks: TickSequence::from_time(slot_clock, offset, start.now),
            slot_clock,
            production_deadline_ms: params.production_deadline_ms(),
            waiting_tick: None,
            grinder: start.grinder.clone(),
            sets: start.sets.clone(),
            draws_may_be_new: true,
            spare_inputs: Vec::new(),
            unstored_candidates: Vec::new(),
            unstored_decisions: Vec::new(),
            decided: Vec::new(),
            candidates_changed: false,
            loses_evidence: start.planted == Some(Planted::LoseEvidence),
        };
        if let Some(slot) = slot_clock.latest_slot_at(start.now) {
            node.pool.notify_slot(slot);
        }
        let first = node.key_inputs().map_err(|error| wrong(&error))?;
        node.process(first);
        Ok(node)
    }

    fn key_inputs(&self) -> Result<Vec<Input>, WalletError> {
        let from = self.engine_read(Engine::oldest_undecided);
        let from = from.unwrap_or(Slot::new(0, 0));
        let mut records: Vec<SignRequest> = Vec::new();
        let addresses = self.wallet.addresses();
        for address in &addresses {
            records.extend(self.wallet.signed_since(address, from)?);
        }
        let keys: Vec<PublicKey> = addresses
            .iter()
            .filter_map(|address| self.wallet.public_key(address))
            .collect();
        Ok(vec![Input::Restore(records), Input::Keys(keys)])
    }

    /// Reads something of the engine.
    pub(crate) fn engine_read<T>(&self, read: impl FnOnce(&Engine) -> T) -> T {
        read(&self.consensus.engine.lock())
    }

    /// The state.
    #[must_use]
    pub(crate) fn execution(&self) -> &dyn Execution {
        &*self.execution
    }

    /// The draws as this node knows them.
    #[must_use]
    pub(crate) fn selector(&self) -> &dyn Selector {
        &*self.selector
    }

    /// What its keys signed since this was asked last.
    #[must_use]
    pub(crate) fn take_signed(&self) -> Vec<SignRequest> {
        self.wallet.take_signed()
    }

    /// What became final since this was asked last.
    #[must_use]
    pub(crate) fn take_final_slots(&self) -> Vec<Arc<SlotOutput>> {
        self.execution.take_final_slots()
    }

    /// A message of another node.
    pub(crate) fn deliver(&mut self, from: usize, message: Arc<Message>) {
        let from = Peer(u64::try_from(from).unwrap_or(u64::MAX));
        let mut inputs = std::mem::take(&mut self.spare_inputs);
        inputs.push(Input::Message { from, message });
        self.process(inputs);
    }

    /// Time passed.
    pub(crate) fn wake(&mut self) {
        self.process(Vec::new());
    }

    /// The start of a slot, or another try for one whose parent was not decided. Gives after how
    /// many milliseconds to call again.
    pub(crate) fn block_tick(&mut self, now: Timestamp) -> Option<u64> {
        if let Some(tick) = self.waiting_tick.take() {
            if self.waits_for_parent(tick.slot, now) {
                self.waiting_tick = Some(tick);
                return Some(1);
            }
            self.produce(tick);
        }
        match self.block_ticks.due(now) {
            Due::Tick(tick) => {
                self.housekeeping(tick.slot);
                if self.waits_for_parent(tick.slot, now) {
                    self.waiting_tick = Some(tick);
                } else {
                    self.produce(tick);
                }
                Some(0)
            }
            Due::After(left) => Some(left.0),
            Due::Never => None,
        }
    }

    /// Half a period after the start of a slot. Gives after how many milliseconds to call again.
    pub(crate) fn endorsement_tick(&mut self, now: Timestamp) -> Option<u64> {
        match self.endorsement_ticks.due(now) {
            Due::Tick(tick) => {
                drop(self.endorsements.step(tick));
                self.process(Vec::new());
                Some(0)
            }
            Due::After(left) => Some(left.0),
            Due::Never => None,
        }
    }

    /// The real consensus lets the factory wait for the parent for a share of its time; a port
    /// without threads cannot, so the tick waits.
    fn waits_for_parent(&self, slot: Slot, now: Timestamp) -> bool {
        let Ok(start) = self.slot_clock.start_of(slot) else {
            return false;
        };
        let is_decided = self.engine_read(|engine| {
            let chain = engine.chains().get(usize::from(slot.thread));
            chain.is_none_or(|chain| chain.next_period() >= slot.period)
        });
        !is_decided && now.0 < start.0 + self.production_deadline_ms / 2
    }

    /// Blocks and endorsements are switched on or off, as an operator does it.
    pub(crate) fn set_producing(&self, is_on: bool) {
        // Without a store for the switch there is nothing that can fail.
        drop(self.blocks.control().set_enabled(is_on));
        drop(self.endorsements.control().set_enabled(is_on));
    }

    fn produce(&mut self, tick: Tick) {
        drop(self.blocks.step(tick));
        let mut own = self.consensus.take_own_blocks();
        if let Some(grinder) = &self.grinder {
            own = own.iter().map(|block| grinder.grind(block)).collect();
        }
        self.process(own.into_iter().map(Input::OwnBlock).collect());
    }

    fn housekeeping(&self, slot: Slot) {
        self.pool.notify_slot(slot);
        let last = self.execution.summary().last_final_slot;
        let kept_from = last.period.saturating_sub(BLOCKS_KEPT_PERIODS);
        self.storage.forget_before(Slot::new(kept_from, 0));
    }
}

/// The shell of consensus: does what the engine says, in order.
impl Node {
    fn process(&mut self, mut inputs: Vec<Input>) {
        self.store_candidates(&mut inputs);
        self.store_decisions(&mut inputs);
        if std::mem::take(&mut self.draws_may_be_new) {
            self.add_ready_cycles(&mut inputs);
        }
        let now = picot_clock::Clock::now(&self.clock);
        if self.engine_read(|engine| engine.wake_at().is_some_and(|at| at <= now)) {
            inputs.push(Input::Tick);
        }
        let mut turns = 0;
        while !inputs.is_empty() && !self.fuse.is_blown() {
            turns += 1;
            if turns > MAX_TURNS {
                let text = format!("the engine has more to do after {MAX_TURNS} turns");
                self.effects.push(Effect::Broken(text));
                return;
            }
            if std::mem::take(&mut self.draws_may_be_new) {
                self.add_ready_cycles(&mut inputs);
            }
            let now = picot_clock::Clock::now(&self.clock);
            let outputs = self.consensus.engine.lock().step_all(now, inputs.drain(..));
            for output in outputs {
                self.execute(output, &mut inputs);
            }
            self.hand_over();
        }
        inputs.clear();
        self.spare_inputs = inputs;
    }

    fn add_ready_cycles(&self, inputs: &mut Vec<Input>) {
        for cycle in self.selector.ready_cycles() {
            if self.engine_read(|engine| engine.needs_cycle(cycle))
                && let Ok(validators) = self.selector.voting_power(cycle)
            {
                inputs.push(Input::CycleReady(self.sets.same(validators)));
            }
        }
    }

    fn hand_over(&mut self) {
        let decided = std::mem::take(&mut self.decided);
        let changed = std::mem::take(&mut self.candidates_changed) || !decided.is_empty();
        if changed && !self.fuse.is_blown() {
            self.draws_may_be_new = true;
            let candidates = self.engine_read(Engine::leading_candidates);
            if let Err(error) = self.execution.update(decided, candidates)
                && !self.fuse.is_blown()
            {
                let text = format!("execution stops: {}", reason(&error));
                self.effects.push(Effect::Broken(text));
            }
        }
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
            Output::Broadcast(message) => self.send(Target::All, message),
            Output::Tell(message) => self.send(Target::Few, message),
            // All hear each other's votes and proposals: nothing is gained by passing them on.
            Output::Relay { from, message } if matches!(*message, Message::Candidate(_)) => {
                self.send(Target::AllBut(node_of(from)), message);
            }
            Output::Relay { .. } => {}
            Output::Send { to, message } => self.send(Target::One(node_of(to)), message),
            Output::Ask { to, request } => self.ask(to, request, inputs),
            Output::Answer { to, request } => self.answer(node_of(to), request),
            Output::Resolve(id) => inputs.push(self.resolve(id)),
            Output::WakeAt(at) => self.wake_at = Some(at),
            Output::AwaitCycle(_) => {}
            Output::Decided(decided) => {
                self.decided.push(DecidedSlots {
                    slot: decided.slot(),
                    through: decided.through(),
                    block: decided.block.clone(),
                });
                self.effects.push(Effect::Decided(decided));
            }
            Output::Lost(block) => self.pool.offer_again(block.operations),
            Output::CandidatesChanged => self.candidates_changed = true,
            Output::Evidence(_) if self.loses_evidence => {}
            Output::Evidence(denunciation) => {
                drop(self.pool.add_denunciations(vec![Arc::clone(&denunciation)]));
                self.effects.push(Effect::Evidence(denunciation));
            }
            Output::Blame { peer, fault } => {
                self.effects.push(Effect::Blame(node_of(peer), fault));
            }
            Output::ForeignSignature { address, slot } => {
                self.effects.push(Effect::Foreign(address, slot));
            }
            Output::Event(event) => self.effects.push(Effect::Event(event)),
        }
    }

    fn send(&mut self, target: Target, message: Arc<Message>) {
        let others = self.nodes.saturating_sub(1);
        let wanted = match target {
            Target::All => others,
            Target::AllBut(_) => others.saturating_sub(1).min(RELAY_FANOUT),
            Target::Few => others.min(RELAY_FANOUT),
            Target::Some => others.min(ASK_FANOUT),
            Target::One(_) => 1,
        };
        let reach = self.fuse.send(wanted);
        if reach > 0 {
            self.effects.push(Effect::Send(target, message, reach));
        }
    }

    fn store_candidates(&mut self, inputs: &mut Vec<Input>) {
        let engine = self.consensus.engine.lock();
        engine.retain_undecided(&mut self.unstored_candidates);
        drop(engine);
        if !self.unstored_candidates.is_empty()
            && self
                .archive
                .store_candidates(&self.unstored_candidates)
                .is_ok()
        {
            let ids = self.unstored_candidates.drain(..).map(|block| block.id());
            inputs.push(Input::CandidatesStored(ids.collect()));
        }
    }

    fn store_decisions(&mut self, inputs: &mut Vec<Input>) {
        if self.unstored_decisions.is_empty() {
            return;
        }
        match self.archive.store_decided(&self.unstored_decisions) {
            Ok(()) => {
                let decided = self.unstored_decisions.drain(..);
                let slots = decided.map(|decided| decided.slot()).collect();
                inputs.push(Input::DecisionsStored(slots));
            }
            // What is to be stored is tried again at the next event.
            Err(StorageError::Archive { .. }) => {}
            Err(error) => {
                let text = format!("the archive refuses for good: {}", reason(&error));
                self.effects.push(Effect::Broken(text));
            }
        }
    }

    fn sign(&self, unsigned: Vec<Unsigned>) -> Input {
        let requests: Vec<SignRequest> = unsigned.iter().map(Unsigned::to_request).collect();
        let mut signatures = self.wallet.sign_claimed(&requests).into_iter();
        let results = unsigned
            .into_iter()
            .map(|unsigned| match signatures.next() {
                Some(Ok(signature)) => unsigned.seal(signature),
                Some(Err(WalletError::NotSafe { .. })) => SignResult::Refused(unsigned),
                Some(Err(_)) | None => SignResult::Failed(unsigned),
            })
            .collect();
        Input::Signed(results)
    }

    fn resolve(&self, id: BlockId) -> Input {
        let slot = self.read_block(&id).map(|block| block.slot());
        let slot = slot.filter(|slot| {
            let decided = self.archive.decided_at(*slot).ok().flatten();
            decided.is_some_and(|decided| decided.outcome.value().block() == Some(id))
        });
        Input::Resolved { id, slot }
    }

    /// A block that this node holds, in memory or on its disk.
    #[must_use]
    pub(crate) fn held_block(&self, id: &BlockId) -> Option<Block> {
        let held = self.engine_read(|engine| engine.candidate(id).cloned());
        held.or_else(|| self.read_block(id))
    }

    fn read_block(&self, id: &BlockId) -> Option<Block> {
        self.archive.block(id).ok().flatten()
    }

    fn ask(&mut self, to: Option<Peer>, request: Request, inputs: &mut Vec<Input>) {
        if let Request::Body { id } = request
            && let Some(block) = self.read_block(&id)
        {
            inputs.push(Input::Body(block));
            return;
        }
        let target = to.map_or(Target::Some, |to| Target::One(node_of(to)));
        self.send(target, Arc::new(Message::Ask(request)));
    }

    fn answer(&mut self, to: usize, request: Request) {
        match request {
            Request::Body { id } => {
                if let Some(block) = self.held_block(&id) {
                    let message = Message::Body(envelope(&block));
                    self.send(Target::One(to), Arc::new(message));
                }
            }
            Request::Outcomes { thread, period } => {
                let messages = answer_outcomes(&*self.archive, thread, period);
                for message in messages.unwrap_or_default() {
                    self.send(Target::One(to), Arc::new(message));
                }
            }
            Request::Certificate { .. } => {}
        }
    }
}

fn node_of(peer: Peer) -> usize {
    usize::try_from(peer.0).unwrap_or(usize::MAX)
}

/// The wire form of a block.
#[must_use]
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

/// An error with its sources.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Outcomes after the final state are executed again, thread by thread in turns.
fn replay(
    archive: &dyn BlockArchive,
    execution: &dyn Execution,
    thread_count: u8,
) -> Result<(), String> {
    let summary = execution.summary();
    for thread in 0..thread_count {
        let from = summary.next_period(thread);
        let decided = archive.decided_from(thread, from, usize::MAX);
        let decided = decided.map_err(|error| reason(&error))?;
        let slots = decided
            .into_iter()
            .map(|decided| DecidedSlots {
                slot: decided.slot(),
                through: decided.through(),
                block: decided.block,
            })
            .collect();
        let updated = execution.update(slots, Vec::new());
        updated.map_err(|error| reason(&error))?;
    }
    Ok(())
}
