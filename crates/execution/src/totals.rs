//! The coins of the chain, added up (design 05, 'Conservation').

use picot_models::Amount;
use picot_serialization::codec_struct;

/// Where all coins are, and where they came from and went.
///
/// At every slot: `balances + rolls × roll price + deferred_credits + storage_deposits =
/// genesis_supply + minted − burnt − slashed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The coins of all balances.
    pub balances: Amount,
    /// The rolls of all addresses.
    pub rolls: u64,
    /// The coins that are to be credited at cycle ends.
    pub deferred_credits: Amount,
    /// The coins that storage holds.
    pub storage_deposits: Amount,
    /// The coins at genesis, rolls included.
    pub genesis_supply: Amount,
    /// The coins minted as block rewards.
    pub minted: Amount,
    /// The coins burnt.
    pub burnt: Amount,
    /// The coins slashed.
    pub slashed: Amount,
}

codec_struct!(Totals {
    balances,
    rolls,
    deferred_credits,
    storage_deposits,
    genesis_supply,
    minted,
    burnt,
    slashed,
});

impl Totals {
    /// Nano-coins that addresses hold in one form or the other.
    #[must_use]
    pub fn held(&self, roll_price: Amount) -> u128 {
        u128::from(roll_price.as_nanos())
            .saturating_mul(u128::from(self.rolls))
            .saturating_add(u128::from(self.balances.as_nanos()))
            .saturating_add(u128::from(self.deferred_credits.as_nanos()))
            .saturating_add(u128::from(self.storage_deposits.as_nanos()))
    }

    /// Nano-coins that there should be.
    #[must_use]
    pub fn supplied(&self) -> u128 {
        u128::from(self.genesis_supply.as_nanos())
            .saturating_add(u128::from(self.minted.as_nanos()))
            .saturating_sub(u128::from(self.burnt.as_nanos()))
            .saturating_sub(u128::from(self.slashed.as_nanos()))
    }
}
