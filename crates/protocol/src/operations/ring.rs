//! What is remembered of the operations that came by last: who has them, and what became of them here.

use crate::packet::Prefix;
use crate::peers::PeerSet;
use picot_clock::Timestamp;
use picot_consensus::Peer;
use std::collections::{HashMap, VecDeque};

/// What became of an operation here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ours {
    /// The pool took it in.
    Held,
    /// It came from a peer, and the pool has not answered. These others have announced it.
    Judged {
        /// In the order in which they did.
        others: Vec<Peer>,
    },
    /// The pool refused it for a reason that may pass: until then it is not fetched again.
    Refused {
        /// The time.
        until: Timestamp,
    },
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Who has it: it was announced or sent from there, or sent there.
    pub(super) has: PeerSet,
    /// To whom it was announced, who have not asked for it.
    pub(super) told: PeerSet,
    /// Who sent it here, if a peer did.
    pub(super) from: Option<Peer>,
    pub(super) ours: Ours,
    number: u64,
}

impl Known {
    /// Whether a peer has it, or was told of it here.
    pub(super) fn is_known_to(&self, place: usize) -> bool {
        self.has.contains(place) || self.told.contains(place)
    }

    /// A peer is told of it, unless it knows. Gives whether it is.
    pub(super) fn tell(&mut self, place: usize) -> bool {
        let is_news = !self.is_known_to(place);
        if is_news {
            self.told.insert(place);
        }
        is_news
    }
}

/// The last so many operations, first in, first out. What is taken out before leaves its place empty.
#[derive(Debug)]
pub(super) struct Ring {
    /// Looked up for each prefix that is said or heard, and never gone through.
    known: HashMap<Prefix, Known>,
    order: VecDeque<Prefix>,
    /// The number of the first in `order`.
    first: u64,
    capacity: usize,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
            first: 0,
            capacity,
        }
    }

    pub(super) fn get(&self, prefix: Prefix) -> Option<&Known> {
        self.known.get(&prefix)
    }

    pub(super) fn get_mut(&mut self, prefix: Prefix) -> Option<&mut Known> {
        self.known.get_mut(&prefix)
    }

    /// Notes what became of an operation, and that these have it; the oldest is forgotten for a new one.
    pub(super) fn note(&mut self, prefix: Prefix, has: &PeerSet, ours: Ours) -> &mut Known {
        if !self.known.contains_key(&prefix) {
            self.make_room();
        }
        let number = self.end();
        let order = &mut self.order;
        let known = self.known.entry(prefix).or_insert_with(|| {
            order.push_back(prefix);
            Known {
                has: PeerSet::EMPTY,
                told: PeerSet::EMPTY,
                from: None,
                ours: Ours::Held,
                number,
            }
        });
        known.ours = ours;
        known.has.union(has);
        known
    }

    pub(super) fn forget(&mut self, prefix: Prefix) -> Option<Known> {
        self.known.remove(&prefix)
    }

    /// A place is free, and may be given to another peer.
    pub(super) fn forget_place(&mut self, place: usize) {
        for prefix in &self.order {
            if let Some(known) = self.known.get_mut(prefix) {
                known.has.remove(place);
                known.told.remove(place);
            }
        }
    }

    /// The numbers of what is remembered.
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.first, self.end())
    }

    /// Those remembered from a number on, at most `count` of them, before `end`; and the number after
    /// the last one that was looked at.
    pub(super) fn range(&self, from: u64, end: u64, count: usize) -> (Vec<Prefix>, u64) {
        let from = from.max(self.first);
        let skipped = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let left = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut next = from;
        let mut prefixes = Vec::new();
        for prefix in self.order.iter().skip(skipped).take(left.min(count)) {
            if self.known.get(prefix).is_some_and(|it| it.number == next) {
                prefixes.push(*prefix);
            }
            next = next.saturating_add(1);
        }
        (prefixes, next)
    }

    fn end(&self) -> u64 {
        let len = u64::try_from(self.order.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(len)
    }

    fn make_room(&mut self) {
        while self.order.len() >= self.capacity.max(1) {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            // It may have been forgotten and noted again meanwhile: then it has a later number, too.
            if self
                .known
                .get(&oldest)
                .is_some_and(|it| it.number == self.first)
            {
                self.known.remove(&oldest);
            }
            self.first = self.first.saturating_add(1);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        debug_assert!(self.known.len() <= self.order.len());
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(number: u64) -> Prefix {
        Prefix(number.to_be_bytes())
    }

    #[test]
    fn the_oldest_is_forgotten_and_what_is_noted_again_keeps_its_place() {
        let mut ring = Ring::new(3);
        for number in [1, 2, 1, 3] {
            ring.note(prefix(number), &PeerSet::EMPTY, Ours::Held);
        }
        assert_eq!(ring.len(), 3);
        ring.note(prefix(4), &PeerSet::EMPTY, Ours::Held);
        let left = |ring: &Ring| {
            (1..=5)
                .filter(|n| ring.get(prefix(*n)).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(left(&ring), [2, 3, 4]);
        // Forgotten and noted again it is the newest: its old place goes without it.
        assert!(ring.forget(prefix(2)).is_some());
        ring.note(prefix(2), &PeerSet::EMPTY, Ours::Held);
        ring.note(prefix(5), &PeerSet::EMPTY, Ours::Held);
        assert_eq!(left(&ring), [2, 4, 5]);
        assert_eq!(ring.len(), 3);
    }

    #[test]
    fn a_walk_by_numbers_meets_each_once_while_others_come_and_go() {
        let mut ring = Ring::new(4);
        for number in 1..=4 {
            ring.note(prefix(number), &PeerSet::EMPTY, Ours::Held);
        }
        let (from, end) = ring.numbers();
        let (first, next) = ring.range(from, end, 2);
        assert_eq!(first, [prefix(1), prefix(2)]);
        ring.forget(prefix(3));
        for number in 5..=7 {
            ring.note(prefix(number), &PeerSet::EMPTY, Ours::Held);
        }
        let (second, next) = ring.range(next, end, 9);
        assert_eq!((second, next), (vec![prefix(4)], end));
    }
}
