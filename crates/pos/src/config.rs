//! What the proof-of-stake state must know of its chain.

use crate::PosError;
use picot_clock::{ClockError, Slot};
use picot_crypto::Hash;
use picot_models::limits::MAX_VALIDATORS;
use picot_models::{Address, Amount, Genesis, Ratio};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The cycles whose draws use genesis values: from the first cycle on, so many (design 03).
pub const GENESIS_CYCLES: u64 = 3;

/// What the proof-of-stake state must know of its chain. All of it is consensus-relevant and comes
/// from the genesis.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads of the chain.
    pub thread_count: u8,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
    /// Coins of a roll.
    pub roll_price: Amount,
    /// Cycles from a sale to the cycle at whose end its coins are credited.
    pub deferred_credit_cycles: u64,
    /// Block failures over draws, above which a staker's rolls are sold.
    pub max_block_miss_rate: Ratio,
    /// Endorsement failures over draws, above which a staker's rolls are sold.
    pub max_endorsement_miss_rate: Ratio,
    /// Draws in a cycle, under which a staker is not judged.
    pub min_draws_for_deactivation: u64,
    /// Rolls whose price a fault costs.
    pub slash_rolls: u64,
    /// Addresses that can have rolls at a time: no more than a certificate can name.
    pub max_stakers: usize,
    /// Complete cycles that are kept.
    pub kept_cycles: u64,
    /// The rolls that the first cycles draw from.
    pub genesis_rolls: Arc<BTreeMap<Address, u64>>,
    /// The seeds that the first cycles draw with.
    pub genesis_seeds: [Hash; 3],
}

impl Config {
    /// The configuration of a chain.
    ///
    /// # Errors
    /// Parameters under which there are no cycles.
    pub fn new(genesis: &Genesis) -> Result<Self, PosError> {
        let params = &genesis.params;
        if params.periods_per_cycle == 0 || params.thread_count == 0 {
            return Err(PosError::Config("a cycle must have slots"));
        }
        Ok(Self {
            thread_count: params.thread_count,
            periods_per_cycle: params.periods_per_cycle,
            roll_price: params.roll_price,
            deferred_credit_cycles: params.deferred_credit_cycles,
            max_block_miss_rate: params.max_block_miss_rate,
            max_endorsement_miss_rate: params.max_endorsement_miss_rate,
            min_draws_for_deactivation: params.min_draws_for_deactivation,
            slash_rolls: params.slash_rolls,
            max_stakers: MAX_VALIDATORS,
            kept_cycles: kept_cycles(params.denunciation_expire_periods, params.periods_per_cycle),
            genesis_rolls: Arc::new(genesis.roll_counts()),
            genesis_seeds: [0, 1, 2].map(|cycle| genesis.seed(cycle)),
        })
    }

    /// The cycle of a slot.
    ///
    /// # Errors
    /// None on a chain that has cycles.
    pub fn cycle_of(&self, slot: Slot) -> Result<u64, ClockError> {
        slot.cycle(self.periods_per_cycle)
    }

    /// Whether a slot is the last of its cycle.
    ///
    /// # Errors
    /// The slot is not on the chain.
    pub fn ends_cycle(&self, slot: Slot) -> Result<bool, ClockError> {
        slot.is_last_of_cycle(self.periods_per_cycle, self.thread_count)
    }

    /// Slots of a cycle.
    #[must_use]
    pub fn slots_per_cycle(&self) -> u64 {
        self.periods_per_cycle
            .saturating_mul(u64::from(self.thread_count))
    }

    /// The oldest cycle whose draws every node can find out while `cycle` runs: those that a node
    /// knows which has just started from this state.
    #[must_use]
    pub const fn oldest_draws(&self, cycle: u64) -> u64 {
        cycle.saturating_sub(self.kept_cycles.saturating_sub(GENESIS_CYCLES))
    }

    /// What a fault costs: at most the largest amount, which is more than anybody has.
    #[must_use]
    pub fn slash_amount(&self) -> Amount {
        let amount = self.roll_price.checked_mul(self.slash_rolls);
        amount.unwrap_or(Amount::MAX)
    }
}

/// At least five (design 06), and those that give the draws of the oldest slot whose faults are
/// still punishable: the rolls three cycles before it.
fn kept_cycles(denunciation_expire_periods: u64, periods_per_cycle: u64) -> u64 {
    denunciation_expire_periods
        .div_ceil(periods_per_cycle.max(1))
        .saturating_add(GENESIS_CYCLES)
        .max(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::{ChainParams, mocks};

    #[test]
    fn five_complete_cycles_are_kept_and_what_slashing_needs() {
        assert_eq!(kept_cycles(0, 16), 5);
        assert_eq!(kept_cycles(32, 16), 5);
        assert_eq!(kept_cycles(33, 16), 6);
        for params in [ChainParams::dev(), ChainParams::production()] {
            let config = Config::new(&mocks::genesis_with(params, &[(1, 1)])).unwrap();
            assert_eq!(config.kept_cycles, 5);
        }
    }

    #[test]
    fn draws_of_every_slot_with_a_punishable_fault_are_known() {
        let mut params = ChainParams::dev();
        params.denunciation_expire_periods = 45;
        let config = Config::new(&mocks::genesis_with(params, &[(1, 1)])).unwrap();
        for period in 100..200 {
            let oldest_fault = Slot::new(period - 45, 0);
            let cycle = config.cycle_of(Slot::new(period, 0)).unwrap();
            assert!(config.cycle_of(oldest_fault).unwrap() >= config.oldest_draws(cycle));
        }
    }

    #[test]
    fn a_chain_without_cycles_is_refused() {
        let mut params = ChainParams::dev();
        params.periods_per_cycle = 0;
        assert!(Config::new(&mocks::genesis_with(params, &[(1, 1)])).is_err());
    }
}
