//! What happened at each slot at which one of our addresses was due.

use std::collections::{BTreeSet, VecDeque};

use displaydoc::Display;
use parking_lot::Mutex;
use picot_clock::{Millis, Slot};
use picot_models::{Address, BlockId, EndorsementId};

use super::Skip;
use crate::FactoryError;

/// What can be left out of a product that is made all the same.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A block was signed and handed on.
    ProducedBlock(BlockId),
    /// An endorsement was signed and handed on.
    ProducedEndorsement(EndorsementId),
    /// Nothing was produced.
    Skipped(Skip),
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// Keeps the history, for a bounded number of entries.
///
/// `record` is called once a slot at most, after what is due was handed on, with the entries in the
/// order in which they came about. It may block: the factory waits for it no longer than for any
/// other part. What is kept over a restart is the log's business.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait HistoryLog: Send + Sync {
    /// Adds entries, and drops the oldest ones over the bound.
    ///
    /// # Errors
    /// [`FactoryError::History`]: the entries are lost.
    fn record(&self, entries: &[HistoryEntry]) -> Result<(), FactoryError>;

    /// The latest entries, latest first.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    fn latest(&self, max: usize) -> Result<Vec<HistoryEntry>, FactoryError>;
}

/// A history that is lost when the process ends.
#[derive(Debug)]
pub struct MemoryHistory {
    max_entries: usize,
    entries: Mutex<VecDeque<HistoryEntry>>,
}

impl MemoryHistory {
    /// A history of at most this many entries.
    #[must_use]
    pub const fn new(max_entries: usize) -> Self {
        Self {
            max_entries,
            entries: Mutex::new(VecDeque::new()),
        }
    }
}

impl HistoryLog for MemoryHistory {
    fn record(&self, entries: &[HistoryEntry]) -> Result<(), FactoryError> {
        let mut kept = self.entries.lock();
        for entry in entries {
            kept.push_back(entry.clone());
            if kept.len() > self.max_entries {
                kept.pop_front();
            }
        }
        Ok(())
    }

    fn latest(&self, max: usize) -> Result<Vec<HistoryEntry>, FactoryError> {
        Ok(self
            .entries
            .lock()
            .iter()
            .rev()
            .take(max)
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use picot_models::mocks::address;

    use super::*;
    use crate::SkipReason;

    fn entry(period: u64) -> HistoryEntry {
        HistoryEntry {
            slot: Slot::new(period, 0),
            address: Some(address(1)),
            duty: Duty::Block { rank: Some(0) },
            event: Event::Skipped(Skip::new(SkipReason::Disabled, "by a test")),
            left_out: BTreeSet::new(),
            duration: Millis::ZERO,
        }
    }

    #[test]
    fn the_history_is_bounded_and_gives_the_latest_first() {
        let history = MemoryHistory::new(3);
        history.record(&[entry(1), entry(2)]).unwrap();
        history.record(&[entry(3), entry(4)]).unwrap();
        let periods = |max| {
            let latest = history.latest(max).unwrap();
            latest
                .iter()
                .map(|entry| entry.slot.period)
                .collect::<Vec<_>>()
        };
        assert_eq!(periods(10), [4, 3, 2]);
        assert_eq!(periods(1), [4]);
    }

    #[test]
    fn a_history_of_no_entries_keeps_none() {
        let history = MemoryHistory::new(0);
        history.record(&[entry(1)]).unwrap();
        assert_eq!(history.latest(10).unwrap(), []);
    }
}
