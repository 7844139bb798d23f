//! A client, servers, links between them, and virtual time.

use super::state::{SOURCE, pairs_of};
use crate::index::StateIndex;
use crate::{
    ChainStart, Client, ClientConfig, ClientInput, ClientOutput, Lie, Message, Performed, Progress,
    Server, ServerConfig, ServerInput, ServerOutput, Staging, perform, read_answer,
};
use picot_checkpoint::CheckpointArchive;
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_ledger::{MemoryStateStore, StateBatch, StateMetadata, StateStore};
use picot_models::{Checkpoint, CheckpointHash, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a peer makes of each message that it would honestly send: others, or none.
pub(super) type Mischief = Box<dyn FnMut(Message) -> Vec<Message>>;

/// A node that serves.
pub(super) struct TestServer {
    core: Server,
    archive: CheckpointArchive,
    /// In place of the honest index of a state.
    index: Option<Arc<StateIndex>>,
    mischief: Option<Mischief>,
    /// How long its messages travel.
    pub(super) latency: Millis,
    /// It does not hear anything any more.
    pub(super) is_silent: bool,
    /// Messages after which it vanishes.
    pub(super) leaves_after: Option<usize>,
    sent: usize,
}

impl TestServer {
    /// That has the state with a number.
    pub(super) fn with_state(number: usize) -> Self {
        Self::of(number, ServerConfig::default(), None)
    }

    /// That says of the state with number 1 that this is its index.
    pub(super) fn with_index(index: StateIndex) -> Self {
        Self::of(1, ServerConfig::default(), Some(Arc::new(index)))
    }

    pub(super) fn of(number: usize, config: ServerConfig, index: Option<Arc<StateIndex>>) -> Self {
        let mut server = Self {
            core: Server::new(config).unwrap(),
            archive: SOURCE.archive(number),
            index,
            mischief: None,
            latency: Millis(20),
            is_silent: false,
            leaves_after: None,
            sent: 0,
        };
        let reached = ServerInput::Reached {
            checkpoint: SOURCE.checkpoint(number),
            snapshot: SOURCE.states[number].clone(),
        };
        let certified = ServerInput::Certified(SOURCE.checkpoint(number));
        for input in [reached, certified] {
            let outputs = server.core.step(Timestamp(0), input);
            assert!(outputs.is_empty());
        }
        server
    }

    /// That does this to all that it sends.
    pub(super) fn lying(mischief: impl FnMut(Message) -> Vec<Message> + 'static) -> Self {
        let mut server = Self::with_state(1);
        server.mischief = Some(Box::new(mischief));
        server
    }

    /// The same with the state with a number.
    pub(super) fn lying_about(
        number: usize,
        mischief: impl FnMut(Message) -> Vec<Message> + 'static,
    ) -> Self {
        let mut server = Self::with_state(number);
        server.mischief = Some(Box::new(mischief));
        server
    }

    pub(super) fn silent() -> Self {
        let mut server = Self::with_state(1);
        server.is_silent = true;
        server
    }

    pub(super) fn leaving_after(messages: usize) -> Self {
        let mut server = Self::with_state(1);
        server.leaves_after = Some(messages);
        server
    }

    pub(super) fn with_latency(mut self, latency: u64) -> Self {
        self.latency = Millis(latency);
        self
    }

    fn index(&self, slot: Slot) -> Arc<StateIndex> {
        if let Some(index) = &self.index {
            return Arc::clone(index);
        }
        let number = (0..2).find(|it| SOURCE.checkpoint(*it).slot == slot);
        Arc::clone(&SOURCE.indices[number.unwrap()])
    }

    /// Does what the core says, and gives what is to be sent and when it wants to be woken.
    fn step(
        &mut self,
        now: Timestamp,
        input: ServerInput,
    ) -> (Vec<(Peer, Message)>, Option<Timestamp>) {
        let (mut sent, mut wake_at) = (Vec::new(), None);
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.core.step(now, input) {
                match output {
                    ServerOutput::Send { to, message } => match &mut self.mischief {
                        None => sent.push((to, message)),
                        Some(mischief) => {
                            sent.extend(mischief(message).into_iter().map(|it| (to, it)));
                        }
                    },
                    ServerOutput::MakeIndex { slot, .. } => {
                        let index = Some(self.index(slot));
                        inputs.push_back(ServerInput::Indexed { slot, index });
                    }
                    ServerOutput::Read { to, question, from } => {
                        let answer = read_answer(&self.archive, question, &from).unwrap();
                        inputs.push_back(ServerInput::Answered {
                            to,
                            question,
                            answer,
                        });
                    }
                    ServerOutput::WakeAt(at) => wake_at = Some(at),
                }
            }
        }
        (sent, wake_at)
    }
}

enum Event {
    Tick,
    ServerTick(Peer),
    ToClient(Peer, Message),
    ToServer(Peer, Message),
    Gone(Peer),
}

/// What is left when the process of the new node ends: what it wrote.
pub(super) struct Disk {
    pub(super) state: Arc<MemoryStateStore>,
    pub(super) archive: CheckpointArchive,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(MemoryStateStore::new()),
            archive: SOURCE.empty_archive(),
        }
    }
}

/// How a bootstrap ended.
#[derive(Debug)]
pub(super) enum End {
    Done(Checkpoint),
    Failed(crate::BootstrapError),
    /// The process was ended.
    Killed,
    /// Time is over.
    Late,
}

/// A client, servers, and links.
pub(super) struct World {
    client: Client,
    staging: Staging,
    pub(super) disk: Disk,
    servers: BTreeMap<Peer, TestServer>,
    events: BTreeMap<(Timestamp, u64), Event>,
    order: u64,
    pub(super) now: Timestamp,
    /// Whom it dropped, and what for.
    pub(super) dropped: BTreeMap<Peer, Lie>,
    /// Outputs after which the process ends.
    pub(super) dies_after: Option<usize>,
    /// Chunks after which it does.
    pub(super) dies_at_chunk: Option<usize>,
    done: usize,
    /// Chunks that came, and chunks that were found on disk.
    pub(super) staged: usize,
    pub(super) kept: usize,
    pub(super) last_progress: Option<Progress>,
    connections: u64,
    /// Times that the disk loses a pair before the state is accepted.
    pub(super) loses_pairs: u32,
}

impl World {
    pub(super) fn new(disk: Disk, servers: Vec<TestServer>) -> Self {
        Self::with_trust(disk, servers, None)
    }

    pub(super) fn with_trust(
        disk: Disk,
        servers: Vec<TestServer>,
        trusted: Option<CheckpointHash>,
    ) -> Self {
        Self::of(disk, servers, trusted, None)
    }

    /// Of a node that has a state of its own, final up to a slot.
    pub(super) fn with_own(disk: Disk, servers: Vec<TestServer>, own: Slot) -> Self {
        Self::of(disk, servers, None, Some(own))
    }

    fn of(
        disk: Disk,
        servers: Vec<TestServer>,
        trusted: Option<CheckpointHash>,
        own: Option<Slot>,
    ) -> Self {
        let follower = disk.archive.follower().unwrap();
        let start = match trusted {
            Some(hash) if follower.last().is_none() => ChainStart::Trusted(hash),
            _ => ChainStart::Follower(Box::new(follower)),
        };
        let staging = Staging::new(disk.state.clone());
        let nothing_is_kept = staging.is_empty().unwrap();
        let genesis = Arc::clone(disk.archive.genesis());
        let config = ClientConfig::default();
        let client = Client::new(config, genesis, start, nothing_is_kept).unwrap();
        let client = client.newer_than(own);
        let mut world = Self {
            client,
            staging,
            disk,
            servers: BTreeMap::new(),
            events: BTreeMap::new(),
            order: 0,
            now: Timestamp(1_000_000),
            dropped: BTreeMap::new(),
            dies_after: None,
            dies_at_chunk: None,
            done: 0,
            staged: 0,
            kept: 0,
            last_progress: None,
            connections: 0,
            loses_pairs: 0,
        };
        for server in servers {
            world.connect(server);
        }
        let outputs = world.client.step(world.now, ClientInput::Tick);
        assert!(world.run_outputs(outputs).is_none());
        world
    }

    pub(super) fn connect(&mut self, server: TestServer) -> Peer {
        let peer = Peer(self.connections);
        self.connections += 1;
        self.servers.insert(peer, server);
        let outputs = self.client.step(self.now, ClientInput::Connected(peer));
        let end = self.run_outputs(outputs);
        assert!(end.is_none());
        peer
    }

    fn at(&mut self, at: Timestamp, event: Event) {
        self.order += 1;
        self.events.insert((at.max(self.now), self.order), event);
    }

    fn after(&self, wait: Millis) -> Timestamp {
        self.now.checked_add(wait).unwrap()
    }

    /// Does what the client says; the end, if it came.
    fn run_outputs(&mut self, outputs: Vec<ClientOutput>) -> Option<End> {
        let mut outputs = std::collections::VecDeque::from(outputs);
        while let Some(output) = outputs.pop_front() {
            if self.dies_after.is_some_and(|most| self.done >= most) {
                return Some(End::Killed);
            }
            self.done += 1;
            if matches!(output, ClientOutput::Accept(_)) && self.loses_pairs > 0 {
                self.loses_pairs -= 1;
                self.lose_a_pair();
            }
            let output = match perform(output, &self.staging, &self.disk.archive).unwrap() {
                Performed::Done => continue,
                Performed::Tell(input) => {
                    match input {
                        ClientInput::Examined { is_here, .. } => self.kept += usize::from(is_here),
                        ClientInput::Staged { .. } => self.staged += 1,
                        _ => {}
                    }
                    let is_staged = matches!(input, ClientInput::Staged { .. });
                    if is_staged && self.dies_at_chunk == Some(self.staged) {
                        return Some(End::Killed);
                    }
                    outputs.extend(self.client.step(self.now, input));
                    continue;
                }
                Performed::Left(output) => output,
            };
            match output {
                ClientOutput::Send { to, message } => {
                    if let Some(server) = self.servers.get(&to) {
                        let at = self.after(server.latency);
                        self.at(at, Event::ToServer(to, message));
                    }
                }
                ClientOutput::Drop { peer, lie } => {
                    self.dropped.insert(peer, lie);
                    self.servers.remove(&peer);
                }
                ClientOutput::Done(checkpoint) => return Some(End::Done(checkpoint)),
                ClientOutput::Failed(error) => return Some(End::Failed(error)),
                ClientOutput::WakeAt(at) => self.at(at, Event::Tick),
                other => panic!("not done: {other:?}"),
            }
        }
        None
    }

    fn lose_a_pair(&self) {
        let first = self.disk.state.scan(&[], &[], 1).unwrap().remove(0);
        let mut batch = StateBatch::new();
        batch.delete(first.0);
        self.disk.state.commit(batch).unwrap();
    }

    fn tell_server(&mut self, peer: Peer, input: ServerInput) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(&peer) else {
            return;
        };
        if server.is_silent {
            return;
        }
        let (messages, wake_at) = server.step(now, input);
        let arrives = now.checked_add(server.latency).unwrap();
        let mut is_gone = false;
        let mut events = Vec::new();
        for (to, message) in messages {
            server.sent += 1;
            is_gone |= server.leaves_after.is_some_and(|most| server.sent > most);
            if !is_gone {
                events.push(Event::ToClient(to, message));
            }
        }
        if is_gone {
            self.servers.remove(&peer);
            events.push(Event::Gone(peer));
        }
        for event in events {
            self.at(arrives, event);
        }
        if let Some(at) = wake_at {
            self.at(at, Event::ServerTick(peer));
        }
    }

    /// Runs until the bootstrap ends, or a time.
    pub(super) fn run_until(&mut self, until: Timestamp) -> End {
        while let Some(((at, _), event)) = self.events.pop_first() {
            if at > until {
                self.now = until;
                self.at(at, event);
                return End::Late;
            }
            self.now = at;
            let input = match event {
                Event::Tick => ClientInput::Tick,
                Event::ServerTick(peer) => {
                    self.tell_server(peer, ServerInput::Tick);
                    continue;
                }
                Event::ToServer(peer, Message::Ask(question)) => {
                    let from = peer;
                    self.tell_server(peer, ServerInput::Asked { from, question });
                    continue;
                }
                Event::ToServer(..) => continue,
                Event::ToClient(from, message) => ClientInput::Received { from, message },
                Event::Gone(peer) => ClientInput::Disconnected(peer),
            };
            let outputs = self.client.step(self.now, input);
            self.last_progress = Some(self.client.progress(self.now));
            if let Some(end) = self.run_outputs(outputs) {
                return end;
            }
        }
        panic!("nothing happens any more");
    }

    /// Runs for at most so many minutes.
    pub(super) fn run_minutes(&mut self, minutes: u64) -> End {
        let until = self.after(Millis(minutes * 60_000));
        self.run_until(until)
    }

    /// Runs to the end, which must be the state with a number: key by key that of the source.
    pub(super) fn ends_with_state(&mut self, number: usize) {
        self.ends_with_state_of(&[number]);
    }

    /// The same with one of these states.
    pub(super) fn ends_with_state_of(&mut self, numbers: &[usize]) {
        let end = self.run_minutes(30);
        let End::Done(checkpoint) = end else {
            panic!(
                "{end:?}: {:?}; dropped: {:?}",
                self.last_progress, self.dropped
            );
        };
        let is_it = |number: &&usize| SOURCE.checkpoint(**number) == checkpoint;
        let number = *numbers.iter().find(is_it).expect("one of these states");
        assert!(
            pairs_of(&*self.disk.state) == pairs_of(&*SOURCE.states[number]),
            "the state is that of the source, key by key"
        );
        let metadata = StateMetadata::read(&*self.disk.state).unwrap().unwrap();
        assert_eq!(metadata.last_final_slot, checkpoint.slot);
        assert_eq!(metadata.lattice.digest(), checkpoint.state_hash);
    }

    /// The numbers of those who were dropped.
    pub(super) fn liars(&self) -> BTreeSet<u64> {
        self.dropped.keys().map(|peer| peer.0).collect()
    }

    pub(super) fn progress(&self) -> Progress {
        self.client.progress(self.now)
    }

    /// Whether a state was accepted.
    pub(super) fn is_accepted(&self) -> bool {
        StateStore::metadata(&*self.disk.state).unwrap().is_some()
    }
}
