//! What does not change while the chain runs.

use crate::ExecutionError;
use picot_clock::Slot;
use picot_models::{BlockId, ChainId, ChainParams, Genesis};
use picot_pos::Config as PosConfig;
use picot_selector::Selector;
use std::sync::Arc;

/// What does not change while the chain runs, and who is drawn.
pub(crate) struct Chain {
    pub(crate) id: ChainId,
    pub(crate) params: ChainParams,
    pub(crate) pos: Arc<PosConfig>,
    pub(crate) genesis_blocks: Vec<BlockId>,
    pub(crate) selector: Arc<dyn Selector>,
}

impl Chain {
    pub(crate) fn new(
        genesis: &Genesis,
        selector: Arc<dyn Selector>,
    ) -> Result<Self, ExecutionError> {
        genesis.validate()?;
        Ok(Self {
            id: genesis.chain_id(),
            params: genesis.params.clone(),
            pos: Arc::new(PosConfig::new(genesis)?),
            genesis_blocks: genesis.block_ids(),
            selector,
        })
    }

    pub(crate) fn next(&self, slot: Slot) -> Result<Slot, ExecutionError> {
        Ok(slot.next(self.params.thread_count)?)
    }

    /// The slot whose record of executed operations goes when `slot` is final: all that it holds
    /// have expired, and as many periods again have passed.
    pub(crate) fn forgotten_operations(&self, slot: Slot) -> Option<Slot> {
        earlier(slot, Self::kept_operation_periods(&self.params))
    }

    /// Periods of a thread, up to its last final one, whose records of executed operations are kept.
    pub(crate) fn kept_operation_periods(params: &ChainParams) -> u64 {
        let kept = params.operation_validity_periods.saturating_mul(2);
        kept.saturating_add(1)
    }

    /// The slot whose marks of punished faults go when `slot` is final: none of its faults can be
    /// punished any more.
    pub(crate) fn forgotten_faults(&self, slot: Slot) -> Option<Slot> {
        earlier(
            slot,
            self.params.denunciation_expire_periods.saturating_add(1),
        )
    }
}

fn earlier(slot: Slot, periods: u64) -> Option<Slot> {
    let period = slot.period.checked_sub(periods)?;
    Some(Slot::new(period, slot.thread))
}
