//! What happened, as a hash of everything and as text of the last things.

use crate::packet::Packet;
use std::collections::VecDeque;

/// Events that are kept as text for a failure.
const LAST_EVENTS: usize = 60;

/// What happened at one moment.
#[derive(Debug, Clone)]
pub(crate) enum Happened {
    /// A packet of another node arrived.
    Arrived {
        /// The sender.
        from: usize,
        /// What.
        packet: Packet,
    },
    /// Anything else.
    Said(String),
}

#[derive(Debug, Clone)]
struct Entry {
    at_us: u64,
    node: usize,
    happened: Happened,
}

/// The trace of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    last: VecDeque<Entry>,
    events: u64,
}

impl Trace {
    /// Something happened at a node.
    pub(crate) fn record(&mut self, at_us: u64, node: usize, happened: Happened) {
        self.events += 1;
        self.hasher.update(&at_us.to_le_bytes());
        self.hash_index(node);
        match &happened {
            Happened::Arrived { from, packet } => {
                self.hash_index(*from);
                self.hasher.update(&packet.tag.to_le_bytes());
                self.hasher.update(&packet.bytes.to_le_bytes());
            }
            Happened::Said(text) => {
                self.hasher.update(text.as_bytes());
            }
        }
        self.last.push_back(Entry {
            at_us,
            node,
            happened,
        });
        if self.last.len() > LAST_EVENTS {
            self.last.pop_front();
        }
    }

    fn hash_index(&mut self, index: usize) {
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        self.hasher.update(&index.to_le_bytes());
    }

    /// Events so far.
    #[must_use]
    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of everything so far, as hexadecimal digits.
    #[must_use]
    pub(crate) fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// The last events, oldest first, one line each.
    #[must_use]
    pub(crate) fn last_events(&self) -> Vec<String> {
        let line = |entry: &Entry| {
            let (ms, us) = (entry.at_us / 1_000, entry.at_us % 1_000);
            let node = entry.node;
            match &entry.happened {
                Happened::Arrived { from, packet } => {
                    format!("{ms:>8}.{us:03} ms  node {node:<3} <- {from:<3} {packet}")
                }
                Happened::Said(text) => format!("{ms:>8}.{us:03} ms  node {node:<3} {text}"),
            }
        };
        self.last.iter().map(line).collect()
    }
}
