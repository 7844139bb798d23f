//! A node that is far behind, before it runs: it finds out whether others give what was decided since,
//! and receives the state of a checkpoint if they do not (design 10, 'Bootstrap'). The real protocol, the
//! real choice and the real core that receives, put together as `picot-node` does it.

use super::{Effect, Start, reason, serving, speech};
use crate::SimError;
use crate::durable::FusedState;
use crate::fuse::Fuse;
use crate::planted::Planted;
use crate::verified::SharedVerifier;
use picot_bootstrap::{
    BootstrapError, ChainStart, Choice, Chooser, Client, ClientConfig, ClientInput, ClientOutput,
    Message, Performed, Progress, Staging, Standing, perform,
};
use picot_checkpoint::CheckpointArchive;
use picot_clock::{Clock, ManualClock, Millis, Timestamp};
use picot_consensus::{Peer, Verifier};
use picot_ledger::{LatticeHash, STATE_FORMAT, StateBatch, StateMetadata, StateStore};
use picot_models::{Checkpoint, Slot};
use picot_pool::{LateAccounts, NoPropagation, Pool, SharedPool};
use picot_protocol::{Core, Frame, Input as Word, Output, Packet, Reads};
use picot_selector::{Selector, StakeSelector};
use picot_serialization::{Encode, decode_exact};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How often peers are looked at until it is known what to do.
const LOOK_INTERVAL: Millis = Millis(100);

/// Runs are short.
fn config() -> ClientConfig {
    ClientConfig {
        answer_wait: Millis(2_000),
        rest: Millis(2_000),
        max_rest: Millis(8_000),
        offers_interval: Millis(1_000),
        patience: Millis(15_000),
        ..ClientConfig::default()
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was decided can be followed.
    Follow,
    /// Its own state is as good as what others have.
    NothingNewer,
    /// The state of this checkpoint is here.
    Received(Checkpoint),
}

/// What receives a state.
struct Receiver {
    client: Client,
    wake_at: Option<Timestamp>,
}

/// A node that is far behind, before it runs.
pub(crate) struct Joining {
    /// Where it crashes.
    pub fuse: Arc<Fuse>,
    /// Its clock.
    pub clock: ManualClock,
    /// What it did since it was asked last.
    pub effects: Vec<Effect>,
    core: Core,
    unsaid: VecDeque<Word>,
    written: BTreeMap<(Peer, u8), speech::Written>,
    is_metered: bool,
    pool: Arc<dyn Pool>,
    verifier: SharedVerifier,
    chooser: Chooser,
    looks_at: Timestamp,
    /// What peers did before anything is received.
    waiting: Vec<ClientInput>,
    receiver: Option<Receiver>,
    archive: CheckpointArchive,
    store: Arc<FusedState>,
    staging: Staging,
    /// The slot up to which it has decided everything.
    own: Slot,
    /// A planted bug.
    trusts_disk: bool,
    ended: Option<Ended>,
}

impl Joining {
    /// A node that is so far, and has to do with its peers by the protocol alone.
    ///
    /// # Errors
    /// A part cannot be made.
    pub(crate) fn start(start: &Start<'_>, standing: &Standing) -> Result<Self, SimError> {
        let wrong = |error: &dyn std::error::Error| SimError::Part {
            node: start.index,
            reason: reason(error),
        };
        let (genesis, params) = (start.genesis, &start.genesis.params);
        let selector_config = picot_selector::Config::from_params(params);
        let selector = StakeSelector::new(selector_config).map_err(|error| wrong(&error))?;
        let selector: Arc<dyn Selector> = Arc::new(selector);
        let pool = SharedPool::new(
            picot_pool::Config::default(),
            genesis.chain_id(),
            params.clone(),
            Arc::clone(&selector),
            Arc::new(LateAccounts::new()),
            Arc::new(NoPropagation),
        );
        let pool: Arc<dyn Pool> = Arc::new(pool.map_err(|error| wrong(&error))?);
        let reads = Reads {
            selector,
            pool: Arc::clone(&pool),
            verifier: Arc::new(start.verifier.clone()),
        };
        let core = Core::new(speech::config(genesis, start.index), reads);
        let checkpoints = Arc::new(start.disk.checkpoints(&start.fuse));
        let store = Arc::new(start.disk.incoming(&start.fuse));
        let mut joining = Self {
            fuse: Arc::clone(&start.fuse),
            clock: ManualClock::new(start.now),
            effects: Vec::new(),
            core: core.map_err(|error| wrong(&error))?,
            unsaid: VecDeque::new(),
            written: BTreeMap::new(),
            is_metered: start.is_metered,
            pool,
            verifier: start.verifier.clone(),
            chooser: if start.has_followed_in_vain {
                Chooser::new(start.now, standing).disbelieving()
            } else {
                Chooser::new(start.now, standing)
            },
            looks_at: start.now,
            waiting: Vec::new(),
            receiver: None,
            archive: CheckpointArchive::new(checkpoints, Arc::new(genesis.clone())),
            staging: Staging::new(Arc::clone(&store) as _),
            store,
            own: standing.decided_up_to(),
            trusts_disk: start.planted == Some(Planted::TrustDisk),
            ended: None,
        };
        // Nothing can be had from this node now.
        joining.unsaid.push_back(Word::Progress {
            decided: standing.decided.clone(),
            serves_from: u64::MAX,
        });
        joining.run();
        Ok(joining)
    }

    /// How it ended, once.
    pub(crate) const fn take_ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    /// How far it is, if it receives.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let receiver = self.receiver.as_ref()?;
        Some(receiver.client.progress(self.clock.now()))
    }

    /// When it wants to be woken, by its own clock.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let own = match &self.receiver {
            Some(receiver) => receiver.wake_at,
            None => Some(self.looks_at),
        };
        let times = [self.core.wake_at(), own];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// The transport is connected to a node.
    pub(crate) fn connected(&mut self, peer: Peer, node: usize, outbound: bool) {
        self.hear(speech::connected(peer, node, outbound));
    }

    /// A connection is gone.
    pub(crate) fn disconnected(&mut self, peer: Peer) {
        self.written.retain(|(other, _), _| *other != peer);
        self.hear(Word::Disconnected(peer));
    }

    /// The protocol hears of something that happened outside.
    pub(crate) fn hear(&mut self, word: Word) {
        self.unsaid.push_back(word);
        self.run();
    }

    /// Time passed.
    pub(crate) fn wake(&mut self) {
        self.run();
    }

    fn run(&mut self) {
        let now = self.clock.now();
        if self.core.wake_at().is_some_and(|at| at <= now) {
            self.unsaid.push_back(Word::Tick);
        }
        self.talk();
        if self.receiver.is_none() && self.ended.is_none() && self.looks_at <= now {
            self.look(now);
        }
        let receiver = self.receiver.as_mut();
        if receiver.is_some_and(|it| it.wake_at.take_if(|at| *at <= now).is_some()) {
            self.receive(ClientInput::Tick);
        }
        self.tell_written();
        self.talk();
    }

    /// Whether it is known what to do.
    fn look(&mut self, now: Timestamp) {
        self.looks_at = Timestamp(now.0 + LOOK_INTERVAL.0);
        let claims = serving::claims(&self.core.peers(now));
        match self.chooser.choose(now, &claims) {
            None => {}
            Some(Choice::Follow) => self.ended = Some(Ended::Follow),
            Some(Choice::Receive) => self.begin(),
        }
    }

    fn begin(&mut self) {
        self.effects.push(Effect::Receives);
        match self.client() {
            Ok(client) => {
                self.receiver = Some(Receiver {
                    client,
                    wake_at: None,
                });
                for input in std::mem::take(&mut self.waiting) {
                    self.receive(input);
                }
                self.receive(ClientInput::Tick);
            }
            Err(error) => self.fails(&error),
        }
    }

    fn client(&self) -> Result<Client, BootstrapError> {
        let nothing_is_kept = self.staging.is_empty()?;
        let start = ChainStart::Follower(Box::new(self.archive.follower()?));
        let genesis = Arc::clone(self.archive.genesis());
        let client = Client::new(config(), genesis, start, nothing_is_kept)?;
        Ok(client.newer_than(Some(self.own)))
    }

    fn fails(&mut self, error: &BootstrapError) {
        if !self.fuse.is_blown() {
            let text = format!("a state cannot be received: {}", reason(error));
            self.effects.push(Effect::Broken(text));
        }
    }

    fn take(&mut self, input: ClientInput) {
        if self.receiver.is_some() {
            self.receive(input);
        } else {
            self.waiting.push(input);
        }
    }

    fn receive(&mut self, input: ClientInput) {
        let now = self.clock.now();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(receiver) = &mut self.receiver else {
                return;
            };
            for output in receiver.client.step(now, input) {
                if self.fuse.is_blown() {
                    return;
                }
                match self.carry_out(output) {
                    Ok(input) => inputs.extend(input),
                    Err(error) => self.fails(&error),
                }
            }
        }
    }

    fn carry_out(&mut self, output: ClientOutput) -> Result<Option<ClientInput>, BootstrapError> {
        if self.trusts_disk
            && let Some(input) = self.trusting(&output)?
        {
            return Ok(Some(input));
        }
        if matches!(output, ClientOutput::Stage { .. }) {
            self.effects.push(Effect::Staged);
        }
        let output = match perform(output, &self.staging, &self.archive)? {
            Performed::Done => return Ok(None),
            Performed::Tell(input) => return Ok(Some(input)),
            Performed::Left(output) => output,
        };
        Ok(match output {
            ClientOutput::Send { to, message } => {
                let bytes = message.to_bytes();
                let packet = match message {
                    Message::Ask(_) => Packet::GetState(bytes),
                    _ => Packet::State(bytes),
                };
                self.unsaid.push_back(Word::State { to, packet });
                None
            }
            ClientOutput::Drop { peer, lie } => {
                self.effects.push(Effect::Lie(peer, lie.to_string()));
                self.unsaid.push_back(Word::BlameState(peer));
                None
            }
            ClientOutput::Done(checkpoint) => {
                self.ended = Some(Ended::Received(checkpoint));
                None
            }
            ClientOutput::Failed(BootstrapError::NothingNewer) => {
                self.ended = Some(Ended::NothingNewer);
                None
            }
            ClientOutput::Failed(error) => return Err(error),
            ClientOutput::WakeAt(at) => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.wake_at = Some(at);
                }
                None
            }
            // It was done on disk.
            _ => None,
        })
    }

    /// A planted bug: what is there was received, and is the state.
    fn trusting(&self, output: &ClientOutput) -> Result<Option<ClientInput>, BootstrapError> {
        Ok(match output {
            ClientOutput::Examine { index, number, .. } => Some(ClientInput::Examined {
                index: *index,
                number: *number,
                is_here: true,
            }),
            ClientOutput::Accept(checkpoint) => {
                let accepted = self.accept_unseen(checkpoint)?;
                Some(ClientInput::Accepted(accepted))
            }
            _ => None,
        })
    }

    fn accept_unseen(&self, checkpoint: &Checkpoint) -> Result<bool, BootstrapError> {
        let metadata = StateMetadata {
            format: STATE_FORMAT,
            chain_id: self.archive.genesis().chain_id(),
            last_final_slot: checkpoint.slot,
            lattice: LatticeHash::of_store(&*self.store)?,
        };
        let mut batch = StateBatch::new();
        batch.set_metadata(metadata.to_bytes());
        self.store.commit(batch)?;
        self.store.sync()?;
        Ok(true)
    }
}

/// The protocol, as far as there is something to say.
impl Joining {
    fn talk(&mut self) {
        while let Some(word) = self.unsaid.pop_front() {
            if self.fuse.is_blown() {
                self.unsaid.clear();
                return;
            }
            for output in self.core.step(self.clock.now(), word) {
                self.heed(output);
            }
        }
    }

    fn heed(&mut self, output: Output) {
        match output {
            Output::Send { to, frame } => self.send(to, frame),
            Output::Disconnect { peer, reason } => {
                let effect = Effect::Parted(peer, reason, Millis::ZERO);
                self.effects.push(effect);
            }
            Output::Ban {
                peer,
                reason,
                length,
                ..
            } => self.effects.push(Effect::Parted(peer, reason, length)),
            Output::Penalty { peer, fault } => self.effects.push(Effect::Punished(peer, fault)),
            Output::Introduced(peer) => self.take(ClientInput::Connected(peer)),
            Output::Gone(peer) => self.take(ClientInput::Disconnected(peer)),
            Output::State { from, frame } => self.take(input_of(from, &frame)),
            Output::AddOperations { ticket, operations } => {
                let results = self.pool.add_operations(operations);
                self.unsaid.push_back(Word::Added { ticket, results });
            }
            Output::AddEndorsements { from, endorsements } => {
                let results = self.pool.add_endorsements(endorsements);
                self.unsaid.push_back(Word::Judged { from, results });
            }
            Output::AddDenunciations {
                from,
                denunciations,
            } => {
                let results = self.pool.add_denunciations(denunciations);
                self.unsaid.push_back(Word::Judged { from, results });
            }
            Output::Verify { ticket, operations } => {
                let entries: Vec<_> = operations.iter().map(|one| one.batch_entry()).collect();
                let bad = self.verifier.bad(&entries);
                self.unsaid.push_back(Word::Verified { ticket, bad });
            }
            // There is no state to judge by.
            Output::Consensus { .. }
            | Output::Checkpoint { .. }
            | Output::DecidedElsewhere { .. }
            | Output::WakeAt(_) => {}
        }
    }

    fn send(&mut self, to: Peer, frame: Arc<Frame>) {
        if self.fuse.send(1) == 0 {
            return;
        }
        if !self.is_metered {
            let written = self.written.entry((to, frame.lane().number()));
            written.or_default().add(&frame);
        }
        self.effects.push(Effect::Send(to, frame));
    }

    /// Frames that have left.
    fn tell_written(&mut self) {
        let written = std::mem::take(&mut self.written);
        self.unsaid.extend(speech::written(written));
    }
}

fn input_of(from: Peer, frame: &Frame) -> ClientInput {
    let (Packet::GetState(bytes) | Packet::State(bytes)) = frame.packet() else {
        return ClientInput::Unreadable(from);
    };
    match decode_exact::<Message>(bytes) {
        Ok(message) => ClientInput::Received { from, message },
        Err(_) => ClientInput::Unreadable(from),
    }
}
