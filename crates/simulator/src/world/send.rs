//! The way out of a node: what an actor makes of what consensus says, and what the links do to frames.

use super::{Event, World};
use crate::byzantine::Actor;
use crate::latency::MICROS_PER_MILLI;
use crate::packet::Parcel;
use picot_consensus::{Message, Peer};
use picot_protocol::{Frame, Input as Word};
use std::sync::Arc;

/// Nodes that are told what an actor's node tells a few.
const TOLD: usize = 8;

/// What an actor makes of what its node says.
impl World<'_> {
    /// Consensus says something in a node with an actor.
    pub(super) fn act(&mut self, from: usize, word: Word) {
        match word {
            Word::Broadcast(message) => {
                let all = self.peers_of(from);
                self.act_on(from, &message, &all);
            }
            Word::Tell(message) => {
                let all = self.peers_of(from);
                let few = self.random.indices(all.len(), TOLD);
                let few: Vec<usize> = few.iter().filter_map(|at| all.get(*at).copied()).collect();
                self.act_on(from, &message, &few);
            }
            Word::Send { to, message } => {
                let to = self.connections.other_end(from, to);
                self.act_on(from, &message, &Vec::from_iter(to));
            }
            Word::Relay {
                from: source,
                message,
            } => {
                if self.actor(from).is_some_and(|actor| actor.relays(&message)) {
                    let word = Word::Relay {
                        from: source,
                        message,
                    };
                    self.make_say(from, word);
                }
            }
            Word::Held(block) => {
                if self.actor(from).is_some_and(|actor| actor.gives(&block)) {
                    self.make_say(from, Word::Held(block));
                }
            }
            other => self.make_say(from, other),
        }
    }

    fn act_on(&mut self, from: usize, message: &Arc<Message>, recipients: &[usize]) {
        let Some(actor) = self.actor(from) else {
            return;
        };
        let held_back_us = actor.holds_back_ms(message) * MICROS_PER_MILLI;
        let sent = actor.outgoing(message, recipients);
        let own = actor.take_own_blocks();
        for block in own {
            self.make_say(from, Word::Held(block));
        }
        self.make_send(from, held_back_us, sent);
    }

    /// A node says so after a while, whatever its engine wants.
    pub(super) fn make_send(
        &mut self,
        from: usize,
        after_us: u64,
        sent: Vec<(usize, Arc<Message>)>,
    ) {
        let life = self.members.get(from).map_or(0, |member| member.life);
        for (to, message) in sent {
            let Some(peer) = self.connections.between(from, to) else {
                continue;
            };
            let word = Word::Send { to: peer, message };
            if after_us == 0 {
                self.make_say(from, word);
            } else {
                let event = Event::Say {
                    node: from,
                    life,
                    word: Box::new(word),
                };
                self.schedule(self.now_us + after_us, event);
            }
        }
    }

    /// A node's protocol is told something that its engine did not say.
    pub(super) fn make_say(&mut self, node: usize, word: Word) {
        let life = self.members.get(node).map_or(0, |member| member.life);
        self.tell(node, life, word);
    }

    pub(super) fn actor(&mut self, node: usize) -> Option<&mut Actor> {
        self.members.get_mut(node)?.actor.as_mut()
    }

    fn peers_of(&self, node: usize) -> Vec<usize> {
        self.connections.of(node).map(|(other, _)| other).collect()
    }
}

/// What the links do.
impl World<'_> {
    /// A frame leaves a node.
    pub(super) fn send(&mut self, from: usize, peer: Peer, frame: Arc<Frame>) {
        let parcel = Parcel::new(frame);
        let Some(actor) = self.actor(from) else {
            return self.carry(from, peer, parcel);
        };
        for parcel in actor.parcels(parcel) {
            self.carry(from, peer, parcel);
        }
    }

    fn carry(&mut self, from: usize, peer: Peer, parcel: Parcel) {
        let Some(to) = self.connections.other_end(from, peer) else {
            return;
        };
        self.report.count(&parcel);
        let (now_us, bytes) = (self.now_us, parcel.bytes());
        let is_handshake = parcel.is_handshake();
        let carried = if is_handshake {
            self.network.carry_surely(now_us, from, to, bytes)
        } else {
            self.network.carry(now_us, from, to, bytes)
        };
        self.tell_written(from, peer, &parcel, carried.left_us);
        let [first, second] = carried.arrives_us;
        let second = second.filter(|_| parcel.may_be_repeated());
        for at_us in first.into_iter().chain(second) {
            let at_us = self.connections.arrives(to, peer, at_us, is_handshake);
            self.on_its_way(at_us, (from, to), peer, parcel.clone());
        }
    }

    fn on_its_way(&mut self, at_us: u64, ends: (usize, usize), peer: Peer, parcel: Parcel) {
        match (self.config.gather_ms, parcel) {
            (Some(gather_ms), Parcel::Frame { frame, .. }) => {
                self.gather(gather_ms, at_us, ends, peer, frame);
            }
            (_, parcel) => {
                let to = ends.1;
                self.schedule(at_us, Event::Arrive { to, peer, parcel });
            }
        }
    }

    /// Where an uplink takes time, a node hears of it when what it sent has left.
    fn tell_written(&mut self, node: usize, peer: Peer, parcel: &Parcel, left_us: u64) {
        let Parcel::Frame { lane, frame } = parcel else {
            return;
        };
        if self.config.uplink_bytes_per_ms.is_some() {
            let word = Word::Written {
                to: peer,
                lane: *lane,
                bytes: frame.len(),
            };
            let event = Event::Say {
                node,
                life: self.members.get(node).map_or(0, |member| member.life),
                word: Box::new(word),
            };
            self.schedule(left_us, event);
        }
    }
}
