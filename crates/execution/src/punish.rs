//! Step 2 of a slot: denunciations (design 06, 'Slashing').

use crate::ExecutionError;
use crate::slot::SlotRun;
use picot_clock::Slot;
use picot_models::{Address, Denunciation};
use picot_selector::SelectorError;

impl SlotRun<'_> {
    /// Slashes for a fault, once per address, slot and kind. A denunciation that proves nothing, or
    /// that comes too late, changes nothing and uses nothing up.
    pub(crate) fn punish(&mut self, denunciation: &Denunciation) -> Result<(), ExecutionError> {
        let fault = denunciation.fault_key();
        if !self.is_punishable(fault.slot)
            || self.punished.contains(&fault)
            || self.view.is_punished(&fault)
            || !self.is_proven(denunciation, &fault.address)?
        {
            return Ok(());
        }
        self.punished.insert(fault);
        let slashing = self.registry.slash(fault.address, self.totals.rolls)?;
        let from_credits = slashing.from_credits;
        self.totals.deferred_credits = self.rest(self.totals.deferred_credits, from_credits)?;
        self.take_rolls(slashing.rolls)?;
        let slashed = self.sum(from_credits, slashing.from_rolls)?;
        self.totals.slashed = self.sum(self.totals.slashed, slashed)?;
        tracing::info!(slot = %self.slot, fault = ?fault, %slashed, "a fault was punished");
        Ok(())
    }

    /// Whether a fault at this slot can still be punished. Nobody signs for the genesis.
    fn is_punishable(&self, fault: Slot) -> bool {
        let expires = self.chain.params.denunciation_expire_periods;
        fault.thread < self.chain.params.thread_count
            && fault.period > 0
            && fault <= self.slot
            && fault.period.saturating_add(expires) >= self.slot.period
    }

    /// Whether the denunciation proves a fault of somebody who had a part in the slot.
    fn is_proven(
        &self,
        denunciation: &Denunciation,
        culprit: &Address,
    ) -> Result<bool, ExecutionError> {
        let slot = denunciation.slot();
        let draws = |source| ExecutionError::Draws { slot, source };
        if !self.had_part(denunciation, culprit).map_err(draws)? {
            return Ok(false);
        }
        let cycle = self.chain.pos.cycle_of(slot)?;
        let validators = self.chain.selector.voting_power(cycle).map_err(draws)?;
        Ok(denunciation.verify(&self.chain.id, &validators).is_ok())
    }

    fn had_part(
        &self,
        denunciation: &Denunciation,
        culprit: &Address,
    ) -> Result<bool, SelectorError> {
        let (slot, selector) = (denunciation.slot(), &self.chain.selector);
        let rank = selector.producer_rank(slot, culprit)?;
        Ok(match denunciation {
            Denunciation::Headers { .. } => {
                rank.is_some_and(|rank| self.chain.params.proposal_policy.allows_rank(rank))
            }
            Denunciation::Endorsements { first, .. } => {
                let drawn = selector.draws(slot)?;
                let index = usize::try_from(first.content.index).unwrap_or(usize::MAX);
                drawn.endorsers.get(index) == Some(culprit)
            }
            Denunciation::Proposals { first, .. } => {
                selector.coordinator(slot, first.content.round)? == *culprit
            }
            Denunciation::Votes { .. }
            | Denunciation::FalseCarry { .. }
            | Denunciation::Checkpoints { .. } => rank.is_some(),
        })
    }
}
