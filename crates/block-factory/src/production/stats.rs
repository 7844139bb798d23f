//! Counters, for the node's metrics.

use std::collections::BTreeMap;

use picot_clock::{Millis, SlotRange};

use super::{Event, HistoryEntry, Part, SkipReason};

/// What a factory did since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactoryStats {
    /// Blocks or endorsements that were signed and handed on.
    pub produced: u64,
    /// What was due and not produced, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// How often each part was left out of what was produced.
    pub left_out: BTreeMap<Part, u64>,
    /// Slots whose ticks were missed, whether anything was due or not.
    pub missed_ticks: u64,
    /// How long the latest product took.
    pub latest_duration: Millis,
    /// How long the slowest product took.
    pub longest_duration: Millis,
    /// Entries that the history log did not take.
    pub lost_history_entries: u64,
}

impl FactoryStats {
    pub(super) fn count(&mut self, entry: &HistoryEntry) {
        if let Event::Skipped(skip) = &entry.event {
            return add_one(&mut self.skipped, skip.reason);
        }
        self.produced = self.produced.saturating_add(1);
        self.latest_duration = entry.duration;
        self.longest_duration = self.longest_duration.max(entry.duration);
        for part in &entry.left_out {
            add_one(&mut self.left_out, *part);
        }
    }

    pub(super) fn count_missed_ticks(&mut self, range: &SlotRange) {
        let count = range.count_slots().unwrap_or(u64::MAX);
        self.missed_ticks = self.missed_ticks.saturating_add(count);
    }

    pub(super) fn count_lost_entries(&mut self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.lost_history_entries = self.lost_history_entries.saturating_add(entries);
    }
}

fn add_one<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}
