//! One link per node: which of several connections with it becomes the link, decided without I/O.
//!
//! The node with the smaller id decides: it opens the lanes, on one connection at a time, and the
//! other waits for them on all. So two that dial each other at once keep the same connection, and no
//! link that was told of is given up for another in the next moment. A connection that comes while
//! there is a link replaces it only if the link is old: then whoever dialled knows of no link, and
//! ours is dead, though we have not noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::NodeId;
use crate::admission::Refusal;

/// Connections of one node that may wait for it to decide: one that we dialled and one that it did.
const MAX_WAITING: usize = 2;

/// What to do with a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Open the lanes on it.
    Open,
    /// Wait for the other side to open them.
    Await,
}

#[derive(Debug)]
struct Peer<K> {
    linked: Option<(K, Duration)>,
    waiting: BTreeMap<K, Duration>,
}

/// The connections of all nodes. `K` names connections.
#[derive(Debug)]
pub(crate) struct Pairing<K> {
    own: NodeId,
    /// How long a handshake may take, and how old a link must be to be replaced.
    settled: Duration,
    peers: BTreeMap<NodeId, Peer<K>>,
    nodes: BTreeMap<K, NodeId>,
}

impl<K: Ord + Copy> Pairing<K> {
    pub(crate) const fn new(own: NodeId, settled: Duration) -> Self {
        Self {
            own,
            settled,
            peers: BTreeMap::new(),
            nodes: BTreeMap::new(),
        }
    }

    /// There is a new connection with a node.
    pub(crate) fn established(
        &mut self,
        id: K,
        node: NodeId,
        outbound: bool,
        now: Duration,
    ) -> Result<Role, Refusal> {
        if node == self.own {
            return Err(Refusal::Ourselves);
        }
        let role = if self.own < node {
            Role::Open
        } else {
            Role::Await
        };
        if let Some(peer) = self.peers.get(&node) {
            if let Some((_, since)) = peer.linked {
                let young = now.saturating_sub(since) < self.settled;
                if outbound || (role == Role::Open && young) {
                    return Err(Refusal::Linked);
                }
            }
            let most = if role == Role::Open { 1 } else { MAX_WAITING };
            if peer.waiting.len() >= most {
                return Err(Refusal::Opening);
            }
        }
        let peer = self.peers.entry(node).or_insert_with(|| Peer {
            linked: None,
            waiting: BTreeMap::new(),
        });
        peer.waiting.insert(id, now);
        self.nodes.insert(id, node);
        Ok(role)
    }

    /// All lanes of a connection are open: it is the link now. Returns the node's other
    /// connections, which must be closed; nothing if the connection is unknown.
    pub(crate) fn opened(&mut self, id: K, now: Duration) -> Option<Vec<K>> {
        let peer = self.peers.get_mut(self.nodes.get(&id)?)?;
        peer.waiting.remove(&id)?;
        let older = peer.linked.replace((id, now)).map(|(older, _)| older);
        Some(
            older
                .into_iter()
                .chain(peer.waiting.keys().copied())
                .collect(),
        )
    }

    /// A connection has ended.
    pub(crate) fn closed(&mut self, id: K) {
        let Some(node) = self.nodes.remove(&id) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.waiting.remove(&id);
            if peer.linked.is_some_and(|(linked, _)| linked == id) {
                peer.linked = None;
            }
            if peer.linked.is_none() && peer.waiting.is_empty() {
                self.peers.remove(&node);
            }
        }
    }

    /// The connections that have not become links in time.
    pub(crate) fn late(&self, now: Duration) -> Vec<K> {
        self.peers
            .values()
            .flat_map(|peer| &peer.waiting)
            .filter(|(_, since)| now.saturating_sub(**since) >= self.settled)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Whether a node has a link.
    pub(crate) fn is_linked(&self, node: &NodeId) -> bool {
        self.peers
            .get(node)
            .is_some_and(|peer| peer.linked.is_some())
    }

    /// Whether a node has a link or a connection that may become one.
    pub(crate) fn is_known(&self, node: &NodeId) -> bool {
        self.peers.contains_key(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use proptest::prelude::*;

    const SETTLED: Duration = Duration::from_secs(10);

    fn nodes() -> (NodeId, NodeId) {
        let one = Identity::from_seed([1; 32]).unwrap().node_id();
        let other = Identity::from_seed([2; 32]).unwrap().node_id();
        (one.min(other), one.max(other))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_smaller_decides_and_the_larger_waits() {
        let (small, large) = nodes();
        let mut decides = Pairing::new(small, SETTLED);
        let mut waits = Pairing::new(large, SETTLED);
        assert_eq!(decides.established(1, large, true, at(0)), Ok(Role::Open));
        assert_eq!(
            decides.established(2, large, false, at(0)),
            Err(Refusal::Opening)
        );
        assert_eq!(waits.established(2, small, true, at(0)), Ok(Role::Await));
        assert_eq!(waits.established(1, small, false, at(0)), Ok(Role::Await));
        assert_eq!(
            waits.established(3, small, false, at(0)),
            Err(Refusal::Opening)
        );
        assert_eq!(decides.opened(1, at(1)), Some(vec![]));
        assert_eq!(waits.opened(1, at(1)), Some(vec![2]));
        assert!(decides.is_linked(&large) && waits.is_linked(&small));
    }

    #[test]
    fn nobody_links_with_itself() {
        let (small, _) = nodes();
        let mut pairing = Pairing::new(small, SETTLED);
        assert_eq!(
            pairing.established(1, small, true, at(0)),
            Err(Refusal::Ourselves)
        );
    }

    #[test]
    fn a_young_link_is_kept_and_an_old_one_is_replaced_by_who_dials_again() {
        let (small, large) = nodes();
        let mut pairing = Pairing::new(small, SETTLED);
        pairing.established(1, large, false, at(0)).unwrap();
        pairing.opened(1, at(0)).unwrap();
        assert_eq!(
            pairing.established(2, large, false, at(9)),
            Err(Refusal::Linked)
        );
        assert_eq!(
            pairing.established(2, large, true, at(99)),
            Err(Refusal::Linked)
        );
        assert_eq!(pairing.established(2, large, false, at(10)), Ok(Role::Open));
        assert!(
            pairing.is_linked(&large),
            "the old link is kept until the new one is open"
        );
        assert_eq!(pairing.opened(2, at(11)), Some(vec![1]));
        pairing.closed(1);
        assert!(pairing.is_linked(&large));
        pairing.closed(2);
        assert!(!pairing.is_known(&large));
    }

    #[test]
    fn what_does_not_become_a_link_in_time_is_told() {
        let (small, large) = nodes();
        let mut pairing = Pairing::new(large, SETTLED);
        pairing.established(1, small, false, at(0)).unwrap();
        pairing.established(2, small, true, at(5)).unwrap();
        assert!(pairing.late(at(9)).is_empty());
        assert_eq!(pairing.late(at(10)), [1]);
        pairing.opened(2, at(10)).unwrap();
        assert_eq!(pairing.late(at(99)), [1]);
        assert_eq!(pairing.opened(7, at(0)), None);
    }

    /// Both sides see the connections in any order and at any time, and end with the same link.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Dial { by_small: bool },
        SeenBySmall(u8),
        SeenByLarge(u8),
        Opened(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<bool>().prop_map(|by_small| Step::Dial { by_small }),
            (0..4_u8).prop_map(Step::SeenBySmall),
            (0..4_u8).prop_map(Step::SeenByLarge),
            (0..4_u8).prop_map(Step::Opened),
        ]
    }

    proptest! {
        #[test]
        fn both_sides_agree_on_the_link(steps in prop::collection::vec(step(), 1..60)) {
            let (small, large) = nodes();
            let mut sides = [Pairing::new(small, SETTLED), Pairing::new(large, SETTLED)];
            // Of each connection: who dialled, how each side sees it, whether it is gone.
            let mut connections: Vec<(bool, [Option<Role>; 2], bool)> = Vec::new();
            for step in steps {
                let mut gone = Vec::new();
                match step {
                    Step::Dial { by_small } => {
                        if connections.len() < 4 {
                            connections.push((by_small, [None, None], false));
                        }
                    }
                    Step::SeenBySmall(id) | Step::SeenByLarge(id) => {
                        let side = usize::from(matches!(step, Step::SeenByLarge(_)));
                        let Some((by_small, seen, closed)) = connections.get_mut(usize::from(id))
                            else { continue };
                        if *closed || seen[side].is_some() { continue }
                        let outbound = *by_small == (side == 0);
                        let other = if side == 0 { large } else { small };
                        match sides[side].established(id, other, outbound, at(0)) {
                            Ok(role) => seen[side] = Some(role),
                            Err(_) => gone.push(id),
                        }
                    }
                    Step::Opened(id) => {
                        let Some((_, seen, closed)) = connections.get(usize::from(id))
                            else { continue };
                        if *closed || *seen != [Some(Role::Open), Some(Role::Await)] { continue }
                        for side in &mut sides {
                            gone.extend(side.opened(id, at(0)).unwrap_or_default());
                        }
                    }
                }
                for id in gone {
                    connections[usize::from(id)].2 = true;
                    sides.iter_mut().for_each(|side| side.closed(id));
                }
                let link = |side: &Pairing<u8>, other| side.peers.get(&other)
                    .and_then(|peer| peer.linked).map(|(id, _)| id);
                prop_assert_eq!(link(&sides[0], large), link(&sides[1], small));
            }
        }
    }
}
