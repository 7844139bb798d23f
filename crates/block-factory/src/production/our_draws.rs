//! Which of our addresses are drawn.

use std::collections::BTreeSet;

use picot_clock::{SlotRange, Timestamp};
use picot_models::Address;
use picot_selector::{AddressDraw, Selector};
use picot_wallet::Wallet;

use super::{Skip, SkipReason};
use crate::Helper;

/// How many of the slots whose ticks were missed are looked up for the history, after a moment of
/// suspension or a day of it.
pub const MAX_MISSED_TICKS_TOLD: usize = 64;

/// Asks the wallet for our addresses and the selector for their draws.
pub struct OurDraws {
    wallet: Helper<dyn Wallet>,
    selector: Helper<dyn Selector>,
}

impl OurDraws {
    /// With a helper for each of the two.
    #[must_use]
    pub const fn new(wallet: Helper<dyn Wallet>, selector: Helper<dyn Selector>) -> Self {
        Self { wallet, selector }
    }

    /// Our addresses, ascending.
    ///
    /// # Errors
    /// The wallet does not answer.
    pub fn addresses(&self, by: Timestamp) -> Result<Vec<Address>, Skip> {
        let answer = self.wallet.ask(by, |wallet| wallet.addresses());
        let answer = answer
            .map_err(|no_answer| Skip::no_answer(SkipReason::LockedWallet, "wallet", no_answer));
        // An address is due once, however often it is named.
        let addresses: BTreeSet<_> = answer?.into_iter().collect();
        Ok(addresses.into_iter().collect())
    }

    /// What the selector says of something.
    ///
    /// # Errors
    /// The selector does not answer.
    pub fn ask<A: Send + 'static>(
        &self,
        by: Timestamp,
        question: impl FnOnce(&(dyn Selector + 'static)) -> A + Send + 'static,
    ) -> Result<A, Skip> {
        let answer = self.selector.ask(by, question);
        answer.map_err(|no_answer| Skip::no_answer(SkipReason::NoDraws, "selector", no_answer))
    }

    /// What our addresses were drawn for in a range, by slot; nothing of what cannot be told.
    #[must_use]
    pub fn in_range(&self, range: SlotRange, by: Timestamp) -> Vec<(Address, AddressDraw)> {
        let addresses = self.addresses(by).unwrap_or_default();
        let draws = self.ask(by, move |selector| {
            let of = |address: &Address| {
                let draws = selector.slots_of(address, range).unwrap_or_default();
                let address = *address;
                draws.into_iter().map(move |draw| (address, draw))
            };
            addresses.iter().flat_map(of).collect::<Vec<_>>()
        });
        let mut draws = draws.unwrap_or_default();
        draws.sort_by_key(|(address, draw)| (draw.slot, *address));
        draws
    }
}
