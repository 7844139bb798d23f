//! Announcing operations and sending them to those who ask.

use super::Operations;
use super::ring::Ours;
use crate::input::Effects;
use crate::packet::{MAX_ANNOUNCED, Packet, Prefix};
use crate::time::after;
use crate::{Fault, Frame};
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_models::{Envelope, Operation};
use picot_pool::Pool;
use picot_serialization::Encode;
use std::sync::Arc;

/// The pause between two announcements to a new peer.
const GREETING_PAUSE: Millis = Millis(10);

impl Operations {
    /// Announces what is new to each peer that neither has it nor was told of it.
    pub(super) fn announce_fresh(&mut self, now: Timestamp, effects: &mut Effects) {
        if self.fresh_due.is_none_or(|due| due > now) {
            return;
        }
        self.fresh_due = None;
        let fresh = std::mem::take(&mut self.fresh);
        // Most peers are told the same.
        let mut last: Option<(Vec<Prefix>, Arc<Frame>)> = None;
        for (peer, member) in self.members.iter() {
            for fresh in fresh.chunks(MAX_ANNOUNCED) {
                let mut news = fresh.to_vec();
                news.retain(|prefix| match self.ring.get_mut(*prefix) {
                    Some(known) if known.has.contains(member.place) => false,
                    Some(known) if known.told.contains(member.place) => false,
                    Some(known) => {
                        known.told.insert(member.place);
                        true
                    }
                    None => false,
                });
                if news.is_empty() {
                    continue;
                }
                let frame = match &last {
                    Some((same, frame)) if *same == news => Arc::clone(frame),
                    _ => Arc::new(Frame::new(Packet::Announce(news.clone()))),
                };
                effects.share(peer, &frame);
                last = Some((news, frame));
            }
        }
    }

    /// Tells new peers of what is pending among what came by last, a packet at a time.
    pub(super) fn greet(&mut self, now: Timestamp, pool: &dyn Pool, effects: &mut Effects) {
        let greeted: Vec<(Peer, usize, (u64, u64))> = self
            .members
            .due()
            .filter(|(_, member)| member.greet_at <= now)
            .filter_map(|(peer, member)| Some((peer, member.place, member.greeting?)))
            .collect();
        for (peer, place, (from, end)) in greeted {
            let (mut prefixes, next) = self.ring.range(from, end, MAX_ANNOUNCED);
            prefixes.retain(|prefix| {
                let known = self.ring.get(*prefix);
                known.is_some_and(|known| {
                    known.ours == Ours::Held
                        && !known.has.contains(place)
                        && !known.told.contains(place)
                })
            });
            let pending = lookup(pool, &prefixes);
            let mut pending = pending.iter().map(Option::is_some);
            prefixes.retain(|_| pending.next().unwrap_or(false));
            for prefix in &prefixes {
                if let Some(known) = self.ring.get_mut(*prefix) {
                    known.told.insert(place);
                }
            }
            if !prefixes.is_empty() {
                effects.send(peer, Packet::Announce(prefixes));
            }
            if let Some(member) = self.members.get_mut(peer) {
                member.greeting = (next < end).then_some((next, end));
                member.greet_at = after(now, GREETING_PAUSE);
            }
        }
    }

    /// A peer asks for operations. It gets what it was told of, once.
    pub(crate) fn on_get(
        &mut self,
        now: Timestamp,
        from: Peer,
        prefixes: &[Prefix],
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        let Some(member) = self.members.get_mut(from) else {
            return;
        };
        let (mut is_repeated, mut is_owed) = (false, false);
        for prefix in prefixes {
            let Some(known) = self.ring.get_mut(*prefix) else {
                // Announced so long ago that it is forgotten, or never: another has it.
                continue;
            };
            if known.told.contains(member.place) {
                known.told.remove(member.place);
                member.owed.push_back(*prefix);
                is_owed = true;
            } else if known.has.contains(member.place) {
                is_repeated = true;
            }
        }
        if is_owed {
            self.members.owes(from);
        }
        if is_repeated {
            effects.blame(from, Fault::TooMany);
        }
        self.serve(now, from, pool, effects);
    }

    /// Sends what had to wait.
    pub(super) fn serve_waiting(&mut self, now: Timestamp, pool: &dyn Pool, effects: &mut Effects) {
        let owing = self.members.due().filter(|(_, one)| !one.owed.is_empty());
        let owing: Vec<Peer> = owing.map(|(peer, _)| peer).collect();
        for peer in owing {
            self.serve(now, peer, pool, effects);
        }
    }

    /// Sends a peer what it asked for, as much of it as it may get at once.
    fn serve(&mut self, now: Timestamp, peer: Peer, pool: &dyn Pool, effects: &mut Effects) {
        let Some(member) = self.members.get_mut(peer) else {
            return;
        };
        if member.owed.is_empty() || member.serve_at.is_some_and(|at| at > now) {
            return;
        }
        let count = member.owed.len().min(MAX_ANNOUNCED);
        let asked: Vec<Prefix> = member.owed.drain(..count).collect();
        let found = lookup(pool, &asked);
        let (mut sent, mut served) = (0_usize, 0);
        let mut packet: Vec<Envelope<Operation>> = Vec::new();
        let mut packet_bytes = 0_usize;
        for (prefix, operation) in asked.iter().zip(found) {
            if sent >= self.config.answer_bytes {
                break;
            }
            served = usize::saturating_add(served, 1);
            let Some(operation) = operation else {
                continue;
            };
            let bytes = operation.encoded_len();
            if packet_bytes.saturating_add(bytes) > self.config.packet_bytes && !packet.is_empty() {
                effects.send(peer, Packet::Operations(std::mem::take(&mut packet)));
                packet_bytes = 0;
            }
            packet.push(operation.envelope().clone());
            packet_bytes = packet_bytes.saturating_add(bytes);
            sent = sent.saturating_add(bytes);
            if let Some(known) = self.ring.get_mut(*prefix) {
                known.has.insert(member.place);
            }
        }
        if !packet.is_empty() {
            effects.send(peer, Packet::Operations(packet));
        }
        for prefix in asked.iter().skip(served).rev() {
            member.owed.push_front(*prefix);
        }
        let has_had_enough = sent >= self.config.answer_bytes || !member.owed.is_empty();
        member.serve_at = has_had_enough.then(|| after(now, self.config.answer_pause));
    }
}

/// The pending operations with these prefixes, in their order.
pub(super) fn lookup(
    pool: &dyn Pool,
    prefixes: &[Prefix],
) -> Vec<Option<Arc<picot_models::SignedOperation>>> {
    if prefixes.is_empty() {
        return Vec::new();
    }
    let numbers: Vec<u64> = prefixes.iter().map(|prefix| prefix.number()).collect();
    pool.operations_by_prefix(&numbers)
}
