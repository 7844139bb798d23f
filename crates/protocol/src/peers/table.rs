//! The peers that are connected.

use super::rate::is_answered_in_bulk;
use super::summary::{Sources, more_in};
use super::{
    Accounts, ClockOffsets, Losses, Outbox, PeerInfo, PeerSet, PeersConfig, PerLane, Rates,
    Statuses, Traffic,
};
use crate::packet::{Hello, NodeTag, Packet};
use crate::time::after;
use crate::{Farewell, Fault, Frame, Lane};
use picot_clock::Timestamp;
use picot_consensus::Peer;
use picot_crypto::Hash;
use picot_models::ChainId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Places in the table: peers at once.
pub(super) const MAX_PLACES: usize = 256;

/// A peer that is connected.
#[derive(Debug)]
struct Entry {
    peer: Peer,
    node: Hash,
    address: Option<IpAddr>,
    outbound: bool,
    reserved: bool,
    connected_at: Timestamp,
    /// Until when it must introduce itself.
    deadline: Timestamp,
    agent: String,
    /// The nodes that it says to be connected to, ascending.
    neighbours: Vec<NodeTag>,
    /// The places of those of them that say the same of it.
    adjacent: PeerSet,
    outbox: Outbox,
    rates: Rates,
    received: PerLane<Traffic>,
    refused_packets: u64,
}

impl Entry {
    fn names(&self, node: &Hash) -> bool {
        self.neighbours.binary_search(&NodeTag::of(node)).is_ok()
    }

    fn losses(&self) -> Losses {
        Losses {
            dropped: self.outbox.dropped_packets(),
            refused_packets: self.refused_packets,
        }
    }
}

/// The peers that are connected, each with a small number, its place: sets of peers are sets of places.
/// A place is given to another peer once its own is disconnected.
///
/// The handshake: each side sends its [`Hello`] first, once, within a time. A peer of another version or
/// chain is sent away; until it has introduced itself, nothing else of it is heard. Of two connections
/// with one node the later is closed.
#[derive(Debug)]
pub(crate) struct Table {
    config: PeersConfig,
    places: Vec<Option<Box<Entry>>>,
    by_peer: BTreeMap<Peer, usize>,
    nodes: BTreeSet<Hash>,
    /// Those that have not introduced themselves.
    waiting: BTreeSet<(Timestamp, Peer)>,
    ready: PeerSet,
    /// Those with something new to be handed over.
    sendable: PeerSet,
    queued_bytes: usize,
    /// What those lost that are gone.
    lost: Losses,
    /// Who was any peer last.
    last_any: usize,
}

/// Coming and going.
impl Table {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            config: config.clone(),
            places: Vec::new(),
            by_peer: BTreeMap::new(),
            nodes: BTreeSet::new(),
            waiting: BTreeSet::new(),
            ready: PeerSet::EMPTY,
            sendable: PeerSet::EMPTY,
            queued_bytes: 0,
            lost: Losses::default(),
            last_any: 0,
        }
    }

    /// Gives a new connection a place.
    ///
    /// # Errors
    /// Why it is closed instead.
    pub(crate) fn connect(
        &mut self,
        now: Timestamp,
        peer: Peer,
        node: Hash,
        address: Option<IpAddr>,
        outbound: bool,
        reserved: bool,
    ) -> Result<(), Farewell> {
        if self.nodes.contains(&node) || self.by_peer.contains_key(&peer) {
            return Err(Farewell::ConnectedAlready);
        }
        if !reserved && !self.has_room(outbound) {
            return Err(Farewell::Full);
        }
        let place = self.free_place().ok_or(Farewell::Full)?;
        let entry = Entry {
            peer,
            node,
            address,
            outbound,
            reserved,
            connected_at: now,
            deadline: after(now, self.config.handshake_wait),
            agent: String::new(),
            neighbours: Vec::new(),
            adjacent: PeerSet::EMPTY,
            outbox: Outbox::new(&self.config),
            rates: Rates::new(now, &self.config),
            received: PerLane::default(),
            refused_packets: 0,
        };
        self.waiting.insert((entry.deadline, peer));
        self.nodes.insert(node);
        self.by_peer.insert(peer, place);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(Box::new(entry));
        }
        Ok(())
    }

    /// Whether one more peer that is not reserved may come.
    fn has_room(&self, outbound: bool) -> bool {
        let others = self.entries().filter(|(_, entry)| !entry.reserved);
        let (all, inbound) = others.fold((0_usize, 0_usize), |(all, inbound), (_, entry)| {
            let called = usize::from(!entry.outbound);
            (all.saturating_add(1), inbound.saturating_add(called))
        });
        all < self.config.max_peers && (outbound || inbound < self.config.max_inbound)
    }

    fn free_place(&mut self) -> Option<usize> {
        if let Some(place) = self.places.iter().position(Option::is_none) {
            return Some(place);
        }
        let place = self.places.len();
        (place < MAX_PLACES).then(|| self.places.push(None))?;
        Some(place)
    }

    /// A peer introduces itself, to a node of a version and chain.
    ///
    /// # Errors
    /// Why it is sent away.
    pub(crate) fn introduce(
        &mut self,
        peer: Peer,
        hello: Hello,
        (version, chain_id): (u32, ChainId),
    ) -> Result<(), Farewell> {
        let Some(place) = self.place(peer) else {
            return Ok(());
        };
        if hello.version != version {
            return Err(Farewell::OtherVersion {
                theirs: hello.version,
            });
        }
        if hello.chain_id != chain_id {
            return Err(Farewell::OtherChain {
                theirs: hello.chain_id,
            });
        }
        if let Some(entry) = self.entry_mut(place) {
            // It is shown on terminals.
            entry.agent = hello.agent.replace(char::is_control, " ");
            let waited = (entry.deadline, peer);
            self.waiting.remove(&waited);
            self.ready.insert(place);
        }
        Ok(())
    }

    /// Those that should have introduced themselves by now. They are late until they are disconnected.
    ///
    /// When a clock has stepped back, the time of who waits begins anew: nobody is late because of it, and
    /// nobody has hours.
    pub(crate) fn late_handshakes(&mut self, now: Timestamp) -> Vec<(Peer, Farewell)> {
        let latest = after(now, self.config.handshake_wait);
        while let Some(&(deadline, peer)) = self.waiting.last().filter(|(at, _)| *at > latest) {
            self.waiting.remove(&(deadline, peer));
            self.waiting.insert((latest, peer));
            if let Some(entry) = self.place(peer).and_then(|place| self.entry_mut(place)) {
                entry.deadline = latest;
            }
        }
        let late = self.waiting.iter();
        let late = late.take_while(|(deadline, _)| *deadline <= now);
        late.map(|(_, peer)| (*peer, Farewell::NoHandshake))
            .collect()
    }

    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(deadline, _)| *deadline)
    }

    /// A connection is gone, and with it what waited for it. Gives the place that was its.
    pub(crate) fn disconnect(&mut self, peer: Peer) -> Option<usize> {
        let place = self.by_peer.remove(&peer)?;
        let entry = self.places.get_mut(place)?.take()?;
        self.nodes.remove(&entry.node);
        self.waiting.remove(&(entry.deadline, peer));
        self.ready.remove(place);
        self.sendable.remove(place);
        let queued = entry.outbox.all_queued_bytes();
        self.queued_bytes = self.queued_bytes.saturating_sub(queued);
        self.lost = self.lost.and(&entry.losses());
        for other in self.places.iter_mut().flatten() {
            other.adjacent.remove(place);
        }
        Some(place)
    }

    /// A peer names the nodes that it is connected to.
    pub(crate) fn set_neighbours(&mut self, peer: Peer, nodes: &[NodeTag]) {
        let Some(place) = self.place(peer) else {
            return;
        };
        let Some(entry) = self.entry_mut(place) else {
            return;
        };
        entry.neighbours = nodes.to_vec();
        entry.neighbours.sort_unstable();
        entry.neighbours.dedup();
        self.find_adjacent(place);
    }

    /// Two are adjacent if both say so: one that lies cannot keep messages from another.
    fn find_adjacent(&mut self, place: usize) {
        let Some(entry) = self.entry(place) else {
            return;
        };
        let mut adjacent = PeerSet::EMPTY;
        for (other_place, other) in self.entries() {
            if other_place != place && entry.names(&other.node) && other.names(&entry.node) {
                adjacent.insert(other_place);
            }
        }
        for (other_place, other) in self.places.iter_mut().enumerate() {
            match other {
                Some(other) if adjacent.contains(other_place) => other.adjacent.insert(place),
                Some(other) => other.adjacent.remove(place),
                None => {}
            }
        }
        if let Some(entry) = self.entry_mut(place) {
            entry.adjacent = adjacent;
        }
    }
}

/// Who is where.
impl Table {
    /// The place of a peer.
    pub(crate) fn place(&self, peer: Peer) -> Option<usize> {
        self.by_peer.get(&peer).copied()
    }

    /// The peer at a place.
    pub(crate) fn peer(&self, place: usize) -> Option<Peer> {
        self.entry(place).map(|entry| entry.peer)
    }

    /// The node and address of a peer.
    pub(crate) fn who(&self, peer: Peer) -> Option<(Hash, Option<IpAddr>)> {
        let entry = self.entry(self.place(peer)?)?;
        Some((entry.node, entry.address))
    }

    /// Those that have introduced themselves.
    pub(crate) const fn ready(&self) -> &PeerSet {
        &self.ready
    }

    pub(crate) fn is_ready(&self, peer: Peer) -> bool {
        self.place(peer)
            .is_some_and(|place| self.ready.contains(place))
    }

    pub(crate) fn ready_peers(&self) -> impl Iterator<Item = Peer> + '_ {
        self.ready_entries().map(|entry| entry.peer)
    }

    pub(crate) fn ready_nodes(&self) -> impl Iterator<Item = &Hash> + '_ {
        self.ready_entries().map(|entry| &entry.node)
    }

    /// The peers that one peer is connected to, as far as both say so.
    pub(crate) fn adjacent(&self, place: usize) -> &PeerSet {
        static NOBODY: PeerSet = PeerSet::EMPTY;
        self.entry(place).map_or(&NOBODY, |entry| &entry.adjacent)
    }

    /// One that has introduced itself: each in turn.
    pub(crate) fn any(&mut self) -> Option<Peer> {
        let next = self.ready.iter().find(|place| *place > self.last_any);
        self.last_any = next.or_else(|| self.ready.iter().next())?;
        self.peer(self.last_any)
    }

    fn entry(&self, place: usize) -> Option<&Entry> {
        self.places.get(place)?.as_deref()
    }

    fn entry_mut(&mut self, place: usize) -> Option<&mut Entry> {
        self.places.get_mut(place)?.as_deref_mut()
    }

    fn entries(&self) -> impl Iterator<Item = (usize, &Entry)> + '_ {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, entry)| Some((place, entry.as_deref()?)))
    }

    fn ready_entries(&self) -> impl Iterator<Item = &Entry> + '_ {
        self.ready.iter().filter_map(|place| self.entry(place))
    }
}

/// What is sent and received.
impl Table {
    /// Whether a packet of a peer may be looked at. A question whose answer would wait behind many others
    /// that the peer does not read is dropped without blame: its link is slow, or it will ask another.
    ///
    /// # Errors
    /// It may not: with a fault if the peer is to be blamed.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        peer: Peer,
        lane: Lane,
        len: usize,
        packet: &Packet,
    ) -> Result<(), Option<Fault>> {
        let full = self.config.lanes.bulk.queue_bytes / 2;
        let place = self.place(peer).ok_or(None)?;
        let entry = self.entry_mut(place).ok_or(None)?;
        entry.received.get_mut(lane).count(len);
        let mut admitted = entry.rates.admit(now, lane, len, packet);
        if is_answered_in_bulk(packet) && entry.outbox.queued_bytes(Lane::Bulk) > full {
            admitted = admitted.and(Err(None));
        }
        if admitted.is_err() {
            entry.refused_packets = entry.refused_packets.saturating_add(1);
        }
        admitted
    }

    /// A frame is to be sent to a peer. To one that is gone it is lost.
    pub(crate) fn push(&mut self, to: Peer, frame: Arc<Frame>) {
        let Some(place) = self.place(to) else {
            return;
        };
        self.change_outbox(place, |outbox| outbox.push(frame));
        self.sendable.insert(place);
        while self.queued_bytes > self.config.max_queued_bytes {
            let queued = |place: &usize| {
                let entry = self.entry(*place);
                entry.map_or(0, |entry| entry.outbox.all_queued_bytes())
            };
            let Some(fullest) = (0..self.places.len()).max_by_key(queued) else {
                return;
            };
            self.change_outbox(fullest, Outbox::drop_least);
        }
    }

    /// Bytes that wait for all peers.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The transport has passed bytes on.
    pub(crate) fn written(&mut self, to: Peer, lane: Lane, bytes: usize) {
        if let Some(place) = self.place(to) {
            self.change_outbox(place, |outbox| outbox.written(lane, bytes));
            self.sendable.insert(place);
        }
    }

    /// Hands over all that the windows of all peers allow.
    pub(crate) fn take_sendable(&mut self, mut hand_over: impl FnMut(Peer, Arc<Frame>)) {
        for place in std::mem::take(&mut self.sendable).iter() {
            if let Some(peer) = self.peer(place) {
                self.change_outbox(place, |outbox| outbox.take(|frame| hand_over(peer, frame)));
            }
        }
    }

    fn change_outbox(&mut self, place: usize, change: impl FnOnce(&mut Outbox)) {
        let Some(entry) = self.entry_mut(place) else {
            return;
        };
        let before = entry.outbox.all_queued_bytes();
        change(&mut entry.outbox);
        let after = entry.outbox.all_queued_bytes();
        let rest = self.queued_bytes.saturating_sub(before);
        self.queued_bytes = rest.saturating_add(after);
    }

    /// What found no room since the start, of all peers.
    pub(crate) fn losses(&self) -> Losses {
        let entries = self.entries();
        entries.fold(self.lost, |sum, (_, entry)| sum.and(&entry.losses()))
    }

    /// All peers, as an operator sees them, by place.
    pub(crate) fn infos(
        &self,
        now: Timestamp,
        statuses: &Statuses,
        clocks: &ClockOffsets,
        accounts: &Accounts,
        decided: &[u64],
    ) -> Vec<PeerInfo> {
        let sources = Sources {
            statuses,
            clocks,
            accounts,
            decided,
        };
        self.entries()
            .map(|(place, entry)| self.info(now, place, entry, &sources))
            .collect()
    }

    fn info(&self, now: Timestamp, place: usize, entry: &Entry, sources: &Sources<'_>) -> PeerInfo {
        let theirs = sources.statuses.decided(entry.peer);
        let (outbox, ours) = (&entry.outbox, sources.decided);
        PeerInfo {
            peer: entry.peer.0,
            node: entry.node,
            address: entry.address,
            outbound: entry.outbound,
            reserved: entry.reserved,
            ready: self.ready.contains(place),
            agent: entry.agent.clone(),
            connected_at: entry.connected_at,
            round_trip: sources.clocks.round_trip(entry.peer),
            clock_offset_ms: sources.clocks.offset_ms(entry.peer),
            decided: theirs.map(|it| it.iter().fold(0, |sum, it| u64::saturating_add(sum, *it))),
            serves_from: sources.statuses.serves_from(entry.peer),
            behind_slots: theirs.map_or(0, |theirs| more_in(ours, theirs)),
            ahead_slots: theirs.map_or(0, |theirs| more_in(theirs, ours)),
            queued_bytes: PerLane {
                urgent: outbox.queued_bytes(Lane::Urgent),
                gossip: outbox.queued_bytes(Lane::Gossip),
                bulk: outbox.queued_bytes(Lane::Bulk),
            },
            sent: outbox.sent(),
            received: entry.received,
            refused_packets: entry.refused_packets,
            dropped: outbox.dropped(),
            penalty: sources.accounts.penalty(now, &entry.node),
        }
    }
}

#[cfg(test)]
mod tests;
