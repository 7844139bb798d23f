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
    /// Frames were handed over together.
    Gathered {
        /// How many.
        count: u64,
        /// Their bytes.
        bytes: u64,
        /// A number that they and their order make.
        digest: u64,
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

/// Bytes that are hashed at once: much at a time takes the hasher a fraction of the time of many pieces.
const HASHED_BYTES: usize = 64 << 10;

/// The trace of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    /// What is still to be hashed.
    unhashed: Vec<u8>,
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
            Happened::Gathered {
                count,
                bytes,
                digest,
            } => self.hash_words([at_us, word(node), *count, *bytes, *digest]),
            Happened::Said(text) => {
                self.hash_words([at_us, word(node), word(text.len())]);
                self.unhashed.extend(text.as_bytes());
            }
        }
        if self.unhashed.len() >= HASHED_BYTES {
            self.hasher.update(&self.unhashed);
            self.unhashed.clear();
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

    fn hash_words<const WORDS: usize>(&mut self, words: [u64; WORDS]) {
        let bytes = words.map(u64::to_le_bytes);
        self.unhashed.extend(bytes.as_flattened());
    }

    /// Events so far.
    #[must_use]
    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of everything so far, as hexadecimal digits.
    #[must_use]
    pub(crate) fn hash(&self) -> String {
        let mut hasher = self.hasher.clone();
        hasher
            .update(&self.unhashed)
            .finalize()
            .to_hex()
            .to_string()
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
                Happened::Gathered { count, bytes, .. } => {
                    format!("{ms:>8}.{us:03} ms  node {node:<3} <- {count} frames of {bytes} bytes")
                }
                Happened::Said(text) => format!("{ms:>8}.{us:03} ms  node {node:<3} {text}"),
            }
        };
        self.last.iter().map(line).collect()
    }
}
