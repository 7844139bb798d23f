//! What happened, as a hash of everything and as text of the last things.

use crate::packet::Parcel;
use std::collections::VecDeque;

/// Events that are kept as text for a failure.
const LAST_EVENTS: usize = 60;

/// What happened at one moment.
#[derive(Debug, Clone)]
pub(crate) enum Happened {
    /// Something of another node arrived.
    Arrived {
        /// The sender.
        from: usize,
        /// What.
        parcel: Parcel,
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

fn word(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
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
        match &happened {
            Happened::Arrived { from, parcel } => {
                let (tag, bytes) = (parcel.tag(), parcel.bytes());
                self.hash_words([at_us, word(node), word(*from), tag, bytes]);
            }
            Happened::Said(text) => {
                self.hash_words([at_us, word(node), word(text.len())]);
                self.hasher.update(text.as_bytes());
            }
        }
        if self.last.len() >= LAST_EVENTS {
            self.last.pop_front();
        }
        self.last.push_back(Entry {
            at_us,
            node,
            happened,
        });
    }

    /// In one piece: the hasher's overhead for each piece is that of many bytes.
    fn hash_words<const WORDS: usize>(&mut self, words: [u64; WORDS]) {
        let bytes = words.map(u64::to_le_bytes);
        self.hasher.update(bytes.as_flattened());
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
                Happened::Arrived { from, parcel } => {
                    format!("{ms:>8}.{us:03} ms  node {node:<3} <- {from:<3} {parcel}")
                }
                Happened::Said(text) => format!("{ms:>8}.{us:03} ms  node {node:<3} {text}"),
            }
        };
        self.last.iter().map(line).collect()
    }
}
