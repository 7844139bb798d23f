//! Steps 4 and 5 of a slot: the block reward and the production counts.

use crate::ExecutionError;
use crate::slot::SlotRun;
use picot_models::{Address, Amount, Block, CanonicalRuleKind};
use picot_selector::{SelectorError, SlotDraws};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a block's reward is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RewardShares {
    /// The producer's share without any endorsement.
    pub(crate) base: Amount,
    /// An endorser's share, and that of the endorsed block's producer.
    pub(crate) third: Amount,
    /// The including producer's share for each endorsement: the third third, and what is left over.
    pub(crate) last_third: Amount,
}

impl RewardShares {
    /// The shares of a reward, of which a block with all endorsements gets exactly the whole: with
    /// `u = R / (endorsement_count + 1)`, every endorsement is worth `u`, and all that division
    /// leaves over is the producer's.
    pub(crate) fn new(reward: Amount, endorsement_count: u32) -> Self {
        let count = u64::from(endorsement_count);
        let unit = reward
            .checked_div(count.saturating_add(1))
            .unwrap_or_default();
        let third = unit.checked_div(3).unwrap_or_default();
        let endorsed = unit.checked_mul(count).unwrap_or_default();
        let last_third = unit.saturating_sub(third).saturating_sub(third);
        Self {
            base: reward.saturating_sub(endorsed),
            third,
            last_third,
        }
    }
}

impl SlotRun<'_> {
    /// Mints the reward of a block. Nothing is minted past the largest amount of coins.
    pub(crate) fn reward(
        &mut self,
        block: &Block,
        producer: Address,
    ) -> Result<(), ExecutionError> {
        let params = &self.chain.params;
        let supply = self.totals.supplied();
        let largest = u128::from(Amount::MAX.as_nanos());
        if supply.saturating_add(u128::from(params.block_reward.as_nanos())) > largest {
            return Ok(());
        }
        let shares = RewardShares::new(params.block_reward, params.endorsement_count);
        self.mint(producer, shares.base)?;
        let parent = self.view.last_block(self.slot.thread);
        let endorsed_producer = parent.and_then(|parent| parent.producer);
        for endorsement in &block.header.content().endorsements {
            self.mint(Address::of_key(&endorsement.signer), shares.third)?;
            // Nobody produced a genesis block.
            self.mint(endorsed_producer.unwrap_or(producer), shares.third)?;
            self.mint(producer, shares.last_third)?;
        }
        Ok(())
    }

    fn mint(&mut self, address: Address, amount: Amount) -> Result<(), ExecutionError> {
        let place = self.place(&address)?;
        self.credit(place, amount)?;
        self.minted = self.sum(self.minted, amount)?;
        self.totals.minted = self.sum(self.totals.minted, amount)?;
        Ok(())
    }

    /// Counts a miss: a failure of the drawn producer.
    pub(crate) fn execute_miss(&mut self) -> Result<(), ExecutionError> {
        if let Some(producer) = self.draws(self.slot)?.producer() {
            self.registry.record_missed_block(*producer);
        }
        Ok(())
    }

    /// Counts a block, the better ranked ones that were not decided, and the endorsements.
    pub(crate) fn count_block(
        &mut self,
        block: &Block,
        producer: Address,
    ) -> Result<(), ExecutionError> {
        self.registry.record_block(producer);
        if self.chain.params.canonical_rule == CanonicalRuleKind::RankedDraw {
            for better in self.better_ranked(&producer)? {
                self.registry.record_missed_block(better);
            }
        }
        self.count_endorsements(block)
    }

    /// The producers ranked before this one.
    fn better_ranked(&self, producer: &Address) -> Result<Vec<Address>, ExecutionError> {
        let draws = self.draws(self.slot)?;
        let place = draws.producers.iter().position(|drawn| drawn == producer);
        if let Some(place) = place {
            return Ok(draws.producers.iter().take(place).copied().collect());
        }
        let (slot, selector) = (self.slot, &self.chain.selector);
        let failure = |source| ExecutionError::Draws { slot, source };
        match selector.producer_rank(slot, producer).map_err(failure)? {
            None => Ok(Vec::new()),
            Some(rank) => {
                let count = usize::try_from(rank).unwrap_or(usize::MAX);
                selector.producer_ranking(slot, count).map_err(failure)
            }
        }
    }

    /// Counts, for each drawn endorser of the parent, whether the block carries its endorsement.
    ///
    /// Nobody endorses the genesis; and a block may not carry endorsements of a parent that is more
    /// than a cycle older, so nobody is judged by their absence.
    fn count_endorsements(&mut self, block: &Block) -> Result<(), ExecutionError> {
        let Some(parent) = self.view.last_block(self.slot.thread) else {
            return Ok(());
        };
        let params = &self.chain.params;
        if parent.slot.period == 0 || !params.may_carry_endorsements(parent.slot, self.slot) {
            return Ok(());
        }
        let endorsements = block.header.content().endorsements.iter();
        let carried: BTreeSet<u32> = endorsements.map(|carried| carried.content.index).collect();
        let draws = self.draws(parent.slot)?;
        for (index, endorser) in (0_u32..).zip(&draws.endorsers) {
            self.registry
                .record_endorsement(*endorser, carried.contains(&index));
        }
        Ok(())
    }

    fn draws(&self, slot: picot_clock::Slot) -> Result<Arc<SlotDraws>, ExecutionError> {
        let failure = |source: SelectorError| ExecutionError::Draws { slot, source };
        self.chain.selector.draws(slot).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_with_all_endorsements_mints_exactly_the_reward(
            reward in 0..=u64::MAX,
            count in 0..=64_u32,
        ) {
            let shares = RewardShares::new(Amount::from_nanos(reward), count);
            let nanos = |amount: Amount| u128::from(amount.as_nanos());
            let each = 2 * nanos(shares.third) + nanos(shares.last_third);
            prop_assert_eq!(nanos(shares.base) + u128::from(count) * each, u128::from(reward));
            prop_assert!(shares.third <= shares.last_third);
        }
    }

    #[test]
    fn what_division_leaves_over_is_the_producers() {
        let shares = RewardShares::new(Amount::from_nanos(104), 4);
        let unit = 104 / 5;
        assert_eq!(shares.third.as_nanos(), unit / 3);
        assert_eq!(shares.last_third.as_nanos(), unit - 2 * (unit / 3));
        assert_eq!(shares.base.as_nanos(), 104 - 4 * unit);
    }
}
