//! Links that gather what they carry: all that reaches a node within some milliseconds is handed over at
//! their end, as a node that has much to hear finds much each time it looks.

use super::{Event, World};
use crate::latency::MICROS_PER_MILLI;
use crate::trace::Happened;
use picot_consensus::Peer;
use picot_protocol::Frame;
use std::sync::Arc;

/// What a node is handed over at one time, in the order in which it was sent.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The frames, and where they came from.
    pub(super) frames: Vec<(Peer, Arc<Frame>)>,
    /// How many they are, or were.
    count: u64,
    bytes: u64,
    /// A number that the frames and their order make.
    digest: u64,
}

impl Gathered {
    fn push(&mut self, from: usize, peer: Peer, frame: Arc<Frame>) {
        self.count += 1;
        self.bytes += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        let tag = u64::from_be_bytes(frame.tag().0) ^ u64::try_from(from).unwrap_or(u64::MAX);
        self.digest = self.digest.rotate_left(7) ^ tag;
        self.frames.push((peer, frame));
    }

    /// The same without the frames.
    pub(super) const fn summary(&self) -> Self {
        Self {
            frames: Vec::new(),
            count: self.count,
            bytes: self.bytes,
            digest: self.digest,
        }
    }

    /// For the trace.
    pub(super) const fn happened(&self) -> Happened {
        Happened::Gathered {
            count: self.count,
            bytes: self.bytes,
            digest: self.digest,
        }
    }
}

impl World<'_> {
    /// A frame will have arrived then. It is handed over with others.
    pub(super) fn gather(
        &mut self,
        gather_ms: u64,
        at_us: u64,
        (from, to): (usize, usize),
        peer: Peer,
        frame: Arc<Frame>,
    ) {
        let Some(member) = self.members.get_mut(to) else {
            return;
        };
        let at_us = at_us.next_multiple_of(gather_ms.saturating_mul(MICROS_PER_MILLI).max(1));
        let is_first = !member.gathered.contains_key(&at_us);
        let gathered = member.gathered.entry(at_us).or_default();
        gathered.push(from, peer, frame);
        if is_first {
            self.schedule(at_us, Event::Gathered(to));
        }
    }

    /// What is handed over to a node then, of open connections.
    pub(super) fn take_gathered(&mut self, node: usize, at_us: u64) -> Option<Gathered> {
        let mut gathered = self.members.get_mut(node)?.gathered.remove(&at_us)?;
        let connections = &self.connections;
        let is_open = |(peer, _): &(Peer, _)| connections.is_open(node, *peer);
        gathered.frames.retain(is_open);
        Some(gathered)
    }

    /// It is time to hand over what was gathered for a node. Gives the node, if it runs.
    pub(super) fn hear_gathered(&mut self, node: usize) -> Option<usize> {
        let gathered = self.take_gathered(node, self.now_us)?;
        self.trace.record(self.now_us, node, gathered.happened());
        let life = self.members.get(node)?.life;
        self.live(node, life)?.hear_all(gathered.frames);
        Some(node)
    }
}
