//! The threads around the core: one that steps it, one that gives the pool what peers sent and verifies
//! signatures, so that votes never wait for operations.

use crate::arrivals::Arrivals;
use crate::core::{Core, Reads};
use crate::peers::{Losses, PeerInfo};
use crate::{
    CheckpointWord, Config, Farewell, Frame, Input, Lane, Output, Packet, ProtocolError,
    StateInbox, Transport,
};
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, TrySendError, bounded, unbounded};
use parking_lot::{Mutex, RwLock};
use picot_checkpoint::{CheckpointInbox, CheckpointMessage, CheckpointNetwork};
use picot_clock::{Clock, Millis, Timestamp};
use picot_consensus::{
    ConsensusInbox, ConsensusNetwork, Message, Peer, PeerFault, Request, Verifier,
};
use picot_crypto::Hash;
use picot_models::{Block, Denunciation, SignedEndorsement, SignedOperation};
use picot_pool::{Pool, Propagation};
use picot_selector::Selector;
use picot_serialization::decode_exact;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// What consensus and the pool want to send and was not taken up yet.
const LOCAL_LEN: usize = 65_536;
/// What the pool is to be given, and signatures to be verified.
const JOBS_LEN: usize = 1_024;
/// Inputs of one kind that are taken before others are looked at.
const TAKEN_TOGETHER: usize = 256;
/// By lane: frames that are taken before other inputs are looked at, so that a lane that is flooded
/// delays votes little and nothing else for ever.
const FRAMES_TOGETHER: [usize; 3] = [64, 8, 1];
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// Other chains and versions that an operator is told of.
const MAX_TOLD: usize = 64;

/// Something that is dropped when a frame was dealt with: it gives the sender room for more.
pub type Room = Box<dyn Send>;

/// Frames of a peer's lane that are read when they come, while they wait; more are kept as they came,
/// which takes much less memory.
const READ_AHEAD: usize = 1_024;

struct Arrived {
    what: What,
    _room: Option<Room>,
}

enum What {
    Read(Box<Input>),
    Unread {
        from: Peer,
        lane: Lane,
        bytes: Box<[u8]>,
    },
}

impl What {
    fn read(self) -> Input {
        match self {
            Self::Read(input) => *input,
            Self::Unread { from, lane, bytes } => read(from, lane, &bytes),
        }
    }
}

fn read(from: Peer, lane: Lane, bytes: &[u8]) -> Input {
    match decode_exact::<Packet>(bytes) {
        Ok(packet) => Input::Received {
            from,
            lane,
            frame: Arc::new(Frame::received(packet, bytes)),
        },
        Err(error) => {
            debug!(peer = from.0, %error, "a frame is no packet");
            Input::Unreadable { from }
        }
    }
}

/// What the parts of a node send by, and what the transport tells its events.
///
/// No method waits.
#[derive(Clone)]
pub struct ProtocolHandle {
    shared: Arc<Shared>,
}

struct Shared {
    local: Sender<Input>,
    events: Sender<Input>,
    frames: [Arrivals<Arrived>; 3],
    /// Sent by this node's parts while the queue was full.
    lost: AtomicU64,
    peers: RwLock<PeersView>,
    /// Who receives and serves states, once there is somebody.
    states: RwLock<Option<Arc<dyn StateInbox>>>,
}

#[derive(Debug, Clone, Default)]
struct PeersView {
    peers: Vec<PeerInfo>,
    losses: Losses,
    ready: usize,
    clock_offset_ms: Option<i64>,
}

/// The other ends.
pub struct ProtocolQueues {
    local: Receiver<Input>,
    events: Receiver<Input>,
    bells: [Receiver<()>; 3],
}

impl ProtocolHandle {
    /// A handle, and the queues for [`ProtocolWorker::start`].
    #[must_use]
    pub fn new() -> (Self, ProtocolQueues) {
        let (local, local_queue) = bounded(LOCAL_LEN);
        // What a window of unwritten and unread bytes of each peer allows, and no more: the transport
        // gives no room for more before this is dealt with.
        let (events, event_queue) = unbounded();
        let [urgent, gossip, bulk] = [(); 3].map(|()| Arrivals::new());
        let shared = Shared {
            local,
            events,
            frames: [urgent.0, gossip.0, bulk.0],
            lost: AtomicU64::new(0),
            peers: RwLock::default(),
            states: RwLock::default(),
        };
        let queues = ProtocolQueues {
            local: local_queue,
            events: event_queue,
            bells: [urgent.1, gossip.1, bulk.1],
        };
        (
            Self {
                shared: Arc::new(shared),
            },
            queues,
        )
    }

    /// The transport is connected to a peer.
    pub fn connected(
        &self,
        peer: Peer,
        node: Hash,
        address: Option<IpAddr>,
        outbound: bool,
        reserved: bool,
    ) {
        self.event(Input::Connected {
            peer,
            node,
            address,
            outbound,
            reserved,
        });
    }

    /// A connection is gone.
    pub fn disconnected(&self, peer: Peer) {
        self.event(Input::Disconnected(peer));
        self.shared.frames.iter().for_each(|lane| lane.forget(peer));
    }

    /// The transport has passed bytes on.
    pub fn written(&self, to: Peer, lane: Lane, bytes: usize) {
        self.event(Input::Written { to, lane, bytes });
    }

    /// Bytes came. They are read here, on the thread of the caller, unless many wait already; `room` is
    /// dropped when they were dealt with.
    pub fn receive(&self, from: Peer, lane: Lane, bytes: &[u8], room: Option<Room>) {
        let [urgent, gossip, bulk] = &self.shared.frames;
        let queue = match lane {
            Lane::Urgent => urgent,
            Lane::Gossip => gossip,
            Lane::Bulk => bulk,
        };
        let what = if queue.waiting(from) < READ_AHEAD {
            What::Read(Box::new(read(from, lane, bytes)))
        } else {
            let bytes = bytes.into();
            What::Unread { from, lane, bytes }
        };
        let arrived = Arrived { what, _room: room };
        queue.push(from, arrived);
    }

    /// All peers, as an operator sees them: some fractions of a second old.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.shared.peers.read().peers.clone()
    }

    /// What found no room since the start, of all peers that were ever connected.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.shared.peers.read().losses
    }

    /// Peers that have introduced themselves.
    #[must_use]
    pub fn ready_peers(&self) -> usize {
        self.shared.peers.read().ready
    }

    /// By how many milliseconds this node's clock seems to be behind those of its peers.
    #[must_use]
    pub fn clock_offset_ms(&self) -> Option<i64> {
        self.shared.peers.read().clock_offset_ms
    }

    /// What this node's parts sent while the queue was full, and nobody got.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// By thread the last decided period, and the first period whose blocks are kept.
    pub fn progress(&self, decided: Vec<u64>, serves_from: u64) {
        self.local(Input::Progress {
            decided,
            serves_from,
        });
    }

    /// From now on tells whoever receives or serves states what peers ask and answer. It should be there
    /// before the first peer is; what came before is lost, and asked again.
    pub fn deliver_states(&self, inbox: Arc<dyn StateInbox>) {
        *self.shared.states.write() = Some(inbox);
    }

    /// Asks a peer for a part of a state.
    pub fn ask_state(&self, to: Peer, question: Vec<u8>) {
        let packet = Packet::GetState(question);
        self.local(Input::State { to, packet });
    }

    /// Gives a peer a part of a state, or says that it is not given.
    pub fn answer_state(&self, to: Peer, answer: Vec<u8>) {
        let packet = Packet::State(answer);
        self.local(Input::State { to, packet });
    }

    /// A peer lies about states.
    pub fn blame_state(&self, peer: Peer) {
        self.local(Input::BlameState(peer));
    }

    fn event(&self, input: Input) {
        // The other end is gone only when the node ends.
        let _ = self.shared.events.send(input);
    }

    fn local(&self, input: Input) {
        if let Err(TrySendError::Full(_)) = self.shared.local.try_send(input) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl ConsensusNetwork for ProtocolHandle {
    fn broadcast(&self, message: Arc<Message>) {
        self.local(Input::Broadcast(message));
    }

    fn tell(&self, message: Arc<Message>) {
        self.local(Input::Tell(message));
    }

    fn relay(&self, from: Peer, message: Arc<Message>) {
        self.local(Input::Relay { from, message });
    }

    fn send(&self, to: Peer, message: Arc<Message>) {
        self.local(Input::Send { to, message });
    }

    fn ask(&self, to: Option<Peer>, request: Request) {
        self.local(Input::Ask { to, request });
    }

    fn hold(&self, block: &Block) {
        self.local(Input::Held(block.clone()));
    }

    fn blame(&self, peer: Peer, fault: PeerFault) {
        self.local(Input::Blame { peer, fault });
    }
}

impl CheckpointNetwork for ProtocolHandle {
    fn broadcast(&self, message: Arc<CheckpointMessage>) {
        self.local(Input::Checkpoint(CheckpointWord::Broadcast(message)));
    }

    fn relay(&self, from: Peer, message: Arc<CheckpointMessage>) {
        self.local(Input::Checkpoint(CheckpointWord::Relay { from, message }));
    }

    fn send(&self, to: Peer, message: Arc<CheckpointMessage>) {
        self.local(Input::Checkpoint(CheckpointWord::Send { to, message }));
    }

    fn ask(&self, message: Arc<CheckpointMessage>) {
        self.local(Input::Checkpoint(CheckpointWord::Ask(message)));
    }

    fn blame(&self, peer: Peer, fault: PeerFault) {
        self.local(Input::Blame { peer, fault });
    }
}

impl Propagation for ProtocolHandle {
    fn operations(&self, operations: &[Arc<SignedOperation>]) {
        self.local(Input::NewOperations(operations.to_vec()));
    }

    fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]) {
        self.local(Input::NewEndorsements(endorsements.to_vec()));
    }

    fn denunciations(&self, denunciations: &[Arc<Denunciation>]) {
        self.local(Input::NewDenunciations(denunciations.to_vec()));
    }
}

/// What the worker works with.
pub struct ProtocolPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who may act.
    pub selector: Arc<dyn Selector>,
    /// What is pending.
    pub pool: Arc<dyn Pool>,
    /// Consensus.
    pub consensus: Arc<dyn ConsensusInbox>,
    /// Who gathers checkpoints.
    pub checkpoints: Arc<dyn CheckpointInbox>,
    /// Other nodes.
    pub transport: Arc<dyn Transport>,
    /// Where signatures of headers, and of votes before they are passed on, are verified.
    pub votes: Box<dyn Verifier>,
    /// Where signatures of operations of blocks are verified.
    pub operations: Box<dyn Verifier>,
}

/// The core on its threads. They end when it is dropped.
pub struct ProtocolWorker {
    stop: Sender<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl ProtocolWorker {
    /// Starts the threads.
    ///
    /// # Errors
    /// The configuration is wrong, or the system gives no thread.
    pub fn start(
        config: Config,
        ports: ProtocolPorts,
        handle: &ProtocolHandle,
        queues: ProtocolQueues,
    ) -> Result<Self, ProtocolError> {
        let reads = Reads {
            selector: ports.selector,
            pool: Arc::clone(&ports.pool),
            verifier: Arc::from(ports.votes),
        };
        let max_offset_ms = config.params.max_clock_drift_ms / 2;
        let core = Core::new(config, reads)?;
        let (stop, stopped) = bounded(1);
        let (jobs, job_queue) = bounded(JOBS_LEN);
        let (done, done_queue) = bounded(JOBS_LEN.saturating_mul(2));
        let feeder = Feeder {
            pool: ports.pool,
            verifier: ports.operations,
            jobs: job_queue,
            done,
        };
        let mut shell = Shell {
            core,
            clock: ports.clock,
            consensus: ports.consensus,
            checkpoints: ports.checkpoints,
            transport: ports.transport,
            shared: Arc::clone(&handle.shared),
            jobs,
            shown_at: Timestamp::EPOCH,
            max_offset_ms,
            is_clock_off: false,
            told: BTreeSet::new(),
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(|error| ProtocolError::Stopped(format!("no thread: {error}")))
        };
        let threads = vec![
            spawn("protocol-pool", Box::new(move || feeder.run()))?,
            spawn(
                "protocol",
                Box::new(move || shell.run(&queues, &done_queue, &stopped)),
            )?,
        ];
        Ok(Self {
            stop,
            threads: Mutex::new(threads),
        })
    }

    /// Ends the threads.
    pub fn stop(&self) {
        let _ = self.stop.try_send(());
        for thread in self.threads.lock().drain(..).rev() {
            if thread.join().is_err() {
                error!("a thread of the protocol panicked");
            }
        }
    }
}

impl Drop for ProtocolWorker {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Shell {
    core: Core,
    clock: Arc<dyn Clock>,
    consensus: Arc<dyn ConsensusInbox>,
    checkpoints: Arc<dyn CheckpointInbox>,
    transport: Arc<dyn Transport>,
    shared: Arc<Shared>,
    jobs: Sender<Output>,
    shown_at: Timestamp,
    /// An offset of the clock that an operator must hear of.
    max_offset_ms: u64,
    is_clock_off: bool,
    /// Reasons for farewells that an operator was told.
    told: BTreeSet<String>,
}

impl Shell {
    fn run(&mut self, queues: &ProtocolQueues, done: &Receiver<Input>, stopped: &Receiver<()>) {
        let shared = Arc::clone(&self.shared);
        let [urgent, gossip, bulk] = &shared.frames;
        let [urgent_most, gossip_most, bulk_most] = FRAMES_TOGETHER;
        let mut waiting = Select::new();
        waiting.recv(stopped);
        waiting.recv(&queues.events);
        waiting.recv(&queues.local);
        waiting.recv(done);
        queues.bells.iter().for_each(|bell| {
            waiting.recv(bell);
        });
        loop {
            let is_idle = waiting.ready_timeout(self.sleep()).is_err();
            if stopped.try_recv() != Err(TryRecvError::Empty) {
                return;
            }
            for bell in &queues.bells {
                // Whether it rang or not: all lanes are looked at.
                let _ = bell.try_recv();
            }
            self.take_events(&queues.events);
            self.take_frames(urgent, urgent_most, &queues.events);
            self.take_some(&queues.local);
            self.take_some(done);
            self.take_frames(gossip, gossip_most, &queues.events);
            self.take_frames(bulk, bulk_most, &queues.events);
            if is_idle {
                self.step(Input::Tick);
            }
            self.show();
        }
    }

    fn sleep(&self) -> Duration {
        let wake_at = self.core.wake_at();
        let left = wake_at.and_then(|at| at.since(self.clock.now()));
        let left = left.map_or(MAX_SLEEP, |left| Duration::from(left.max(Millis::ZERO)));
        if wake_at.is_some() {
            left.min(MAX_SLEEP)
        } else {
            MAX_SLEEP
        }
    }

    fn take_events(&mut self, events: &Receiver<Input>) {
        for input in events.try_iter() {
            self.step(input);
        }
    }

    fn take_some(&mut self, queue: &Receiver<Input>) {
        for input in queue.try_iter().take(TAKEN_TOGETHER) {
            self.step(input);
        }
    }

    /// No frame is looked at before the news that its peer is connected.
    fn take_frames(&mut self, lane: &Arrivals<Arrived>, most: usize, events: &Receiver<Input>) {
        for arrived in lane.take(most) {
            self.take_events(events);
            self.step(arrived.what.read());
        }
    }

    fn step(&mut self, input: Input) {
        for output in self.core.step(self.clock.now(), input) {
            self.execute(output);
        }
    }

    fn execute(&mut self, output: Output) {
        match output {
            Output::Send { to, frame } => {
                let bytes = Arc::clone(frame.bytes());
                self.transport.send(to, frame.lane(), bytes);
            }
            Output::Disconnect { peer, reason } => {
                self.tell_farewell(peer, &reason);
                self.transport.disconnect(peer, &reason);
            }
            Output::Ban {
                peer,
                node,
                address,
                length,
                reason,
            } => {
                warn!(peer = peer.0, %reason, "a peer is banned for {} s", length.0 / 1_000);
                self.transport.ban(peer, node, address, length, &reason);
            }
            Output::Penalty { peer, fault } => {
                debug!(peer = peer.0, %fault, "a peer did something wrong");
            }
            Output::Consensus { from, message } => {
                self.heed(self.consensus.deliver(from, message));
            }
            Output::Checkpoint { from, message } => self.checkpoints.deliver(from, message),
            Output::Introduced(peer) => self.tell_states(|states| states.introduced(peer)),
            Output::Gone(peer) => self.tell_states(|states| states.gone(peer)),
            Output::State { from, frame } => {
                if let Packet::GetState(bytes) | Packet::State(bytes) = frame.packet() {
                    self.tell_states(|states| states.deliver(from, bytes));
                }
            }
            Output::DecidedElsewhere { peer, slots } => {
                self.heed(self.consensus.decided_elsewhere(peer, slots));
            }
            job @ (Output::AddOperations { .. }
            | Output::AddEndorsements { .. }
            | Output::AddDenunciations { .. }
            | Output::Verify { .. }) => self.add_job(job),
            Output::WakeAt(_) => {}
        }
    }

    fn tell_states(&self, tell: impl FnOnce(&dyn StateInbox)) {
        if let Some(states) = self.shared.states.read().as_ref() {
            tell(states.as_ref());
        }
    }

    /// That there are nodes of other chains or versions is for an operator to know, once: they call again
    /// and again.
    fn tell_farewell(&mut self, peer: Peer, reason: &Farewell) {
        let is_grave = matches!(
            reason,
            Farewell::OtherChain { .. } | Farewell::OtherVersion { .. }
        );
        if is_grave && self.told.len() < MAX_TOLD && self.told.insert(reason.to_string()) {
            warn!(peer = peer.0, %reason, "a peer is not of this network");
        } else {
            info!(peer = peer.0, %reason, "a peer is disconnected");
        }
    }

    /// Consensus ends before the network does.
    fn heed(&self, result: Result<(), picot_consensus::ConsensusError>) {
        if let Err(error) = result {
            debug!(%error, "a message cannot be delivered");
        }
    }

    /// The core bounds what is under way, so the queue has room, but for what floods.
    fn add_job(&self, job: Output) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn show(&mut self) {
        let now = self.clock.now();
        let age = now.since(self.shown_at);
        if age.is_some_and(|age| Millis::ZERO <= age && age < Millis(250)) {
            return;
        }
        self.shown_at = now;
        let view = PeersView {
            peers: self.core.peers(now),
            losses: self.core.losses(),
            ready: self.core.ready_peers(),
            clock_offset_ms: self.core.clock_offset_ms(),
        };
        self.judge_clock(view.clock_offset_ms);
        *self.shared.peers.write() = view;
    }

    /// Says once that this node's clock is off, and once that it is right again.
    fn judge_clock(&mut self, offset_ms: Option<i64>) {
        let Some(offset_ms) = offset_ms else {
            return;
        };
        let is_off = offset_ms.unsigned_abs() > self.max_offset_ms;
        if is_off && !self.is_clock_off {
            warn!(
                "the clock of this machine seems to be off by {offset_ms} ms from those of the peers; \
                 beyond {} ms other nodes may take no notice of this one",
                self.max_offset_ms.saturating_mul(2)
            );
        } else if !is_off && self.is_clock_off {
            info!("the clock of this machine agrees with those of the peers again");
        }
        self.is_clock_off = is_off;
    }
}

/// The second thread.
struct Feeder {
    pool: Arc<dyn Pool>,
    verifier: Box<dyn Verifier>,
    jobs: Receiver<Output>,
    done: Sender<Input>,
}

impl Feeder {
    fn run(&self) {
        for job in &self.jobs {
            if let Some(input) = self.do_job(job)
                && self.done.send(input).is_err()
            {
                return;
            }
        }
    }

    fn do_job(&self, job: Output) -> Option<Input> {
        match job {
            Output::AddOperations { ticket, operations } => Some(Input::Added {
                ticket,
                results: self.pool.add_operations(operations),
            }),
            Output::AddEndorsements { from, endorsements } => Some(Input::Judged {
                from,
                results: self.pool.add_endorsements(endorsements),
            }),
            Output::AddDenunciations {
                from,
                denunciations,
            } => Some(Input::Judged {
                from,
                results: self.pool.add_denunciations(denunciations),
            }),
            Output::Verify { ticket, operations } => {
                let entries: Vec<_> = operations.iter().map(|one| one.batch_entry()).collect();
                let bad = self.verifier.bad(&entries);
                Some(Input::Verified { ticket, bad })
            }
            _ => None,
        }
    }
}
