//! Who receives a state, as a core without I/O.

mod answers;
mod chain;
mod fetching;
mod peers;
mod plan;

pub use chain::ChainStart;

use crate::chunk::Expected;
use crate::index::IndexFault;
use crate::message::{Message, Question, Refusal};
use crate::progress::{Phase, Progress, RateMeter};
use crate::{BootstrapError, ChunkFault, ClientConfig};
use chain::Chain;
use displaydoc::Display;
use fetching::{Chunks, Fetching};
use peers::Peers;
use picot_checkpoint::{ChainStep, CheckpointError, TrustedStart, ValidatorSets};
use picot_clock::{Slot, Timestamp};
use picot_consensus::Peer;
use picot_crypto::Hash;
use picot_models::{Checkpoint, Genesis};
use std::sync::Arc;
use thiserror::Error;

/// Times that what was kept may turn out not to be what was received.
const MAX_REFUTED: u32 = 3;

/// What happened outside.
#[derive(Debug, Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "inputs are made once and taken apart at once"
)]
pub enum ClientInput {
    /// Time passed.
    Tick,
    /// A peer is there.
    Connected(Peer),
    /// A peer is gone.
    Disconnected(Peer),
    /// A peer says something.
    Received {
        /// Who.
        from: Peer,
        /// What.
        message: Message,
    },
    /// A peer sent what cannot be read.
    Unreadable(Peer),
    /// [`ClientOutput::Examine`] was done.
    Examined {
        /// The index.
        index: Hash,
        /// The number of the chunk.
        number: u32,
        /// Whether what is kept is the chunk.
        is_here: bool,
    },
    /// [`ClientOutput::Stage`] was done.
    Staged {
        /// The index.
        index: Hash,
        /// The number of the chunk.
        number: u32,
    },
    /// [`ClientOutput::Accept`] was done; whether what is kept is the state.
    Accepted(bool),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum ClientOutput {
    /// Say something to a peer.
    Send {
        /// Whom to.
        to: Peer,
        /// What.
        message: Message,
    },
    /// A peer lied: it is to be blamed, and is as good as gone here.
    Drop {
        /// Who.
        peer: Peer,
        /// What for.
        lie: Lie,
    },
    /// A step of the certificate chain is to be kept.
    KeepStep {
        /// The step.
        step: ChainStep,
        /// The sets after it.
        sets: Box<ValidatorSets>,
    },
    /// The start that the operator trusts is to be kept.
    KeepStart(TrustedStart),
    /// What is kept of a chunk's keys is to be looked at, and removed if it is not the chunk.
    Examine {
        /// The index.
        index: Hash,
        /// The number of the chunk.
        number: u32,
        /// The chunk.
        expected: Expected,
    },
    /// A chunk is right, and to be kept.
    Stage {
        /// The index.
        index: Hash,
        /// The number of the chunk.
        number: u32,
        /// Its pairs.
        pairs: Vec<u8>,
    },
    /// All chunks are kept: whether they are the state is to be found out, and it is to be accepted.
    Accept(Checkpoint),
    /// The state of this checkpoint is here.
    Done(Checkpoint),
    /// It cannot go on.
    Failed(BootstrapError),
    /// It wants to be called at this time, if nothing happens before.
    WakeAt(Timestamp),
}

/// What a peer did that no honest one does.
#[derive(Debug, Clone, Display, Error)]
pub enum Lie {
    /// it sent what cannot be read
    Unreadable,
    /// it answered what it was not asked
    Unasked,
    /// it sent a wrong step of the certificate chain: {0}
    Step(CheckpointError),
    /// it sent a wrong start: {0}
    Start(CheckpointError),
    /// it sent a wrong certificate: {0}
    Certificate(CheckpointError),
    /// it offers a state of slot {0} whose checkpoint is not the certified one
    Offer(Slot),
    /// it sent a wrong list of chunks: {0}
    Index(IndexFault),
    /// it sent a wrong chunk {number}: {fault}
    Chunk {
        /// The number of the chunk.
        number: u32,
        /// Why it is wrong.
        fault: ChunkFault,
    },
}

/// Where it stands.
enum Stage {
    /// It receives.
    Receiving,
    /// All is here, and is being looked at.
    Accepting,
    /// The state is here, or cannot come here.
    Over,
}

/// Receives the state of the newest checkpoint that peers serve, without trusting any of them (design
/// 10, 'Bootstrap').
///
/// [`step`](Self::step) takes one input at a time and is deterministic. What it decides, it decides from
/// what is certified:
///
/// 1. the certificate chain is followed from the genesis, or from a checkpoint that the operator trusts;
/// 2. the newest certified state that peers offer is chosen;
/// 3. the list of its chunks is received: the sums of all chunks together are the state hash;
/// 4. its chunks are received from all who offer it, and each is checked by its sum. A list whose sums
///    are made up has a chunk that nobody can show: whoever vouched for it is found there, at the latest;
/// 5. it is accepted if the sum over all that was kept is the state hash.
pub struct Client {
    config: ClientConfig,
    chain: Chain,
    peers: Peers,
    fetching: Option<Fetching>,
    /// The one before, which nobody served any more.
    left: Option<Chunks>,
    /// Since when there is a state to choose.
    candidate_since: Option<Timestamp>,
    /// Since when nobody can be asked for what is fetched.
    stuck_since: Option<Timestamp>,
    /// When something of what is fetched came last.
    moved_at: Option<Timestamp>,
    /// The slot up to which this node has decided everything: no older state is of use.
    own: Option<Slot>,
    /// Since when peers have told what they serve, and none of it is of use.
    useless_since: Option<Timestamp>,
    nothing_is_kept: bool,
    /// Pages of an index of several peers did not fit together: one has to send all.
    index_from_one: bool,
    stage: Stage,
    refuted: u32,
    liars: u64,
    rate: RateMeter,
    wake_at: Option<Timestamp>,
    outputs: Vec<ClientOutput>,
}

impl Client {
    /// A client without peers. `nothing_is_kept`: no part of a state was received before.
    ///
    /// # Errors
    /// [`BootstrapError::Config`].
    pub fn new(
        config: ClientConfig,
        genesis: Arc<Genesis>,
        start: ChainStart,
        nothing_is_kept: bool,
    ) -> Result<Self, BootstrapError> {
        config.validate()?;
        Ok(Self {
            chain: Chain::new(genesis, start),
            config,
            peers: Peers::default(),
            fetching: None,
            left: None,
            candidate_since: None,
            stuck_since: None,
            moved_at: None,
            own: None,
            useless_since: None,
            nothing_is_kept,
            index_from_one: false,
            stage: Stage::Receiving,
            refuted: 0,
            liars: 0,
            rate: RateMeter::default(),
            wake_at: None,
            outputs: Vec::new(),
        })
    }

    /// For a node that has decided everything up to this slot ([`Standing::decided_up_to`](crate::Standing::decided_up_to)), be it that it
    /// has to execute some of that again: it takes a newer state only, and ends
    /// with [`BootstrapError::NothingNewer`] if those who are there have none for
    /// [`patience`](ClientConfig::patience).
    #[must_use]
    pub const fn newer_than(mut self, own: Option<Slot>) -> Self {
        self.own = own;
        self
    }

    /// Takes one input, and gives what is to be done because of it, in order.
    pub fn step(&mut self, now: Timestamp, input: ClientInput) -> Vec<ClientOutput> {
        match input {
            ClientInput::Tick => {}
            ClientInput::Connected(peer) => self.peers.connected(peer, &self.config),
            ClientInput::Disconnected(peer) => self.forget(peer),
            ClientInput::Received { from, message } => self.on_message(now, from, message),
            ClientInput::Unreadable(peer) => self.blame(peer, Lie::Unreadable),
            ClientInput::Examined {
                index,
                number,
                is_here,
            } => {
                self.moved_at = Some(now);
                if let Some(chunks) = self.chunks_of(&index) {
                    chunks.examined(number, is_here);
                }
            }
            ClientInput::Staged { index, number } => {
                self.moved_at = Some(now);
                if let Some(chunks) = self.chunks_of(&index) {
                    chunks.staged(number);
                }
            }
            ClientInput::Accepted(is_the_state) => self.on_accepted(is_the_state),
        }
        self.expire(now);
        if matches!(self.stage, Stage::Receiving) {
            self.plan(now);
        }
        self.wake(now);
        std::mem::take(&mut self.outputs)
    }

    fn chunks_of(&mut self, index: &Hash) -> Option<&mut Chunks> {
        let running = match &mut self.fetching {
            Some(Fetching::Chunks(chunks)) => Some(chunks),
            _ => None,
        };
        let mut known = running.into_iter().chain(&mut self.left);
        known.find(|chunks| chunks.hash() == *index)
    }

    fn on_accepted(&mut self, is_the_state: bool) {
        if !matches!(self.stage, Stage::Accepting) {
            return;
        }
        let Some(Fetching::Chunks(chunks)) = self.fetching.take() else {
            return;
        };
        if is_the_state {
            self.stage = Stage::Over;
            let checkpoint = chunks.index().offer().checkpoint.clone();
            self.fetching = Some(Fetching::Chunks(chunks));
            return self.outputs.push(ClientOutput::Done(checkpoint));
        }
        self.refuted = self.refuted.saturating_add(1);
        if self.refuted >= MAX_REFUTED {
            return self.fail(BootstrapError::NotTheState);
        }
        self.stage = Stage::Receiving;
        self.fetching = Some(Fetching::Chunks(chunks.reexamine()));
    }

    fn fail(&mut self, error: BootstrapError) {
        self.stage = Stage::Over;
        self.outputs.push(ClientOutput::Failed(error));
    }

    fn send(&mut self, to: Peer, message: Message) {
        self.outputs.push(ClientOutput::Send { to, message });
    }

    fn ask(&mut self, now: Timestamp, to: Peer, question: Question) {
        let deadline = now.checked_add(self.config.answer_wait);
        if let Some(state) = self.peers.get_mut(to) {
            state.ask(question, deadline.unwrap_or(Timestamp::MAX));
            self.send(to, Message::Ask(question));
        }
    }

    fn blame(&mut self, peer: Peer, lie: Lie) {
        if self.peers.get(peer).is_some() {
            self.forget(peer);
            self.liars = self.liars.saturating_add(1);
            self.outputs.push(ClientOutput::Drop { peer, lie });
        }
    }

    /// A peer is gone, and with it what it was asked.
    fn forget(&mut self, peer: Peer) {
        if let Some(state) = self.peers.remove(peer) {
            for question in state.asked() {
                self.not_given(*question, peer);
            }
        }
    }

    fn not_given(&mut self, question: Question, peer: Peer) {
        if let Question::Chunk { index, number } = question
            && let Some(chunks) = self.chunks_of(&index)
        {
            chunks.not_given(number, peer);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let mut over = Vec::new();
        for (peer, state) in self.peers.iter_mut() {
            let questions = state.expire(now, &self.config);
            over.extend(questions.into_iter().map(|question| (question, peer)));
        }
        for (question, peer) in over {
            self.not_given(question, peer);
        }
    }

    fn wake(&mut self, now: Timestamp) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        let of_peers = self
            .peers
            .iter()
            .filter_map(|(_, state)| state.next_wake(now));
        let poll = now.checked_add(self.config.offers_interval);
        let wake_at = of_peers.chain(poll).min();
        // An earlier one that was asked for already does as well.
        let is_asked_for = self
            .wake_at
            .is_some_and(|at| at > now && Some(at) <= wake_at);
        if let Some(at) = wake_at.filter(|_| !is_asked_for) {
            self.wake_at = Some(at);
            self.outputs.push(ClientOutput::WakeAt(at));
        }
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self, now: Timestamp) -> Progress {
        let offer = self.fetching.as_ref().map(Fetching::offer);
        let chunks = match &self.fetching {
            Some(Fetching::Chunks(chunks)) => Some(chunks),
            _ => None,
        };
        let serves = |offer| {
            let serving = self.peers.iter();
            serving.filter(|(_, state)| state.serves(offer)).count()
        };
        let bytes_here = chunks.map_or(0, |chunks| chunks.bytes_here);
        let bytes_total = offer.map_or(0, |offer| offer.bytes);
        let bytes_per_second = self.rate.per_second(now);
        let left = bytes_total.saturating_sub(bytes_here);
        let remaining_ms = left.saturating_mul(1_000).checked_div(bytes_per_second);
        Progress {
            phase: self.phase(),
            followed: self.chain.last().map(|last| last.slot),
            target: offer.map(|offer| offer.checkpoint.slot),
            chunks_total: offer.map_or(0, |offer| offer.chunks),
            chunks_here: chunks.map_or(0, Chunks::here),
            pairs_total: offer.map_or(0, |offer| offer.pairs),
            pairs_here: chunks.map_or(0, |chunks| chunks.pairs_here),
            bytes_total,
            bytes_here,
            bytes_kept: chunks.map_or(0, |chunks| chunks.bytes_kept),
            bytes_per_second,
            remaining_ms: remaining_ms.filter(|_| offer.is_some()),
            peers: self.peers.len(),
            serving: offer.map_or(0, serves),
            liars: self.liars,
        }
    }

    fn phase(&self) -> Phase {
        match (&self.stage, &self.fetching) {
            (Stage::Over, _) => Phase::Done,
            (Stage::Accepting, _) => Phase::Checking,
            (_, Some(Fetching::Chunks(_))) => Phase::Chunks,
            (_, Some(Fetching::Index { .. })) => Phase::Index,
            (_, None) if self.peers.len() == 0 => Phase::Peers,
            (_, None) if self.chain_is_followed() => Phase::Offers,
            (_, None) => Phase::Chain,
        }
    }

    /// Whether some peer said that there is no more of the chain.
    fn chain_is_followed(&self) -> bool {
        let last = self.chain.last_slot();
        let mut ends = self.peers.iter().filter_map(|(_, state)| state.chain_end);
        ends.any(|(slot, _)| Some(slot) == last)
    }

    fn refuse(&mut self, to: Peer, question: Question) {
        // Whoever receives a state has none to give.
        let refusal = Refusal::NotHere;
        self.send(to, Message::Refused { question, refusal });
    }
}
