//! The shell of the protocol: does what its core says, in order.

use super::{Effect, Node};
use crate::ports::Gossip;
use picot_consensus::{Engine, Input, Message, Peer, ThreadChain, Verifier};
use picot_crypto::PublicKey;
use picot_models::{Genesis, Hash};
use picot_protocol::{Config, FRAME_COST_BYTES, Frame, Input as Word, Lane, Output, PeerInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The protocol is told of frames that have left when they are worth so much, which is a fraction of
/// the window.
const TOLD_BYTES: usize = 64 << 10;

/// Frames of one lane that have left for one peer.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: usize,
    /// What they count in the window.
    cost: usize,
}

impl Written {
    pub(super) fn add(&mut self, frame: &Frame) {
        self.bytes += frame.len();
        self.cost += frame.len() + FRAME_COST_BYTES;
    }
}

/// What the protocol is told of frames that have left.
pub(super) fn written(
    all: BTreeMap<(Peer, u8), Written>,
) -> impl Iterator<Item = picot_protocol::Input> {
    all.into_iter().filter_map(|((to, lane), written)| {
        let lane = Lane::of_number(lane)?;
        let bytes = written.bytes;
        Some(Word::Written { to, lane, bytes })
    })
}

/// What the protocol is told when the transport is connected to a node.
pub(super) fn connected(peer: Peer, node: usize, outbound: bool) -> Word {
    Word::Connected {
        peer,
        node: node_id(node),
        address: None,
        outbound,
        reserved: false,
    }
}

/// The identity of a node in the transport.
#[must_use]
fn node_id(index: usize) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"node");
    hasher.update(&u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes());
    Hash(*hasher.finalize().as_bytes())
}

/// The usual configuration.
pub(super) fn config(genesis: &Genesis, index: usize) -> Config {
    Config::new(genesis.chain_id(), genesis.params.clone(), node_id(index))
}

/// What reaches the node from outside.
impl Node {
    /// The transport is connected to a node.
    pub(crate) fn connected(&mut self, peer: Peer, node: usize, outbound: bool) {
        self.hear(connected(peer, node, outbound));
    }

    /// A connection is gone.
    pub(crate) fn disconnected(&mut self, peer: Peer) {
        self.written.retain(|(other, _), _| *other != peer);
        self.hear(Word::Disconnected(peer));
    }

    /// The protocol hears of something that happened outside, or is made to say something.
    pub(crate) fn hear(&mut self, word: Word) {
        self.unsaid.push_back(word);
        let inputs = std::mem::take(&mut self.spare_inputs);
        self.process(inputs);
    }

    /// The protocol hears these frames, one after the other, and then the node does what follows.
    pub(crate) fn hear_all(&mut self, frames: Vec<(Peer, Arc<Frame>)>) {
        let words = frames.into_iter().map(|(from, frame)| Word::Received {
            from,
            lane: frame.lane(),
            frame,
        });
        self.unsaid.extend(words);
        let inputs = std::mem::take(&mut self.spare_inputs);
        self.process(inputs);
    }

    /// All peers, as an operator sees them.
    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        self.core.peers(picot_clock::Clock::now(&self.clock))
    }
}

/// What the node says, and what comes of it.
impl Node {
    /// Consensus says something, if there is an actor by way of that.
    pub(super) fn say(&mut self, word: Word, inputs: &mut Vec<Input>) {
        if self.has_actor {
            self.effects.push(Effect::Said(word));
        } else {
            self.tell(word, inputs);
        }
    }

    /// The protocol is told something.
    pub(super) fn tell(&mut self, word: Word, inputs: &mut Vec<Input>) {
        self.unsaid.push_back(word);
        self.talk(inputs);
    }

    /// How far the node is, if that is news.
    pub(super) fn tell_progress(&mut self) {
        if std::mem::take(&mut self.has_decided) {
            let last = |chain: &ThreadChain| chain.next_period().saturating_sub(1);
            let last_of_all = |engine: &Engine| engine.chains().iter().map(last).collect();
            self.unsaid.push_back(Word::Progress {
                decided: self.engine_read(last_of_all),
                serves_from: self.history.served_from,
            });
        }
    }

    /// Frames that have left, however few they are.
    pub(super) fn tell_written(&mut self) {
        let all = std::mem::take(&mut self.written);
        self.unsaid.extend(written(all));
    }

    /// Steps the protocol until it has heard everything. What it has for consensus becomes inputs.
    pub(super) fn talk(&mut self, inputs: &mut Vec<Input>) {
        loop {
            self.take_outbox();
            let Some(word) = self.unsaid.pop_front() else {
                return;
            };
            if self.fuse.is_blown() {
                self.unsaid.clear();
                return;
            }
            let now = picot_clock::Clock::now(&self.clock);
            for output in self.core.step(now, word) {
                self.heed(output, inputs);
            }
        }
    }

    /// What the pool and the factories said meanwhile.
    fn take_outbox(&mut self) {
        for gossip in self.outbox.take() {
            self.unsaid.push_back(match gossip {
                Gossip::Operations(all) => Word::NewOperations(all),
                Gossip::Endorsements(all) => Word::NewEndorsements(all),
                Gossip::Denunciations(all) => Word::NewDenunciations(all),
            });
        }
        self.unsaid.extend(self.checkpoints.take_said());
    }

    fn heed(&mut self, output: Output, inputs: &mut Vec<Input>) {
        match output {
            Output::Send { to, frame } => self.send(to, frame),
            Output::Disconnect { peer, reason } => {
                let effect = Effect::Parted(peer, reason, picot_clock::Millis::ZERO);
                self.effects.push(effect);
            }
            Output::Ban {
                peer,
                reason,
                length,
                ..
            } => self.effects.push(Effect::Parted(peer, reason, length)),
            Output::Penalty { peer, fault } => self.effects.push(Effect::Punished(peer, fault)),
            Output::Consensus { from, message } => {
                self.watch(&message);
                inputs.push(Input::Message { from, message });
            }
            Output::Introduced(_) => {}
            Output::Gone(peer) => self.gone_from_serving(peer),
            Output::State { from, frame } => self.asked_for_state(from, &frame),
            Output::Checkpoint { from, message } => self.heed_checkpoint(from, &message),
            Output::DecidedElsewhere { peer, slots } => {
                inputs.push(Input::DecidedElsewhere { peer, slots });
            }
            Output::AddOperations { ticket, operations } => {
                let results = self.pool.add_operations(operations);
                self.take_outbox();
                self.unsaid.push_back(Word::Added { ticket, results });
            }
            Output::AddEndorsements { from, endorsements } => {
                let results = self.pool.add_endorsements(endorsements);
                self.take_outbox();
                self.unsaid.push_back(Word::Judged { from, results });
            }
            Output::AddDenunciations {
                from,
                denunciations,
            } => {
                let results = self.pool.add_denunciations(denunciations);
                self.take_outbox();
                self.unsaid.push_back(Word::Judged { from, results });
            }
            Output::Verify { ticket, operations } => {
                let entries: Vec<_> = operations.iter().map(|one| one.batch_entry()).collect();
                let bad = self.verifier.bad(&entries);
                self.unsaid.push_back(Word::Verified { ticket, bad });
            }
            Output::WakeAt(_) => {}
        }
    }

    fn send(&mut self, to: Peer, frame: Arc<Frame>) {
        if self.fuse.send(1) == 0 {
            return;
        }
        if !self.is_metered {
            let lane = frame.lane();
            let written = self.written.entry((to, lane.number())).or_default();
            written.add(&frame);
            if written.cost >= TOLD_BYTES {
                let bytes = std::mem::take(written).bytes;
                self.unsaid.push_back(Word::Written { to, lane, bytes });
            }
        }
        // Frames keep their names. Here, unlike where they are carried, nodes work side by side.
        let _ = frame.tag();
        self.effects.push(Effect::Send(to, frame));
    }

    /// Tells of a message of a watched key.
    fn watch(&mut self, message: &Arc<Message>) {
        let is_watched = |key: &PublicKey| self.watched.contains(key);
        if !signer(message).is_some_and(is_watched) {
            return;
        }
        let Some(slot) = message.slot() else {
            return;
        };
        let summary = self.engine_read(|engine| engine.summary(picot_clock::Timestamp::EPOCH));
        let thread = summary.threads.get(usize::from(slot.thread));
        if let Some(open) = thread.and_then(|thread| thread.open) {
            self.effects.push(Effect::Saw(Arc::clone(message), open));
        }
    }
}

/// Who signed a message of which a contradiction can be proven.
const fn signer(message: &Message) -> Option<&PublicKey> {
    match message {
        Message::Candidate(header) => Some(&header.signer),
        Message::Vote(vote) => Some(&vote.signer),
        Message::Proposal { proposal, .. } => Some(&proposal.signer),
        _ => None,
    }
}
