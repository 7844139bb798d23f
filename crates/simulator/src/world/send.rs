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
        let others: Vec<usize> = (0..self.members.len())
            .filter(|node| *node != from)
            .collect();
        let mut recipients = match target {
            Target::All => others,
            Target::AllBut(source) => {
                let others: Vec<usize> =
                    others.into_iter().filter(|node| *node != source).collect();
                let chosen = self.random.indices(others.len(), reach);
                chosen
                    .iter()
                    .filter_map(|place| others.get(*place).copied())
                    .collect()
            }
            Target::One(to) => others.into_iter().filter(|node| *node == to).collect(),
            Target::Few | Target::Some => {
                let chosen = self.random.indices(others.len(), reach);
                chosen
                    .iter()
                    .filter_map(|place| others.get(*place).copied())
                    .collect()
            }
        };
        recipients.truncate(reach);
        let actor = self
            .members
            .get_mut(from)
            .and_then(|one| one.actor.as_mut());
        let Some(actor) = actor else {
            let packet = Packet::consensus(Arc::clone(message));
            self.send_packet(from, &recipients, &packet);
            return;
        };
        let held_back_us = actor.holds_back_ms(message) * MICROS_PER_MILLI;
        for (to, message) in actor.outgoing(message, &recipients) {
            self.send_packet_at(held_back_us, from, &[to], &Packet::consensus(message));
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
        let others: Vec<usize> = (0..self.members.len())
            .filter(|node| *node != from)
            .collect();
        for gossip in said {
            self.send_packet(from, &others, &Packet::gossip(gossip));
        }
    }

    pub(super) fn send_packet(&mut self, from: usize, recipients: &[usize], packet: &Packet) {
        self.send_packet_at(0, from, recipients, packet);
    }

    /// As `send_packet`, after so many microseconds.
    fn send_packet_at(
        &mut self,
        after_us: u64,
        from: usize,
        recipients: &[usize],
        packet: &Packet,
    ) {
        let leaves_us = self.now_us + after_us;
        for to in recipients {
            self.report.messages += 1;
            self.report.bytes += packet.bytes;
            let arrivals = self.network.carry(leaves_us, from, *to, packet.bytes);
            for at_us in arrivals.into_iter().flatten() {
                let event = Event::Arrive {
                    to: *to,
                    from,
                    packet: packet.clone(),
                };
                self.schedule(at_us, event);
            }
        }
    }
}
