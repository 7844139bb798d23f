//! What the selector is given.

use crate::{PosError, PosFinalState, PosState};
use picot_selector::Selector;

impl PosState {
    /// Feeds the selector everything that is known: the draws from the oldest cycle that still
    /// matters to the one after the running one. To be called at start.
    ///
    /// # Errors
    /// [`PosError::Feed`].
    pub fn feed_all(&self, selector: &dyn Selector) -> Result<(), PosError> {
        let running = self.running_cycle()?;
        let oldest = self.config.oldest_draws(running);
        // In the first cycles, genesis values reach further ahead.
        for cycle in oldest..=running.saturating_add(2) {
            self.feed(cycle, selector)?;
        }
        Ok(())
    }

    /// Feeds the selector what became known with the end of a cycle: the draws of the cycle two
    /// after it, whose seed it is.
    ///
    /// # Errors
    /// [`PosError::Feed`].
    pub fn feed_after(&self, completed: u64, selector: &dyn Selector) -> Result<(), PosError> {
        self.feed(completed.saturating_add(2), selector)
    }

    fn feed(&self, cycle: u64, selector: &dyn Selector) -> Result<(), PosError> {
        match self.snapshot_for_draws(cycle) {
            Some((rolls, seed)) => selector
                .feed_cycle(cycle, rolls, seed)
                .map_err(|source| PosError::Feed { cycle, source }),
            None => Ok(()),
        }
    }
}
