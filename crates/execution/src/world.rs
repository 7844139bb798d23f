//! What readers see: the final state and the active history of speculative outputs.

use crate::effects::{ExecutedSlot, SlotEffects};
use crate::final_state::FinalState;
use crate::view::View;
use crate::{ExecutionSummary, Level};
use picot_clock::Slot;
use std::collections::VecDeque;
use std::sync::Arc;

/// What readers see. One writer changes it, under a lock that is held for a moment only: what is to
/// be published was computed before.
pub(crate) struct World {
    pub(crate) final_state: FinalState,
    /// Slots executed ahead of the final one, ascending and without a gap.
    pub(crate) history: VecDeque<Arc<ExecutedSlot>>,
    pub(crate) waiting_decided: usize,
    pub(crate) stopped: Option<String>,
}

impl World {
    pub(crate) fn new(final_state: FinalState) -> Self {
        Self {
            final_state,
            history: VecDeque::new(),
            waiting_decided: 0,
            stopped: None,
        }
    }

    /// The state at a level.
    pub(crate) fn view(&self, level: Level) -> View<'_> {
        let layers: Vec<&SlotEffects> = match level {
            Level::Final => Vec::new(),
            Level::Candidate => {
                let newest_first = self.history.iter().rev();
                newest_first.map(|slot| &slot.effects).collect()
            }
        };
        View::new(&self.final_state, layers)
    }

    /// The newest slot that was executed.
    pub(crate) fn candidate_slot(&self) -> Slot {
        self.history
            .back()
            .map_or(self.final_state.last_final_slot(), |slot| slot.output.slot)
    }

    pub(crate) fn summary(&self, cycle: u64) -> ExecutionSummary {
        ExecutionSummary {
            last_final_slot: self.final_state.last_final_slot(),
            state_hash: self.final_state.state_hash(),
            totals: self.final_state.totals,
            cycle,
            candidate_slot: self.candidate_slot(),
            waiting_decided: self.waiting_decided,
            stopped: self.stopped.clone(),
        }
    }
}
