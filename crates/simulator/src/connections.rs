//! Who is connected to whom, and by which connection.

use crate::random::Random;
use picot_consensus::Peer;
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many nodes, each is connected to all others.
pub(crate) const FULL_MESH_NODES: usize = 64;
/// Peers of each of more nodes.
const USUAL_PEERS: usize = 24;

/// Who is a peer of whom: all of all, or a connected graph chosen by the seed, in which each has about so
/// many peers.
#[must_use]
pub(crate) fn graph(seed: u64, nodes: usize, peers: Option<usize>) -> Vec<BTreeSet<usize>> {
    let others = |node: usize| (0..nodes).filter(move |other| *other != node);
    let usual = if nodes <= FULL_MESH_NODES {
        nodes
    } else {
        USUAL_PEERS
    };
    let wanted = peers.unwrap_or(usual);
    if wanted + 1 >= nodes {
        return (0..nodes).map(|node| others(node).collect()).collect();
    }
    let mut random = Random::new(seed, "peers");
    let mut graph = vec![BTreeSet::new(); nodes];
    // A ring of all connects them, whatever is added.
    let ring = random.indices(nodes, nodes);
    for (one, other) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        join(&mut graph, *one, *other);
    }
    let most = wanted + wanted / 3;
    for node in 0..nodes {
        for other in random.indices(nodes, nodes) {
            let count = |node: usize| graph.get(node).map_or(0, BTreeSet::len);
            if count(node) >= wanted {
                break;
            }
            if other != node && count(other) < most {
                join(&mut graph, node, other);
            }
        }
    }
    graph
}

fn join(graph: &mut [BTreeSet<usize>], one: usize, other: usize) {
    for (from, to) in [(one, other), (other, one)] {
        if let Some(peers) = graph.get_mut(from) {
            peers.insert(to);
        }
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct End {
    node: usize,
    /// Whether its node has not heard that the connection is gone.
    is_open: bool,
    /// When the handshake of the other end arrives here: nothing else comes before.
    first_us: u64,
    /// When the last thing so far arrives here.
    last_us: u64,
}

/// A connection. It has one handle at both ends, which is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    ends: [End; 2],
}

/// All connections that ever were.
///
/// An end is closed when its node crashes or ends the connection; the other one when it hears of that,
/// which is after everything that was on its way to it.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: Vec<Connection>,
    /// Open ends, by their node and the other one's.
    open: BTreeMap<(usize, usize), Peer>,
    /// Who does not let whom in, and until when.
    bans: BTreeMap<(usize, usize), u64>,
}

impl Connections {
    /// Connects two nodes.
    pub(crate) fn open(&mut self, one: usize, other: usize) -> Peer {
        let peer = Peer(u64::try_from(self.all.len()).unwrap_or(u64::MAX));
        let ends = [one, other].map(|node| End {
            node,
            is_open: true,
            ..End::default()
        });
        self.all.push(Connection { ends });
        self.open.insert((one, other), peer);
        self.open.insert((other, one), peer);
        peer
    }

    /// The connection of a node with another one, as long as its own end is open.
    #[must_use]
    pub(crate) fn between(&self, node: usize, other: usize) -> Option<Peer> {
        self.open.get(&(node, other)).copied()
    }

    /// Those to whom a node's end is open, with the connections.
    pub(crate) fn of(&self, node: usize) -> impl Iterator<Item = (usize, Peer)> + '_ {
        let range = self.open.range((node, 0)..=(node, usize::MAX));
        range.map(|((_, other), peer)| (*other, *peer))
    }

    /// Who is at the other end of a node's connection, open or not.
    #[must_use]
    pub(crate) fn other_end(&self, node: usize, peer: Peer) -> Option<usize> {
        let place = usize::try_from(peer.0).ok()?;
        let [one, other] = self.all.get(place)?.ends;
        if one.node == node {
            Some(other.node)
        } else {
            (other.node == node).then_some(one.node)
        }
    }

    #[must_use]
    pub(crate) fn is_open(&self, node: usize, peer: Peer) -> bool {
        self.end(node, peer).is_some_and(|end| end.is_open)
    }

    /// Closes a node's end. False if it is closed.
    pub(crate) fn close(&mut self, node: usize, peer: Peer) -> bool {
        let other = self.other_end(node, peer);
        let Some(end) = self.end_mut(node, peer).filter(|end| end.is_open) else {
            return false;
        };
        end.is_open = false;
        if let Some(other) = other {
            self.open.remove(&(node, other));
        }
        true
    }

    /// Something is on its way to a node and would arrive then. Gives when it does: not before the
    /// handshake.
    pub(crate) fn arrives(
        &mut self,
        node: usize,
        peer: Peer,
        at_us: u64,
        is_handshake: bool,
    ) -> u64 {
        let Some(end) = self.end_mut(node, peer) else {
            return at_us;
        };
        if is_handshake {
            end.first_us = at_us;
        }
        let at_us = at_us.max(end.first_us);
        end.last_us = end.last_us.max(at_us);
        at_us
    }

    /// When everything that is on its way to a node has arrived.
    #[must_use]
    pub(crate) fn last_us(&self, node: usize, peer: Peer) -> u64 {
        self.end(node, peer).map_or(0, |end| end.last_us)
    }

    fn end(&self, node: usize, peer: Peer) -> Option<&End> {
        let place = usize::try_from(peer.0).ok()?;
        let mut ends = self.all.get(place)?.ends.iter();
        ends.find(|end| end.node == node)
    }

    fn end_mut(&mut self, node: usize, peer: Peer) -> Option<&mut End> {
        let place = usize::try_from(peer.0).ok()?;
        let mut ends = self.all.get_mut(place)?.ends.iter_mut();
        ends.find(|end| end.node == node)
    }

    /// A node does not let another one in until then.
    pub(crate) fn ban(&mut self, by: usize, node: usize, until_us: u64) {
        self.bans.insert((by, node), until_us);
    }

    /// A node starts, and has forgotten whom it banned.
    pub(crate) fn forget_bans(&mut self, by: usize) {
        self.bans.retain(|(other, _), _| *other != by);
    }

    /// Until when one of two nodes does not let the other in.
    #[must_use]
    pub(crate) fn banned_until_us(&self, one: usize, other: usize) -> u64 {
        let until = |pair| self.bans.get(&pair).copied().unwrap_or(0);
        until((one, other)).max(until((other, one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes that one is connected to, by others or itself.
    fn reached(graph: &[BTreeSet<usize>]) -> usize {
        let (mut seen, mut open) = (BTreeSet::from([0]), vec![0]);
        while let Some(node) = open.pop() {
            for peer in &graph[node] {
                if seen.insert(*peer) {
                    open.push(*peer);
                }
            }
        }
        seen.len()
    }

    #[test]
    fn of_few_nodes_each_is_connected_to_all_others() {
        for nodes in [1, 2, 7, FULL_MESH_NODES] {
            for (node, peers) in graph(1, nodes, None).iter().enumerate() {
                assert_eq!(peers.len(), nodes - 1);
                assert!(!peers.contains(&node));
            }
        }
    }

    #[test]
    fn of_many_nodes_each_has_some_peers_and_all_are_connected() {
        for (nodes, wanted) in [(100, None), (300, None), (20, Some(4)), (50, Some(2))] {
            let graph = graph(3, nodes, wanted);
            assert_eq!(reached(&graph), nodes);
            let wanted = wanted.unwrap_or(USUAL_PEERS);
            for (node, peers) in graph.iter().enumerate() {
                assert!((wanted..=wanted + wanted / 3 + 1).contains(&peers.len()));
                assert!(peers.iter().all(|peer| graph[*peer].contains(&node)));
            }
        }
        assert_ne!(graph(1, 100, None), graph(2, 100, None));
    }

    #[test]
    fn an_end_is_closed_by_itself_and_its_handle_is_never_used_again() {
        let mut connections = Connections::default();
        let first = connections.open(3, 5);
        assert_eq!(connections.other_end(3, first), Some(5));
        assert_eq!(connections.other_end(5, first), Some(3));
        assert_eq!(connections.other_end(4, first), None);
        assert!(connections.close(3, first) && !connections.close(3, first));
        assert!(!connections.is_open(3, first) && connections.is_open(5, first));
        assert_eq!(connections.between(3, 5), None);
        assert_eq!(connections.between(5, 3), Some(first));
        assert!(connections.close(5, first));
        assert_ne!(connections.open(5, 3), first);
        assert_eq!(connections.of(3).count(), 1);
    }

    #[test]
    fn nothing_arrives_before_the_handshake_or_after_the_end() {
        let mut connections = Connections::default();
        let peer = connections.open(0, 1);
        assert_eq!(connections.arrives(1, peer, 50, true), 50);
        assert_eq!(connections.arrives(1, peer, 20, false), 50);
        assert_eq!(connections.arrives(1, peer, 70, false), 70);
        assert_eq!(connections.arrives(0, peer, 10, true), 10);
        assert_eq!(
            (connections.last_us(1, peer), connections.last_us(0, peer)),
            (70, 10)
        );
    }

    #[test]
    fn a_ban_holds_both_ways_until_it_is_over_or_forgotten() {
        let mut connections = Connections::default();
        connections.ban(0, 1, 99);
        assert_eq!(connections.banned_until_us(1, 0), 99);
        connections.forget_bans(1);
        assert_eq!(connections.banned_until_us(0, 1), 99);
        connections.forget_bans(0);
        assert_eq!(connections.banned_until_us(0, 1), 0);
    }
}
