//! Whom to dial, and when again, decided without I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::{Address, NodeId};

/// Peers that others told us of; more are not taken.
const MAX_LEARNT: usize = 1_000;
/// Addresses of one peer.
const MAX_ADDRESSES: usize = 4;
/// After so many failures, a peer that others told us of is forgotten.
const MAX_LEARNT_FAILURES: u32 = 3;

/// In the order in which they are dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Reserved,
    Peer,
    Learnt,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    /// Who answers, as far as it is known.
    node: Option<NodeId>,
    /// Whether no other node may answer.
    must_be: bool,
    addresses: Vec<Address>,
    due: Duration,
    failures: u32,
    dialling: bool,
}

/// What is to be dialled now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// What to call it when it fails or succeeds.
    pub(crate) key: u64,
    /// Who must answer.
    pub(crate) node: Option<NodeId>,
    /// Where; if nobody must answer, one of them.
    pub(crate) addresses: Vec<Address>,
    /// How often it has failed in a row.
    pub(crate) failures: u32,
}

/// What the dialler asks about the rest of the network.
pub(crate) trait Around {
    /// Whether a node should not be dialled: it is connected, or banned.
    fn skips(&self, node: &NodeId) -> bool;
    /// Whether one more connection with an address that others told us of is wise.
    fn may_dial(&self, ip: IpAddr) -> bool;
}

/// The peers that we know and how dialling them went.
#[derive(Debug)]
pub(crate) struct Dialler {
    own: NodeId,
    min: Duration,
    max: Duration,
    entries: BTreeMap<(Kind, u64), Entry>,
    next_key: u64,
}

impl Dialler {
    pub(crate) const fn new(own: NodeId, min: Duration, max: Duration) -> Self {
        Self {
            own,
            min,
            max,
            entries: BTreeMap::new(),
            next_key: 0,
        }
    }

    /// A peer to begin with.
    pub(crate) fn add_peer(&mut self, address: &Address) {
        let node = address.node();
        self.add(
            Kind::Peer,
            node,
            vec![address.without_node()],
            Duration::ZERO,
        );
    }

    /// A peer to keep, or one more address of it.
    pub(crate) fn reserve(&mut self, node: NodeId, address: Address, now: Duration) {
        match self.of(Kind::Reserved, node) {
            Some(entry) => {
                if !entry.addresses.contains(&address) {
                    entry.addresses.truncate(MAX_ADDRESSES.saturating_sub(1));
                    entry.addresses.insert(0, address);
                }
                entry.due = now;
            }
            None => self.add(Kind::Reserved, Some(node), vec![address], now),
        }
    }

    /// A peer to keep no longer.
    pub(crate) fn unreserve(&mut self, node: &NodeId) {
        self.entries
            .retain(|(kind, _), entry| *kind != Kind::Reserved || entry.node != Some(*node));
    }

    /// A peer that others told us of. Whether it is new.
    pub(crate) fn learn(
        &mut self,
        node: NodeId,
        mut addresses: Vec<Address>,
        now: Duration,
    ) -> bool {
        addresses.truncate(MAX_ADDRESSES);
        let known = self.entries.values().any(|entry| entry.node == Some(node));
        let learnt = self.entries.range((Kind::Learnt, 0)..).count();
        if known || node == self.own || addresses.is_empty() || learnt >= MAX_LEARNT {
            return false;
        }
        self.add(Kind::Learnt, Some(node), addresses, now);
        true
    }

    /// What to dial now: every reserved peer, and of the others as many as `wanted`.
    pub(crate) fn due(
        &mut self,
        now: Duration,
        mut wanted: usize,
        around: &impl Around,
    ) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let under_way = self.entries.values().filter(|entry| entry.dialling);
        let mut dialled: BTreeSet<NodeId> = under_way.filter_map(|entry| entry.node).collect();
        for ((_, key), entry) in &mut self.entries {
            let skips = |node| around.skips(&node) || dialled.contains(&node);
            if entry.dialling || entry.due > now || entry.node.is_some_and(skips) {
                continue;
            }
            if entry.kind != Kind::Reserved && wanted == 0 {
                continue;
            }
            let wise = |address: &Address| address.ip().is_some_and(|ip| around.may_dial(ip));
            if entry.kind == Kind::Learnt && !entry.addresses.iter().all(wise) {
                continue;
            }
            if entry.kind != Kind::Reserved {
                wanted = wanted.saturating_sub(1);
            }
            entry.dialling = true;
            dialled.extend(entry.node);
            attempts.push(Attempt {
                key: *key,
                node: entry.node.filter(|_| entry.must_be),
                addresses: entry.addresses.clone(),
                failures: entry.failures,
            });
        }
        attempts
    }

    /// Somebody answered, and proved to be `node`.
    pub(crate) fn answered(&mut self, key: u64, node: NodeId, now: Duration) {
        let min = self.min;
        if let Some(entry) = self.by_key(key) {
            entry.dialling = false;
            entry.node = Some(node);
            entry.due = now.saturating_add(min);
        }
    }

    /// Nobody answered, or not who must.
    pub(crate) fn failed(&mut self, key: u64, now: Duration) {
        let (min, max) = (self.min, self.max);
        if let Some(entry) = self.by_key(key) {
            entry.dialling = false;
            entry.postpone(min, max, now);
        }
        self.forget_hopeless();
    }

    /// We answered ourselves: that is not dialled again.
    pub(crate) fn ourselves(&mut self, key: u64) {
        self.entries.retain(|(_, of), _| *of != key);
    }

    /// The connection with a node ended; it lasted so long as a link.
    pub(crate) fn lost(&mut self, node: &NodeId, lasted: Duration, now: Duration) {
        let (min, max) = (self.min, self.max);
        for entry in self.entries.values_mut() {
            if entry.node == Some(*node) {
                if lasted >= wait(min, max, entry.failures) {
                    entry.failures = 0;
                    entry.due = now.saturating_add(min);
                } else {
                    entry.postpone(min, max, now);
                }
            }
        }
        self.forget_hopeless();
    }

    fn add(&mut self, kind: Kind, node: Option<NodeId>, addresses: Vec<Address>, due: Duration) {
        if node == Some(self.own) {
            return;
        }
        let entry = Entry {
            kind,
            node,
            must_be: node.is_some(),
            addresses,
            due,
            failures: 0,
            dialling: false,
        };
        self.entries.insert((kind, self.next_key), entry);
        self.next_key = self.next_key.saturating_add(1);
    }

    fn of(&mut self, kind: Kind, node: NodeId) -> Option<&mut Entry> {
        self.entries
            .values_mut()
            .find(|entry| entry.kind == kind && entry.node == Some(node))
    }

    fn by_key(&mut self, key: u64) -> Option<&mut Entry> {
        [Kind::Reserved, Kind::Peer, Kind::Learnt]
            .into_iter()
            .find(|kind| self.entries.contains_key(&(*kind, key)))
            .and_then(|kind| self.entries.get_mut(&(kind, key)))
    }

    fn forget_hopeless(&mut self) {
        self.entries
            .retain(|_, entry| entry.kind != Kind::Learnt || entry.failures < MAX_LEARNT_FAILURES);
    }
}

impl Entry {
    fn postpone(&mut self, min: Duration, max: Duration, now: Duration) {
        self.due = now.saturating_add(wait(min, max, self.failures));
        self.failures = self.failures.saturating_add(1);
    }
}

/// The wait after one more failure than `failures`: doubled with each, up to the most.
fn wait(min: Duration, max: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX);
    min.saturating_mul(factor).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    const MIN: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(60);

    #[derive(Default)]
    struct World {
        connected: BTreeSet<NodeId>,
        crowded: BTreeSet<IpAddr>,
    }

    impl Around for World {
        fn skips(&self, node: &NodeId) -> bool {
            self.connected.contains(node)
        }
        fn may_dial(&self, ip: IpAddr) -> bool {
            !self.crowded.contains(&ip)
        }
    }

    fn node(seed: u8) -> NodeId {
        Identity::from_seed([seed; 32]).unwrap().node_id()
    }

    fn address(n: u8) -> Address {
        Address::tcp(IpAddr::from([10, 0, 0, n]), 1)
    }

    fn dialler() -> Dialler {
        Dialler::new(node(0), MIN, MAX)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn keys(attempts: &[Attempt]) -> Vec<u64> {
        attempts.iter().map(|attempt| attempt.key).collect()
    }

    #[test]
    fn a_reserved_peer_is_dialled_for_ever_with_growing_bounded_waits() {
        let mut dialler = dialler();
        dialler.reserve(node(1), address(1), at(0));
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..200 {
            let attempts = dialler.due(now, 0, &World::default());
            assert_eq!(attempts.len(), 1);
            dialler.failed(attempts[0].key, now);
            let due = dialler.of(Kind::Reserved, node(1)).unwrap().due;
            assert!(
                dialler
                    .due(due - Duration::from_millis(1), 9, &World::default())
                    .is_empty()
            );
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(waits[8..].iter().all(|wait| *wait == 60));
    }

    #[test]
    fn a_link_that_lasted_is_dialled_again_soon_and_one_that_did_not_later() {
        let mut dialler = dialler();
        dialler.reserve(node(1), address(1), at(0));
        let key = dialler.due(at(0), 0, &World::default())[0].key;
        dialler.answered(key, node(1), at(0));
        for (now, wait) in [(0, 1), (1, 2), (3, 4)] {
            dialler.lost(&node(1), Duration::ZERO, at(now));
            assert_eq!(
                dialler.of(Kind::Reserved, node(1)).unwrap().due,
                at(now + wait)
            );
        }
        dialler.lost(&node(1), at(8), at(100));
        assert_eq!(dialler.of(Kind::Reserved, node(1)).unwrap().due, at(101));
    }

    #[test]
    fn of_the_peers_to_begin_with_as_many_as_wanted_are_dialled() {
        let mut dialler = dialler();
        (1..=4).for_each(|n| dialler.add_peer(&address(n)));
        assert_eq!(keys(&dialler.due(at(0), 2, &World::default())), [0, 1]);
        dialler.failed(0, at(0));
        assert_eq!(keys(&dialler.due(at(0), 9, &World::default())), [2, 3]);
        assert_eq!(keys(&dialler.due(at(1), 9, &World::default())), [0]);
    }

    #[test]
    fn who_is_connected_is_not_dialled_also_if_we_learnt_only_then_who_it_is() {
        let mut dialler = dialler();
        dialler.add_peer(&address(1));
        let attempts = dialler.due(at(0), 1, &World::default());
        assert_eq!(attempts[0].node, None);
        dialler.answered(0, node(1), at(0));
        let mut world = World::default();
        world.connected.insert(node(1));
        assert!(dialler.due(at(99), 1, &world).is_empty());
        world.connected.clear();
        let again = dialler.due(at(99), 1, &world);
        assert_eq!(
            (again[0].key, again[0].node),
            (0, None),
            "another may answer there now"
        );
    }

    #[test]
    fn a_peer_that_is_known_twice_is_dialled_once_at_a_time() {
        let mut dialler = dialler();
        dialler.add_peer(&address(1).with_node(node(1)));
        dialler.reserve(node(1), address(2), at(0));
        let first = dialler.due(at(0), 9, &World::default());
        assert_eq!(
            first[0].addresses,
            [address(2)],
            "as the reserved peer that it is"
        );
        assert_eq!(first.len(), 1);
        assert!(dialler.due(at(0), 9, &World::default()).is_empty());
        dialler.failed(first[0].key, at(0));
        assert_eq!(dialler.due(at(0), 9, &World::default()).len(), 1);
    }

    #[test]
    fn we_are_never_dialled() {
        let mut dialler = dialler();
        dialler.add_peer(&address(1).with_node(node(0)));
        dialler.reserve(node(0), address(1), at(0));
        assert!(!dialler.learn(node(0), vec![address(1)], at(0)));
        assert!(dialler.due(at(0), 9, &World::default()).is_empty());
        dialler.add_peer(&address(2));
        let key = dialler.due(at(0), 9, &World::default())[0].key;
        dialler.ourselves(key);
        assert!(dialler.due(at(999), 9, &World::default()).is_empty());
    }

    #[test]
    fn a_learnt_peer_is_forgotten_after_some_failures_and_the_learnt_are_bounded() {
        let mut dialler = dialler();
        assert!(dialler.learn(node(1), vec![address(1)], at(0)));
        assert!(!dialler.learn(node(1), vec![address(2)], at(0)));
        for now in [0, 10, 20] {
            let attempts = dialler.due(at(now), 1, &World::default());
            dialler.failed(attempts[0].key, at(now));
        }
        assert!(dialler.entries.is_empty());
        for n in 0..1_100_u32 {
            let mut seed = [3; 32];
            seed[..4].copy_from_slice(&n.to_le_bytes());
            let node = Identity::from_seed(seed).unwrap().node_id();
            dialler.learn(node, vec![address(1); 9], at(0));
        }
        assert_eq!(dialler.entries.len(), MAX_LEARNT);
        assert!(
            dialler
                .entries
                .values()
                .all(|entry| entry.addresses.len() <= MAX_ADDRESSES)
        );
    }

    #[test]
    fn a_learnt_peer_in_a_crowded_range_is_left_alone() {
        let mut dialler = dialler();
        dialler.learn(node(1), vec![address(1)], at(0));
        dialler.learn(node(2), vec![address(2)], at(0));
        let mut world = World::default();
        world.crowded.insert(address(1).ip().unwrap());
        let attempts = dialler.due(at(0), 9, &world);
        assert_eq!(attempts.len(), 1);
        assert_eq!(attempts[0].node, Some(node(2)));
    }

    #[test]
    fn a_peer_that_is_reserved_no_longer_is_not_dialled() {
        let mut dialler = dialler();
        dialler.reserve(node(1), address(1), at(0));
        dialler.reserve(node(1), address(2), at(0));
        assert_eq!(dialler.entries.len(), 1);
        dialler.unreserve(&node(1));
        assert!(dialler.due(at(9), 9, &World::default()).is_empty());
    }
}
