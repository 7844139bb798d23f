//! The trait: what is final of stakes.

use crate::{CycleInfo, PosChanges, PosError, ProductionStats};
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_models::{Address, Amount};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a cycle draws from: roll counts and seed.
pub type DrawInputs = (Arc<BTreeMap<Address, u64>>, Hash);

/// The final state of stakes (design 06).
///
/// Reads never wait. Slots are settled in order, each once; after a restart the state is that of the
/// last slot whose changes were committed to the store.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait PosFinalState: Send + Sync {
    /// The last slot that was settled.
    fn last_final_slot(&self) -> Slot;

    /// Takes over the changes of all slots after the last settled one up to `slot`, which must be
    /// of one cycle; at the end of a cycle seals it and drops cycles that are not needed any more.
    ///
    /// # Errors
    /// The slots do not follow, or the changes are not theirs; then nothing changes.
    fn settle_slot(&mut self, slot: Slot, changes: &PosChanges) -> Result<(), PosError>;

    /// The rolls of an address now.
    fn rolls(&self, address: &Address) -> u64;

    /// The rolls of all addresses now.
    fn roll_counts(&self) -> Arc<BTreeMap<Address, u64>>;

    /// What is known of a cycle.
    fn cycle_info(&self, cycle: u64) -> Option<Arc<CycleInfo>>;

    /// The cycles that something is known of, ascending.
    fn known_cycles(&self) -> Vec<u64>;

    /// What an address did in a cycle.
    fn stats(&self, cycle: u64, address: &Address) -> ProductionStats;

    /// What all addresses that were drawn did in a cycle.
    fn stats_of_cycle(&self, cycle: u64) -> Arc<BTreeMap<Address, ProductionStats>>;

    /// What an address has coming at the end of a cycle.
    fn deferred_credit(&self, cycle: u64, address: &Address) -> Amount;

    /// What an address has coming, by the cycle at whose end it is credited.
    fn deferred_credits(&self, address: &Address) -> BTreeMap<u64, Amount>;

    /// What all addresses have coming at the end of a cycle.
    fn deferred_credits_of_cycle(&self, cycle: u64) -> Arc<BTreeMap<Address, Amount>>;

    /// What a cycle draws from: the rolls at the end of cycle − 3 and the seed of cycle − 2, or
    /// genesis values; `None` if that is not known yet, or not kept any more.
    fn snapshot_for_draws(&self, cycle: u64) -> Option<DrawInputs>;

    /// The rolls that are active in a cycle: those that it draws from.
    fn active_rolls(&self, cycle: u64) -> Option<Arc<BTreeMap<Address, u64>>>;
}
