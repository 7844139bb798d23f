//! Mocks and builders of test data, with the feature `mocks`.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use picot_clock::SlotRange;
use picot_crypto::Context;
use picot_models::{Address, ChainParams, Genesis, Hash, Slot, ValidatorSet};

use crate::{AddressDraw, Config, Selector, SelectorError, SlotDraws, StakeSelector};

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

/// An address made of one number, cheaper than one of a key: nobody can sign for it.
#[must_use]
pub fn staker(number: u64) -> Address {
    Address::Key(Context::Test.hash(&number.to_le_bytes()))
}

/// Roll counts of the addresses [`staker`]`(0)`, `staker(1)`, …
#[must_use]
pub fn rolls(counts: impl IntoIterator<Item = u64>) -> Arc<BTreeMap<Address, u64>> {
    Arc::new((0..).map(staker).zip(counts).collect())
}

/// The seed of a cycle in tests.
#[must_use]
pub fn seed(cycle: u64) -> Hash {
    Context::Test.hash(&[&b"seed"[..], &cycle.to_le_bytes()].concat())
}

/// A real selector that draws from the same roll counts in every cycle, with another [`seed`] in
/// each: every cycle is ready whenever it is asked for, and none is pruned.
#[derive(Debug)]
pub struct FixedSelector {
    selector: StakeSelector,
    rolls: Arc<BTreeMap<Address, u64>>,
    /// Held while a cycle is fed, so that it is ready for everyone afterwards.
    feeding: Mutex<()>,
}

impl FixedSelector {
    /// With the numbers of a chain.
    ///
    /// # Errors
    /// As [`StakeSelector::new`] and [`Selector::feed_cycle`].
    pub fn new(
        params: &ChainParams,
        rolls: Arc<BTreeMap<Address, u64>>,
    ) -> Result<Self, SelectorError> {
        let config = Config {
            kept_cycles: usize::MAX,
            ..Config::from_params(params)
        };
        let selector = StakeSelector::new(config)?;
        selector.feed_cycle(0, Arc::clone(&rolls), seed(0))?;
        Ok(Self {
            selector,
            rolls,
            feeding: Mutex::default(),
        })
    }

    /// Of a genesis: its parameters and stakers.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_genesis(genesis: &Genesis) -> Result<Self, SelectorError> {
        Self::new(&genesis.params, Arc::new(genesis.roll_counts()))
    }

    fn feed(&self, cycle: u64) -> Result<(), SelectorError> {
        if self.selector.seed(cycle).is_ok() {
            return Ok(());
        }
        let _feeding = self.feeding.lock();
        let rolls = Arc::clone(&self.rolls);
        self.selector.feed_cycle(cycle, rolls, seed(cycle))
    }

    fn feed_at(&self, slot: Slot) -> Result<(), SelectorError> {
        self.feed(slot.cycle(self.selector.config().periods_per_cycle)?)
    }
}

impl Selector for FixedSelector {
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError> {
        self.feed_at(slot)?;
        self.selector.draws(slot)
    }

    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError> {
        self.feed_at(slot)?;
        self.selector.producer_ranking(slot, count)
    }

    fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError> {
        self.feed_at(slot)?;
        self.selector.producer_rank(slot, address)
    }

    /// Changes nothing.
    fn feed_cycle(
        &self,
        _: u64,
        _: Arc<BTreeMap<Address, u64>>,
        _: Hash,
    ) -> Result<(), SelectorError> {
        Ok(())
    }

    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError> {
        let max_slots = usize::try_from(self.selector.config().max_range_slots);
        for slot in range.iter().take(max_slots.unwrap_or(usize::MAX)) {
            self.feed_at(slot)?;
        }
        self.selector.slots_of(address, range)
    }

    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.feed(cycle)?;
        self.selector.voting_power(cycle)
    }

    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError> {
        Ok(seed(cycle))
    }

    fn ready_cycles(&self) -> Vec<u64> {
        self.selector.ready_cycles()
    }

    fn coordinator(&self, slot: Slot, round: u32) -> Result<Address, SelectorError> {
        self.feed_at(slot)?;
        self.selector.coordinator(slot, round)
    }
}
