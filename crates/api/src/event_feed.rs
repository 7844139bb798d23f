//! What happens in consensus and execution, for any number of readers, with the latest of it kept.
//!
//! Each event has a number that grows over restarts of the node, so that a reader goes on exactly
//! where it stopped, and knows what it missed.

use crate::ApiContext;
use crate::kept::{From, Kept, MAX_OPERATIONS, Place, Thing, Told};
use crate::types::{DecidedEvent, SlotEvent, Topic};
use parking_lot::Mutex;
use picot_consensus::ConsensusEvent;
use picot_models::{Address, BlockId, Slot};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Events that are kept for each slot that a stream can resume from: what a slot usually has.
const EVENTS_PER_SLOT: usize = 6;
/// Decisions whose delay is remembered.
const MAX_DECISIONS: usize = 4_096;
/// Events of one millisecond, at most: numbers begin at the time of the start.
const EVENTS_PER_MS: u64 = 1 << 20;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    Opened,
    Candidate {
        block: BlockId,
        producer: Address,
        own: bool,
    },
    Leading(Option<BlockId>),
    Round(u32),
    Decided(DecidedEvent),
    Final(Arc<SlotEvent>),
}

impl Happening {
    pub(crate) const fn topic(&self) -> Topic {
        match self {
            Self::Opened => Topic::Opened,
            Self::Candidate { .. } => Topic::Candidate,
            Self::Leading(_) => Topic::Leading,
            Self::Round(_) => Topic::Round,
            Self::Decided(_) => Topic::Decided,
            Self::Final(_) => Topic::Slot,
        }
    }
}

/// What was left out: how many events, if that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap(pub(crate) Option<u64>);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedEvent {
    pub(crate) slot: Slot,
    pub(crate) what: Happening,
    /// What this node itself was not told before it, by whoever tells of such events.
    pub(crate) gap: Option<Gap>,
}

impl Thing for FeedEvent {
    fn slot(&self) -> Slot {
        self.slot
    }

    fn operations(&self) -> usize {
        match &self.what {
            Happening::Final(slot) => slot.operations.len(),
            _ => 0,
        }
    }
}

/// The latest events, and those that follow.
pub(crate) struct EventFeed {
    kept: Kept<FeedEvent>,
    decisions: Mutex<BTreeMap<Slot, DecidedEvent>>,
}

impl EventFeed {
    /// Begins to follow consensus, on a thread that ends with it.
    pub(crate) fn start(context: &Arc<ApiContext>, history_slots: usize) -> Arc<Self> {
        let first = context.started_at.0.saturating_mul(EVENTS_PER_MS);
        let capacity = history_slots.saturating_mul(EVENTS_PER_SLOT);
        // Of slots that have started, something may have been told to nobody.
        let begun = context.slot_clock.latest_slot_at(context.clock.now());
        let feed = Arc::new(Self::new(capacity, first, begun));
        let (followed, followed_in) = (Arc::downgrade(&feed), Arc::downgrade(context));
        let mut events = context.consensus.subscribe();
        std::thread::spawn(move || {
            let mut gap = None;
            // Who was cut off for being slow begins anew; once consensus has ended, nothing comes.
            while follow(&events, gap, &followed, &followed_in)
                && let Some(context) = followed_in.upgrade()
            {
                gap = Some(Gap(None));
                events = context.consensus.subscribe();
            }
        });
        feed
    }

    fn new(capacity: usize, first: u64, begun: Option<Slot>) -> Self {
        Self {
            kept: Kept::new(capacity, MAX_OPERATIONS, first, begun),
            decisions: Mutex::default(),
        }
    }

    pub(crate) fn push(&self, slot: Slot, what: Happening, gap: Option<Gap>) {
        if let Happening::Decided(decided) = &what {
            let mut decisions = self.decisions.lock();
            decisions.insert(slot, decided.clone());
            if decisions.len() > MAX_DECISIONS {
                decisions.pop_first();
            }
        }
        self.kept.push(FeedEvent { slot, what, gap });
    }

    /// The decision of a slot, if this node saw it and still remembers.
    pub(crate) fn decision_of(&self, slot: Slot) -> Option<DecidedEvent> {
        let decisions = self.decisions.lock();
        let mut earlier = decisions.range(..=slot).rev();
        let (_, decided) = earlier.find(|(known, _)| known.thread == slot.thread)?;
        (decided.through >= slot.period).then(|| decided.clone())
    }

    /// A place for a reader.
    pub(crate) fn join(&self, from: From) -> Place {
        self.kept.join(from)
    }

    /// What a reader is told next, once there is something.
    pub(crate) async fn next(&self, place: &mut Place) -> Option<Told<FeedEvent>> {
        self.kept.next(place).await
    }
}

/// Hands on what consensus tells, the first of it after a gap if there is one. True if it told anything
/// until it ended, so that it may be asked again.
fn follow(
    events: &crossbeam_channel::Receiver<ConsensusEvent>,
    mut gap: Option<Gap>,
    feed: &Weak<EventFeed>,
    context: &Weak<ApiContext>,
) -> bool {
    let mut has_told = false;
    for event in events {
        has_told = true;
        let (Some(feed), Some(context)) = (feed.upgrade(), context.upgrade()) else {
            return false;
        };
        if let Some((slot, what)) = happening(&context, event) {
            feed.push(slot, what, gap.take());
        }
    }
    has_told
}

fn happening(context: &ApiContext, event: ConsensusEvent) -> Option<(Slot, Happening)> {
    Some(match event {
        ConsensusEvent::Opened { slot } => (slot, Happening::Opened),
        ConsensusEvent::CandidateAdded { slot, id, producer } => {
            let own = context.production.facts().staking_addresses;
            let own = own.contains(&producer);
            let block = id;
            let candidate = Happening::Candidate {
                block,
                producer,
                own,
            };
            (slot, candidate)
        }
        ConsensusEvent::LeadingCandidateChanged { slot, id } => (slot, Happening::Leading(id)),
        ConsensusEvent::RoundEntered { slot, round } => (slot, Happening::Round(round)),
        ConsensusEvent::Decided {
            slot,
            through,
            value,
            round,
            delay,
        } => {
            let decided = DecidedEvent {
                slot,
                through,
                value,
                round,
                delay_ms: delay.0,
            };
            (slot, Happening::Decided(decided))
        }
        ConsensusEvent::Fault(_) | ConsensusEvent::ForeignSignature { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Value;

    #[test]
    fn a_decision_is_remembered_for_all_slots_that_it_settles() {
        let feed = EventFeed::new(10, 1_000, None);
        let decided = |period, thread, through| {
            let slot = Slot::new(period, thread);
            let decided = DecidedEvent {
                slot,
                through,
                value: Value::Miss { through },
                round: 0,
                delay_ms: 7,
            };
            feed.push(slot, Happening::Decided(decided), None);
        };
        decided(3, 1, 5);
        decided(4, 0, 4);
        let found = |period, thread| {
            feed.decision_of(Slot::new(period, thread))
                .map(|it| it.slot)
        };
        assert_eq!(found(5, 1), Some(Slot::new(3, 1)));
        assert_eq!(found(6, 1), None);
        assert_eq!(found(4, 0), Some(Slot::new(4, 0)));
        assert_eq!(found(3, 0), None);
    }
}
