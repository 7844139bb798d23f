//! Final slots, from execution's queue to any number of readers, with the latest ones kept.

use crate::ApiContext;
use crate::event_feed::{EventFeed, Happening};
use crate::routes::operations::result_of;
use crate::types::SlotEvent;
use parking_lot::Mutex;
use picot_execution::SlotOutput;
use picot_models::Slot;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events that a reader may be behind before it is told that it missed some.
const READER_QUEUE_LEN: usize = 1_024;

/// The latest final slots and a subscription to the next ones.
pub(crate) struct SlotFeed {
    history: Mutex<VecDeque<Arc<SlotEvent>>>,
    capacity: usize,
    sender: broadcast::Sender<Arc<SlotEvent>>,
}

impl SlotFeed {
    /// Begins to follow execution, on a thread that ends with it.
    /// `all` is told, too.
    pub(crate) fn start(context: &ApiContext, capacity: usize, all: Arc<EventFeed>) -> Arc<Self> {
        let feed = Arc::new(Self::new(capacity));
        let outputs = context.execution.subscribe();
        let followed = Arc::downgrade(&feed);
        std::thread::spawn(move || {
            for output in outputs {
                let Some(feed) = followed.upgrade() else {
                    return;
                };
                let event = feed.push(event(&output));
                all.push(event.slot, Happening::Final(event));
            }
        });
        feed
    }

    fn new(capacity: usize) -> Self {
        let (sender, _) = broadcast::channel(READER_QUEUE_LEN);
        Self {
            history: Mutex::new(VecDeque::new()),
            capacity,
            sender,
        }
    }

    fn push(&self, event: SlotEvent) -> Arc<SlotEvent> {
        let event = Arc::new(event);
        let mut history = self.history.lock();
        if history.len() >= self.capacity {
            history.pop_front();
        }
        history.push_back(Arc::clone(&event));
        // Sent under the lock, so that a reader that joins gets each event once. An error means
        // that nobody reads.
        let _ = self.sender.send(Arc::clone(&event));
        event
    }

    /// What is kept from `from` on, and what follows. `from` none: only what follows.
    pub(crate) fn join(
        &self,
        from: Option<Slot>,
    ) -> (Vec<Arc<SlotEvent>>, broadcast::Receiver<Arc<SlotEvent>>) {
        let history = self.history.lock();
        let kept = match from {
            Some(from) => history
                .iter()
                .filter(|event| event.slot >= from)
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        (kept, self.sender.subscribe())
    }

    /// Whether slots from `from` on may have left the history.
    pub(crate) fn has_forgotten(&self, from: Slot) -> bool {
        self.history
            .lock()
            .front()
            .is_none_or(|oldest| oldest.slot > from)
    }
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
    use std::collections::BTreeMap;

    fn at(period: u64) -> SlotEvent {
        SlotEvent {
            slot: Slot::new(period, 0),
            block: None,
            producer: None,
            operations: BTreeMap::new(),
            state_hash: None,
        }
    }

    fn periods(events: &[Arc<SlotEvent>]) -> Vec<u64> {
        events.iter().map(|event| event.slot.period).collect()
    }

    #[test]
    fn a_reader_that_resumes_gets_each_kept_slot_once_and_then_what_follows() {
        let feed = SlotFeed::new(10);
        (1..=5).for_each(|period| drop(feed.push(at(period))));
        let (kept, mut next) = feed.join(Some(Slot::new(3, 0)));
        feed.push(at(6));
        assert_eq!(periods(&kept), [3, 4, 5]);
        assert_eq!(next.try_recv().unwrap().slot.period, 6);
        assert!(next.try_recv().is_err());
    }

    #[test]
    fn the_history_is_bounded_and_says_what_it_forgot() {
        let feed = SlotFeed::new(3);
        (1..=5).for_each(|period| drop(feed.push(at(period))));
        assert!(feed.has_forgotten(Slot::new(2, 0)));
        assert!(!feed.has_forgotten(Slot::new(3, 0)));
        assert_eq!(periods(&feed.join(Some(Slot::new(0, 0))).0), [3, 4, 5]);
    }

    #[test]
    fn a_reader_that_asks_for_no_past_gets_none() {
        let feed = SlotFeed::new(3);
        feed.push(at(1));
        assert!(feed.join(None).0.is_empty());
    }
}
