//! What the coming cycles draw from, as far as it is known.

use crate::{PosError, PosFinalState, PosState};
use picot_crypto::Hash;
use picot_models::Address;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one cycle draws from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleDraws {
    /// The cycle.
    pub cycle: u64,
    /// Its roll counts.
    pub rolls: Arc<BTreeMap<Address, u64>>,
    /// Its seed, unless that comes from a cycle that is not complete.
    pub seed: Option<Hash>,
}

impl PosState {
    /// What the running cycle, which is that of the next slot, and the two after it draw from: all
    /// rolls, and those seeds that are known (design 10, 'Checkpoints').
    ///
    /// # Errors
    /// The chain is at its end, or the history has a gap.
    pub fn coming_draws(&self) -> Result<[CycleDraws; 3], PosError> {
        let running = self.running_cycle()?;
        let of_cycle = |ahead: u64| {
            let cycle = running.saturating_add(ahead);
            let rolls = self.active_rolls(cycle);
            Ok::<_, PosError>(CycleDraws {
                cycle,
                rolls: rolls.ok_or(PosError::UnknownCycle(cycle))?,
                seed: self.snapshot_for_draws(cycle).map(|(_, seed)| seed),
            })
        };
        Ok([of_cycle(0)?, of_cycle(1)?, of_cycle(2)?])
    }
}
