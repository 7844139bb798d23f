//! How messages of consensus spread: whoever signs sends to all its peers; whoever hears passes on to
//! those who cannot have heard it from the sender, and names it to some others, who ask if they lack it.
//! What is about a slot that is decided here is named no more: who lacks it asks for the outcome.

use crate::input::Effects;
use crate::packet::{MAX_TAGS, Packet, Tag, first_eight};
use crate::peers::{PeerSet, Table};
use crate::time::{after, is_due};
use crate::{Fault, Frame};
use picot_clock::{Millis, Timestamp};
use picot_consensus::{Peer, PeerFault};
use picot_crypto::Hash;
use picot_models::Slot;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// How messages spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GossipConfig {
    /// Peers to whom a message of somebody else is passed on at once.
    pub fanout: usize,
    /// Peers who are told what nearly everybody has.
    pub told: usize,
    /// Peers to whom a message that is passed on is named, if it is not sent.
    pub named: usize,
    /// How long a message that was not sent to a peer waits to be named to it at most, and half of it at
    /// least: in that time most slots are decided.
    pub naming_wait: Millis,
    /// Messages that are remembered, and of which it is known who has them.
    pub kept: usize,
    /// Bytes of these that can be asked for.
    pub kept_bytes: usize,
}

impl Default for GossipConfig {
    /// Room for the votes of 1,000 validators in some slots.
    fn default() -> Self {
        Self {
            fanout: 8,
            told: 8,
            named: 4,
            naming_wait: Millis(500),
            kept: 16_384,
            kept_bytes: 16 << 20,
        }
    }
}

/// A message that travels.
#[derive(Debug)]
struct Known {
    /// Who has it: it came from there, or was named there.
    has: PeerSet,
    /// To whom it was sent.
    sent: PeerSet,
    frame: Arc<Frame>,
    /// Whether its signature was found good here, or made here.
    vouched: bool,
}

/// A message that is to be named.
#[derive(Debug, Clone, Copy)]
struct Name {
    tag: Tag,
    /// The slot that it helps to decide, if it does.
    slot: Option<Slot>,
    /// Not before then.
    from: Timestamp,
}

/// What is to be named to one peer, and when.
#[derive(Debug, Default)]
struct Names {
    names: Vec<Name>,
    due: Option<Timestamp>,
}

/// The peers that are told names now: the same ones all that is named at one time, so that many names are
/// one packet. The next time it is the turn of those after them.
#[derive(Debug, Default)]
struct Turn {
    /// The place from which on; none before something is named.
    from: Option<usize>,
    began: Option<Timestamp>,
}

/// The messages that travel, who has them, and to whom they are to be named.
#[derive(Debug)]
pub(crate) struct Gossip {
    config: GossipConfig,
    /// Looked up for each name that is said or heard, and never gone through.
    known: HashMap<Tag, Known>,
    order: VecDeque<Tag>,
    bytes: usize,
    /// By place in the table.
    names: BTreeMap<usize, Names>,
    /// When the first of them are due.
    names_due: Option<Timestamp>,
    /// Whose turn it is to be told names.
    turn: Turn,
    /// Not all nodes choose the same peers for a message.
    own_start: usize,
    /// By thread: the last period that is decided here.
    decided: Vec<u64>,
}

impl Gossip {
    /// Of a node.
    pub(crate) fn new(config: GossipConfig, node: &Hash) -> Self {
        let own_start = start_of(Tag(first_eight(node)));
        Self {
            config,
            known: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            names: BTreeMap::new(),
            names_due: None,
            turn: Turn::default(),
            own_start,
            decided: Vec::new(),
        }
    }

    /// More is decided here; by thread the last period that is.
    pub(crate) fn progressed(&mut self, decided: &[u64]) {
        decided.clone_into(&mut self.decided);
    }

    /// Whether nobody needs to be told of a message any more, since what it is about is decided.
    fn is_over(&self, slot: Option<Slot>) -> bool {
        let last = |slot: Slot| self.decided.get(usize::from(slot.thread));
        slot.is_some_and(|slot| last(slot).is_some_and(|last| slot.period <= *last))
    }

    /// Where a round through the peers begins for a message.
    fn start(&self, tag: Tag) -> usize {
        self.own_start ^ start_of(tag)
    }

    /// The place from which on peers are told names now.
    fn naming_start(&mut self, table: &Table) -> usize {
        let (ready, start) = (table.ready(), self.own_start);
        let first = || {
            let start = start.checked_rem(ready.len()).unwrap_or(0);
            ready.iter().nth(start).unwrap_or(0)
        };
        *self.turn.from.get_or_insert_with(first)
    }

    /// It is the turn of the next ones, if these had the time in which names wait for more: however many
    /// peers there are, and whoever of them lacked something, all have their turn.
    fn end_turn(&mut self, now: Timestamp, table: &Table) {
        let had = self.turn.began.and_then(|began| now.since(began));
        if had.is_some_and(|had| had < self.config.naming_wait) {
            return;
        }
        self.turn.began = Some(now);
        if let Some(from) = self.turn.from {
            let next = table.ready().round(from).nth(self.config.named);
            self.turn.from = next.or(self.turn.from);
        }
    }

    /// A place is free, and may be given to another node.
    pub(crate) fn disconnected(&mut self, place: usize) {
        for tag in &self.order {
            if let Some(known) = self.known.get_mut(tag) {
                known.has.remove(place);
                known.sent.remove(place);
            }
        }
        self.names.remove(&place);
    }

    /// Something came from a peer, who therefore has it.
    pub(crate) fn received(&mut self, from: usize, frame: &Arc<Frame>) {
        self.remember(frame).has.insert(from);
        self.forget_oldest();
    }

    /// A peer from whom it came, if it did.
    pub(crate) fn source_of(&self, table: &Table, frame: &Arc<Frame>) -> Option<Peer> {
        let known = self.known.get(&frame.tag())?;
        known.has.iter().find_map(|place| table.peer(place))
    }

    /// Sends what this node signed to all who are not known to have it, again if it is said again.
    pub(crate) fn broadcast(&mut self, table: &Table, frame: &Arc<Frame>, effects: &mut Effects) {
        let known = self.remember(frame);
        known.vouched = true;
        let mut to = table.ready().clone();
        to.subtract(&known.has);
        known.sent.union(&to);
        send(table, &to, frame, effects);
        self.forget_oldest();
    }

    /// Tells a few, others for each message, who do not pass it on.
    pub(crate) fn tell(&mut self, table: &Table, frame: &Arc<Frame>, effects: &mut Effects) {
        let (told, start) = (self.config.told, self.start(frame.tag()));
        let known = self.remember(frame);
        known.vouched = true;
        let mut to = table.ready().clone();
        to.subtract(&known.has);
        let to = to.some(told, start);
        known.sent.union(&to);
        send(table, &to, frame, effects);
        self.forget_oldest();
    }

    /// Passes on what came from a peer. Those whom the sender is connected to have it from there. Of the
    /// rest some get it at once; some others are told its name in a while: whoever lacks a message that
    /// many have is told by several of them, at a price that does not grow with the peers. Before that it
    /// is made sure that it is well signed: `is_good` is asked at most once, and only if there is somebody
    /// to send to.
    pub(crate) fn relay(
        &mut self,
        now: Timestamp,
        table: &Table,
        from: Peer,
        frame: &Arc<Frame>,
        is_good: impl FnOnce() -> bool,
        effects: &mut Effects,
    ) {
        let (fanout, named) = (self.config.fanout, self.config.named);
        let start = self.start(frame.tag());
        let naming_start = self.naming_start(table);
        let known = self.remember(frame);
        let mut others = table.ready().clone();
        others.subtract(&known.has);
        others.subtract(&known.sent);
        if let Some(place) = table.place(from) {
            known.has.insert(place);
            others.remove(place);
        }
        if others.is_empty() {
            self.forget_oldest();
            return;
        }
        let mut eager = others.clone();
        if let Some(place) = table.place(from) {
            eager.subtract(table.adjacent(place));
        }
        let eager = eager.some(fanout, start);
        if !eager.is_empty() {
            if !known.vouched && !is_good() {
                effects.blame(from, Fault::Consensus(PeerFault::BadSignature));
                self.forget(frame.tag());
                return;
            }
            known.vouched = true;
            known.sent.union(&eager);
            send(table, &eager, frame, effects);
        }
        others.subtract(&eager);
        self.name_later(now, frame, &others.some_from(named, naming_start));
        self.forget_oldest();
    }

    fn name_later(&mut self, now: Timestamp, frame: &Frame, to: &PeerSet) {
        let wait = self.config.naming_wait;
        let name = Name {
            tag: frame.tag(),
            slot: slot_of(frame),
            from: after(now, Millis(wait.0 / 2)),
        };
        if self.is_over(name.slot) {
            return;
        }
        for place in to.iter() {
            let names = self.names.entry(place).or_default();
            if names.names.len() < MAX_TAGS {
                names.names.push(name);
                let due = *names.due.get_or_insert(after(now, wait));
                self.names_due = Some(self.names_due.map_or(due, |first| first.min(due)));
            }
        }
    }

    /// A peer names what it has: of this, what this node lacks is asked for.
    pub(crate) fn on_have(
        &mut self,
        from: Peer,
        place: usize,
        tags: &[Tag],
        effects: &mut Effects,
    ) {
        let mut lacked = Vec::new();
        for tag in tags {
            match self.known.get_mut(tag) {
                Some(known) => known.has.insert(place),
                None => lacked.push(*tag),
            }
        }
        if !lacked.is_empty() {
            effects.send(from, Packet::Want(lacked));
        }
    }

    /// A peer asks for what was named to it. `is_good` tells whether a message is well signed.
    pub(crate) fn on_want(
        &mut self,
        from: Peer,
        place: usize,
        tags: &[Tag],
        is_good: impl Fn(&Frame) -> bool,
        effects: &mut Effects,
    ) {
        for tag in tags {
            let Some(known) = self.known.get_mut(tag) else {
                continue;
            };
            // Each once: who asks again for what was sent is served by the next resending.
            if known.sent.contains(place) || !(known.vouched || is_good(&known.frame)) {
                continue;
            }
            known.vouched = true;
            known.sent.insert(place);
            effects.share(from, &known.frame);
        }
    }

    /// Names what has waited long enough, and is not about what was decided meanwhile.
    pub(crate) fn tick(&mut self, now: Timestamp, table: &Table, effects: &mut Effects) {
        let wait = self.config.naming_wait;
        let is_due = |due: Timestamp| is_due(now, due, wait);
        if !self.names_due.is_some_and(is_due) {
            return;
        }
        let mut all = std::mem::take(&mut self.names);
        for (place, names) in &mut all {
            if !names.due.is_some_and(is_due) {
                continue;
            }
            names.names.retain(|name| !self.is_over(name.slot));
            let due = names.names.extract_if(.., |name| is_due(name.from));
            let due = due.map(|name| name.tag);
            // It may have come from there, or been sent there, meanwhile.
            let is_lacked = |tag: &Tag| {
                let known = self.known.get(tag);
                known.is_some_and(|it| !it.has.contains(*place) && !it.sent.contains(*place))
            };
            let tags: Vec<Tag> = due.filter(is_lacked).collect();
            names.due = names.names.iter().map(|name| name.from).max();
            if let Some(peer) = table.peer(*place).filter(|_| !tags.is_empty()) {
                effects.send(peer, Packet::Have(tags));
            }
        }
        self.names = all;
        self.end_turn(now, table);
        self.names.retain(|_, names| names.due.is_some());
        self.names_due = self.names.values().filter_map(|names| names.due).min();
    }

    pub(crate) const fn next_wake(&self) -> Option<Timestamp> {
        self.names_due
    }

    fn remember(&mut self, frame: &Arc<Frame>) -> &mut Known {
        let tag = frame.tag();
        self.known.entry(tag).or_insert_with(|| {
            self.order.push_back(tag);
            self.bytes = self.bytes.saturating_add(frame.len());
            Known {
                has: PeerSet::default(),
                sent: PeerSet::default(),
                frame: Arc::clone(frame),
                vouched: false,
            }
        })
    }

    fn forget_oldest(&mut self) {
        while self.order.len() > self.config.kept || self.bytes > self.config.kept_bytes {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, tag: Tag) {
        if let Some(known) = self.known.remove(&tag) {
            self.bytes = self.bytes.saturating_sub(known.frame.len());
        }
    }
}

/// The slot that a message of consensus helps to decide.
fn slot_of(frame: &Frame) -> Option<Slot> {
    match frame.packet() {
        Packet::Consensus(message) => message.0.slot(),
        Packet::Candidate { header, .. } => Some(header.content.slot),
        _ => None,
    }
}

/// A number that is different for most messages.
fn start_of(tag: Tag) -> usize {
    usize::from(u16::from_be_bytes([tag.0[0], tag.0[1]]))
}

fn send(table: &Table, to: &PeerSet, frame: &Arc<Frame>, effects: &mut Effects) {
    for peer in to.iter().filter_map(|place| table.peer(place)) {
        effects.share(peer, frame);
    }
}
