//! Final slots, from execution's queue to any number of readers, with the latest ones kept.

use crate::ApiContext;
use crate::event_feed::{EventFeed, Gap, Happening};
use crate::kept::{Kept, MAX_OPERATIONS, Thing};
use crate::routes::operations::result_of;
use crate::types::SlotEvent;
use picot_clock::SlotRange;
use picot_execution::SlotOutput;
use picot_models::Slot;
use std::sync::Arc;

/// A final slot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FinalSlot {
    pub(crate) event: Arc<SlotEvent>,
    /// Slots before it that execution left out, because this node's interface did not keep up.
    pub(crate) left_out: Option<u64>,
}

impl Thing for FinalSlot {
    fn slot(&self) -> Slot {
        self.event.slot
    }

    fn operations(&self) -> usize {
        self.event.operations.len()
    }
}

/// The latest final slots, and those that follow.
pub(crate) type SlotFeed = Kept<FinalSlot>;

/// Begins to follow execution, on a thread that ends with it. `all` is told, too.
pub(crate) fn start(context: &ApiContext, capacity: usize, all: Arc<EventFeed>) -> Arc<SlotFeed> {
    let outputs = context.execution.subscribe();
    let last_final = context.execution.summary().last_final_slot;
    let feed = Arc::new(Kept::new(capacity, MAX_OPERATIONS, 0, Some(last_final)));
    let followed = Arc::downgrade(&feed);
    let thread_count = context.genesis.params.thread_count;
    std::thread::spawn(move || {
        let mut last = None;
        for output in outputs {
            let Some(feed) = followed.upgrade() else {
                return;
            };
            let left_out = left_out(last, output.slot, thread_count);
            last = Some(output.slot);
            let event = Arc::new(event(&output));
            feed.push(FinalSlot {
                event: Arc::clone(&event),
                left_out,
            });
            let gap = left_out.map(|count| Gap(Some(count)));
            all.push(event.slot, Happening::Final(event), gap);
        }
    });
    feed
}

/// The slots between two that came one after the other, if there are any.
fn left_out(last: Option<Slot>, slot: Slot, thread_count: u8) -> Option<u64> {
    let expected = last?.next(thread_count).ok()?;
    let between = SlotRange::new(expected, slot, thread_count).ok()?;
    between.count_slots().ok().filter(|count| *count > 0)
}

fn event(output: &SlotOutput) -> SlotEvent {
    SlotEvent {
        slot: output.slot,
        block: output.block,
        producer: output.producer,
        operations: output
            .operations
            .iter()
            .map(|&(id, outcome)| (id, result_of(outcome)))
            .collect(),
        state_hash: output.state_hash.map(|hash| hash.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_execution_left_out_are_the_slots_between_two_that_came() {
        let last = Some(Slot::new(7, 2));
        assert_eq!(left_out(None, Slot::new(9, 0), 4), None);
        assert_eq!(left_out(last, Slot::new(7, 3), 4), None);
        assert_eq!(left_out(last, Slot::new(8, 0), 4), Some(1));
        assert_eq!(left_out(last, Slot::new(9, 1), 4), Some(6));
        assert_eq!(left_out(last, Slot::new(7, 0), 4), None, "not backwards");
    }
}
