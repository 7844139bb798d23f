//! One copy of a validator set for all nodes that draw the same one.
//!
//! Each node's selector makes its own set of what its own execution fed it, and the invariants compare
//! these. What its engine then reads, at every message, is the copy of the first node that drew an
//! equal set; a node that draws another one keeps its own. A thousand copies of a thousand validators
//! would not fit the processor's caches.

use parking_lot::Mutex;
use picot_models::ValidatorSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cycles whose sets are kept.
const MAX_CYCLES: usize = 16;

/// The sets of a run, by cycle.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedSets(Arc<Mutex<BTreeMap<u64, Arc<ValidatorSet>>>>);

impl SharedSets {
    /// The shared copy of a set, or the set itself if it differs from it.
    #[must_use]
    pub(crate) fn same(&self, set: Arc<ValidatorSet>) -> Arc<ValidatorSet> {
        let mut sets = self.0.lock();
        let shared = sets.entry(set.cycle()).or_insert_with(|| Arc::clone(&set));
        let chosen = if *shared == set {
            Arc::clone(shared)
        } else {
            set
        };
        if sets.len() > MAX_CYCLES {
            sets.pop_first();
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;

    fn set(cycle: u64, rolls: u64) -> Arc<ValidatorSet> {
        let rolls = BTreeMap::from([(SimConfig::address(0), rolls)]);
        Arc::new(ValidatorSet::new(cycle, &rolls).unwrap())
    }

    #[test]
    fn equal_sets_are_shared_and_a_node_that_draws_another_one_keeps_its_own() {
        let sets = SharedSets::default();
        let first = sets.same(set(1, 5));
        assert!(Arc::ptr_eq(&first, &sets.same(set(1, 5))));
        let (other_rolls, other_cycle) = (set(1, 6), set(2, 5));
        assert!(Arc::ptr_eq(
            &other_rolls,
            &sets.same(Arc::clone(&other_rolls))
        ));
        assert!(Arc::ptr_eq(
            &other_cycle,
            &sets.same(Arc::clone(&other_cycle))
        ));
    }

    #[test]
    fn old_cycles_are_dropped() {
        let sets = SharedSets::default();
        for cycle in 0..100 {
            let _ = sets.same(set(cycle, 1));
        }
        assert_eq!(sets.0.lock().len(), MAX_CYCLES);
    }
}
