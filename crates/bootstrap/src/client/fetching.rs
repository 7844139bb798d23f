//! The state of one checkpoint, chunk by chunk.

use crate::ChunkFault;
use crate::chunk::Expected;
use crate::index::{Gathering, Index};
use crate::message::Offer;
use picot_consensus::Peer;
use picot_crypto::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// Where a state that is being received stands.
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(super) enum Fetching {
    /// Its index comes, and from whom.
    Index {
        gathering: Gathering,
        from: BTreeSet<Peer>,
    },
    /// Its chunks come.
    Chunks(Chunks),
}

impl Fetching {
    pub(super) fn of(offer: Offer) -> Self {
        Self::Index {
            gathering: Gathering::of(offer),
            from: BTreeSet::new(),
        }
    }

    /// What was offered of it.
    pub(super) const fn offer(&self) -> &Offer {
        match self {
            Self::Index { gathering, .. } => gathering.offer(),
            Self::Chunks(chunks) => chunks.index().offer(),
        }
    }
}

/// What becomes of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What is kept of its keys was not looked at.
    Unexamined,
    /// It is being looked at.
    Examining,
    /// It is to be asked for.
    Lacking,
    /// A peer was asked.
    Asked,
    /// It is right, and is being written.
    Staging,
    /// It is here.
    Here,
}

/// The chunks of a state.
pub(super) struct Chunks {
    index: Index,
    states: Vec<State>,
    unexamined: BTreeSet<u32>,
    lacking: BTreeSet<u32>,
    /// By chunk: whom it was asked from.
    asked: BTreeMap<u32, Peer>,
    examining: usize,
    staging: usize,
    here: u32,
    pub(super) pairs_here: u64,
    pub(super) bytes_here: u64,
    pub(super) bytes_kept: u64,
}

impl Chunks {
    /// All are lacking, or all have to be looked at.
    pub(super) fn new(index: Index, nothing_is_kept: bool) -> Self {
        let all: BTreeSet<u32> = (0..index.len()).collect();
        let first = if nothing_is_kept {
            State::Lacking
        } else {
            State::Unexamined
        };
        let (lacking, unexamined) = if nothing_is_kept {
            (all, BTreeSet::new())
        } else {
            (BTreeSet::new(), all)
        };
        let len = usize::try_from(index.len()).unwrap_or(usize::MAX);
        Self {
            states: vec![first; len],
            index,
            unexamined,
            lacking,
            asked: BTreeMap::new(),
            examining: 0,
            staging: 0,
            here: 0,
            pairs_here: 0,
            bytes_here: 0,
            bytes_kept: 0,
        }
    }

    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn hash(&self) -> Hash {
        self.index.offer().index
    }

    pub(super) const fn here(&self) -> u32 {
        self.here
    }

    pub(super) const fn are_all_here(&self) -> bool {
        self.here == self.index.len()
    }

    pub(super) fn is_lacking(&self) -> bool {
        !self.lacking.is_empty()
    }

    /// Chunks that are asked for, or right and not yet written.
    pub(super) fn in_flight(&self) -> usize {
        self.asked.len().saturating_add(self.staging)
    }

    fn state(&self, number: u32) -> Option<State> {
        self.states.get(usize::try_from(number).ok()?).copied()
    }

    fn set(&mut self, number: u32, state: State) {
        let place = usize::try_from(number).ok();
        if let Some(it) = place.and_then(|place| self.states.get_mut(place)) {
            *it = state;
        }
    }

    /// The next chunk whose keys are to be looked at, if no more than `max` are being.
    pub(super) fn next_unexamined(&mut self, max: usize) -> Option<(u32, Expected)> {
        if self.examining >= max {
            return None;
        }
        let number = self.unexamined.pop_first()?;
        self.set(number, State::Examining);
        self.examining = self.examining.saturating_add(1);
        Some((number, self.index.expected(number)?))
    }

    pub(super) fn examined(&mut self, number: u32, is_here: bool) {
        if self.state(number) != Some(State::Examining) {
            return;
        }
        self.examining = self.examining.saturating_sub(1);
        if is_here {
            self.bytes_kept = self.bytes_kept.saturating_add(self.index.bytes_of(number));
            self.take(number);
        } else {
            self.set(number, State::Lacking);
            self.lacking.insert(number);
        }
    }

    fn take(&mut self, number: u32) {
        self.set(number, State::Here);
        self.here = self.here.saturating_add(1);
        self.pairs_here = self.pairs_here.saturating_add(self.index.pairs_of(number));
        self.bytes_here = self.bytes_here.saturating_add(self.index.bytes_of(number));
    }

    /// The next chunk to ask for.
    pub(super) fn next_lacking(&mut self, peer: Peer) -> Option<u32> {
        let number = self.lacking.pop_first()?;
        self.set(number, State::Asked);
        self.asked.insert(number, peer);
        Some(number)
    }

    /// The peer will not give it.
    pub(super) fn not_given(&mut self, number: u32, peer: Peer) {
        if self.asked.get(&number) == Some(&peer) {
            self.asked.remove(&number);
            self.set(number, State::Lacking);
            self.lacking.insert(number);
        }
    }

    /// What a peer says to be a chunk; whether it is to be written. Late ones are as good as others.
    pub(super) fn received(&mut self, number: u32, pairs: &[u8]) -> Result<bool, ChunkFault> {
        if !matches!(self.state(number), Some(State::Asked | State::Lacking)) {
            return Ok(false);
        }
        let Some(expected) = self.index.expected(number) else {
            return Ok(false);
        };
        expected.check(pairs)?;
        self.asked.remove(&number);
        self.lacking.remove(&number);
        self.set(number, State::Staging);
        self.staging = self.staging.saturating_add(1);
        Ok(true)
    }

    pub(super) fn staged(&mut self, number: u32) {
        if self.state(number) == Some(State::Staging) {
            self.staging = self.staging.saturating_sub(1);
            self.take(number);
        }
    }

    /// What was kept turned out not to be the state: everything is looked at again.
    pub(super) fn reexamine(self) -> Self {
        Self::new(self.index, false)
    }
}
