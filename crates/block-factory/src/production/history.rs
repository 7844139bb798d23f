//! What happened at each slot at which one of our addresses was due.

use std::collections::{BTreeMap, BTreeSet};

use displaydoc::Display;
use parking_lot::Mutex;
use picot_clock::{Millis, Slot};
use picot_models::{Address, BlockId, EndorsementId};
use serde::{Deserialize, Serialize};

use super::Skip;
use crate::FactoryError;

/// What can be left out of a product that is made all the same.
#[derive(
    Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// endorsements of the parent
    Endorsements,
    /// operations already executed, and with them all operations
    ExecutedOperations,
    /// some or all operations
    Operations,
    /// some or all balances, and with them their owners' operations
    Balances,
    /// denunciations
    Denunciations,
    /// parents asked again before signing
    FreshParents,
    /// storage
    Storage,
    /// confirmation by our own consensus
    Registration,
    /// pool
    Pool,
    /// network
    Network,
}

/// What was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Duty {
    /// A block.
    Block {
        /// The address's place in the producer ranking, if it is known.
        rank: Option<u32>,
    },
    /// An endorsement.
    Endorsement {
        /// The index that was drawn, if it is known.
        index: Option<u32>,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A block was signed and handed on.
    ProducedBlock(BlockId),
    /// An endorsement was signed and handed on.
    ProducedEndorsement {
        /// Its id.
        id: EndorsementId,
        /// The block that it is for.
        block: BlockId,
    },
    /// Nothing was produced.
    Skipped(Skip),
}

impl Event {
    /// The block that was produced or endorsed.
    #[must_use]
    pub const fn block(&self) -> Option<BlockId> {
        match self {
            Self::ProducedBlock(block) | Self::ProducedEndorsement { block, .. } => Some(*block),
            Self::Skipped(_) => None,
        }
    }
}

/// What became of the slot, and so of what was produced for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing yet.
    #[default]
    Undecided,
    /// The slot is decided as the block that was produced, or endorsed.
    Decided,
    /// The slot is decided as another block: this one.
    LostTo(BlockId),
    /// The slot is decided as one without a block.
    Missed,
    /// The slot is decided, and this node does not keep as what: it was off for a long time.
    Unknown,
}

impl Fate {
    /// The fate of a product for a slot that is decided as `decided`: a block or a miss.
    #[must_use]
    pub fn of(event: &Event, decided: Option<BlockId>) -> Self {
        match decided {
            None => Self::Missed,
            Some(block) if event.block() == Some(block) => Self::Decided,
            Some(block) => Self::LostTo(block),
        }
    }
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The slot.
    pub slot: Slot,
    /// Who was due; `None` if the wallet did not tell its addresses.
    pub address: Option<Address>,
    /// What was due.
    pub duty: Duty,
    /// What became of it.
    pub event: Event,
    /// What was left out of the product.
    pub left_out: BTreeSet<Part>,
    /// From the start of the work to its end.
    pub duration: Millis,
    /// What became of the slot.
    pub fate: Fate,
}

/// Keeps the history, for a bounded number of entries, by slot.
///
/// `record` is called once a slot at most, after what is due was handed on, with the entries in the
/// order in which they came about. It may block: the factory waits for it no longer than for any
/// other part. The rest is called by other threads, at any time. What is kept over a restart is the
/// log's business.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait HistoryLog: Send + Sync {
    /// Adds entries after those of the same slot, and drops those of the earliest slots over the
    /// bound.
    ///
    /// # Errors
    /// [`FactoryError::History`]: the entries are lost.
    fn record(&self, entries: &[HistoryEntry]) -> Result<(), FactoryError>;

    /// The latest entries, of slots before `before` if it is given; latest first.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    fn latest(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError>;

    /// The earliest slots that have entries whose fate is not known, ascending.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    fn undecided(&self, max: usize) -> Result<Vec<Slot>, FactoryError>;

    /// A slot was decided as this block, or as a miss: gives its entries their [`Fate`]. A slot
    /// without entries is fine.
    ///
    /// # Errors
    /// [`FactoryError::History`]: the fates stay unknown.
    fn settle(&self, slot: Slot, decided: Option<BlockId>) -> Result<(), FactoryError>;

    /// A slot was decided, and it will not be known as what: its entries are
    /// [`Unknown`](Fate::Unknown). A slot without entries is fine.
    ///
    /// # Errors
    /// [`FactoryError::History`]: the entries stay undecided.
    fn give_up(&self, slot: Slot) -> Result<(), FactoryError>;
}

/// A history that is lost when the process ends.
#[derive(Debug)]
pub struct MemoryHistory {
    max_entries: usize,
    /// By slot and place within the slot.
    entries: Mutex<BTreeMap<(Slot, u32), HistoryEntry>>,
}

impl MemoryHistory {
    /// A history of at most this many entries.
    #[must_use]
    pub const fn new(max_entries: usize) -> Self {
        Self {
            max_entries,
            entries: Mutex::new(BTreeMap::new()),
        }
    }
}

impl HistoryLog for MemoryHistory {
    fn record(&self, entries: &[HistoryEntry]) -> Result<(), FactoryError> {
        let mut kept = self.entries.lock();
        for entry in entries {
            let of_slot = (entry.slot, 0)..=(entry.slot, u32::MAX);
            let last = kept.range(of_slot).next_back();
            let place = last.map_or(0, |((_, place), _)| place.saturating_add(1));
            kept.insert((entry.slot, place), entry.clone());
        }
        while kept.len() > self.max_entries {
            kept.pop_first();
        }
        Ok(())
    }

    fn latest(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError> {
        let kept = self.entries.lock();
        let latest = kept.iter().rev().map(|(_, entry)| entry);
        Ok(latest
            .filter(|entry| before.is_none_or(|before| entry.slot < before))
            .take(max)
            .cloned()
            .collect())
    }

    fn undecided(&self, max: usize) -> Result<Vec<Slot>, FactoryError> {
        let kept = self.entries.lock();
        let undecided = kept.values().filter(|entry| entry.fate == Fate::Undecided);
        let slots: BTreeSet<_> = undecided.map(|entry| entry.slot).collect();
        Ok(slots.into_iter().take(max).collect())
    }

    fn settle(&self, slot: Slot, decided: Option<BlockId>) -> Result<(), FactoryError> {
        for (_, entry) in self.entries.lock().range_mut((slot, 0)..=(slot, u32::MAX)) {
            entry.fate = Fate::of(&entry.event, decided);
        }
        Ok(())
    }

    fn give_up(&self, slot: Slot) -> Result<(), FactoryError> {
        for (_, entry) in self.entries.lock().range_mut((slot, 0)..=(slot, u32::MAX)) {
            entry.fate = Fate::Unknown;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mocks::history_log_suite;

    #[test]
    fn the_history_in_memory_keeps_the_contract() {
        history_log_suite(MemoryHistory::new);
    }

    #[test]
    fn a_history_of_no_entries_keeps_none() {
        let history = MemoryHistory::new(0);
        history
            .record(&[crate::mocks::history_entry(1, 0)])
            .unwrap();
        assert_eq!(history.latest(None, 10).unwrap(), []);
    }
}
