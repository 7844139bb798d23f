//! Changes of the proof-of-stake state, as values.

use crate::ProductionStats;
use picot_models::{Address, Amount};
use std::collections::BTreeMap;

/// What one slot changes, or several that follow each other: what is named has a new value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PosChanges {
    /// The rolls of addresses; zero: none any more.
    pub rolls: BTreeMap<Address, u64>,
    /// Credits by cycle and address; zero: none any more.
    pub deferred_credits: BTreeMap<(u64, Address), Amount>,
    /// Production counts by cycle and address.
    pub production_stats: BTreeMap<(u64, Address), ProductionStats>,
    /// The seed bit of each slot, in order.
    pub seed_bits: Vec<bool>,
}

impl PosChanges {
    /// No change of no slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the changes of the slots that come next.
    pub fn merge(&mut self, later: Self) {
        self.rolls.extend(later.rolls);
        self.deferred_credits.extend(later.deferred_credits);
        self.production_stats.extend(later.production_stats);
        self.seed_bits.extend(later.seed_bits);
    }
}
