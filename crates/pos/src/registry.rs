//! Speculative rolls: what operations, faults and slots do to stakes, on top of what is final.

use crate::{Config, PosChanges, PosError, PosFinalState, ProductionStats};
use displaydoc::Display;
use picot_models::{Address, Amount};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Why a roll operation fails. Nothing of it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
pub enum RollRefusal {
    /// the balance is too low
    BalanceTooLow,
    /// more rolls are sold than owned
    NotEnoughRolls,
    /// the network's last roll cannot be sold
    LastRoll,
    /// the number of rolls is zero
    NoRolls,
    /// there are as many stakers already as a certificate can name
    TooManyStakers,
    /// a count or an amount is past what a number can hold
    Overflow,
}

/// What a purchase did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purchase {
    /// Coins to be taken from the balance.
    pub cost: Amount,
    /// Coins of deferred credits that vanished, because sales of this cycle were cancelled.
    pub cancelled: Amount,
}

/// What a slashing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slashing {
    /// Coins that were taken from deferred credits.
    pub from_credits: Amount,
    /// Rolls that were taken.
    pub rolls: u64,
    /// What those rolls are worth.
    pub from_rolls: Amount,
}

/// The state of stakes during a slot: what is final, the changes of slots before, and this slot's.
pub struct RollRegistry<'a> {
    pub(crate) config: &'a Config,
    pub(crate) below: &'a dyn PosFinalState,
    /// Changes of slots before, the newest first.
    pub(crate) layers: &'a [&'a PosChanges],
    pub(crate) changes: PosChanges,
    pub(crate) cycle: u64,
}

impl<'a> RollRegistry<'a> {
    /// The registry of a slot of `cycle`, on top of these layers, the newest first.
    #[must_use]
    pub fn new(
        config: &'a Config,
        below: &'a dyn PosFinalState,
        layers: &'a [&'a PosChanges],
        cycle: u64,
    ) -> Self {
        Self {
            config,
            below,
            layers,
            changes: PosChanges::new(),
            cycle,
        }
    }

    /// What the slot has changed.
    #[must_use]
    pub fn into_changes(self) -> PosChanges {
        self.changes
    }

    /// The newest value that `pick` finds: of this slot, or of one before.
    fn newest<T>(&self, pick: impl Fn(&PosChanges) -> Option<T>) -> Option<T> {
        pick(&self.changes).or_else(|| self.layers.iter().find_map(|layer| pick(layer)))
    }

    /// The rolls of an address.
    #[must_use]
    pub fn rolls(&self, address: &Address) -> u64 {
        self.newest(|changes| changes.rolls.get(address).copied())
            .unwrap_or_else(|| self.below.rolls(address))
    }

    /// What an address has coming at the end of a cycle.
    #[must_use]
    pub fn deferred_credit(&self, cycle: u64, address: &Address) -> Amount {
        self.newest(|changes| changes.deferred_credits.get(&(cycle, *address)).copied())
            .unwrap_or_else(|| self.below.deferred_credit(cycle, address))
    }

    /// What an address has coming, by the cycle at whose end it is credited.
    #[must_use]
    pub fn deferred_credits(&self, address: &Address) -> BTreeMap<u64, Amount> {
        (self.cycle..=self.credit_cycle())
            .map(|cycle| (cycle, self.deferred_credit(cycle, address)))
            .filter(|(_, amount)| !amount.is_zero())
            .collect()
    }

    /// What an address did in a cycle.
    #[must_use]
    pub fn stats(&self, cycle: u64, address: &Address) -> ProductionStats {
        self.newest(|changes| changes.production_stats.get(&(cycle, *address)).copied())
            .unwrap_or_else(|| self.below.stats(cycle, address))
    }

    /// The cycle at whose end the coins of a sale are credited.
    pub(crate) const fn credit_cycle(&self) -> u64 {
        self.cycle
            .saturating_add(self.config.deferred_credit_cycles)
    }

    /// Buys rolls (design 06, 'Roll buy'): sales of the same cycle are cancelled first, and only
    /// the rest is paid for. Nobody becomes a staker, not even again, while there are as many as a
    /// certificate can name: a larger validator set could decide nothing.
    ///
    /// # Errors
    /// [`RollRefusal`]; then nothing happened at all.
    pub fn buy(
        &mut self,
        address: Address,
        count: u64,
        balance: Amount,
    ) -> Result<Purchase, RollRefusal> {
        if count == 0 {
            return Err(RollRefusal::NoRolls);
        }
        let price = self.config.roll_price;
        let credit_cycle = self.credit_cycle();
        let credit = self.deferred_credit(credit_cycle, &address);
        // All that is credited then comes from sales of this cycle, less what was slashed.
        let sold = rolls_worth(credit, price);
        let cancelled_rolls = sold.min(count);
        let amount = |rolls| price.checked_mul(rolls).ok_or(RollRefusal::Overflow);
        let cancelled = amount(cancelled_rolls)?;
        let cost = amount(count.saturating_sub(cancelled_rolls))?;
        let owned = self.rolls(&address);
        let rolls = owned.checked_add(count).ok_or(RollRefusal::Overflow)?;
        if owned == 0 && !self.has_room_for_a_staker() {
            return Err(RollRefusal::TooManyStakers);
        }
        if balance < cost {
            return Err(RollRefusal::BalanceTooLow);
        }
        self.changes.rolls.insert(address, rolls);
        if cancelled_rolls > 0 {
            self.set_credit(credit_cycle, address, credit.saturating_sub(cancelled));
        }
        Ok(Purchase { cost, cancelled })
    }

    fn has_room_for_a_staker(&self) -> bool {
        let below = self.below.roll_counts();
        let changes = || self.layers.iter().copied().chain([&self.changes]);
        let changed: usize = changes().map(|layer| layer.rolls.len()).sum();
        // Everybody who changed may be new. Far from the limit, nobody has to be counted.
        if below.len().saturating_add(changed) < self.config.max_stakers {
            return true;
        }
        let changed: BTreeSet<&Address> = changes().flat_map(|layer| layer.rolls.keys()).collect();
        let unchanged = below.keys().filter(|address| !changed.contains(address));
        let stakers = changed.iter().filter(|address| self.rolls(address) > 0);
        unchanged.count().saturating_add(stakers.count()) < self.config.max_stakers
    }

    /// Sells rolls (design 06, 'Roll sell') of `total_rolls` in the whole network; gives the coins
    /// that come as a deferred credit. The last stake never vanishes: the network's last roll cannot
    /// be sold, for a chain without stakers could never draw again.
    ///
    /// # Errors
    /// [`RollRefusal`]; then nothing happened at all.
    pub fn sell(
        &mut self,
        address: Address,
        count: u64,
        total_rolls: u64,
    ) -> Result<Amount, RollRefusal> {
        if count == 0 {
            return Err(RollRefusal::NoRolls);
        }
        if count > self.rolls(&address) {
            return Err(RollRefusal::NotEnoughRolls);
        }
        if count >= total_rolls {
            return Err(RollRefusal::LastRoll);
        }
        self.sell_owned(address, count).ok_or(RollRefusal::Overflow)
    }

    /// Turns rolls that are owned into a credit; `None`, and no change, past what a number can hold.
    pub(crate) fn sell_owned(&mut self, address: Address, count: u64) -> Option<Amount> {
        let rolls = self.rolls(&address).checked_sub(count)?;
        let coins = self.config.roll_price.checked_mul(count)?;
        let credit_cycle = self.credit_cycle();
        let credit = self.deferred_credit(credit_cycle, &address);
        let credit = credit.checked_add(coins)?;
        self.changes.rolls.insert(address, rolls);
        self.set_credit(credit_cycle, address, credit);
        Some(coins)
    }

    /// Takes the price of a fault (design 06, 'Slashing'): first from deferred credits, soonest due
    /// first, then from rolls, of which the network keeps its last.
    ///
    /// # Errors
    /// The price of a fault is past the largest amount.
    pub fn slash(&mut self, address: Address, total_rolls: u64) -> Result<Slashing, PosError> {
        let overflow = || PosError::Overflow {
            what: "the price of a fault",
            address: Box::new(address),
        };
        let price = self.config.roll_price;
        let mut left = self.config.slash_amount();
        let mut slashing = Slashing::default();
        for cycle in self.cycle..=self.credit_cycle() {
            let credit = self.deferred_credit(cycle, &address);
            let taken = credit.min(left);
            if taken.is_zero() {
                continue;
            }
            self.set_credit(cycle, address, credit.saturating_sub(taken));
            left = left.saturating_sub(taken);
            let sum = slashing.from_credits.checked_add(taken);
            slashing.from_credits = sum.ok_or_else(overflow)?;
        }
        let owned = self.rolls(&address);
        slashing.rolls = rolls_worth(left, price)
            .min(owned)
            .min(total_rolls.saturating_sub(1));
        slashing.from_rolls = price.checked_mul(slashing.rolls).ok_or_else(overflow)?;
        if slashing.rolls > 0 {
            let rolls = owned.saturating_sub(slashing.rolls);
            self.changes.rolls.insert(address, rolls);
        }
        Ok(slashing)
    }

    /// Counts a slot that the address's block was decided for.
    pub fn record_block(&mut self, producer: Address) {
        let stats = self.stats_mut(producer);
        stats.block_success_count = stats.block_success_count.saturating_add(1);
    }

    /// Counts a slot at which the address should have had a better block than was decided.
    pub fn record_missed_block(&mut self, producer: Address) {
        let stats = self.stats_mut(producer);
        stats.block_failure_count = stats.block_failure_count.saturating_add(1);
    }

    /// Counts an endorsement that the address was drawn for.
    pub fn record_endorsement(&mut self, endorser: Address, is_carried: bool) {
        let stats = self.stats_mut(endorser);
        let count = if is_carried {
            &mut stats.endorsement_success_count
        } else {
            &mut stats.endorsement_failure_count
        };
        *count = count.saturating_add(1);
    }

    /// Adds the slot's seed bit. Once for each slot.
    pub fn push_seed_bit(&mut self, bit: bool) {
        self.changes.seed_bits.push(bit);
    }

    pub(crate) fn set_credit(&mut self, cycle: u64, address: Address, amount: Amount) {
        self.changes
            .deferred_credits
            .insert((cycle, address), amount);
    }

    /// The counts of an address in the running cycle.
    fn stats_mut(&mut self, address: Address) -> &mut ProductionStats {
        let stats = self.stats(self.cycle, &address);
        self.changes
            .production_stats
            .entry((self.cycle, address))
            .or_insert(stats)
    }
}

/// The whole rolls that coins are worth.
fn rolls_worth(coins: Amount, price: Amount) -> u64 {
    coins.as_nanos().checked_div(price.as_nanos()).unwrap_or(0)
}
