//! The endorsements of a window of slots: a state machine without I/O.

use crate::{Config, PoolError};
use picot_models::{BlockId, ChainParams, SignedEndorsement, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Endorsements of one draw that are held: two are a fault already.
const MAX_PER_DRAW: usize = 2;

/// Endorsements by slot, index and block.
///
/// Bounded by its window: at most two for each draw of each of its slots.
#[derive(Debug)]
pub(crate) struct Endorsements {
    thread_count: u8,
    /// Draws of a slot.
    count: u32,
    past_periods: u64,
    ahead_periods: u64,
    now: Slot,
    held: BTreeMap<(Slot, u32), Vec<Arc<SignedEndorsement>>>,
}

impl Endorsements {
    pub(crate) fn new(config: &Config, params: &ChainParams) -> Self {
        Self {
            thread_count: params.thread_count,
            count: params.endorsement_count,
            past_periods: config.endorsement_past_periods,
            ahead_periods: config.max_ahead_periods,
            now: Slot::new(0, 0),
            held: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.held
            .values()
            .fold(0, |sum, held| sum.saturating_add(held.len()))
    }

    /// Whether an endorsement has a place here, whoever signed it.
    pub(crate) fn check(&self, endorsement: &SignedEndorsement) -> Result<(), PoolError> {
        let (id, content) = (endorsement.id(), endorsement.content());
        let (slot, index) = (content.slot, content.index);
        let latest = self.now.period.saturating_add(self.ahead_periods);
        let in_window = (self.oldest_period()..=latest).contains(&slot.period);
        if !in_window || slot.thread >= self.thread_count {
            let now = self.now;
            return Err(PoolError::EndorsementOutOfWindow { id, slot, now });
        }
        if index >= self.count {
            let count = self.count;
            return Err(PoolError::EndorsementIndex { id, index, count });
        }
        let held = self.held.get(&(slot, index)).map_or(&[][..], Vec::as_slice);
        if held.iter().any(|other| other.content() == content) {
            return Err(PoolError::EndorsementHeld(id));
        }
        if held.len() >= MAX_PER_DRAW {
            return Err(PoolError::EndorserContradicted { id, slot, index });
        }
        Ok(())
    }

    /// Holds an endorsement whose signer is the drawn one. Gives back the one that it contradicts.
    pub(crate) fn insert(
        &mut self,
        endorsement: Arc<SignedEndorsement>,
    ) -> Result<Option<Arc<SignedEndorsement>>, PoolError> {
        self.check(&endorsement)?;
        let content = endorsement.content();
        let held = self.held.entry((content.slot, content.index)).or_default();
        let contradicted = held.first().cloned();
        held.push(endorsement);
        Ok(contradicted)
    }

    /// The endorsements of a block, by index.
    pub(crate) fn of_block(
        &self,
        block: &BlockId,
        slot: Slot,
    ) -> Vec<Option<Arc<SignedEndorsement>>> {
        (0..self.count)
            .map(|index| {
                let held = self.held.get(&(slot, index))?;
                held.iter()
                    .find(|endorsement| endorsement.content().block == *block)
                    .cloned()
            })
            .collect()
    }

    /// Time passes: what is before the window leaves.
    pub(crate) fn advance(&mut self, now: Slot) {
        self.now = self.now.max(now);
        let first = (Slot::new(self.oldest_period(), 0), 0);
        if self
            .held
            .first_key_value()
            .is_some_and(|(key, _)| *key < first)
        {
            self.held = self.held.split_off(&first);
        }
    }

    fn oldest_period(&self) -> u64 {
        self.now.period.saturating_sub(self.past_periods)
    }
}
