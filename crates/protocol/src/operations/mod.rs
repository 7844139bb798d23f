//! Operations between nodes: announced by eight bytes, asked for by eight, sent once (design 09, 'What
//! travels').
//!
//! What the pool takes in is announced, in batches, to each peer that is not known to have it. Those who
//! are connected to the peer that it came from were told there: a while later some of them are told here,
//! too, each time others, so that no peer can keep it from anybody. A peer's announcement of what is
//! neither pending nor remembered is answered with a question, and that with the operations, which go to
//! the pool. So an operation's bytes cross a link once, and a link carries at most 16 bytes and its own for
//! each, in packets of hundreds; where all are connected to all, most links carry none of it.
//!
//! - The first to announce is asked first; who does not answer in time makes room for the next of at
//!   most four. What comes late is taken if it is still lacked, and nobody is blamed for it.
//! - A peer *has* an operation that it announced or sent, or that was sent to it; it is *told* of one
//!   that was announced to it, and only of that it is given the bytes, once.
//! - A bad signature is the fault of who sent the operation, and another is asked, since ids do not cover
//!   signatures. What the pool refuses for other reasons is not fetched again for a while.
//! - A new peer is told of what is pending among the operations that came by last, and of no others.
//! - While the pool has not answered for much, nothing more is asked for.

mod fetch;
mod members;
mod ring;
mod serve;
#[cfg(test)]
pub(crate) mod test_kit;
#[cfg(test)]
mod tests;

use crate::input::Effects;
use crate::packet::Prefix;
use crate::peers::{PeerSet, Table};
use crate::time::after;
use fetch::{Ticket, Wanted};
use members::Members;
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_models::{ChainId, SignedOperation};
use picot_pool::Pool;
use ring::{Ours, Ring};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How long a peer may take to answer at least.
const LEAST_ANSWER_WAIT: Millis = Millis(1_000);

/// The bounds of the exchange of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperationsConfig {
    /// How long a peer may take to answer.
    pub(crate) answer_wait: Millis,
    /// How long new operations wait for others, to be announced together.
    pub(crate) announce_wait: Millis,
    /// As many are announced without waiting.
    pub(crate) announce_len: usize,
    /// How long those who were told by others have, before some of them are told here, too.
    pub(crate) told_wait: Millis,
    /// How many these are.
    pub(crate) told_later: usize,
    /// Operations that are remembered.
    pub(crate) known: usize,
    /// Operations that were announced and are not had; beyond it those that were asked for in vain are
    /// dropped, and then those that wait longest.
    pub(crate) wanted: usize,
    /// Of these, those that one peer announced first; beyond it what it announces is ignored.
    pub(crate) wanted_per_peer: usize,
    /// Operations that are waited for.
    pub(crate) asked: usize,
    /// Operations that are waited for from one peer.
    pub(crate) asked_per_peer: usize,
    /// About as many bytes are waited for.
    pub(crate) asked_bytes: usize,
    /// About as many bytes are waited for from one peer, and one operation at least.
    pub(crate) asked_bytes_per_peer: usize,
    /// Bytes of a packet of operations, and one operation at least.
    pub(crate) packet_bytes: usize,
    /// Bytes that a peer is sent at once, and one operation at least.
    pub(crate) answer_bytes: usize,
    /// The pause after that.
    pub(crate) answer_pause: Millis,
    /// Answers of peers that are with the pool.
    pub(crate) tickets: usize,
    /// Bytes of these.
    pub(crate) ticket_bytes: usize,
    /// When the pool is taken not to answer at all.
    pub(crate) ticket_wait: Millis,
    /// How long what the pool refused is not fetched again.
    pub(crate) refused_for: Millis,
}

impl OperationsConfig {
    /// For 10,000 operations a second, a million pending and some 200 peers.
    pub(crate) const fn new(answer_wait: Millis) -> Self {
        Self {
            answer_wait,
            announce_wait: Millis(30),
            announce_len: 512,
            told_wait: Millis(500),
            told_later: 4,
            known: 65_536,
            wanted: 65_536,
            wanted_per_peer: 16_384,
            asked: 16_384,
            asked_per_peer: 4_096,
            asked_bytes: 16 << 20,
            asked_bytes_per_peer: 2 << 20,
            packet_bytes: 256 << 10,
            answer_bytes: 1 << 20,
            answer_pause: Millis(100),
            tickets: 64,
            ticket_bytes: 2 << 20,
            ticket_wait: Millis(60_000),
            refused_for: Millis(30_000),
        }
    }

    /// How long a peer is waited for that keeps sending, and others are asked rather than a slow one.
    const fn longest_wait(&self) -> Millis {
        Millis(self.answer_wait.0.saturating_mul(4))
    }

    /// How long something may come late.
    const fn late_wait(&self) -> Millis {
        Millis(self.answer_wait.0.saturating_mul(16))
    }
}

/// What was not done, for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OperationsStats {
    /// Announcements that were dropped or ignored.
    pub dropped: u64,
    /// Operations that were announced and never came.
    pub never_came: u64,
    /// Answers that the pool did not give.
    pub unjudged: u64,
}

/// An operation that is to be announced.
#[derive(Debug)]
struct Fresh {
    prefix: Prefix,
    /// Who sent it here, if a peer did.
    from: Option<Peer>,
}

/// What is known of operations between this node and its peers; see the [module](self).
#[derive(Debug)]
pub(crate) struct Operations {
    chain_id: ChainId,
    config: OperationsConfig,
    members: Members,
    ring: Ring,
    /// Taken in by the pool, not announced yet.
    fresh: Vec<Fresh>,
    fresh_due: Option<Timestamp>,
    /// What some of those are told who had it from others, and when.
    later: VecDeque<(Timestamp, Prefix)>,
    /// The last peer that was told so.
    told_last: Option<Peer>,
    wanted: BTreeMap<Prefix, Wanted>,
    /// Those to be asked for when there is room, in order.
    waiting: BTreeMap<u64, Prefix>,
    next_waiting: u64,
    /// When those that were asked for are no longer waited for.
    deadlines: BTreeSet<(Timestamp, Prefix)>,
    tickets: BTreeMap<u64, Ticket>,
    next_ticket: u64,
    /// Whether something may be asked for that could not be when it was tried last.
    is_stirred: bool,
    stats: OperationsStats,
}

impl Operations {
    /// Without peers. Who is asked for an operation may take `answer_wait`, and a second at least:
    /// operations are not urgent, and a busy peer is given time rather than a second one asked.
    pub(crate) fn new(chain_id: ChainId, answer_wait: Millis) -> Self {
        let answer_wait = answer_wait.max(LEAST_ANSWER_WAIT);
        Self::with_config(chain_id, OperationsConfig::new(answer_wait))
    }

    pub(crate) fn with_config(chain_id: ChainId, config: OperationsConfig) -> Self {
        Self {
            chain_id,
            members: Members::default(),
            ring: Ring::new(config.known),
            config,
            fresh: Vec::new(),
            fresh_due: None,
            later: VecDeque::new(),
            told_last: None,
            wanted: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_waiting: 0,
            deadlines: BTreeSet::new(),
            tickets: BTreeMap::new(),
            next_ticket: 0,
            is_stirred: false,
            stats: OperationsStats::default(),
        }
    }

    /// A peer has introduced itself: it is told of what came by last when time passes.
    pub(crate) fn connected(&mut self, peer: Peer) {
        self.members.add(peer, self.ring.numbers());
    }

    /// A peer is gone: what it was asked for is asked of others.
    pub(crate) fn disconnected(&mut self, now: Timestamp, peer: Peer, effects: &mut Effects) {
        let Some(member) = self.members.remove(peer) else {
            return;
        };
        self.ring.forget_place(member.place);
        self.forget_announcer(now, peer, member.place);
        self.ask(now, effects);
    }

    /// The pool took these in for the first time. They are announced when time passes.
    pub(crate) fn on_new(&mut self, now: Timestamp, operations: &[Arc<SignedOperation>]) {
        for operation in operations {
            let prefix = Prefix::of(&operation.id());
            let wanted = self.take_wanted(prefix, None);
            let has = wanted.map_or(PeerSet::EMPTY, |wanted| wanted.has);
            let from = self.ring.note(prefix, &has, Ours::Held).from;
            if !self.members.is_empty() {
                self.fresh.push(Fresh { prefix, from });
            }
        }
        if self.fresh.len() >= self.config.announce_len {
            self.fresh_due = Some(now);
        } else if !self.fresh.is_empty() {
            let due = after(now, self.config.announce_wait);
            self.fresh_due.get_or_insert(due);
        }
    }

    /// What time gives to do: announcing, answering what had to wait, asking others.
    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        table: &Table,
        pool: &dyn Pool,
        effects: &mut Effects,
    ) {
        self.announce_fresh(now, table, effects);
        self.tell_later(now, pool, effects);
        self.greet(now, pool, effects);
        self.serve_waiting(now, pool, effects);
        self.members.settle();
        self.forget_tickets(now);
        self.expire(now);
        self.ask(now, effects);
    }

    /// When there is something to do if nothing else happens.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let of_members = self.members.due().flat_map(|(_, member)| {
            let greet_at = member.greeting.map(|_| member.greet_at);
            let serve_at = member.serve_at.filter(|_| !member.owed.is_empty());
            [greet_at, serve_at].into_iter().flatten()
        });
        let deadline = self.deadlines.first().map(|(due, _)| *due);
        let ticket = self.tickets.values().next().map(|ticket| ticket.due);
        of_members
            .chain(self.fresh_due)
            .chain(self.later.front().map(|(due, _)| *due))
            .chain(deadline)
            .chain(ticket)
            .min()
    }

    /// What was not done.
    pub(crate) const fn stats(&self) -> OperationsStats {
        self.stats
    }
}
