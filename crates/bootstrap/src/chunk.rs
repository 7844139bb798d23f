//! Where a state is cut into chunks, and whether a chunk is what an index says.

use displaydoc::Display;
use picot_crypto::Hash;
use picot_ledger::LatticeHash;
use picot_ledger::keys::MAX_KEY_BYTES;
use picot_serialization::{bytes_len, codec_struct, decode_bytes, encode_bytes};
use thiserror::Error;

/// The most bytes of one chunk: one pair may be larger than [`FULL_CHUNK_BYTES`], and then is a chunk of
/// its own. The largest pair is the rolls of the most validators, some 5 MB.
pub const MAX_CHUNK_BYTES: usize = 12 << 20;
/// A chunk of so many bytes is full.
pub const FULL_CHUNK_BYTES: usize = 1 << 20;
/// How large chunks are. Who receives takes them as they are; all who serve one state should agree, so
/// that it can be received from all of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizes {
    /// A chunk of fewer bytes goes on.
    pub min_bytes: usize,
    /// In between it goes on for so many bytes on average: keys themselves tell where it ends, so that
    /// where pairs come or go, the chunks behind stay the same.
    pub mean_rest_bytes: u32,
    /// A chunk of so many bytes is full, at most [`FULL_CHUNK_BYTES`].
    pub full_bytes: usize,
}

impl Default for ChunkSizes {
    fn default() -> Self {
        Self {
            min_bytes: 256 << 10,
            mean_rest_bytes: 128 << 10,
            full_bytes: FULL_CHUNK_BYTES,
        }
    }
}

/// Says where chunks end: the same for all who have the same state.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    sizes: ChunkSizes,
    bytes: usize,
}

impl Cutter {
    pub(crate) const fn new(sizes: ChunkSizes) -> Self {
        Self { sizes, bytes: 0 }
    }

    /// Whether a chunk ends before this pair, which then is the first of the next.
    pub(crate) fn cuts_before(&mut self, key: &[u8], value: &[u8]) -> bool {
        let pair = pair_len(key, value);
        let with_it = self.bytes.saturating_add(pair);
        let is_cut = self.bytes > 0
            && (with_it > self.sizes.full_bytes
                || (self.bytes >= self.sizes.min_bytes
                    && ends_before(key, pair, self.sizes.mean_rest_bytes)));
        self.bytes = if is_cut { pair } else { with_it };
        is_cut
    }
}

/// Whether a key is one of those before which chunks end: the more bytes its pair has, the likelier.
fn ends_before(key: &[u8], pair: usize, mean_rest_bytes: u32) -> bool {
    // FNV-1a: whoever chooses keys can choose where chunks end, and neither gains nor harms.
    let mixed = key.iter().fold(0x811c_9dc5_u32, |mixed, byte| {
        (mixed ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let spread = (mixed ^ mixed.wrapping_shr(15)).wrapping_mul(0x2c1b_3c6d);
    let share = u32::try_from(pair).unwrap_or(u32::MAX);
    spread
        < u32::MAX
            .div_euclid(mean_rest_bytes.max(1))
            .saturating_mul(share)
}

/// The bytes of a pair in a chunk.
pub(crate) fn pair_len(key: &[u8], value: &[u8]) -> usize {
    bytes_len(key).saturating_add(bytes_len(value))
}

/// Appends a pair to a chunk.
pub(crate) fn push_pair(key: &[u8], value: &[u8], chunk: &mut Vec<u8>) {
    encode_bytes(key, chunk);
    encode_bytes(value, chunk);
}

/// The pairs of a chunk, up to the first that cannot be read.
pub(crate) struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    pub(crate) const fn of(chunk: &'a [u8]) -> Self {
        Self(chunk)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), ChunkFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let key = decode_bytes(self.0, MAX_KEY_BYTES, "a key");
        let pair = key.and_then(|(rest, key)| {
            let (rest, value) = decode_bytes(rest, MAX_CHUNK_BYTES, "a value")?;
            Ok((rest, (key, value)))
        });
        let Ok((rest, pair)) = pair else {
            self.0 = &[];
            return Some(Err(ChunkFault::Unreadable));
        };
        self.0 = rest;
        Some(Ok(pair))
    }
}

/// What an index says of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkInfo {
    /// Its first key. Its pairs are those from here to before the first key of the next chunk.
    pub first_key: Vec<u8>,
    /// Its pairs.
    pub pairs: u32,
    /// Its bytes.
    pub bytes: u32,
    /// The sum over its pairs: those of all chunks add up to the state hash.
    pub sum: LatticeHash,
}

codec_struct!(ChunkInfo {
    first_key: bytes(MAX_KEY_BYTES),
    pairs,
    bytes,
    sum
});

/// The keys from one to before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first.
    pub from: Vec<u8>,
    /// What is not in it any more; `None`: it has no end.
    pub until: Option<Vec<u8>>,
}

impl KeyRange {
    /// Whether a key is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.from.as_slice() <= key && self.until.as_ref().is_none_or(|until| key < until)
    }
}

/// What is expected of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Where its keys are.
    pub range: KeyRange,
    /// Its pairs.
    pub pairs: u32,
    /// Its bytes.
    pub bytes: u32,
    /// The digest of the sum over its pairs.
    pub digest: Hash,
}

/// Why a chunk is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum ChunkFault {
    /// it has {found} bytes, not {expected}
    Bytes {
        /// What it has.
        found: usize,
        /// What it should have.
        expected: u32,
    },
    /// it has {found} pairs, not {expected}
    Pairs {
        /// What it has.
        found: u32,
        /// What it should have.
        expected: u32,
    },
    /// it is not made of pairs
    Unreadable,
    /// a key of it is not above the one before
    WrongOrder,
    /// a key of it is of another chunk
    OutOfRange,
    /// the sum over its pairs is another
    WrongSum,
}

impl Expected {
    /// Whether a chunk is this one.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, chunk: &[u8]) -> Result<(), ChunkFault> {
        if u32::try_from(chunk.len()) != Ok(self.bytes) {
            return Err(ChunkFault::Bytes {
                found: chunk.len(),
                expected: self.bytes,
            });
        }
        let (mut sum, mut last, mut found) = (LatticeHash::new(), None, 0_u32);
        for pair in Pairs::of(chunk) {
            let (key, value) = pair?;
            if last.is_some_and(|last| last >= key) {
                return Err(ChunkFault::WrongOrder);
            }
            if key.is_empty() || !self.range.contains(key) {
                return Err(ChunkFault::OutOfRange);
            }
            sum.add(key, value);
            last = Some(key);
            found = found.saturating_add(1);
        }
        if found != self.pairs {
            return Err(ChunkFault::Pairs {
                found,
                expected: self.pairs,
            });
        }
        if sum.digest() == self.digest {
            Ok(())
        } else {
            Err(ChunkFault::WrongSum)
        }
    }
}
