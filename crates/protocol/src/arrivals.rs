//! Frames that came and were not looked at yet: those of each peer in order, peers in turn, so that who
//! sends without end waits for itself alone.

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use picot_consensus::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

/// What waits of each peer. A peer without anything has no entry.
#[derive(Debug)]
struct Turns<T> {
    peers: BTreeMap<Peer, VecDeque<T>>,
    last: Option<Peer>,
}

impl<T> Turns<T> {
    const fn new() -> Self {
        Self {
            peers: BTreeMap::new(),
            last: None,
        }
    }

    fn push(&mut self, peer: Peer, item: T) {
        self.peers.entry(peer).or_default().push_back(item);
    }

    /// The next of the peer after the last one that had something.
    fn pop(&mut self) -> Option<T> {
        let after = self.last.map_or(Unbounded, Excluded);
        let later = self.peers.range_mut((after, Unbounded)).next();
        let (peer, items) = match later {
            Some((peer, items)) => (*peer, items),
            None => self
                .peers
                .iter_mut()
                .next()
                .map(|(peer, items)| (*peer, items))?,
        };
        let item = items.pop_front();
        if items.is_empty() {
            self.peers.remove(&peer);
        }
        self.last = Some(peer);
        item
    }
}

/// One lane's frames, put in by any thread and taken by one.
pub(crate) struct Arrivals<T> {
    turns: Mutex<Turns<T>>,
    bell: Sender<()>,
}

impl<T> Arrivals<T> {
    /// Rings the bell when there is something.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (bell, rung) = bounded(1);
        let turns = Mutex::new(Turns::new());
        (Self { turns, bell }, rung)
    }

    pub(crate) fn push(&self, peer: Peer, item: T) {
        self.turns.lock().push(peer, item);
        self.ring();
    }

    /// How many wait of a peer.
    pub(crate) fn waiting(&self, peer: Peer) -> usize {
        self.turns.lock().peers.get(&peer).map_or(0, VecDeque::len)
    }

    /// So many at most; the bell rings again if there are more.
    pub(crate) fn take(&self, most: usize) -> impl Iterator<Item = T> + '_ {
        let mut left = most;
        std::iter::from_fn(move || {
            let next = left.checked_sub(1);
            let item = next.and_then(|_| self.turns.lock().pop());
            if next.is_none() {
                self.ring();
            }
            left = next?;
            item
        })
    }

    /// What a peer sent that is gone is of no use.
    pub(crate) fn forget(&self, peer: Peer) {
        self.turns.lock().peers.remove(&peer);
    }

    fn ring(&self) {
        // It rings already.
        let _ = self.bell.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_without_end_delays_others_by_one_frame_each() {
        let (arrivals, _bell) = Arrivals::new();
        for number in 0..10_000 {
            arrivals.push(Peer(1), (1, number));
        }
        arrivals.push(Peer(2), (2, 0));
        arrivals.push(Peer(3), (3, 0));
        arrivals.push(Peer(3), (3, 1));
        let first: Vec<_> = arrivals.take(6).collect();
        assert_eq!(first, [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2)]);
    }

    #[test]
    fn nothing_is_lost_and_each_peers_order_is_kept() {
        let (arrivals, _bell) = Arrivals::new();
        for number in 0..100 {
            arrivals.push(Peer(number % 7), (number % 7, number));
        }
        let all: Vec<_> = arrivals.take(1_000).collect();
        assert_eq!(all.len(), 100);
        for peer in 0..7 {
            let own = all.iter().filter(|(of, _)| *of == peer);
            assert!(own.map(|(_, number)| number).is_sorted());
        }
        assert!(arrivals.turns.lock().peers.is_empty());
    }

    #[test]
    fn the_bell_rings_as_long_as_there_is_more() {
        let (arrivals, bell) = Arrivals::new();
        assert!(bell.try_recv().is_err());
        (0..5).for_each(|number| arrivals.push(Peer(1), number));
        for expected in [2, 2, 1] {
            assert!(bell.try_recv().is_ok());
            assert_eq!(arrivals.take(2).count(), expected);
        }
        assert!(bell.try_recv().is_err());
    }

    #[test]
    fn what_waits_of_a_peer_that_is_gone_is_dropped() {
        let (arrivals, _bell) = Arrivals::new();
        arrivals.push(Peer(1), 1);
        arrivals.push(Peer(2), 2);
        arrivals.push(Peer(2), 3);
        assert_eq!(
            (arrivals.waiting(Peer(1)), arrivals.waiting(Peer(2))),
            (1, 2)
        );
        arrivals.forget(Peer(1));
        assert_eq!(arrivals.waiting(Peer(1)), 0);
        assert_eq!(arrivals.take(10).collect::<Vec<_>>(), [2, 3]);
    }
}
