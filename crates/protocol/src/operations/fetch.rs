//! Asking for operations that peers announce, and giving the pool what comes.

use super::Operations;
use super::members::Members;
use super::ring::Ours;
use super::serve::lookup;
use crate::input::Effects;
use crate::judge::is_proof;
use crate::packet::{MAX_ANNOUNCED, Packet, Prefix};
use crate::peers::PeerSet;
use crate::time::after;
use crate::{Fault, Output};
use picot_clock::Timestamp;
use picot_consensus::Peer;
use picot_models::{Envelope, Operation};
use picot_pool::{Pool, PoolError};
use picot_serialization::Encode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Peers that are asked for one operation, one after the other.
const MAX_ANNOUNCERS: usize = 4;
/// Operations that nobody can be asked for now and that are passed over in one search.
const MAX_PASSED_OVER: usize = 256;

/// Where the fetch of one operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be asked for; its number among those.
    Waiting(u64),
    /// Asked of the last of `asked`, who is waited for until then.
    Asked(Timestamp),
    /// Nobody is left to be asked. Until then it is taken if it comes late.
    Late(Timestamp),
}

/// An operation that was announced and is not had.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Who announced it.
    pub(super) has: PeerSet,
    /// Those of them who may be asked, in the order in which they announced it.
    left: Vec<Peer>,
    /// Who was asked.
    asked: Vec<Peer>,
    /// The first to announce it, on whose account it is.
    first: Peer,
    /// When it was last asked for.
    asked_at: Timestamp,
    state: State,
}

/// An answer that is with the pool.
#[derive(Debug)]
pub(super) struct Ticket {
    from: Peer,
    prefixes: Vec<Prefix>,
    bytes: usize,
    pub(super) due: Timestamp,
}

impl Operations {
    /// A peer has these. What is lacked is asked for.
    pub(crate) fn on_announce(
        &mut self,
        now: Timestamp,
        from: Peer,
        prefixes: &[Prefix],
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        let Some(place) = self.members.get(from).map(|member| member.place) else {
            return;
        };
        let mut lacked = prefixes.to_vec();
        lacked.retain(|prefix| !self.note_announcer(now, *prefix, from, place));
        lacked.sort_unstable();
        lacked.dedup();
        for (prefix, pending) in lacked.iter().zip(lookup(pool, &lacked)) {
            if pending.is_none() {
                self.want(*prefix, from, place);
            }
        }
        self.ask(now, effects);
    }

    /// Notes who has something, if anything is known of it; false if it has to be looked for.
    fn note_announcer(&mut self, now: Timestamp, prefix: Prefix, from: Peer, place: usize) -> bool {
        if let Some(known) = self.ring.get_mut(prefix) {
            known.has.insert(place);
            return match &mut known.ours {
                Ours::Held => true,
                Ours::Refused { until } => *until > now,
                Ours::Judged { others } => {
                    if others.len() < MAX_ANNOUNCERS && !others.contains(&from) {
                        others.push(from);
                    }
                    true
                }
            };
        }
        let Some(wanted) = self.wanted.get_mut(&prefix) else {
            return false;
        };
        let is_new = !wanted.has.contains(place);
        wanted.has.insert(place);
        if is_new && wanted.left.len() < MAX_ANNOUNCERS && wanted.asked.len() < MAX_ANNOUNCERS {
            wanted.left.push(from);
            if let State::Late(until) = wanted.state {
                self.deadlines.remove(&(until, prefix));
                self.queue(prefix);
            }
        }
        true
    }

    fn want(&mut self, prefix: Prefix, from: Peer, place: usize) {
        let mut has = match self.ring.forget(prefix) {
            Some(refused) => refused.has,
            None => PeerSet::EMPTY,
        };
        has.insert(place);
        self.want_of(prefix, has, vec![from]);
    }

    /// Queues an operation that these may be asked for, the first of whom answers for the place.
    fn want_of(&mut self, prefix: Prefix, has: PeerSet, left: Vec<Peer>) {
        let Some(first) = left.first().copied() else {
            return;
        };
        let Some(member) = self.members.get_mut(first) else {
            return;
        };
        if member.wanted >= self.config.wanted_per_peer {
            self.stats.dropped = self.stats.dropped.saturating_add(1);
            return;
        }
        member.wanted = member.wanted.saturating_add(1);
        while self.wanted.len() >= self.config.wanted.max(1) {
            let Some(dropped) = self.least_valuable() else {
                break;
            };
            self.take_wanted(dropped, None);
            self.stats.dropped = self.stats.dropped.saturating_add(1);
        }
        let wanted = Wanted {
            has,
            left,
            asked: Vec::new(),
            first,
            asked_at: Timestamp::EPOCH,
            state: State::Waiting(0),
        };
        self.wanted.insert(prefix, wanted);
        self.queue(prefix);
    }

    /// What is dropped for something new: what was asked for in vain, else what waits longest, else what
    /// was asked for last.
    fn least_valuable(&self) -> Option<Prefix> {
        // What was asked for in vain is kept longer than what is waited for.
        let last = self.deadlines.last().map(|(_, prefix)| *prefix);
        let last_state = last.and_then(|last| self.wanted.get(&last));
        if last_state.is_some_and(|wanted| matches!(wanted.state, State::Late(_))) {
            return last;
        }
        let longest = self.waiting.values().next().copied();
        longest.or(last)
    }

    fn queue(&mut self, prefix: Prefix) {
        if let Some(wanted) = self.wanted.get_mut(&prefix) {
            let number = self.next_waiting;
            self.next_waiting = number.saturating_add(1);
            self.waiting.insert(number, prefix);
            wanted.state = State::Waiting(number);
            self.is_stirred = true;
        }
    }

    /// An operation is wanted no longer: it came from this peer, or otherwise.
    pub(super) fn take_wanted(&mut self, prefix: Prefix, from: Option<Peer>) -> Option<Wanted> {
        let wanted = self.wanted.remove(&prefix)?;
        if let Some(first) = self.members.get_mut(wanted.first) {
            first.wanted = first.wanted.saturating_sub(1);
        }
        let mut waited_for = None;
        match wanted.state {
            State::Waiting(number) => {
                self.waiting.remove(&number);
            }
            State::Asked(due) => {
                self.deadlines.remove(&(due, prefix));
                waited_for = wanted.asked.last().copied();
                self.is_stirred = true;
            }
            State::Late(until) => {
                self.deadlines.remove(&(until, prefix));
            }
        }
        if let Some(member) = waited_for.and_then(|peer| self.members.get_mut(peer)) {
            member.stop_waiting();
        }
        if let Some(member) = from.and_then(|peer| self.members.get_mut(peer)) {
            member.late = member.late.saturating_sub(1);
        }
        Some(wanted)
    }

    /// Asks for what waits, as far as there is room, in packets as large as possible.
    pub(super) fn ask(&mut self, now: Timestamp, effects: &mut Effects) {
        let pooled = self.tickets.values().map(|ticket| ticket.bytes);
        let pooled = pooled.fold(0, usize::saturating_add);
        if !self.is_stirred
            || self.tickets.len() >= self.config.tickets
            || pooled >= self.config.ticket_bytes
        {
            return;
        }
        self.is_stirred = false;
        let (mut asked, mut bytes) = self.members.asked();
        let mut questions: BTreeMap<Peer, Vec<Prefix>> = BTreeMap::new();
        let mut passed_over = Vec::new();
        let due = after(now, self.config.answer_wait);
        while asked < self.config.asked
            && bytes < self.config.asked_bytes
            && passed_over.len() < MAX_PASSED_OVER
        {
            let Some((_, prefix)) = self.waiting.pop_first() else {
                break;
            };
            let Some(wanted) = self.wanted.get_mut(&prefix) else {
                continue;
            };
            let Some(index) = choose(now, &wanted.left, &self.members, &self.config) else {
                passed_over.push(prefix);
                continue;
            };
            let peer = wanted.left.remove(index);
            wanted.asked.push(peer);
            wanted.asked_at = now;
            wanted.state = State::Asked(due);
            self.deadlines.insert((due, prefix));
            if let Some(member) = self.members.get_mut(peer) {
                member.asked = member.asked.saturating_add(1);
                bytes = bytes.saturating_add(member.mean_bytes);
            }
            asked = asked.saturating_add(1);
            questions.entry(peer).or_default().push(prefix);
        }
        let is_all = self.waiting.is_empty();
        // Those behind them must not wait for them.
        for prefix in passed_over {
            self.queue(prefix);
        }
        // There is more to look at only if the search ended for those that were passed over.
        self.is_stirred = !is_all && asked < self.config.asked && bytes < self.config.asked_bytes;
        for (peer, prefixes) in questions {
            for prefixes in prefixes.chunks(MAX_ANNOUNCED) {
                effects.send(peer, Packet::GetOperations(prefixes.to_vec()));
            }
        }
    }

    /// Operations came. What was asked of this peer and is still lacked goes to the pool.
    pub(crate) fn on_operations(
        &mut self,
        now: Timestamp,
        from: Peer,
        operations: &[Envelope<Operation>],
        effects: &mut Effects,
    ) {
        let Some(place) = self.members.get(from).map(|member| member.place) else {
            return;
        };
        let (mut taken, mut prefixes, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        let mut is_unasked = false;
        for operation in operations {
            let operation = operation.clone().identify(&self.chain_id);
            let prefix = Prefix::of(&operation.id());
            let wanted = self.wanted.get(&prefix);
            if !wanted.is_some_and(|wanted| wanted.asked.contains(&from)) {
                is_unasked |= !self.came_late(from);
                continue;
            }
            let Some(mut wanted) = self.take_wanted(prefix, Some(from)) else {
                continue;
            };
            wanted.has.insert(place);
            let others = wanted.left;
            let known = self.ring.note(prefix, &wanted.has, Ours::Judged { others });
            known.from = Some(from);
            bytes = bytes.saturating_add(operation.encoded_len());
            taken.push(Arc::new(operation));
            prefixes.push(prefix);
        }
        if is_unasked {
            effects.blame(from, Fault::Unasked);
        }
        if let Some(member) = self.members.get_mut(from).filter(|_| !taken.is_empty()) {
            member.answered(now, taken.len(), bytes, self.config.asked_per_peer);
        }
        if !taken.is_empty() {
            let ticket = self.next_ticket;
            self.next_ticket = ticket.saturating_add(1);
            let due = after(now, self.config.ticket_wait);
            let with_pool = Ticket {
                from,
                prefixes,
                bytes,
                due,
            };
            self.tickets.insert(ticket, with_pool);
            let operations = taken;
            effects.push(Output::AddOperations { ticket, operations });
        }
        self.ask(now, effects);
    }

    /// Whether a peer may send something that is not waited for: it was asked for it before.
    fn came_late(&mut self, from: Peer) -> bool {
        let late = self.members.get_mut(from).filter(|one| one.late > 0);
        late.is_some_and(|member| {
            member.late = member.late.saturating_sub(1);
            true
        })
    }

    /// What the pool says to an answer, in order.
    pub(crate) fn on_added(
        &mut self,
        now: Timestamp,
        ticket: u64,
        results: &[Result<(), PoolError>],
        effects: &mut Effects,
    ) {
        let Some(ticket) = self.tickets.remove(&ticket) else {
            return;
        };
        self.is_stirred = true;
        let mut is_bad = false;
        for (prefix, result) in ticket.prefixes.iter().zip(results) {
            let Err(error) = result else {
                self.settle(*prefix, Ours::Held);
                continue;
            };
            is_bad |= is_proof(error);
            match error {
                PoolError::OperationSignature(_) => self.want_again(*prefix, ticket.from),
                PoolError::OperationPending(_) => self.settle(*prefix, Ours::Held),
                _ => {
                    let until = after(now, self.config.refused_for);
                    self.settle(*prefix, Ours::Refused { until });
                }
            }
        }
        if is_bad {
            effects.blame(ticket.from, Fault::BadItem);
        }
        self.ask(now, effects);
    }

    fn settle(&mut self, prefix: Prefix, ours: Ours) {
        if let Some(known) = self.ring.get_mut(prefix)
            && matches!(known.ours, Ours::Judged { .. })
        {
            known.ours = ours;
        }
    }

    /// It came with a bad signature: it is asked of another who announced it.
    fn want_again(&mut self, prefix: Prefix, liar: Peer) {
        let is_judged = |ours: &Ours| matches!(ours, Ours::Judged { .. });
        if !self.ring.get(prefix).is_some_and(|it| is_judged(&it.ours)) {
            return;
        }
        let Some(known) = self.ring.forget(prefix) else {
            return;
        };
        let Ours::Judged { mut others } = known.ours else {
            return;
        };
        others.retain(|peer| *peer != liar && self.members.get(*peer).is_some());
        self.want_of(prefix, known.has, others);
    }

    /// What was not answered in time is asked of others.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let mut slow = BTreeSet::new();
        while let Some((_, prefix)) = self.deadlines.first().copied().filter(|it| it.0 <= now) {
            self.deadlines.pop_first();
            let Some(wanted) = self.wanted.get_mut(&prefix) else {
                continue;
            };
            let (State::Asked(_), Some(peer)) = (wanted.state, wanted.asked.last().copied()) else {
                self.take_wanted(prefix, None);
                self.stats.never_came = self.stats.never_came.saturating_add(1);
                continue;
            };
            if let Some(member) = self.members.get_mut(peer) {
                // As long as it sends other things that it was asked for, this may be on its way.
                let alive = after(member.heard_at, self.config.answer_wait);
                let due = alive.min(after(wanted.asked_at, self.config.longest_wait()));
                if due > now {
                    wanted.state = State::Asked(due);
                    self.deadlines.insert((due, prefix));
                    continue;
                }
                member.stop_waiting();
                slow.insert(peer);
            }
            self.ask_next(now, prefix);
        }
        for peer in slow {
            if let Some(member) = self.members.get_mut(peer) {
                member.slow(now, &self.config);
            }
        }
    }

    /// Nobody is waited for any longer: the next is asked, or if there is none, it may come late.
    fn ask_next(&mut self, now: Timestamp, prefix: Prefix) {
        self.is_stirred = true;
        let Some(wanted) = self.wanted.get_mut(&prefix) else {
            return;
        };
        if !wanted.left.is_empty() {
            return self.queue(prefix);
        }
        let until = after(now, self.config.late_wait());
        wanted.state = State::Late(until);
        self.deadlines.insert((until, prefix));
    }

    /// A peer is gone, and its place free.
    pub(super) fn forget_announcer(&mut self, now: Timestamp, peer: Peer, place: usize) {
        let mut gone = Vec::new();
        let mut unanswered = Vec::new();
        for (prefix, wanted) in &mut self.wanted {
            wanted.has.remove(place);
            wanted.left.retain(|other| *other != peer);
            let is_last = wanted.asked.last() == Some(&peer);
            wanted.asked.retain(|other| *other != peer);
            if wanted.left.is_empty() && wanted.asked.is_empty() {
                gone.push(*prefix);
            } else if let (State::Asked(due), true) = (wanted.state, is_last) {
                unanswered.push((due, *prefix));
            } else if let (State::Waiting(number), true) = (wanted.state, wanted.left.is_empty()) {
                self.waiting.remove(&number);
                unanswered.push((Timestamp::EPOCH, *prefix));
            }
        }
        for prefix in gone {
            self.take_wanted(prefix, None);
        }
        for (due, prefix) in unanswered {
            self.deadlines.remove(&(due, prefix));
            self.ask_next(now, prefix);
        }
    }

    /// What the pool never answered for may be fetched again.
    pub(super) fn forget_tickets(&mut self, now: Timestamp) {
        while let Some((number, ticket)) = self.tickets.first_key_value()
            && ticket.due <= now
        {
            let number = *number;
            let Some(ticket) = self.tickets.remove(&number) else {
                return;
            };
            self.is_stirred = true;
            self.stats.unjudged = self.stats.unjudged.saturating_add(1);
            for prefix in ticket.prefixes {
                let known = self.ring.get(prefix);
                if known.is_some_and(|it| matches!(it.ours, Ours::Judged { .. })) {
                    self.ring.forget(prefix);
                }
            }
        }
    }
}

#[cfg(test)]
impl Operations {
    /// What must hold after every input.
    pub(super) fn check(&self) {
        let places = self.waiting.len() + self.deadlines.len();
        assert_eq!(places, self.wanted.len());
        let (mut asked, mut firsts) = (BTreeMap::new(), BTreeMap::new());
        for (prefix, wanted) in &self.wanted {
            *firsts.entry(wanted.first).or_insert(0) += 1;
            assert!(
                wanted.left.len() <= MAX_ANNOUNCERS && wanted.asked.len() <= MAX_ANNOUNCERS + 1
            );
            match wanted.state {
                State::Waiting(number) => {
                    assert_eq!(self.waiting.get(&number), Some(prefix));
                    assert!(!wanted.left.is_empty());
                }
                State::Asked(due) => {
                    assert!(self.deadlines.contains(&(due, *prefix)));
                    *asked.entry(wanted.asked.last().copied()).or_insert(0) += 1;
                }
                State::Late(until) => assert!(self.deadlines.contains(&(until, *prefix))),
            }
        }
        for (peer, member) in self.members.iter() {
            assert_eq!(member.asked, asked.get(&Some(peer)).copied().unwrap_or(0));
            assert_eq!(member.wanted, firsts.get(&peer).copied().unwrap_or(0));
            assert!(member.asked <= self.config.asked_per_peer);
        }
        assert!(self.wanted.len() <= self.config.wanted);
        assert!(self.ring.len() <= self.config.known);
        assert!(self.members.asked().0 <= self.config.asked);
    }
}

/// Whom of these to ask: the first that has room and is not slow, or that has room.
fn choose(
    now: Timestamp,
    left: &[Peer],
    members: &Members,
    config: &super::OperationsConfig,
) -> Option<usize> {
    let with_room = || {
        left.iter().enumerate().filter_map(|(index, peer)| {
            let member = members.get(*peer)?;
            member.has_room(config).then_some((index, member))
        })
    };
    let quick = with_room().find(|(_, member)| member.slow_until <= now);
    quick.or_else(|| with_room().next()).map(|(index, _)| index)
}
