//! What the chunks of a state are: made by who serves it, gathered and checked by who receives it.

use crate::chunk::{ChunkInfo, ChunkSizes, Cutter, Expected, KeyRange, MAX_CHUNK_BYTES, pair_len};
use crate::message::{INDEX_PAGE, Offer};
use displaydoc::Display;
use picot_crypto::{Context, Hash, Hasher};
use picot_ledger::{LatticeHash, LedgerError, StateSnapshot};
use picot_models::Checkpoint;
use picot_serialization::Encode;
use std::ops::ControlFlow;
use std::sync::Arc;
use thiserror::Error;

/// The chunks of a state, in the order of their keys.
#[derive(Debug, PartialEq, Eq)]
pub struct StateIndex {
    hash: Hash,
    chunks: Vec<ChunkInfo>,
    pairs: u64,
    bytes: u64,
    sum: LatticeHash,
}

impl StateIndex {
    /// Of a state: reads and hashes all of it, a work of a microsecond or two for each pair.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(snapshot: &dyn StateSnapshot) -> Result<Self, LedgerError> {
        Self::with_sizes(snapshot, ChunkSizes::default())
    }

    /// The same in chunks of other sizes.
    ///
    /// # Errors
    /// The store failed.
    pub fn with_sizes(
        snapshot: &dyn StateSnapshot,
        sizes: ChunkSizes,
    ) -> Result<Self, LedgerError> {
        let mut builder = Builder {
            cutter: Cutter::new(sizes),
            chunks: Vec::new(),
        };
        let mut visitor = |key: &[u8], value: &[u8]| {
            builder.add(key, value);
            ControlFlow::Continue(())
        };
        snapshot.visit(&[], &mut visitor)?;
        Ok(builder.finish())
    }

    /// What names it: the same for all who have the same state.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The state hash.
    #[must_use]
    pub fn state_hash(&self) -> Hash {
        self.sum.digest()
    }

    /// The chunks.
    #[must_use]
    pub fn chunks(&self) -> &[ChunkInfo] {
        &self.chunks
    }

    /// At most [`INDEX_PAGE`] chunks from one on.
    #[must_use]
    pub fn page(&self, first: u32) -> &[ChunkInfo] {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let rest = self.chunks.get(first..).unwrap_or_default();
        rest.get(..INDEX_PAGE).unwrap_or(rest)
    }

    /// The keys of a chunk.
    #[must_use]
    pub fn range(&self, number: u32) -> Option<KeyRange> {
        let number = usize::try_from(number).ok()?;
        let first = self.chunks.get(number)?;
        let next = self.chunks.get(number.checked_add(1)?);
        Some(KeyRange {
            from: first.first_key.clone(),
            until: next.map(|next| next.first_key.clone()),
        })
    }

    /// What it offers others, as the state of a checkpoint.
    #[must_use]
    pub fn offer(&self, checkpoint: Checkpoint) -> Offer {
        Offer {
            checkpoint,
            index: self.hash,
            chunks: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            pairs: self.pairs,
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
impl StateIndex {
    /// One with other chunks, hashed and summed anew.
    pub(crate) fn forged(of: &Self, forge: impl FnOnce(&mut Vec<ChunkInfo>)) -> Self {
        let mut chunks = of.chunks.clone();
        forge(&mut chunks);
        let cutter = Cutter::default();
        Builder { cutter, chunks }.finish()
    }

    /// One that says to be of another state.
    pub(crate) fn pretending(mut of: Self, sum: LatticeHash) -> Self {
        of.sum = sum;
        of
    }

    pub(crate) fn state_sum(&self) -> LatticeHash {
        self.sum.clone()
    }
}

/// Cuts a state into chunks.
struct Builder {
    cutter: Cutter,
    chunks: Vec<ChunkInfo>,
}

impl Builder {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        let len = u32::try_from(pair_len(key, value)).unwrap_or(u32::MAX);
        if self.cutter.cuts_before(key, value) || self.chunks.is_empty() {
            self.chunks.push(ChunkInfo {
                first_key: key.to_vec(),
                pairs: 0,
                bytes: 0,
                sum: LatticeHash::new(),
            });
        }
        if let Some(last) = self.chunks.last_mut() {
            last.pairs = last.pairs.saturating_add(1);
            last.bytes = last.bytes.saturating_add(len);
            last.sum.add(key, value);
        }
    }

    fn finish(self) -> StateIndex {
        let mut hasher = IndexHasher::default();
        let (mut pairs, mut bytes, mut sum) = (0_u64, 0_u64, LatticeHash::new());
        for chunk in &self.chunks {
            hasher.add(chunk);
            pairs = pairs.saturating_add(u64::from(chunk.pairs));
            bytes = bytes.saturating_add(u64::from(chunk.bytes));
            sum.combine(&chunk.sum);
        }
        StateIndex {
            hash: hasher.finish(),
            chunks: self.chunks,
            pairs,
            bytes,
            sum,
        }
    }
}

/// The hash of an index: of its chunks, one after the other.
struct IndexHasher(Hasher);

impl Default for IndexHasher {
    fn default() -> Self {
        Self(Hasher::new(Context::Chunk))
    }
}

impl IndexHasher {
    fn add(&mut self, chunk: &ChunkInfo) {
        self.0.update(&chunk.to_bytes());
    }

    fn finish(&self) -> Hash {
        self.0.finalize()
    }
}

/// Why an index is not that of the state.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum IndexFault {
    /// a page of it has {found} chunks, not {expected}
    PageLength {
        /// What it has.
        found: usize,
        /// What it should have.
        expected: usize,
    },
    /// chunk {0} does not begin behind the one before
    WrongOrder(u32),
    /// chunk {0} has no pair, or more bytes than a chunk may have
    WrongSize(u32),
    /// it has another hash than was said
    WrongHash,
    /// its pairs or bytes are not as many as was said
    WrongTotals,
    /// its chunks do not add up to the state hash
    WrongSum,
}

/// What is kept of a chunk of an index.
#[derive(Debug, Clone)]
struct Known {
    first_key: Arc<[u8]>,
    pairs: u32,
    bytes: u32,
    digest: Hash,
}

/// An index that is being received, page by page.
pub(crate) struct Gathering {
    offer: Offer,
    chunks: Vec<Known>,
    hasher: IndexHasher,
    sum: LatticeHash,
    pairs: u64,
    bytes: u64,
}

impl Gathering {
    pub(crate) fn of(offer: Offer) -> Self {
        Self {
            offer,
            chunks: Vec::new(),
            hasher: IndexHasher::default(),
            sum: LatticeHash::new(),
            pairs: 0,
            bytes: 0,
        }
    }

    pub(crate) const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self) {
        *self = Self::of(self.offer.clone());
    }

    /// The number of the first chunk that is lacking; `None`: all are here.
    pub(crate) fn next(&self) -> Option<u32> {
        let here = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        (here < self.offer.chunks).then_some(here)
    }

    /// Takes over the page that begins with the first chunk that is lacking.
    pub(crate) fn add(&mut self, page: &[ChunkInfo]) -> Result<(), IndexFault> {
        let here = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let lacking = usize::try_from(self.offer.chunks.saturating_sub(here)).unwrap_or(usize::MAX);
        let expected = lacking.min(INDEX_PAGE);
        if page.len() != expected {
            return Err(IndexFault::PageLength {
                found: page.len(),
                expected,
            });
        }
        for (chunk, number) in page.iter().zip(here..) {
            self.check(chunk, number)?;
            self.hasher.add(chunk);
            self.sum.combine(&chunk.sum);
            self.pairs = self.pairs.saturating_add(u64::from(chunk.pairs));
            self.bytes = self.bytes.saturating_add(u64::from(chunk.bytes));
            self.chunks.push(Known {
                first_key: chunk.first_key.as_slice().into(),
                pairs: chunk.pairs,
                bytes: chunk.bytes,
                digest: chunk.sum.digest(),
            });
        }
        Ok(())
    }

    fn check(&self, chunk: &ChunkInfo, number: u32) -> Result<(), IndexFault> {
        let last = self.chunks.last();
        if chunk.first_key.is_empty()
            || last.is_some_and(|last| *last.first_key >= *chunk.first_key)
        {
            return Err(IndexFault::WrongOrder(number));
        }
        let bytes = usize::try_from(chunk.bytes).unwrap_or(usize::MAX);
        if chunk.pairs == 0 || bytes > MAX_CHUNK_BYTES {
            return Err(IndexFault::WrongSize(number));
        }
        Ok(())
    }

    /// The whole index, if it is that of the state.
    pub(crate) fn finish(self) -> Result<Index, IndexFault> {
        if self.hasher.finish() != self.offer.index {
            return Err(IndexFault::WrongHash);
        }
        if (self.pairs, self.bytes) != (self.offer.pairs, self.offer.bytes) {
            return Err(IndexFault::WrongTotals);
        }
        if self.sum.digest() != self.offer.checkpoint.state_hash {
            return Err(IndexFault::WrongSum);
        }
        Ok(Index {
            offer: self.offer,
            chunks: self.chunks,
        })
    }
}

/// An index whose chunks add up to the state hash of its checkpoint. A chunk that is what it says is
/// the right one, as long as one is found for every number: nobody finds pairs for a sum of his choice.
pub(crate) struct Index {
    offer: Offer,
    chunks: Vec<Known>,
}

impl Index {
    pub(crate) const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The number of chunks.
    pub(crate) const fn len(&self) -> u32 {
        self.offer.chunks
    }

    /// The bytes of a chunk.
    pub(crate) fn bytes_of(&self, number: u32) -> u64 {
        self.known(number).map_or(0, |known| u64::from(known.bytes))
    }

    /// The pairs of a chunk.
    pub(crate) fn pairs_of(&self, number: u32) -> u64 {
        self.known(number).map_or(0, |known| u64::from(known.pairs))
    }

    fn known(&self, number: u32) -> Option<&Known> {
        self.chunks.get(usize::try_from(number).ok()?)
    }

    /// What is expected of a chunk. The first and the last one answer for all keys before and behind
    /// them, too.
    pub(crate) fn expected(&self, number: u32) -> Option<Expected> {
        let known = self.known(number)?;
        let next = number.checked_add(1).and_then(|next| self.known(next));
        Some(Expected {
            range: KeyRange {
                from: if number == 0 {
                    Vec::new()
                } else {
                    known.first_key.to_vec()
                },
                until: next.map(|next| next.first_key.to_vec()),
            },
            pairs: known.pairs,
            bytes: known.bytes,
            digest: known.digest,
        })
    }
}
