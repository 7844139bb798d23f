//! Who serves a state, as a core without I/O.

mod budget;
mod states;

use crate::chunk::KeyRange;
use crate::index::StateIndex;
use crate::message::{Message, Question, Refusal};
use crate::{BootstrapError, ServerConfig};
use budget::Budget;
use picot_clock::{Slot, Timestamp};
use picot_consensus::Peer;
use picot_ledger::StateSnapshot;
use picot_models::{Checkpoint, CheckpointHash};
use picot_serialization::Encode;
use states::States;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What happened outside.
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "inputs are made once and taken apart at once"
)]
pub enum ServerInput {
    /// Time passed.
    Tick,
    /// A peer asks.
    Asked {
        /// Who.
        from: Peer,
        /// What.
        question: Question,
    },
    /// A peer is gone.
    Disconnected(Peer),
    /// Execution reached a checkpoint, and this is its state.
    Reached {
        /// The checkpoint.
        checkpoint: Checkpoint,
        /// The state, as it was exactly then.
        snapshot: Arc<dyn StateSnapshot>,
    },
    /// A checkpoint is certified.
    Certified(Checkpoint),
    /// [`ServerOutput::MakeIndex`] was done, or cannot be.
    Indexed {
        /// The slot of the state.
        slot: Slot,
        /// Its index.
        index: Option<Arc<StateIndex>>,
    },
    /// [`ServerOutput::Read`] was done.
    Answered {
        /// Who asked.
        to: Peer,
        /// What.
        question: Question,
        /// The answer; `None`: it cannot be given.
        answer: Option<Message>,
    },
}

/// What is to be done.
#[derive(Clone)]
pub enum ServerOutput {
    /// Say something to a peer.
    Send {
        /// Whom to.
        to: Peer,
        /// What.
        message: Message,
    },
    /// The index of a state is to be made: [`StateIndex::of`], a work of seconds or minutes.
    MakeIndex {
        /// The slot of the state.
        slot: Slot,
        /// The state.
        snapshot: Arc<dyn StateSnapshot>,
    },
    /// An answer is to be read from disk.
    Read {
        /// Who asked.
        to: Peer,
        /// What.
        question: Question,
        /// From where.
        from: Source,
    },
    /// It wants to be called at this time, if nothing happens before.
    WakeAt(Timestamp),
}

/// From where an answer is read.
#[derive(Clone)]
pub enum Source {
    /// Steps of the certificate chain after a slot.
    Chain {
        /// The slot.
        after: Slot,
        /// The most steps.
        max_steps: usize,
        /// The most bytes.
        max_bytes: usize,
    },
    /// A trusted start.
    Start(CheckpointHash),
    /// A certificate.
    Certificate(Slot),
    /// The pairs of a state in a range.
    Pairs {
        /// The state.
        snapshot: Arc<dyn StateSnapshot>,
        /// The range.
        range: KeyRange,
        /// Their bytes in a chunk.
        bytes: u32,
    },
}

/// What waits of one peer.
struct Waiting {
    questions: VecDeque<Question>,
    /// Questions whose answers are being read.
    reads: usize,
    budget: Budget,
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.questions.is_empty() && self.reads == 0
    }
}

/// Serves the state of the newest certified checkpoint to others (design 10, 'Bootstrap', step 2): as
/// much in a second as it was told, and to each peer in turn. What is asked beyond that is refused, with
/// a word on when to ask again.
///
/// It reads from snapshots, so that it never waits for whoever writes the state, and nobody for it.
pub struct Server {
    config: ServerConfig,
    states: States,
    waiting: BTreeMap<Peer, Waiting>,
    /// Whose turn it was last.
    last: Option<Peer>,
    reads: usize,
    total: Budget,
    wake_at: Option<Timestamp>,
    outputs: Vec<ServerOutput>,
}

impl Server {
    /// A server that has nothing yet.
    ///
    /// # Errors
    /// [`BootstrapError::Config`].
    pub fn new(config: ServerConfig) -> Result<Self, BootstrapError> {
        config.validate()?;
        Ok(Self {
            states: States::new(config.linger),
            total: Budget::new(config.total_bytes_per_second, config.burst),
            config,
            waiting: BTreeMap::new(),
            last: None,
            reads: 0,
            wake_at: None,
            outputs: Vec::new(),
        })
    }

    /// Takes one input, and gives what is to be done because of it, in order.
    pub fn step(&mut self, now: Timestamp, input: ServerInput) -> Vec<ServerOutput> {
        match input {
            ServerInput::Tick => {}
            ServerInput::Asked { from, question } => self.on_asked(from, question),
            ServerInput::Disconnected(peer) => {
                self.waiting.remove(&peer);
            }
            ServerInput::Reached {
                checkpoint,
                snapshot,
            } => self.states.reached(checkpoint, snapshot),
            ServerInput::Certified(checkpoint) => self.states.certified(now, &checkpoint),
            ServerInput::Indexed { slot, index } => self.states.indexed(slot, index),
            ServerInput::Answered {
                to,
                question,
                answer,
            } => {
                self.reads = self.reads.saturating_sub(1);
                if let Some(waiting) = self.waiting.get_mut(&to) {
                    waiting.reads = waiting.reads.saturating_sub(1);
                }
                match answer {
                    Some(message) => self.send(now, to, message),
                    None => self.refuse(to, question, Refusal::NotHere),
                }
            }
        }
        self.states.release(now);
        self.serve(now);
        std::mem::take(&mut self.outputs)
    }

    /// The slots whose states are held.
    pub fn held(&self) -> impl Iterator<Item = Slot> {
        self.states.slots()
    }

    /// The slots whose states are held and not certified yet.
    pub fn uncertified(&self) -> impl Iterator<Item = Slot> {
        self.states.uncertified()
    }

    fn on_asked(&mut self, from: Peer, question: Question) {
        let is_full = self.waiting.len() >= self.config.max_peers;
        let busy = Refusal::Busy(self.config.busy_wait);
        if is_full && !self.waiting.contains_key(&from) {
            return self.refuse(from, question, busy);
        }
        let config = &self.config;
        let waiting = self.waiting.entry(from).or_insert_with(|| Waiting {
            questions: VecDeque::new(),
            reads: 0,
            budget: Budget::new(config.peer_bytes_per_second, config.burst),
        });
        if waiting.questions.len() >= self.config.max_waiting {
            return self.refuse(from, question, busy);
        }
        waiting.questions.push_back(question);
    }

    fn refuse(&mut self, to: Peer, question: Question, refusal: Refusal) {
        let message = Message::Refused { question, refusal };
        self.outputs.push(ServerOutput::Send { to, message });
    }

    fn send(&mut self, now: Timestamp, to: Peer, message: Message) {
        let bytes = u64::try_from(message.encoded_len()).unwrap_or(u64::MAX);
        self.total.spend(now, bytes);
        if let Some(waiting) = self.waiting.get_mut(&to) {
            waiting.budget.spend(now, bytes);
            self.outputs.push(ServerOutput::Send { to, message });
        }
    }

    /// Answers as long as there is something to answer and bytes to spend.
    fn serve(&mut self, now: Timestamp) {
        while self.reads < self.config.max_reads && self.total.free_at() <= now {
            let Some(peer) = self.next_peer(now) else {
                break;
            };
            self.last = Some(peer);
            let waiting = self.waiting.get_mut(&peer);
            if let Some(question) = waiting.and_then(|waiting| waiting.questions.pop_front()) {
                self.answer(now, peer, question);
            }
        }
        self.forget_idle(now);
        self.wake(now);
    }

    /// The next peer after the last one that waits for something and may have it now.
    fn next_peer(&self, now: Timestamp) -> Option<Peer> {
        let may = |(_, waiting): &(&Peer, &Waiting)| {
            !waiting.questions.is_empty() && waiting.budget.free_at() <= now
        };
        let after = self.last.map_or(0, |last| last.0.saturating_add(1));
        let rest = self.waiting.range(Peer(after)..);
        let mut in_turn = rest.chain(&self.waiting).filter(may);
        in_turn.next().map(|(peer, _)| *peer)
    }

    fn answer(&mut self, now: Timestamp, peer: Peer, question: Question) {
        let source = match question {
            Question::Offers => return self.answer_offers(now, peer),
            Question::Index { index, first } => {
                let answer = self.states.page(now, &index, first);
                return match answer {
                    Some(chunks) => {
                        let message = Message::Index {
                            index,
                            first,
                            chunks,
                        };
                        self.send(now, peer, message);
                    }
                    None => self.refuse(peer, question, Refusal::NotHere),
                };
            }
            Question::Chunk { index, number } => self.states.chunk(now, &index, number),
            Question::Chain(after) => Some(Source::Chain {
                after,
                max_steps: self.config.chain_steps,
                max_bytes: self.config.chain_bytes,
            }),
            Question::Start(hash) => Some(Source::Start(hash)),
            Question::Certificate(slot) => Some(Source::Certificate(slot)),
        };
        let Some(from) = source else {
            return self.refuse(peer, question, Refusal::NotHere);
        };
        self.reads = self.reads.saturating_add(1);
        if let Some(waiting) = self.waiting.get_mut(&peer) {
            waiting.reads = waiting.reads.saturating_add(1);
        }
        self.outputs.push(ServerOutput::Read {
            to: peer,
            question,
            from,
        });
    }

    fn answer_offers(&mut self, now: Timestamp, peer: Peer) {
        if let Some((slot, snapshot)) = self.states.next_to_index() {
            self.outputs
                .push(ServerOutput::MakeIndex { slot, snapshot });
        }
        let offers = self.states.offers();
        if offers.is_empty() && self.states.is_indexing() {
            let refusal = Refusal::Busy(self.config.busy_wait);
            return self.refuse(peer, Question::Offers, refusal);
        }
        self.send(now, peer, Message::Offers(offers));
    }

    /// Peers that wait for nothing and have paid for what they had.
    fn forget_idle(&mut self, now: Timestamp) {
        self.waiting
            .retain(|_, waiting| !waiting.is_idle() || waiting.budget.free_at() > now);
    }

    fn wake(&mut self, now: Timestamp) {
        let waits = self.waiting.values();
        let waits = waits.filter(|waiting| !waiting.questions.is_empty());
        let of_peers = waits.map(|waiting| waiting.budget.free_at()).min();
        let of_peers = of_peers.map(|at| at.max(self.total.free_at()));
        let next = of_peers.filter(|at| *at > now).into_iter();
        let wake_at = next.chain(self.states.next_release(now)).min();
        if let Some(at) = wake_at.filter(|_| wake_at != self.wake_at) {
            self.outputs.push(ServerOutput::WakeAt(at));
        }
        self.wake_at = wake_at;
    }
}
