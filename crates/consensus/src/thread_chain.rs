//! The decided chain of one thread: what the validity of its next block depends on.

use picot_models::{Block, BlockId, OperationId, Slot, ThreadDigest, Value};
use std::collections::{BTreeMap, VecDeque};

/// Decided blocks whose place is remembered; older ones are looked up in the archive.
pub(crate) const RECENT_BLOCKS: usize = 512;
/// Of these, the ones that are looked through one by one before the others.
const LATEST_BLOCKS: usize = 4;
/// Answers of the archive that are remembered.
const RESOLVED_BLOCKS: usize = 64;

/// What a thread starts from: see [`thread_starts`](crate::thread_starts).
#[derive(Debug, Clone)]
pub struct ThreadStart {
    /// The block of period 0.
    pub genesis: BlockId,
    /// The digest after the last outcome.
    pub digest: ThreadDigest,
    /// The period after the last decided one.
    pub next_period: u64,
    /// The last decided block: id, period, parents.
    pub last_block: (BlockId, u64, Vec<BlockId>),
    /// Decided blocks of the thread by ascending period, without gaps, up to the last one.
    pub places: Vec<(u64, BlockId)>,
    /// Older blocks, which the last blocks of other threads name, with their periods; 0 of those
    /// that are older than everything that is known.
    pub named: Vec<(u64, BlockId)>,
    /// The operations of its decided blocks within the validity window, by ascending period.
    pub operations: Vec<(u64, Vec<OperationId>)>,
}

impl ThreadStart {
    /// After the genesis block.
    #[must_use]
    pub fn genesis(digest: ThreadDigest, block: BlockId) -> Self {
        Self {
            genesis: block,
            digest,
            next_period: 1,
            last_block: (block, 0, Vec::new()),
            places: vec![(0, block)],
            named: Vec::new(),
            operations: Vec::new(),
        }
    }
}

/// The decided chain of one thread.
#[derive(Debug, Clone)]
pub struct ThreadChain {
    thread: u8,
    validity_periods: u64,
    genesis: BlockId,
    digest: ThreadDigest,
    next_period: u64,
    last_block: (BlockId, u64, Vec<BlockId>),
    places: BTreeMap<BlockId, u64>,
    recent: VecDeque<(u64, BlockId)>,
    resolved: VecDeque<(BlockId, u64)>,
    /// See [`ThreadStart::named`].
    named: Vec<(u64, BlockId)>,
    operations: BTreeMap<OperationId, u64>,
    operations_by_period: VecDeque<(u64, Vec<OperationId>)>,
}

impl ThreadChain {
    /// A chain that goes on from `start`; operations are remembered for `validity_periods`.
    #[must_use]
    pub fn new(thread: u8, validity_periods: u64, start: ThreadStart) -> Self {
        let mut chain = Self {
            thread,
            validity_periods,
            genesis: start.genesis,
            digest: start.digest,
            next_period: start.next_period,
            last_block: start.last_block,
            places: BTreeMap::new(),
            recent: VecDeque::new(),
            resolved: VecDeque::new(),
            named: start.named,
            operations: BTreeMap::new(),
            operations_by_period: VecDeque::new(),
        };
        for (period, id) in start.places {
            chain.remember(period, id);
        }
        for (period, ids) in start.operations {
            chain.remember_operations(period, ids);
        }
        chain
    }

    /// The hash chain of the outcomes so far.
    #[must_use]
    pub const fn digest(&self) -> ThreadDigest {
        self.digest
    }

    /// The first period that is not decided.
    #[must_use]
    pub const fn next_period(&self) -> u64 {
        self.next_period
    }

    /// The slot that is to be decided next.
    #[must_use]
    pub const fn next_slot(&self) -> Slot {
        Slot::new(self.next_period, self.thread)
    }

    /// The last slot that is decided, as a block or a miss.
    #[must_use]
    pub const fn last_decided(&self) -> Slot {
        Slot::new(self.next_period.saturating_sub(1), self.thread)
    }

    /// The last decided block and its period.
    #[must_use]
    pub const fn last_block(&self) -> (BlockId, u64) {
        (self.last_block.0, self.last_block.1)
    }

    /// The parents that the last decided block names, by thread; none of a genesis block.
    #[must_use]
    pub fn last_block_parents(&self) -> &[BlockId] {
        &self.last_block.2
    }

    /// The period of a decided block of this thread, if it is remembered.
    #[must_use]
    pub fn period_of(&self, id: &BlockId) -> Option<u64> {
        if *id == self.genesis {
            return Some(0);
        }
        // Blocks name the latest, or ones not much older.
        let latest = self.recent.iter().rev().take(LATEST_BLOCKS);
        if let Some((period, _)) = latest.into_iter().find(|(_, latest)| latest == id) {
            return Some(*period);
        }
        self.places.get(id).copied().or_else(|| {
            let found = self.resolved.iter().find(|(resolved, _)| resolved == id);
            let named = || self.named.iter().find(|(_, named)| named == id);
            let found = found.map(|(_, period)| *period);
            found.or_else(|| named().map(|(period, _)| *period))
        })
    }

    /// The latest decided block before a slot, as far as is remembered.
    #[must_use]
    pub fn latest_before(&self, slot: Slot) -> Option<(BlockId, u64)> {
        self.recent
            .iter()
            .rev()
            .find(|(period, _)| Slot::new(*period, self.thread) < slot)
            .map(|(period, id)| (*id, *period))
    }

    /// Whether what the last block of another thread names in this one is decided here. If not, this
    /// thread is behind, and a block with a parent of it would be invalid.
    #[must_use]
    pub fn has_what_is_named_by(&self, other: &Self) -> bool {
        let Some(named) = other.last_block_parents().get(usize::from(self.thread)) else {
            return true;
        };
        match self.period_of(named) {
            Some(period) => period <= self.last_block.1,
            // One that is no longer remembered is earlier than the block that names it.
            None => self.next_slot() > Slot::new(other.last_block.1, other.thread),
        }
    }

    /// The blocks that are remembered, ascending.
    pub fn recent(&self) -> impl Iterator<Item = (u64, BlockId)> + '_ {
        self.recent.iter().copied()
    }

    /// Whether an operation is in a decided block within the validity window.
    #[must_use]
    pub fn contains_operation(&self, id: &OperationId) -> bool {
        self.operations.contains_key(id)
    }

    /// Remembers what the archive said of an older block.
    pub fn resolve(&mut self, id: BlockId, period: u64) {
        if self.period_of(&id).is_none() {
            self.resolved.push_back((id, period));
            if self.resolved.len() > RESOLVED_BLOCKS {
                self.resolved.pop_front();
            }
        }
    }

    /// Appends the decision of the next slot. `block` is that of `value`.
    pub fn append(&mut self, value: &Value, block: Option<&Block>) {
        let slot = self.next_slot();
        self.digest = self.digest.after(slot, value);
        self.next_period = value.through(slot.period).saturating_add(1);
        if let Some(block) = block {
            let parents = block.header.content().parents.clone();
            self.last_block = (block.id(), slot.period, parents);
            self.remember(slot.period, block.id());
            let ids = block.operations.iter().map(|operation| operation.id());
            self.remember_operations(slot.period, ids.collect());
        }
        self.forget_expired();
    }

    fn remember(&mut self, period: u64, id: BlockId) {
        self.places.insert(id, period);
        self.recent.push_back((period, id));
        if self.recent.len() > RECENT_BLOCKS
            && let Some((_, oldest)) = self.recent.pop_front()
        {
            self.places.remove(&oldest);
        }
    }

    fn remember_operations(&mut self, period: u64, ids: Vec<OperationId>) {
        if ids.is_empty() {
            return;
        }
        for id in &ids {
            self.operations.insert(*id, period);
        }
        self.operations_by_period.push_back((period, ids));
    }

    /// An operation that is valid at `next_period` can be in no block that is older than the
    /// validity window.
    fn forget_expired(&mut self) {
        let oldest = self.next_period.saturating_sub(self.validity_periods);
        while let Some((period, _)) = self.operations_by_period.front()
            && *period < oldest
        {
            for id in self
                .operations_by_period
                .pop_front()
                .map(|(_, ids)| ids)
                .unwrap_or_default()
            {
                self.operations.remove(&id);
            }
        }
    }
}
