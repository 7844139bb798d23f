//! The way out of a node: to whom its messages go, and what an actor makes of them.

use super::{Event, World};
use crate::byzantine::{Actor, Behaviour};
use crate::latency::MICROS_PER_MILLI;
use crate::node::Target;
use crate::packet::Packet;
use crate::ports::Gossip;
use picot_consensus::Message;
use std::sync::Arc;

/// The way out of a node.
impl World<'_> {
    pub(super) fn send(
        &mut self,
        from: usize,
        target: Target,
        message: &Arc<Message>,
        reach: usize,
    ) {
        let mut recipients = match target {
            Target::All => self.others(from),
            Target::AllBut(source) => self.some_others(reach, &[from, source]),
            Target::One(to) if to == from || to >= self.members.len() => Vec::new(),
            Target::One(to) => vec![to],
            Target::Few | Target::Some => self.some_others(reach, &[from]),
        };
        recipients.truncate(reach);
        let actor = self
            .members
            .get_mut(from)
            .and_then(|one| one.actor.as_mut());
        let Some(actor) = actor else {
            let packet = Packet::consensus(Arc::clone(message));
            self.send_packet(from, &recipients, packet);
            return;
        };
        let held_back_us = actor.holds_back_ms(message) * MICROS_PER_MILLI;
        for (to, message) in actor.outgoing(message, &recipients) {
            self.send_packet_at(held_back_us, from, &[to], Packet::consensus(message));
        }
    }

    pub(super) fn gossip(&mut self, from: usize, said: Vec<Gossip>) {
        let is_silent = self.members.get(from).is_some_and(|member| {
            let behaviour = member.actor.as_ref().map(Actor::behaviour);
            behaviour == Some(Behaviour::Silent)
        });
        if is_silent {
            return;
        }
        if said.is_empty() {
            return;
        }
        let others = self.others(from);
        for gossip in said {
            self.send_packet(from, &others, Packet::gossip(gossip));
        }
    }

    fn others(&self, from: usize) -> Vec<usize> {
        let nodes = 0..self.members.len();
        nodes.filter(|node| *node != from).collect()
    }

    /// So many different nodes, none of which is one of these.
    fn some_others(&mut self, count: usize, but: &[usize]) -> Vec<usize> {
        let nodes = self.members.len();
        let is_rare = but.len() + 2 * count < nodes;
        if !is_rare {
            let all: Vec<usize> = (0..nodes).filter(|node| !but.contains(node)).collect();
            let places = self.random.indices(all.len(), count);
            return places
                .iter()
                .filter_map(|at| all.get(*at).copied())
                .collect();
        }
        // Of many, one that is taken already is rarely drawn.
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let node = self.random.index(nodes);
            if !but.contains(&node) && !chosen.contains(&node) {
                chosen.push(node);
            }
        }
        chosen
    }

    pub(super) fn send_packet(&mut self, from: usize, recipients: &[usize], packet: Packet) {
        self.send_packet_at(0, from, recipients, packet);
    }

    /// As `send_packet`, after so many microseconds.
    fn send_packet_at(&mut self, after_us: u64, from: usize, recipients: &[usize], packet: Packet) {
        let leaves_us = self.now_us + after_us;
        // Encoded and hashed once, whoever gets it.
        let packet = Arc::new(packet);
        for to in recipients {
            self.report.messages += 1;
            self.report.bytes += packet.bytes;
            let arrivals = self.network.carry(leaves_us, from, *to, packet.bytes);
            for at_us in arrivals.into_iter().flatten() {
                let event = Event::Arrive {
                    to: *to,
                    from,
                    packet: Arc::clone(&packet),
                };
                self.schedule(at_us, event);
            }
        }
    }
}
