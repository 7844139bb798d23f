//! Mocks and builders of test data, with the feature `mocks`.

use std::{collections::BTreeMap, sync::Arc};

use picot_clock::SlotRange;
use picot_models::{Address, Hash, Slot, ValidatorSet};

use crate::{AddressDraw, Selector, SelectorError, SlotDraws};

mockall::mock! {
    /// A [`Selector`] that answers as a test says. It keeps the provided
    /// [`coordinator`](Selector::coordinator), which asks for the whole producer ranking.
    pub Selector {}

    impl Selector for Selector {
        fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError>;
        fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError>;
        fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError>;
        fn feed_cycle(&self, cycle: u64, rolls: Arc<BTreeMap<Address, u64>>, seed: Hash) -> Result<(), SelectorError>;
        fn slots_of(&self, address: &Address, range: SlotRange) -> Result<Vec<AddressDraw>, SelectorError>;
        fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError>;
        fn seed(&self, cycle: u64) -> Result<Hash, SelectorError>;
        fn ready_cycles(&self) -> Vec<u64>;
    }
}
