//! What peers say of themselves, and what they are told.

use super::{PeersConfig, Table};
use crate::packet::{Echo, Status};
use crate::time::after;
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_models::Slot;
use std::collections::BTreeMap;
use std::ops::Bound;

/// What one peer said last, and when it is told again.
#[derive(Debug)]
struct Entry {
    /// By thread: the last period that it says to have decided. Nothing before its first status.
    decided: Vec<u64>,
    serves_from: u64,
    /// When it sent its last status, by its clock, and when that came, by ours.
    heard: Option<(u64, Timestamp)>,
    /// What consensus was told that it has decided, and when.
    told: Vec<u64>,
    told_at: Option<Timestamp>,
    sent_at: Timestamp,
    due: Timestamp,
}

/// What peers say of themselves, and when they are told how far this node is: after the handshake, when
/// there is progress, but not too often, and every few seconds.
#[derive(Debug)]
pub(crate) struct Statuses {
    interval: Millis,
    pause: Millis,
    peers: BTreeMap<Peer, Entry>,
    /// Peers that are told of progress soon, each time others.
    told: usize,
    /// The last one that was.
    told_last: Option<Peer>,
    /// The earliest time at which a peer is due.
    next_due: Option<Timestamp>,
    /// By thread: who was asked for outcomes last.
    asked: BTreeMap<u8, Peer>,
}

impl Statuses {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            interval: config.status_interval,
            pause: config.status_pause,
            told: config.progress_told,
            told_last: None,
            peers: BTreeMap::new(),
            next_due: None,
            asked: BTreeMap::new(),
        }
    }

    /// A status for a peer, to be sent now. The first one is what makes the peer known here.
    pub(crate) fn make(
        &mut self,
        now: Timestamp,
        decided: &[u64],
        serves_from: u64,
        peer: Peer,
    ) -> Status {
        let entry = self.peers.entry(peer).or_insert_with(|| Entry {
            decided: Vec::new(),
            serves_from: 0,
            heard: None,
            told: Vec::new(),
            told_at: None,
            sent_at: now,
            due: now,
        });
        entry.sent_at = now;
        entry.due = after(now, self.interval);
        let echo = entry.heard.map(|(sent_at_ms, at)| Echo {
            sent_at_ms,
            held_ms: now.since(at).unwrap_or(Millis::ZERO).0,
        });
        self.find_next_due();
        Status {
            sent_at_ms: now.0,
            echo,
            decided: decided.to_vec(),
            serves_from,
        }
    }

    /// A peer has said how far it is. Its claim decides whom to ask, and nothing else.
    pub(crate) fn on_status(&mut self, now: Timestamp, peer: Peer, status: &Status) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.decided.clone_from(&status.decided);
            entry.serves_from = status.serves_from;
            entry.heard = Some((status.sent_at_ms, now));
        }
    }

    /// The last slots that a peer says to have decided and this node has not: those that are new since it
    /// was last asked here; all of them if that is a while ago, for consensus forgets what nobody could
    /// prove.
    pub(crate) fn newly_ahead(&mut self, peer: Peer, own: &[u64]) -> Vec<Slot> {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return Vec::new();
        };
        let Some((_, now)) = entry.heard else {
            return Vec::new();
        };
        let again = Millis(self.interval.0.saturating_mul(2));
        let is_new = entry
            .told_at
            .is_none_or(|at| now.since(at).is_none_or(|passed| passed >= again));
        if is_new {
            entry.told.clear();
        }
        entry.told.resize(entry.decided.len(), 0);
        let mut slots = Vec::new();
        let threads = entry.decided.iter().zip(own).zip(&mut entry.told);
        for (thread, ((theirs, ours), told)) in (0_u8..=u8::MAX).zip(threads) {
            if theirs > ours && theirs != told {
                *told = *theirs;
                slots.push(Slot::new(*theirs, thread));
            }
        }
        if is_new && !slots.is_empty() {
            entry.told_at = Some(now);
        }
        slots
    }

    /// This node has decided more: some peers are told soon, each time the next ones. The others hear it
    /// from their peers, or when they are due.
    pub(crate) fn progressed(&mut self, now: Timestamp) {
        let rest = self.told_last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.peers.range((rest, Bound::Unbounded));
        let round: Vec<Peer> = next
            .chain(&self.peers)
            .map(|(peer, _)| *peer)
            .take(self.told.min(self.peers.len()))
            .collect();
        self.told_last = round.last().copied();
        for peer in round {
            if let Some(entry) = self.peers.get_mut(&peer) {
                let soonest = after(entry.sent_at, self.pause).max(now);
                entry.due = entry.due.min(soonest);
            }
        }
        self.find_next_due();
    }

    /// Those to whom a status is to be sent now; they are due until that is [made](Self::make).
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Peer> {
        // A clock that has stepped back is not waited for.
        let latest = after(now, self.interval);
        let is_due = |due: Timestamp| due <= now || due > latest;
        if !self.next_due.is_some_and(is_due) {
            return Vec::new();
        }
        let peers = self.peers.iter();
        peers
            .filter(|(_, entry)| is_due(entry.due))
            .map(|(peer, _)| *peer)
            .collect()
    }

    pub(crate) const fn next_wake(&self) -> Option<Timestamp> {
        self.next_due
    }

    pub(crate) fn disconnected(&mut self, peer: Peer) {
        self.peers.remove(&peer);
        self.find_next_due();
    }

    /// Whom to ask for outcomes of a thread from a period on: of those who say to have them each in turn,
    /// and another one first for each thread, so that several are asked at once and who does not answer
    /// is asked again last. If nobody says to have them yet, anyone who keeps as old ones.
    pub(crate) fn choose(&mut self, thread: u8, period: u64, table: &Table) -> Option<Peer> {
        let ready = |peer: &&Peer| table.is_ready(**peer);
        let serves = |peer: &&Peer| self.serves(**peer, thread, period);
        let keeps = |peer: &&Peer| self.keeps(**peer, period);
        let mut peers: Vec<Peer> = self
            .peers
            .keys()
            .filter(ready)
            .filter(serves)
            .copied()
            .collect();
        if peers.is_empty() {
            peers = self
                .peers
                .keys()
                .filter(ready)
                .filter(keeps)
                .copied()
                .collect();
        }
        let chosen = match self.asked.get(&thread) {
            Some(last) => peers.iter().find(|peer| *peer > last).or(peers.first()),
            None => {
                let place = usize::from(thread).checked_rem(peers.len())?;
                peers.get(place)
            }
        };
        let chosen = *chosen?;
        self.asked.insert(thread, chosen);
        Some(chosen)
    }

    /// Whether a peer says that it can give the outcome of a slot.
    fn serves(&self, peer: Peer, thread: u8, period: u64) -> bool {
        let entry = self.peers.get(&peer);
        let decided = entry.and_then(|entry| entry.decided.get(usize::from(thread)));
        decided.is_some_and(|last| period <= *last) && self.keeps(peer, period)
    }

    fn keeps(&self, peer: Peer, period: u64) -> bool {
        let entry = self.peers.get(&peer);
        entry.is_some_and(|entry| entry.heard.is_some() && entry.serves_from <= period)
    }

    /// The first period whose blocks a peer says to give, if it has said anything.
    pub(super) fn serves_from(&self, peer: Peer) -> Option<u64> {
        let entry = self.peers.get(&peer)?;
        entry.heard.map(|_| entry.serves_from)
    }

    /// By thread the last period that a peer says to have decided, if it has said anything.
    pub(super) fn decided(&self, peer: Peer) -> Option<&[u64]> {
        let entry = self.peers.get(&peer)?;
        entry.heard.map(|_| entry.decided.as_slice())
    }

    fn find_next_due(&mut self) {
        self.next_due = self.peers.values().map(|entry| entry.due).min();
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{World, status};
    use super::*;
    use std::collections::BTreeSet;

    /// Peers that have said this, in a table.
    fn world(claims: &[(u64, &[u64])]) -> World {
        let mut world = World::new();
        for (number, decided) in claims {
            world.ready(*number);
            world.status(*number, decided);
        }
        world
    }

    fn choose(world: &mut World, thread: u8, period: u64) -> Option<u64> {
        let chosen = world.statuses.choose(thread, period, &world.table);
        chosen.map(|peer| peer.0)
    }

    #[test]
    fn of_many_peers_some_are_told_of_progress_and_the_next_ones_the_next_time() {
        let config = PeersConfig::default();
        let claims: Vec<(u64, &[u64])> = (0..20).map(|peer| (peer, [0, 0].as_slice())).collect();
        let mut world = world(&claims);
        let now = Timestamp(world.now.0 + config.status_pause.0);
        let mut told = BTreeSet::new();
        for times in 1..=3 {
            world.statuses.progressed(now);
            let due = world.statuses.due(now);
            let expected = config.progress_told.min(20 - told.len());
            assert!(due.len() >= expected, "{times}: {due:?}");
            for peer in due {
                told.insert(peer);
                world.statuses.make(now, &[1, 0], 0, peer);
            }
            assert_eq!(told.len(), (config.progress_told * times).min(20));
        }
    }

    #[test]
    fn a_peer_is_told_every_few_seconds_and_after_progress_at_most_once_a_second() {
        let config = PeersConfig::default();
        let mut world = world(&[(1, &[0, 0]), (2, &[0, 0])]);
        let start = world.now;
        let at = |ms| Timestamp(start.0 + ms);
        let statuses = &mut world.statuses;
        assert_eq!(statuses.next_wake(), Some(at(config.status_interval.0)));
        assert_eq!(statuses.due(at(config.status_interval.0 - 1)), []);
        assert_eq!(statuses.due(at(config.status_interval.0)).len(), 2);
        statuses.progressed(at(10));
        statuses.progressed(at(20));
        assert_eq!(statuses.due(at(config.status_pause.0 - 1)), []);
        assert_eq!(statuses.due(at(config.status_pause.0)).len(), 2);
        statuses.make(at(config.status_pause.0), &[1, 0], 0, Peer(1));
        assert_eq!(statuses.due(at(config.status_pause.0)), [Peer(2)]);
        statuses.disconnected(Peer(2));
        assert_eq!(statuses.due(at(config.status_pause.0)), []);
        // Long after the last one, progress is told at once.
        statuses.progressed(at(4_000));
        assert_eq!(statuses.due(at(4_000)), [Peer(1)]);
    }

    #[test]
    fn a_clock_that_has_stepped_back_does_not_silence_this_node() {
        let world = world(&[(1, &[0, 0])]);
        let back = Timestamp(world.now.0 - 600_000);
        assert_eq!(world.statuses.due(back), [Peer(1)]);
    }

    #[test]
    fn a_status_echoes_the_last_one_that_came_and_how_long_ago() {
        let mut world = world(&[]);
        world.ready(1);
        let now = world.now;
        let first = world.statuses.make(now, &[3, 4], 2, Peer(1));
        let expected = Status {
            sent_at_ms: now.0,
            ..status(&[3, 4], 2)
        };
        assert_eq!(first, expected);
        let theirs = Status {
            sent_at_ms: 77,
            ..status(&[0, 0], 0)
        };
        world.statuses.on_status(now, Peer(1), &theirs);
        let second = world
            .statuses
            .make(Timestamp(now.0 + 30), &[3, 4], 2, Peer(1));
        let echo = Echo {
            sent_at_ms: 77,
            held_ms: 30,
        };
        assert_eq!(second.echo, Some(echo));
    }

    #[test]
    fn of_what_a_peer_is_ahead_only_what_is_new_is_told() {
        let mut world = world(&[(1, &[5, 2])]);
        let own = [3, 3];
        let slots = world.statuses.newly_ahead(Peer(1), &own);
        assert_eq!(slots, [Slot::new(5, 0)]);
        assert_eq!(world.statuses.newly_ahead(Peer(1), &own), []);
        world.status(1, &[5, 4]);
        let slots = world.statuses.newly_ahead(Peer(1), &own);
        assert_eq!(slots, [Slot::new(4, 1)]);
        world.status(1, &[6, 4]);
        let slots = world.statuses.newly_ahead(Peer(1), &own);
        assert_eq!(slots, [Slot::new(6, 0)]);
        assert_eq!(world.statuses.newly_ahead(Peer(9), &own), []);
    }

    /// Consensus asks a few times and then forgets; the others may stand still and wait for this node.
    #[test]
    fn a_peer_that_stays_ahead_is_told_of_again_after_a_while() {
        let mut world = world(&[(1, &[5, 2])]);
        let mut told = 0;
        for _ in 0..30 {
            world.now = Timestamp(world.now.0 + 1_000);
            world.status(1, &[5, 2]);
            told += world.statuses.newly_ahead(Peer(1), &[3, 3]).len();
        }
        assert_eq!(told, 3);
    }

    #[test]
    fn those_who_have_it_are_asked_in_turn_and_several_at_once() {
        let mut world = world(&[(1, &[9; 4]), (2, &[9; 4]), (3, &[9; 4]), (4, &[2; 4])]);
        let asked: BTreeSet<_> = (0..3).map(|thread| choose(&mut world, thread, 5)).collect();
        assert_eq!(asked, BTreeSet::from([Some(1), Some(2), Some(3)]));
        let in_turn: Vec<_> = (0..4).filter_map(|_| choose(&mut world, 0, 5)).collect();
        assert_eq!(in_turn, [2, 3, 1, 2]);
    }

    #[test]
    fn who_failed_to_answer_is_not_asked_again_before_the_others() {
        let mut world = world(&[(1, &[9]), (2, &[9])]);
        let first = choose(&mut world, 0, 5);
        assert_ne!(choose(&mut world, 0, 5), first);
        let first = choose(&mut world, 0, 5);
        world
            .statuses
            .disconnected(Peer(if first == Some(1) { 2 } else { 1 }));
        assert_eq!(choose(&mut world, 0, 5), first);
    }

    #[test]
    fn who_has_dropped_what_is_old_is_not_asked_for_it() {
        let mut world = world(&[(1, &[9]), (2, &[9])]);
        let pruned = status(&[9], 6);
        world.statuses.on_status(world.now, Peer(1), &pruned);
        for _ in 0..4 {
            assert_eq!(choose(&mut world, 0, 5), Some(2));
        }
        assert!((0..4).any(|_| choose(&mut world, 0, 6) == Some(1)));
    }

    #[test]
    fn if_nobody_says_to_have_it_anyone_who_keeps_it_is_asked() {
        let mut world = world(&[(1, &[4]), (2, &[4])]);
        world.ready(3);
        let asked: BTreeSet<_> = (0..6).map(|_| choose(&mut world, 0, 5)).collect();
        assert_eq!(asked, BTreeSet::from([Some(1), Some(2)]));
    }

    #[test]
    fn nobody_is_asked_who_is_not_there() {
        let mut world = world(&[(1, &[9])]);
        world.table.disconnect(Peer(1));
        assert_eq!(choose(&mut world, 0, 5), None);
        assert_eq!(choose(&mut World::new(), 0, 5), None);
    }

    #[test]
    fn what_a_stranger_says_is_not_kept() {
        let mut world = world(&[]);
        world.status(1, &[9]);
        assert_eq!(world.statuses.decided(Peer(1)), None);
        assert!(world.statuses.peers.is_empty());
    }
}
