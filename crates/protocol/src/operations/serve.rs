//! Announcing operations and sending them to those who ask.

use super::Operations;
use super::ring::Ours;
use crate::input::Effects;
use crate::packet::{MAX_ANNOUNCED, Packet, Prefix};
use crate::peers::{PeerSet, Table};
use crate::time::{after, is_due};
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
    /// Announces what is new to each peer that neither has it nor was told of it, here or by who sent it.
    pub(super) fn announce_fresh(&mut self, now: Timestamp, table: &Table, effects: &mut Effects) {
        if self.fresh_due.is_none_or(|due| due > now) {
            return;
        }
        self.fresh_due = None;
        let fresh = std::mem::take(&mut self.fresh);
        let told_by = |from: Peer| table.place(from).map(|place| table.adjacent(place));
        let fresh: Vec<(Prefix, Option<&PeerSet>)> = fresh
            .iter()
            .map(|fresh| (fresh.prefix, fresh.from.and_then(told_by)))
            .collect();
        // Most peers are told the same.
        let mut last: Option<(Vec<Prefix>, Arc<Frame>)> = None;
        for (peer, member) in self.members.iter() {
            let place = table.place(peer);
            let is_told = |by: Option<&PeerSet>| {
                by.zip(place)
                    .is_some_and(|(told, place)| told.contains(place))
            };
            let untold: Vec<Prefix> = fresh
                .iter()
                .filter(|(_, by)| !is_told(*by))
                .map(|(prefix, _)| *prefix)
                .collect();
            for untold in untold.chunks(MAX_ANNOUNCED) {
                let mut news = untold.to_vec();
                news.retain(|prefix| {
                    let known = self.ring.get_mut(*prefix);
                    known.is_some_and(|known| known.tell(member.place))
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
        let due = after(now, self.config.told_wait);
        let is_left_out = |told: &&PeerSet| !told.is_empty();
        let left_out = fresh
            .iter()
            .filter(|(_, by)| by.filter(is_left_out).is_some());
        self.later
            .extend(left_out.map(|(prefix, _)| (due, *prefix)));
        let too_many = self.later.len().saturating_sub(self.config.known);
        self.later.drain(..too_many);
    }

    /// Tells some peers of what others should have told them, each time the next ones.
    pub(super) fn tell_later(&mut self, now: Timestamp, pool: &dyn Pool, effects: &mut Effects) {
        let wait = self.config.told_wait;
        let due = self.later.iter();
        let due = due.take_while(|(due, _)| is_due(now, *due, wait)).count();
        if due == 0 {
            return;
        }
        let prefixes: Vec<Prefix> = self.later.drain(..due).map(|(_, prefix)| prefix).collect();
        let told: Vec<(Peer, usize)> = self
            .members
            .round(self.told_last)
            .map(|(peer, member)| (peer, member.place))
            .take(self.config.told_later)
            .collect();
        self.told_last = told.last().map(|(peer, _)| *peer).or(self.told_last);
        for (peer, place) in told {
            for prefixes in prefixes.chunks(MAX_ANNOUNCED) {
                self.tell_pending(peer, place, prefixes.to_vec(), pool, effects);
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
            let (prefixes, next) = self.ring.range(from, end, MAX_ANNOUNCED);
            self.tell_pending(peer, place, prefixes, pool, effects);
            if let Some(member) = self.members.get_mut(peer) {
                member.greeting = (next < end).then_some((next, end));
                member.greet_at = after(now, GREETING_PAUSE);
            }
        }
    }

    /// Tells a peer of those of these that are pending, and of which it does not know.
    fn tell_pending(
        &mut self,
        peer: Peer,
        place: usize,
        mut prefixes: Vec<Prefix>,
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        prefixes.retain(|prefix| {
            let known = self.ring.get(*prefix);
            known.is_some_and(|known| known.ours == Ours::Held && !known.is_known_to(place))
        });
        let pending = lookup(pool, &prefixes);
        let mut pending = pending.iter().map(Option::is_some);
        prefixes.retain(|_| pending.next().unwrap_or(false));
        for prefix in &prefixes {
            if let Some(known) = self.ring.get_mut(*prefix) {
                known.tell(place);
            }
        }
        if !prefixes.is_empty() {
            effects.send(peer, Packet::Announce(prefixes));
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
