//! One whole node: the real engine, protocol, draws, execution, pool and factories, put together as
//! `picot-node` does it, with the shells of consensus and protocol run by hand.

mod checkpoints;
mod joining;
mod serving;
mod shell;
mod speech;

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
use picot_bootstrap::LeftBehind;
use picot_clock::{Due, ManualClock, Millis, SlotClock, Tick, TickSequence, Timestamp};
use picot_consensus::history::{drop_left_behind, served_from};
use picot_consensus::{
    ConsensusEvent, Engine, Input, ListeningWallet, Message, Peer, thread_starts,
};
use picot_endorsement_factory::{EndorsementFactory, EndorsementProducer};
use picot_execution::{DecidedSlots, Execution, ExecutionCore, SlotOutput};
use picot_models::{
    Address, Block, ChainParams, Checkpoint, Denunciation, Genesis, PublicKey, SecretKey,
    SignedOperation, Slot,
};
use picot_pool::{AccountView, LateAccounts, Pool, Propagation, SharedPool};
use picot_protocol::{Core, Farewell, Fault, Frame, Reads};
use picot_selector::{Selector, StakeSelector};
use picot_storage::{BlockArchive, BoundedStorage, Decided, Storage, StorageConfig};
use picot_wallet::{SignRequest, SigningLog, Wallet, WalletError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub(crate) use joining::{Ended, Joining};

/// Inputs after which a node that still has something to do is taken to be in a loop.
const MAX_TURNS: usize = 10_000;
/// Periods for which blocks stay in memory after they are final.
const BLOCKS_KEPT_PERIODS: u64 = 8;
/// How often the signing log is pruned.
const PRUNING_PERIODS: u64 = 4;
/// How long a node that looked for a state in vain follows what it can, before it looks again: runs are
/// short.
const LONG_PATIENCE: Millis = Millis(20_000);
/// Entries of each factory's history.
const HISTORY_ENTRIES: usize = 64;

/// What a node did, in order, for the world outside of it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A frame leaves for a peer.
    Send(Peer, Arc<Frame>),
    /// What consensus tells the protocol in a node whose actor is asked first.
    Said(picot_protocol::Input),
    /// Consensus got a message of a watched key while it worked on this slot and round.
    Saw(Arc<Message>, (Slot, u32)),
    /// A decision is durable.
    Decided(Decided),
    /// A checkpoint has its certificate.
    Certified(Checkpoint),
    /// A fault was proven.
    Evidence(Arc<Denunciation>),
    /// A peer was punished.
    Punished(Peer, Fault),
    /// The node ends a connection, and lets the peer in no more for so long.
    Parted(Peer, Farewell, Millis),
    /// A key of this node is in use elsewhere.
    Foreign(Address, Slot),
    /// Something to tell.
    Event(ConsensusEvent),
    /// It begins to receive a state.
    Receives,
    /// A chunk of a state was received and kept.
    Staged,
    /// A peer lies about states.
    Lie(Peer, String),
    /// Something that must never happen inside a node.
    Broken(String),
}

/// What a node did at an event, and how it is then.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What it did, in order.
    pub effects: Vec<Effect>,
    /// What its keys signed.
    pub signed: Vec<SignRequest>,
    /// What became final.
    pub final_slots: Vec<Arc<SlotOutput>>,
    /// Whether it has crashed.
    pub is_down: bool,
    /// Whether nobody gives what it lacks: it has to look for a state.
    pub is_left_behind: bool,
    /// The slots that its engine holds.
    pub held_slots: usize,
    /// What waits to be sent, in bytes.
    pub queued_bytes: usize,
    /// When it wants to be woken, by its own clock, if that is still to come.
    pub wake_at: Option<Timestamp>,
}

/// How a node is started.
pub(crate) struct Start<'a> {
    /// The chain.
    pub genesis: &'a Genesis,
    /// Its place among the nodes.
    pub index: usize,
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
    /// When its process was started.
    pub since: Timestamp,
    /// Where it crashes.
    pub fuse: Arc<Fuse>,
    /// Whether nothing can have been signed before this start.
    pub fresh: bool,
    /// Whether it serves states to others.
    pub serves: bool,
    /// Cycles before the current one whose blocks it keeps; none: all.
    pub history: Option<u64>,
    /// Whether it has just looked for a state, and nobody had one of use.
    pub has_looked_in_vain: bool,
    /// Whether it followed those who said to give what it lacks, and did not get it.
    pub has_followed_in_vain: bool,
    /// A bug that is planted in it.
    pub planted: Option<Planted>,
    /// What makes its blocks win, if anything does.
    pub grinder: Option<Grinder>,
    /// Whether an actor is asked before anything of consensus is said.
    pub has_actor: bool,
    /// Whether the world says when frames have left; otherwise they do at once.
    pub is_metered: bool,
    /// Keys whose messages are told when consensus gets them.
    pub watched: Arc<BTreeSet<PublicKey>>,
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
    /// Whether nobody gives what it lacks: it has to look for a state.
    is_left_behind: bool,
    watch: LeftBehind,
    core: Core,
    /// What the protocol is to be told, in order.
    unsaid: VecDeque<picot_protocol::Input>,
    /// Frames that have left and of which the protocol was not told, by peer and lane.
    written: BTreeMap<(Peer, u8), speech::Written>,
    verifier: SharedVerifier,
    has_actor: bool,
    is_metered: bool,
    watched: Arc<BTreeSet<PublicKey>>,
    /// Whether more was decided since the protocol was told.
    has_decided: bool,
    wallet: Arc<SimWallet>,
    signing_log: Arc<dyn SigningLog>,
    selector: Arc<dyn Selector>,
    archive: Arc<dyn BlockArchive>,
    storage: Arc<dyn Storage>,
    consensus: Arc<ConsensusPort>,
    execution: Arc<ExecutionPort>,
    checkpoints: checkpoints::Checkpoints,
    params: ChainParams,
    serving: Option<serving::Serving>,
    history: serving::History,
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
        let fuse = Arc::clone(&start.fuse);
        let clock = ManualClock::new(start.now);
        let slot_clock = genesis.slot_clock().map_err(|error| wrong(&error))?;
        let archive: Arc<dyn BlockArchive> = Arc::new(start.disk.archive(&fuse));
        let signing_log: Arc<dyn SigningLog> = Arc::new(start.disk.log(&fuse));
        let wallet = Arc::new(SimWallet::new(
            &start.keys,
            Arc::clone(&signing_log),
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
        let pool = pool.map_err(|error| wrong(&error))?;
        let verifier = Box::new(start.verifier.clone());
        let mut pool: Arc<dyn Pool> = Arc::new(pool.with_verifier(verifier));
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
        let mut core = core.map_err(|error| wrong(&error))?;
        let checkpoints = checkpoints::Checkpoints::start(
            start,
            Arc::new(start.disk.checkpoints(&fuse)),
            &mut core,
            (&clock, &selector),
            (&wallet, &pool),
        )?;
        let serving = start
            .serves
            .then(|| serving::Serving::start(start, &mut core, (&clock, slot_clock)))
            .transpose()?;
        let known = core.reader().base();
        let accounts: Arc<dyn AccountView> = Arc::new(core.reader());
        late.connect(Arc::downgrade(&accounts));
        let execution = Arc::new(ExecutionPort::new(core, Arc::clone(&pool), reuses));
        drop_left_behind(&*archive, &known).map_err(|error| wrong(&error))?;
        replay(&*archive, &*execution, &known.next_periods()).map_err(|reason| SimError::Part {
            node: index,
            reason,
        })?;
        let history = serving::History {
            cycles: start.history,
            done: Slot::GENESIS,
            served_from: served_from(&*archive, &known.next_periods())
                .map_err(|error| wrong(&error))?,
            dropped: 0,
        };
        let voting_from = if start.fresh {
            start.since
        } else {
            Timestamp(start.since.0 + params.endorsement_startup_delay_ms)
        };
        let mut config = picot_consensus::Config::of_genesis(genesis, voting_from);
        config.signing_log_since = start.disk.log_since;
        let starts = thread_starts(&config, &execution.base(), &*archive);
        let starts = starts.map_err(|error| wrong(&error))?;
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
            start: start.since,
            startup_delay: Millis(delay),
            fresh: start.fresh,
            enabled: true,
            asking: Asking::Inline,
        };
        let parts = picot_block_factory::Collaborators {
            clock: Arc::new(clock.clone()),
            selector: Arc::clone(&selector),
            wallet: Arc::new(ListeningWallet::new(
                Arc::clone(&wallet) as _,
                Arc::clone(&consensus) as _,
            )),
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
        let reads = Reads {
            selector: Arc::clone(&selector),
            pool: Arc::clone(&pool),
            verifier: Arc::new(start.verifier.clone()),
        };
        let core = Core::new(speech::config(genesis, index), reads);
        let mut node = Self {
            fuse,
            clock,
            effects: Vec::new(),
            outbox,
            pool,
            is_left_behind: false,
            watch: if start.has_looked_in_vain {
                LeftBehind::with_patience(LONG_PATIENCE)
            } else {
                LeftBehind::default()
            },
            core: core.map_err(|error| wrong(&error))?,
            unsaid: VecDeque::new(),
            written: BTreeMap::new(),
            verifier: start.verifier.clone(),
            has_actor: start.has_actor,
            is_metered: start.is_metered,
            watched: Arc::clone(&start.watched),
            has_decided: true,
            wallet,
            signing_log,
            selector,
            archive,
            storage,
            consensus,
            execution,
            checkpoints,
            params: params.clone(),
            serving,
            history,
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

    /// By thread: the first period that no outcome in the final state has settled.
    #[must_use]
    pub(crate) fn next_periods(&self) -> Vec<u64> {
        self.execution.base().next_periods()
    }

    /// What it did since it was asked last, and how it is.
    #[must_use]
    pub(crate) fn take_outcome(&mut self) -> Outcome {
        Outcome {
            effects: std::mem::take(&mut self.effects),
            signed: self.wallet.take_signed(),
            final_slots: self.execution.take_final_slots(),
            is_down: self.fuse.is_blown(),
            is_left_behind: self.is_left_behind,
            held_slots: self.engine_read(Engine::held_slots),
            queued_bytes: self.core.queued_bytes(),
            wake_at: self.wake_at(),
        }
    }

    /// When the node wants to be woken, by its own clock, if that is still to come.
    #[must_use]
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        let now = picot_clock::Clock::now(&self.clock);
        let times = [
            self.engine_read(Engine::wake_at),
            self.core.wake_at(),
            self.checkpoints.wake_at(),
            self.serving.as_ref().and_then(serving::Serving::wake_at),
        ];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Somebody hands in an operation.
    pub(crate) fn hand_in(&mut self, operation: SignedOperation) {
        drop(self.pool.add_operations(vec![Arc::new(operation)]));
        self.process(Vec::new());
    }

    /// Time passed.
    pub(crate) fn wake(&mut self) {
        self.process(Vec::new());
    }

    /// The start of a slot, or another try for one whose parent was not decided. Gives after how
    /// many milliseconds to call again.
    pub(crate) fn block_tick(&mut self, now: Timestamp) -> Option<u64> {
        self.tell_written();
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

    fn housekeeping(&mut self, slot: Slot) {
        self.pool.notify_slot(slot);
        let last = self.execution.summary().last_final_slot;
        let kept_from = last.period.saturating_sub(BLOCKS_KEPT_PERIODS);
        self.storage.forget_before(Slot::new(kept_from, 0));
        let is_due = slot.thread == 0 && slot.period.is_multiple_of(PRUNING_PERIODS);
        if is_due {
            // A disk in memory fails only where its node crashes.
            let before = Slot::new(kept_from, 0);
            let oldest = self.checkpoints.oldest_open();
            let before = oldest.map_or(before, |oldest| oldest.min(before));
            drop(self.signing_log.prune(before));
        }
        self.prune();
        if self.serving.is_some() {
            self.look_whether_left_behind();
        }
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

/// Outcomes after the final state are executed again, thread by thread in turns, each from the first
/// period that the state does not know.
fn replay(
    archive: &dyn BlockArchive,
    execution: &dyn Execution,
    next_periods: &[u64],
) -> Result<(), String> {
    for (thread, from) in (0_u8..).zip(next_periods) {
        let decided = archive.decided_from(thread, *from, usize::MAX);
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
