//! What this node's own parts want to be sent, and what they answer.

use super::packets::is_well_signed;
use super::{Core, OUTCOME_TICKETS};
use crate::input::{CheckpointWord, Effects};
use crate::judge::is_proof;
use crate::packet::{Packet, SharedCheckpoint, SharedMessage};
use crate::{Fault, Frame, Input};
use picot_clock::Timestamp;
use picot_consensus::{Message, Peer, Request};
use picot_models::{Envelope, Header};
use std::sync::Arc;

impl Core {
    pub(super) fn on_local(&mut self, now: Timestamp, input: Input, effects: &mut Effects) {
        match input {
            Input::Broadcast(message) => {
                let frame = self.frame_of(&message);
                self.gossip.broadcast(&self.table, &frame, effects);
            }
            Input::Tell(message) => {
                let frame = self.frame_of(&message);
                self.gossip.tell(&self.table, &frame, effects);
            }
            Input::Relay { from, message } => self.relay(now, from, &message, effects),
            Input::Send { to, message } => {
                let frame = self.frame_of(&message);
                effects.share(to, &frame);
            }
            Input::Ask { to, request } => self.ask(now, to, request, effects),
            Input::Blame { peer, fault } => effects.blame(peer, Fault::Consensus(fault)),
            Input::State { to, packet } => effects.send(to, packet),
            Input::BlameState(peer) => effects.blame(peer, Fault::WrongState),
            Input::Checkpoint(word) => self.on_checkpoint_word(now, word, effects),
            Input::Held(block) => self.blocks.hold(block),
            Input::NewOperations(operations) => self.operations.on_new(now, &operations),
            Input::NewEndorsements(endorsements) => {
                for endorsement in endorsements {
                    let packet = Packet::Endorsements(vec![endorsement.envelope().clone()]);
                    self.spread(now, packet, effects);
                }
            }
            Input::NewDenunciations(denunciations) => {
                for denunciation in denunciations {
                    let packet = Packet::Denunciations(vec![(*denunciation).clone()]);
                    self.spread(now, packet, effects);
                }
            }
            Input::Added { ticket, results } => {
                self.operations.on_added(now, ticket, &results, effects);
            }
            Input::Judged { from, results } => {
                for error in results.iter().filter_map(|result| result.as_ref().err()) {
                    if is_proof(error) {
                        effects.blame(from, Fault::BadItem);
                    }
                }
            }
            Input::Verified { ticket, bad } if ticket >= OUTCOME_TICKETS => {
                self.on_outcome_verified(ticket, &bad, effects);
            }
            Input::Verified { ticket, bad } => {
                self.blocks.on_verified(now, ticket, &bad, effects);
            }
            Input::Progress {
                decided,
                serves_from,
            } => {
                self.gossip.progressed(&decided);
                self.decided = decided;
                self.serves_from = serves_from;
                self.statuses.progressed(now);
            }
            // These are of the transport: see `take`.
            Input::Tick
            | Input::Connected { .. }
            | Input::Disconnected(_)
            | Input::Received { .. }
            | Input::Unreadable { .. }
            | Input::Written { .. } => {}
        }
    }

    /// The frame as which a message came a moment ago, with its name and its bytes.
    fn recent_frame(&self, message: &Arc<Message>) -> Option<Arc<Frame>> {
        let is_it = |frame: &&Arc<Frame>| match frame.packet() {
            Packet::Consensus(SharedMessage(it)) => Arc::ptr_eq(it, message),
            _ => false,
        };
        self.recent.iter().rev().find(is_it).cloned()
    }

    fn frame_of(&self, message: &Arc<Message>) -> Arc<Frame> {
        let packet = match message.as_ref() {
            Message::Candidate(header) => self.candidate(header),
            Message::NotHeld(Request::Body { id }) => Packet::NotHeld(*id),
            _ => Packet::Consensus(SharedMessage(Arc::clone(message))),
        };
        Arc::new(Frame::new(packet))
    }

    /// A header, with the operations of its block if it is likely to be the one.
    fn candidate(&self, header: &Envelope<Header>) -> Packet {
        let signed = header.clone().identify(&self.config.chain_id);
        let operations = Some(signed)
            .filter(|signed| self.is_first_ranked(signed))
            .and_then(|signed| self.blocks.short(&signed.id()));
        Packet::Candidate {
            header: header.clone(),
            operations,
        }
    }

    fn relay(&mut self, now: Timestamp, from: Peer, message: &Arc<Message>, effects: &mut Effects) {
        let frame = self.recent_frame(message);
        let frame = frame.unwrap_or_else(|| self.frame_of(message));
        let (verifier, chain_id) = (&self.reads.verifier, &self.config.chain_id);
        let is_good = || is_well_signed(verifier.as_ref(), chain_id, &frame);
        self.gossip
            .relay(now, &self.table, from, &frame, is_good, effects);
    }

    fn on_checkpoint_word(&mut self, now: Timestamp, word: CheckpointWord, effects: &mut Effects) {
        let frame_of =
            |message| Arc::new(Frame::new(Packet::Checkpoint(SharedCheckpoint(message))));
        match word {
            CheckpointWord::Broadcast(message) => {
                let frame = frame_of(message);
                self.gossip.broadcast(&self.table, &frame, effects);
            }
            CheckpointWord::Relay { from, message } => {
                let frame = frame_of(message);
                self.gossip
                    .relay(now, &self.table, from, &frame, || true, effects);
            }
            CheckpointWord::Send { to, message } => effects.share(to, &frame_of(message)),
            CheckpointWord::Ask(message) => {
                if let Some(to) = self.table.any() {
                    effects.share(to, &frame_of(message));
                }
            }
        }
    }

    /// What the pool took in: its own, or of a peer.
    fn spread(&mut self, now: Timestamp, packet: Packet, effects: &mut Effects) {
        let frame = Arc::new(Frame::new(packet));
        match self.gossip.source_of(&self.table, &frame) {
            None => self.gossip.broadcast(&self.table, &frame, effects),
            Some(from) => self
                .gossip
                .relay(now, &self.table, from, &frame, || true, effects),
        }
    }

    fn ask(&mut self, now: Timestamp, to: Option<Peer>, request: Request, effects: &mut Effects) {
        let to = to.filter(|peer| self.table.is_ready(*peer));
        let to = match request {
            Request::Body { id } => {
                let others: Vec<Peer> = self.table.ready_peers().collect();
                let pool = self.reads.pool.as_ref();
                return self.blocks.ask(now, id, to, &others, pool, effects);
            }
            Request::Outcomes { thread, period } => {
                to.or_else(|| self.statuses.choose(thread, period, &self.table))
            }
            Request::Certificate { .. } => to.or_else(|| self.table.any()),
        };
        if let Some(to) = to {
            let message = SharedMessage(Arc::new(Message::Ask(request)));
            effects.send(to, Packet::Consensus(message));
        }
    }
}
