//! What other threads read of consensus while its own thread works on.

use crate::{
    BestParents, ConsensusError, ConsensusEvent, ConsensusSummary, EVENT_QUEUE_LEN, Engine,
    SlotStatus,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};
use picot_clock::{Millis, Timestamp};
use picot_models::{BlockId, Slot};
use std::collections::BTreeMap;
use std::time::Duration;

/// A state of the engine in which everything it tells is durable.
#[derive(Debug, Clone)]
struct State {
    /// By thread: the next period, and the parents of a block for it.
    parents: Vec<(u64, Option<BestParents>)>,
    open: BTreeMap<Slot, SlotStatus>,
    summary: ConsensusSummary,
    stopped: Option<String>,
}

/// The published state, and who waits for it to change.
pub(crate) struct View {
    state: Mutex<State>,
    changed: Condvar,
    subscribers: Mutex<Vec<Sender<ConsensusEvent>>>,
}

impl View {
    pub(crate) fn new(engine: &Engine, now: Timestamp) -> Self {
        Self {
            state: Mutex::new(State {
                parents: parents(engine),
                open: engine.open_slots().collect(),
                summary: engine.summary(now),
                stopped: None,
            }),
            changed: Condvar::new(),
            subscribers: Mutex::new(Vec::new()),
        }
    }

    /// Publishes the engine's state; parents only after a decision, for only that changes them.
    pub(crate) fn publish(&self, engine: &Engine, now: Timestamp, decided: bool) {
        let open = engine.open_slots().collect();
        let summary = engine.summary(now);
        let parents = decided.then(|| parents(engine));
        let mut state = self.state.lock();
        state.open = open;
        state.summary = summary;
        if let Some(parents) = parents {
            state.parents = parents;
            self.changed.notify_all();
        }
    }

    pub(crate) fn stop(&self, reason: String) {
        self.state.lock().stopped.get_or_insert(reason);
        self.changed.notify_all();
        self.subscribers.lock().clear();
    }

    /// Waits while the slot before is undecided.
    pub(crate) fn best_parents(
        &self,
        slot: Slot,
        timeout: Millis,
    ) -> Result<BestParents, ConsensusError> {
        let mut state = self.state.lock();
        let mut answer = answer_parents(&state, slot);
        if answer.is_none() {
            let waiting = |state: &mut State| {
                answer = answer_parents(state, slot);
                answer.is_none()
            };
            self.changed
                .wait_while_for(&mut state, waiting, Duration::from(timeout));
        }
        answer.unwrap_or_else(|| {
            let before = Slot::new(slot.period.saturating_sub(1), slot.thread);
            Err(ConsensusError::ParentUndecided { slot: before })
        })
    }

    /// Whether a slot is decided.
    pub(crate) fn check_undecided(&self, slot: Slot) -> Result<(), ConsensusError> {
        let state = self.state.lock();
        if let Some(reason) = &state.stopped {
            return Err(ConsensusError::Stopped(reason.clone()));
        }
        match next_period(&state, slot)? {
            next if slot.period < next => Err(ConsensusError::AlreadyDecided { slot }),
            _ => Ok(()),
        }
    }

    /// What is known of a slot that is not decided; `None` of one that is.
    pub(crate) fn undecided(&self, slot: Slot) -> Result<Option<SlotStatus>, ConsensusError> {
        let state = self.state.lock();
        if slot.period < next_period(&state, slot)? {
            return Ok(None);
        }
        Ok(Some(
            state
                .open
                .get(&slot)
                .cloned()
                .unwrap_or(SlotStatus::NotOpen),
        ))
    }

    pub(crate) fn summary(&self) -> ConsensusSummary {
        self.state.lock().summary.clone()
    }

    pub(crate) fn subscribe(&self) -> Receiver<ConsensusEvent> {
        let (sender, receiver) = bounded(EVENT_QUEUE_LEN);
        let state = self.state.lock();
        if state.stopped.is_none() {
            self.subscribers.lock().push(sender);
        }
        receiver
    }

    /// Tells all subscribers; one that is full or gone is cut off.
    pub(crate) fn tell(&self, event: &ConsensusEvent) {
        self.subscribers
            .lock()
            .retain(|subscriber| subscriber.try_send(event.clone()).is_ok());
    }
}

fn parents(engine: &Engine) -> Vec<(u64, Option<BestParents>)> {
    engine
        .chains()
        .iter()
        .map(|chain| (chain.next_period(), engine.best_parents(chain.next_slot())))
        .collect()
}

fn next_period(state: &State, slot: Slot) -> Result<u64, ConsensusError> {
    match state.parents.get(usize::from(slot.thread)) {
        Some((next, _)) => Ok(*next),
        None => Err(ConsensusError::UnknownThread {
            slot,
            thread_count: u8::try_from(state.parents.len()).unwrap_or(u8::MAX),
        }),
    }
}

fn answer_parents(state: &State, slot: Slot) -> Option<Result<BestParents, ConsensusError>> {
    if let Some(reason) = &state.stopped {
        return Some(Err(ConsensusError::Stopped(reason.clone())));
    }
    let next = match next_period(state, slot) {
        Ok(next) => next,
        Err(error) => return Some(Err(error)),
    };
    if slot.period < next {
        return Some(Err(ConsensusError::AlreadyDecided { slot }));
    }
    if slot.period > next {
        return None;
    }
    let (_, parents) = state.parents.get(usize::from(slot.thread))?;
    parents.clone().map(Ok)
}

/// The block of the blockclique that a status names.
pub(crate) fn leading(status: &SlotStatus) -> Option<BlockId> {
    match status {
        SlotStatus::NotOpen | SlotStatus::NotKept => None,
        SlotStatus::Undecided { leading, .. } => *leading,
        SlotStatus::Decided { value, .. } => value.block(),
    }
}
