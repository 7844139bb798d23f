//! What has to do with one peer in the exchange of operations.

use super::OperationsConfig;
use crate::packet::Prefix;
use crate::time::after;
use picot_clock::Timestamp;
use picot_consensus::Peer;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

/// Bytes that an operation is taken for before any came: a transfer has some 150.
const USUAL_BYTES: usize = 256;
/// Operations that are asked of a peer at once until it has answered.
const FIRST_WINDOW: usize = 1_024;
/// Operations that may be asked of even the slowest peer at once.
const LEAST_WINDOW: usize = 16;

/// One peer.
#[derive(Debug)]
pub(super) struct Member {
    /// Its bit in sets of peers.
    pub(super) place: usize,
    /// Operations that it was asked for and that are waited for.
    pub(super) asked: usize,
    /// Operations that it was asked for and that may still come, but are no longer waited for.
    pub(super) late: usize,
    /// Operations that are not had yet and that it announced first.
    pub(super) wanted: usize,
    /// Bytes of its operations of late, on average.
    pub(super) mean_bytes: usize,
    /// How many it may be asked for at once: fewer when it does not answer, more when it does.
    window: usize,
    /// When it last sent what it was asked for.
    pub(super) heard_at: Timestamp,
    /// Until when others are asked rather than it.
    pub(super) slow_until: Timestamp,
    /// What it asked for.
    pub(super) owed: VecDeque<Prefix>,
    /// When it gets more of that, if it has to wait.
    pub(super) serve_at: Option<Timestamp>,
    /// What of the ring is still to be announced to it, by numbers: from, and up to.
    pub(super) greeting: Option<(u64, u64)>,
    pub(super) greet_at: Timestamp,
}

impl Member {
    fn new(place: usize, greeting: (u64, u64)) -> Self {
        Self {
            place,
            asked: 0,
            late: 0,
            wanted: 0,
            mean_bytes: USUAL_BYTES,
            window: FIRST_WINDOW,
            heard_at: Timestamp::EPOCH,
            slow_until: Timestamp::EPOCH,
            owed: VecDeque::new(),
            serve_at: None,
            greeting: Some(greeting),
            greet_at: Timestamp::EPOCH,
        }
    }

    /// Whether one more may be asked for.
    pub(super) fn has_room(&self, config: &OperationsConfig) -> bool {
        let by_bytes = config.asked_bytes_per_peer.checked_div(self.mean_bytes);
        let most = self.window.min(config.asked_per_peer);
        self.asked < most.min(by_bytes.unwrap_or(most)).max(1)
    }

    pub(super) const fn asked_bytes(&self) -> usize {
        self.asked.saturating_mul(self.mean_bytes)
    }

    /// It answered with so many operations of so many bytes.
    pub(super) fn answered(&mut self, now: Timestamp, count: usize, bytes: usize, max: usize) {
        self.heard_at = now;
        self.window = self.window.saturating_add(count).min(max);
        if let Some(mean) = bytes.checked_div(count) {
            let sum = self.mean_bytes.saturating_mul(7).saturating_add(mean);
            self.mean_bytes = (sum / 8).max(1);
        }
    }

    /// It did not answer in time.
    pub(super) fn slow(&mut self, now: Timestamp, config: &OperationsConfig) {
        self.window = (self.window / 2).max(LEAST_WINDOW);
        self.slow_until = after(now, config.longest_wait());
    }

    /// One that it was asked for is waited for no longer.
    pub(super) const fn stop_waiting(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        self.late = self.late.saturating_add(1);
    }
}

/// All peers. Places are given again when they are free.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: BTreeMap<Peer, Member>,
    /// Those that may have to be told or sent something.
    due: BTreeSet<Peer>,
}

impl Members {
    /// The lowest free place is its.
    pub(super) fn add(&mut self, peer: Peer, greeting: (u64, u64)) {
        if self.members.contains_key(&peer) {
            return;
        }
        let mut taken: Vec<usize> = self.members.values().map(|one| one.place).collect();
        taken.sort_unstable();
        let free = taken
            .iter()
            .enumerate()
            .find(|(place, taken)| place != *taken);
        let place = free.map_or(taken.len(), |(place, _)| place);
        self.members.insert(peer, Member::new(place, greeting));
        self.due.insert(peer);
    }

    pub(super) fn remove(&mut self, peer: Peer) -> Option<Member> {
        self.due.remove(&peer);
        self.members.remove(&peer)
    }

    pub(super) fn get(&self, peer: Peer) -> Option<&Member> {
        self.members.get(&peer)
    }

    pub(super) fn get_mut(&mut self, peer: Peer) -> Option<&mut Member> {
        self.members.get_mut(&peer)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Peer, &Member)> {
        self.members.iter().map(|(peer, member)| (*peer, member))
    }

    /// All, in a round that begins after one of them.
    pub(super) fn round(&self, last: Option<Peer>) -> impl Iterator<Item = (Peer, &Member)> {
        let rest = last.map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.members.range((rest, Bound::Unbounded));
        let round = after.chain(&self.members).take(self.members.len());
        round.map(|(peer, member)| (*peer, member))
    }

    /// One owes a peer something now.
    pub(super) fn owes(&mut self, peer: Peer) {
        self.due.insert(peer);
    }

    /// Those that have not been told or sent all yet.
    pub(super) fn due(&self) -> impl Iterator<Item = (Peer, &Member)> {
        self.due
            .iter()
            .filter_map(|peer| Some((*peer, self.members.get(peer)?)))
    }

    /// Leaves out of these who has been told and sent all.
    pub(super) fn settle(&mut self) {
        let members = &self.members;
        self.due.retain(|peer| {
            let member = members.get(peer);
            member.is_some_and(|one| one.greeting.is_some() || !one.owed.is_empty())
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Operations that are waited for, and about how many bytes they have.
    pub(super) fn asked(&self) -> (usize, usize) {
        self.members.values().fold((0, 0), |(count, bytes), one| {
            (
                count.saturating_add(one.asked),
                bytes.saturating_add(one.asked_bytes()),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_clock::Millis;

    #[test]
    fn a_free_place_is_given_again_and_never_twice() {
        let mut members = Members::default();
        for peer in 0..4 {
            members.add(Peer(peer), (0, 0));
        }
        members.remove(Peer(1));
        members.add(Peer(9), (0, 0));
        members.add(Peer(9), (0, 0));
        members.add(Peer(10), (0, 0));
        let places: Vec<_> = members
            .iter()
            .map(|(peer, one)| (peer.0, one.place))
            .collect();
        assert_eq!(places, [(0, 0), (2, 2), (3, 3), (9, 1), (10, 4)]);
    }

    #[test]
    fn who_does_not_answer_is_asked_for_less_and_who_answers_for_more() {
        let config = OperationsConfig::new(Millis(1_000));
        let mut members = Members::default();
        members.add(Peer(1), (0, 0));
        let member = members.get_mut(Peer(1)).unwrap();
        let room = |member: &mut Member| {
            member.asked = 0;
            while member.has_room(&config) {
                member.asked += 1;
            }
            member.asked
        };
        assert_eq!(room(member), FIRST_WINDOW);
        for _ in 0..20 {
            member.slow(Timestamp(5), &config);
        }
        assert_eq!(room(member), LEAST_WINDOW);
        member.answered(Timestamp(6), 10_000, 1_500_000, config.asked_per_peer);
        assert_eq!(room(member), config.asked_per_peer);
        for _ in 0..60 {
            member.answered(Timestamp(6), 1, 1_000_000, config.asked_per_peer);
        }
        // By bytes.
        assert_eq!(room(member), 2);
    }
}
