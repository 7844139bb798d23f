//! The thread of who receives.

use super::BootstrapNetwork;
use crate::{
    BootstrapError, ChainStart, Client, ClientConfig, ClientInput, ClientOutput, Lie, Message,
    Performed, Progress, Staging, perform,
};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use picot_checkpoint::CheckpointArchive;
use picot_clock::{Clock, Slot, Stop};
use picot_consensus::Peer;
use picot_ledger::StateStore;
use picot_models::{Checkpoint, CheckpointHash};
use picot_serialization::decode_exact;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// How long it sleeps at most: so often it looks whether it is to stop.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// How often progress is told.
const PROGRESS_INTERVAL_MS: u64 = 1_000;

/// What comes from the network.
#[derive(Debug)]
pub enum Incoming {
    /// A peer has introduced itself.
    Connected(Peer),
    /// A peer is gone.
    Disconnected(Peer),
    /// A message came, as bytes.
    Message(Peer, Vec<u8>),
}

/// What a node needs to receive a state.
pub struct IncomingState {
    /// How.
    pub config: ClientConfig,
    /// What is known of the certificate chain, and where what is followed of it is kept.
    pub archive: CheckpointArchive,
    /// A checkpoint that the operator trusts.
    pub trusted: Option<CheckpointHash>,
    /// The slot up to which this node has decided everything, if it has a state: no older one is taken.
    pub own: Option<Slot>,
    /// Where it is received to: empty, or with what was received before.
    pub store: Arc<dyn StateStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way to peers.
    pub network: Arc<dyn BootstrapNetwork>,
}

/// Receives the state of a checkpoint, on the thread of the caller, and returns when it is in the store,
/// complete, with its metadata. `tell` is told how far it is about every second.
///
/// # Errors
/// The store failed, the disk loses data, [`BootstrapError::NothingNewer`], or
/// [`BootstrapError::Stopped`]: it goes on the next time.
pub fn run_client(
    parts: IncomingState,
    events: &Receiver<Incoming>,
    stop: &Stop,
    mut tell: impl FnMut(&Progress),
) -> Result<Checkpoint, BootstrapError> {
    let mut shell = Shell::new(parts)?;
    let mut told_at = 0;
    shell.step(ClientInput::Tick)?;
    loop {
        if stop.is_stopped() {
            return Err(BootstrapError::Stopped);
        }
        if let Some(checkpoint) = shell.done.take() {
            tell(&shell.client.progress(shell.clock.now()));
            return Ok(checkpoint);
        }
        let now = shell.clock.now();
        if now.0.saturating_sub(told_at) >= PROGRESS_INTERVAL_MS {
            told_at = now.0;
            tell(&shell.client.progress(now));
        }
        match events.recv_timeout(MAX_SLEEP) {
            Ok(event) => shell.step(input_of(event))?,
            Err(RecvTimeoutError::Timeout) => shell.step(ClientInput::Tick)?,
            Err(RecvTimeoutError::Disconnected) => return Err(BootstrapError::Stopped),
        }
    }
}

fn input_of(event: Incoming) -> ClientInput {
    match event {
        Incoming::Connected(peer) => ClientInput::Connected(peer),
        Incoming::Disconnected(peer) => ClientInput::Disconnected(peer),
        Incoming::Message(from, bytes) => match decode_exact::<Message>(&bytes) {
            Ok(message) => ClientInput::Received { from, message },
            Err(_) => ClientInput::Unreadable(from),
        },
    }
}

struct Shell {
    client: Client,
    staging: Staging,
    archive: CheckpointArchive,
    clock: Arc<dyn Clock>,
    network: Arc<dyn BootstrapNetwork>,
    done: Option<Checkpoint>,
}

impl Shell {
    fn new(parts: IncomingState) -> Result<Self, BootstrapError> {
        let staging = Staging::new(parts.store);
        let nothing_is_kept = staging.is_empty()?;
        let start = start_of(&parts.archive, parts.trusted)?;
        let genesis = Arc::clone(parts.archive.genesis());
        Ok(Self {
            client: Client::new(parts.config, genesis, start, nothing_is_kept)?
                .newer_than(parts.own),
            staging,
            archive: parts.archive,
            clock: parts.clock,
            network: parts.network,
            done: None,
        })
    }

    fn step(&mut self, input: ClientInput) -> Result<(), BootstrapError> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.clock.now();
            for output in self.client.step(now, input) {
                inputs.extend(self.run(output)?);
            }
        }
        Ok(())
    }

    /// Does what is to be done; what came of it.
    fn run(&mut self, output: ClientOutput) -> Result<Option<ClientInput>, BootstrapError> {
        let output = match perform(output, &self.staging, &self.archive)? {
            Performed::Done => return Ok(None),
            Performed::Tell(input) => return Ok(Some(input)),
            Performed::Left(output) => output,
        };
        match output {
            ClientOutput::Send { to, message } => self.network.send(to, &message),
            ClientOutput::Drop { peer, lie } => self.blame(peer, &lie),
            ClientOutput::Done(checkpoint) => {
                info!(slot = %checkpoint.slot, "the state of a checkpoint is here");
                self.done = Some(checkpoint);
            }
            ClientOutput::Failed(error) => return Err(error),
            // It is called often enough to need no waking; the rest was done on disk.
            _ => {}
        }
        Ok(None)
    }

    fn blame(&self, peer: Peer, lie: &Lie) {
        warn!(peer = peer.0, %lie, "a peer that serves states is dropped");
        self.network.blame(peer, lie);
    }
}

/// From where to follow the chain: from what is kept of it, unless that begins before what is trusted.
fn start_of(
    archive: &CheckpointArchive,
    trusted: Option<CheckpointHash>,
) -> Result<ChainStart, BootstrapError> {
    if let Some(hash) = trusted
        && archive.start_at(&hash)?.is_none()
    {
        return Ok(ChainStart::Trusted(hash));
    }
    Ok(ChainStart::Follower(Box::new(archive.follower()?)))
}
