//! What a node gives to others that are far behind: the states of checkpoints, and what it keeps of the
//! past.

use super::{Effect, Node, Start, reason};
use crate::SimError;
use crate::planted::Planted;
use parking_lot::Mutex;
use picot_bootstrap::{
    ChunkSizes, Claim, Message, Server, ServerConfig, ServerInput, ServerOutput, Standing,
    StateIndex, read_answer,
};
use picot_checkpoint::{CheckpointArchive, CheckpointError};
use picot_clock::{Clock, ManualClock, Millis, Slot, SlotClock, Timestamp};
use picot_consensus::history::{first_kept, first_of_kept_cycles, served_from};
use picot_consensus::{Peer, ThreadChain};
use picot_execution::{CheckpointState, CheckpointWatch, Execution, ExecutionCore, WatchError};
use picot_ledger::{MemoryStateStore, StateSnapshot};
use picot_models::{ChainParams, Checkpoint};
use picot_protocol::{Frame, Input as Word, Packet, PeerInfo};
use picot_serialization::{Encode, decode_exact};
use picot_storage::StorageError;
use std::collections::VecDeque;
use std::sync::Arc;

/// States are small: so that each has several chunks.
const SIZES: ChunkSizes = ChunkSizes {
    min_bytes: 512,
    mean_rest_bytes: 512,
    full_bytes: 2 << 10,
};
/// Rates so low that a small state takes a while.
const PEER_BYTES_PER_SECOND: u64 = 4 << 10;
const TOTAL_BYTES_PER_SECOND: u64 = 8 << 10;
/// Cycles after which the state of a checkpoint is too old for anybody to begin with.
const SERVED_CYCLES: u64 = 2;
/// Outcomes of each thread that are dropped with one write.
const PRUNED_AT_ONCE: usize = 3;

fn config() -> ServerConfig {
    ServerConfig {
        peer_bytes_per_second: PEER_BYTES_PER_SECOND,
        total_bytes_per_second: TOTAL_BYTES_PER_SECOND,
        burst: Millis(200),
        ..ServerConfig::default()
    }
}

/// Takes a snapshot of the state at each checkpoint.
struct Snapshots {
    state: Arc<MemoryStateStore>,
    archive: CheckpointArchive,
    clock: ManualClock,
    slot_clock: SlotClock,
    params: ChainParams,
    /// A planted bug: the state as it is when it is read is taken for a snapshot.
    are_live: bool,
    reached: Mutex<Vec<(Checkpoint, Arc<dyn StateSnapshot>)>>,
}

impl Snapshots {
    fn is_recent(&self, slot: Slot) -> bool {
        let served = self.params.periods_per_cycle.saturating_mul(SERVED_CYCLES);
        let now = self.slot_clock.latest_slot_at(self.clock.now());
        now.is_none_or(|now| now.period <= slot.period.saturating_add(served))
    }

    fn checkpoint(&self, state: &CheckpointState) -> Result<Option<Checkpoint>, CheckpointError> {
        let known = match self.archive.certified(state.slot)? {
            None => self.archive.last_uncertified()?,
            certified => certified,
        };
        let is_it =
            |known: &Checkpoint| known.slot == state.slot && known.state_hash == state.state_hash;
        Ok(known.filter(is_it))
    }
}

impl CheckpointWatch for Snapshots {
    fn at_checkpoint(&self, state: &CheckpointState) -> Result<(), WatchError> {
        if self.is_recent(state.slot)
            && let Some(checkpoint) = self.checkpoint(state)?
        {
            let snapshot: Arc<dyn StateSnapshot> = if self.are_live {
                Arc::clone(&self.state) as _
            } else {
                Arc::new(self.state.snapshot())
            };
            self.reached.lock().push((checkpoint, snapshot));
        }
        Ok(())
    }
}

/// Serves the states of checkpoints: its real core, run by hand.
pub(super) struct Serving {
    server: Server,
    archive: CheckpointArchive,
    snapshots: Arc<Snapshots>,
    wake_at: Option<Timestamp>,
}

impl Serving {
    /// Watches the core, after who keeps its checkpoints in the archive.
    pub(super) fn start(
        start: &Start<'_>,
        core: &mut ExecutionCore,
        (clock, slot_clock): (&ManualClock, SlotClock),
    ) -> Result<Self, SimError> {
        let wrong = |error: &dyn std::error::Error| SimError::Part {
            node: start.index,
            reason: reason(error),
        };
        let store = Arc::new(start.disk.checkpoints(&start.fuse));
        let archive = CheckpointArchive::new(store, Arc::new(start.genesis.clone()));
        let snapshots = Arc::new(Snapshots {
            state: start.disk.state_itself(),
            archive: archive.clone(),
            clock: clock.clone(),
            slot_clock,
            params: start.genesis.params.clone(),
            are_live: start.planted == Some(Planted::ServeLive),
            reached: Mutex::default(),
        });
        let watched = core.watch_checkpoints(Arc::clone(&snapshots) as _);
        watched.map_err(|error| wrong(&error))?;
        Ok(Self {
            server: Server::new(config()).map_err(|error| wrong(&error))?,
            archive,
            snapshots,
            wake_at: None,
        })
    }

    pub(super) const fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// What has happened since it was looked last, as inputs.
    fn news(&mut self, now: Timestamp) -> Result<Vec<ServerInput>, CheckpointError> {
        let reached = std::mem::take(&mut *self.snapshots.reached.lock());
        let mut inputs: Vec<ServerInput> = reached
            .into_iter()
            .map(|(checkpoint, snapshot)| ServerInput::Reached {
                checkpoint,
                snapshot,
            })
            .collect();
        for slot in self.server.uncertified() {
            let certified = self.archive.certified(slot)?;
            inputs.extend(certified.map(ServerInput::Certified));
        }
        if self.wake_at.take_if(|at| *at <= now).is_some() {
            inputs.push(ServerInput::Tick);
        }
        Ok(inputs)
    }

    /// Takes inputs, and what follows from them. Gives what it says.
    fn step(
        &mut self,
        now: Timestamp,
        inputs: Vec<ServerInput>,
    ) -> Result<Vec<Word>, Box<dyn std::error::Error>> {
        let mut inputs = VecDeque::from(inputs);
        let mut said = Vec::new();
        while let Some(input) = inputs.pop_front() {
            for output in self.server.step(now, input) {
                match output {
                    ServerOutput::Send { to, message } => {
                        let packet = Packet::State(message.to_bytes());
                        said.push(Word::State { to, packet });
                    }
                    ServerOutput::MakeIndex { slot, snapshot } => {
                        let index = StateIndex::with_sizes(&*snapshot, SIZES)?;
                        let index = Some(Arc::new(index));
                        inputs.push_back(ServerInput::Indexed { slot, index });
                    }
                    ServerOutput::Read { to, question, from } => {
                        let answer = read_answer(&self.archive, question, &from)?;
                        inputs.push_back(ServerInput::Answered {
                            to,
                            question,
                            answer,
                        });
                    }
                    ServerOutput::WakeAt(at) => self.wake_at = Some(at),
                }
            }
        }
        Ok(said)
    }
}

/// What a node keeps of the past.
#[derive(Debug)]
pub(super) struct History {
    /// So many cycles before that of the newest certified checkpoint; none: everything.
    pub(super) cycles: Option<u64>,
    /// All before this slot is gone.
    pub(super) done: Slot,
    /// From which period on everything is here, as others are told.
    pub(super) served_from: u64,
    /// Outcomes that were dropped.
    pub(super) dropped: u64,
}

/// What those who have introduced themselves and said something say.
pub(super) fn claims(peers: &[PeerInfo]) -> Vec<Claim> {
    let told = peers.iter().filter(|peer| peer.ready);
    let claim = |peer: &PeerInfo| {
        Some(Claim {
            is_ahead: peer.ahead_slots > 0,
            serves_from: peer.serves_from?,
        })
    };
    told.filter_map(claim).collect()
}

impl Node {
    /// Tells who serves states what has happened here.
    pub(super) fn serve(&mut self) {
        let now = self.clock.now();
        let Some(serving) = &mut self.serving else {
            return;
        };
        match serving.news(now) {
            Ok(news) if !news.is_empty() => self.step_serving(news),
            Ok(_) => {}
            Err(error) => self.serving_fails(&error),
        }
    }

    /// A peer asks for a part of a state.
    pub(super) fn asked_for_state(&mut self, from: Peer, frame: &Frame) {
        let (Packet::GetState(bytes) | Packet::State(bytes)) = frame.packet() else {
            return;
        };
        match decode_exact::<Message>(bytes) {
            Ok(Message::Ask(question)) => {
                self.step_serving(vec![ServerInput::Asked { from, question }]);
            }
            // An answer that came too late for whoever asked.
            Ok(_) => {}
            Err(_) => self.unsaid.push_back(Word::BlameState(from)),
        }
    }

    /// A peer is gone.
    pub(super) fn gone_from_serving(&mut self, peer: Peer) {
        self.step_serving(vec![ServerInput::Disconnected(peer)]);
    }

    fn step_serving(&mut self, inputs: Vec<ServerInput>) {
        let now = self.clock.now();
        let Some(serving) = self.serving.as_mut().filter(|_| !self.fuse.is_blown()) else {
            return;
        };
        match serving.step(now, inputs) {
            Ok(said) => self.unsaid.extend(said),
            Err(error) => self.serving_fails(&*error),
        }
    }

    fn serving_fails(&mut self, error: &dyn std::error::Error) {
        if !self.fuse.is_blown() {
            let text = format!("a state cannot be served: {}", reason(error));
            self.effects.push(Effect::Broken(text));
        }
    }

    /// Drops some of what is not to be kept.
    pub(super) fn prune(&mut self) {
        let Some(cycles) = self.history.cycles else {
            return;
        };
        // A disk in memory fails only where its node crashes.
        let certified = self.checkpoints.archive.last_certified();
        let certified = certified.unwrap_or(Slot::GENESIS);
        let reached = certified.min(self.execution.summary().last_final_slot);
        let wanted = first_of_kept_cycles(cycles, reached, &self.params);
        if wanted.is_none_or(|wanted| wanted <= self.history.done) {
            return;
        }
        drop(self.drop_some(cycles, certified));
    }

    fn drop_some(&mut self, cycles: u64, certified: Slot) -> Result<(), StorageError> {
        let base = self.execution.base();
        let kept = first_kept(cycles, &base, certified, &self.params, &*self.archive)?;
        let Some(kept_from) = kept else {
            return Ok(());
        };
        // Nobody is promised what is about to go.
        let history = &mut self.history;
        history.served_from = history.served_from.max(kept_from.period);
        self.has_decided = true;
        let pruned = self.archive.prune_before(kept_from, PRUNED_AT_ONCE)?;
        history.dropped += pruned.outcomes;
        if pruned.is_nothing() {
            history.served_from = served_from(&*self.archive, &base.next_periods())?;
            history.done = kept_from;
        }
        Ok(())
    }

    /// Whether nobody gives what it lacks.
    pub(super) fn look_whether_left_behind(&mut self) {
        let now = self.clock.now();
        let latest = self.slot_clock.latest_slot_at(now);
        let last = |chain: &ThreadChain| chain.next_period().saturating_sub(1);
        let decided = self.engine_read(|engine| engine.chains().iter().map(last).collect());
        let standing = Standing {
            is_fresh: false,
            decided,
        };
        let periods_per_cycle = self.params.periods_per_cycle;
        // They are much to look at, and tell nothing to one that is not.
        let claims = if standing.is_far_behind(latest, periods_per_cycle) {
            claims(&self.peers())
        } else {
            Vec::new()
        };
        let (watch, driver) = (&mut self.watch, &mut self.checkpoints.driver);
        let proof = driver.certified_elsewhere();
        self.is_left_behind =
            watch.is_certain(now, &standing, latest, periods_per_cycle, &claims, proof);
        if let Err(error) = driver.look_out(watch.wants_proof()) {
            self.serving_fails(&error);
        }
    }

    /// Whether it followed those who said to give what it lacks, and did not get it.
    pub(crate) const fn has_followed_in_vain(&self) -> bool {
        self.watch.has_followed_in_vain()
    }

    /// Outcomes that it dropped since it was started.
    pub(crate) const fn dropped_outcomes(&self) -> u64 {
        self.history.dropped
    }
}
