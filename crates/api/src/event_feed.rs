//! What happens in consensus and execution, for any number of readers, with the latest of it kept.
//!
//! Each event has a number that grows over restarts of the node, so that a reader goes on exactly
//! where it stopped, and knows what it missed.

use crate::ApiContext;
use crate::types::{DecidedEvent, SlotEvent, Topic};
use parking_lot::Mutex;
use picot_consensus::ConsensusEvent;
use picot_models::{Address, BlockId, Slot};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast;

/// Events that a reader may be behind before it is told that it missed some.
const READER_QUEUE_LEN: usize = 1_024;
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

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedEvent {
    pub(crate) number: u64,
    pub(crate) slot: Slot,
    pub(crate) what: Happening,
}

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// With what happens from now on.
    Now,
    /// With what happened in this slot or later ones.
    Slot(Slot),
    /// After this event.
    After(u64),
}

/// What a reader gets that joins.
pub(crate) struct Joined {
    /// What it missed, if it missed anything: how many events, if that can be told.
    pub(crate) missed: Option<Option<u64>>,
    /// What is kept.
    pub(crate) kept: Vec<Arc<FeedEvent>>,
    /// What follows.
    pub(crate) live: broadcast::Receiver<Arc<FeedEvent>>,
}

struct History {
    events: VecDeque<Arc<FeedEvent>>,
    /// The number of the first event of this run.
    first: u64,
    next: u64,
    decisions: BTreeMap<Slot, DecidedEvent>,
}

/// The latest events and a subscription to the next ones.
pub(crate) struct EventFeed {
    history: Mutex<History>,
    capacity: usize,
    sender: broadcast::Sender<Arc<FeedEvent>>,
}

impl EventFeed {
    /// Begins to follow consensus, on a thread that ends with it.
    pub(crate) fn start(context: &Arc<ApiContext>, history_slots: usize) -> Arc<Self> {
        let first = context.started_at.0.saturating_mul(EVENTS_PER_MS);
        let capacity = history_slots.saturating_mul(EVENTS_PER_SLOT);
        let feed = Arc::new(Self::new(capacity, first));
        let (followed, followed_in) = (Arc::downgrade(&feed), Arc::downgrade(context));
        let events = context.consensus.subscribe();
        std::thread::spawn(move || {
            let mut events = events;
            // Who was cut off for being slow begins anew; once consensus has ended, nothing comes.
            while follow(&events, &followed, &followed_in)
                && let Some(context) = followed_in.upgrade()
            {
                events = context.consensus.subscribe();
            }
        });
        feed
    }

    fn new(capacity: usize, first: u64) -> Self {
        let (sender, _) = broadcast::channel(READER_QUEUE_LEN);
        Self {
            history: Mutex::new(History {
                events: VecDeque::new(),
                first,
                next: first,
                decisions: BTreeMap::new(),
            }),
            capacity,
            sender,
        }
    }

    pub(crate) fn push(&self, slot: Slot, what: Happening) {
        let mut history = self.history.lock();
        if let Happening::Decided(decided) = &what {
            history.decisions.insert(slot, decided.clone());
            if history.decisions.len() > MAX_DECISIONS {
                history.decisions.pop_first();
            }
        }
        let number = history.next;
        history.next = number.saturating_add(1);
        if history.events.len() >= self.capacity {
            history.events.pop_front();
        }
        let event = Arc::new(FeedEvent { number, slot, what });
        history.events.push_back(Arc::clone(&event));
        // Sent under the lock, so that a reader that joins gets each event once. An error means
        // that nobody reads.
        let _ = self.sender.send(event);
    }

    /// The decision of a slot, if this node saw it and still remembers.
    pub(crate) fn decision_of(&self, slot: Slot) -> Option<DecidedEvent> {
        let history = self.history.lock();
        let mut earlier = history.decisions.range(..=slot).rev();
        let mut in_thread = earlier.by_ref().take(MAX_DECISIONS);
        let (_, decided) = in_thread.find(|(known, _)| known.thread == slot.thread)?;
        (decided.through >= slot.period).then(|| decided.clone())
    }

    /// What is kept, and what follows.
    pub(crate) fn join(&self, from: From) -> Joined {
        let history = self.history.lock();
        let events = history.events.iter();
        let oldest = history.events.front();
        let (kept, missed) = match from {
            From::Now => (Vec::new(), None),
            From::Slot(slot) => {
                let is_forgotten = oldest.is_none_or(|oldest| oldest.slot > slot);
                let kept = events.filter(|event| event.slot >= slot).cloned();
                (kept.collect(), is_forgotten.then_some(None))
            }
            From::After(number) => {
                let first = oldest.map_or(history.next, |oldest| oldest.number);
                let wanted = number.saturating_add(1);
                let is_of_this_run = wanted >= history.first;
                let count = first.checked_sub(wanted).filter(|count| *count > 0);
                let missed = count.map(|count| is_of_this_run.then_some(count));
                let kept = events.filter(|event| event.number >= wanted).cloned();
                (kept.collect(), missed)
            }
        };
        Joined {
            missed,
            kept,
            live: self.sender.subscribe(),
        }
    }
}

/// Hands on what consensus tells. True if it told anything until it ended, so that it may be asked
/// again.
fn follow(
    events: &crossbeam_channel::Receiver<ConsensusEvent>,
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
            feed.push(slot, what);
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

    const FIRST: u64 = 1_000;

    fn feed(capacity: usize, periods: u64) -> EventFeed {
        let feed = EventFeed::new(capacity, FIRST);
        for period in 1..=periods {
            feed.push(Slot::new(period, 0), Happening::Opened);
        }
        feed
    }

    fn periods(joined: &Joined) -> Vec<u64> {
        let kept = joined.kept.iter();
        kept.map(|event| event.slot.period).collect()
    }

    #[test]
    fn a_reader_goes_on_after_the_event_that_it_had_last() {
        let feed = feed(10, 5);
        let mut joined = feed.join(From::After(FIRST + 2));
        feed.push(Slot::new(6, 0), Happening::Round(1));
        assert_eq!((periods(&joined), joined.missed), (vec![4, 5], None));
        assert_eq!(joined.live.try_recv().unwrap().slot.period, 6);
        assert!(joined.live.try_recv().is_err());
        let at_the_end = feed.join(From::After(FIRST + 5));
        assert_eq!((periods(&at_the_end), at_the_end.missed), (vec![], None));
    }

    #[test]
    fn a_reader_that_was_away_too_long_is_told_how_much_it_missed() {
        let feed = feed(3, 8);
        let joined = feed.join(From::After(FIRST + 1));
        assert_eq!(
            (periods(&joined), joined.missed),
            (vec![6, 7, 8], Some(Some(3)))
        );
    }

    #[test]
    fn a_reader_of_an_earlier_run_missed_what_nobody_can_count() {
        let feed = feed(10, 2);
        let joined = feed.join(From::After(FIRST - 500));
        assert_eq!((periods(&joined), joined.missed), (vec![1, 2], Some(None)));
    }

    #[test]
    fn a_reader_that_begins_with_a_slot_gets_what_is_kept_of_it_and_of_later_ones() {
        let feed = feed(10, 5);
        let joined = feed.join(From::Slot(Slot::new(4, 0)));
        assert_eq!((periods(&joined), joined.missed), (vec![4, 5], None));
        let forgotten = feed.join(From::Slot(Slot::new(0, 3)));
        assert_eq!(forgotten.missed, Some(None));
        assert!(feed.join(From::Now).kept.is_empty());
    }

    #[test]
    fn a_decision_is_remembered_for_all_slots_that_it_settles() {
        let feed = feed(10, 0);
        let decided = |period, thread, through| {
            let slot = Slot::new(period, thread);
            let decided = DecidedEvent {
                slot,
                through,
                value: Value::Miss { through },
                round: 0,
                delay_ms: 7,
            };
            feed.push(slot, Happening::Decided(decided));
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
