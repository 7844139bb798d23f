//! `GET /stream/events`: what happens, by topic, as server-sent events.
//!
//! The name of an event is its topic. Its id is the slot's text and the event's number, `12/3#4711`:
//! sent back as `Last-Event-ID` it resumes exactly there. Of several that are told because of one thing,
//! such as all operations of a slot, the last has the id: who is cut off before it gets all of them
//! again. The event `missed` ([`MissedEvent`]) tells a reader that it did not get some, because it was
//! too slow or away too long, or this node itself did not keep up.

use super::operations::result_of;
use super::stream::{EventStream, Streams, json_event, open};
use crate::event_feed::{FeedEvent, Gap, Happening};
use crate::extract::QueryParts;
use crate::interface::Interface;
use crate::kept::{From, Place, Told};
use crate::problem::Refusal;
use crate::types::{
    CandidateEvent, LeadingEvent, MissedEvent, OpenedEvent, OperationEvent, OperationResult,
    OperationState, RoundEvent, SlotEvent, Topic,
};
use crate::{Problem, ProblemCode};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use picot_execution::Level;
use picot_models::{OperationId, Slot};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Operations whose fate one stream can follow.
const MAX_OPERATIONS: usize = 16;

/// What is wanted, and from where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    topics: Option<String>,
    from: Option<String>,
    operation: Option<String>,
}

/// What a stream tells.
struct Wanted {
    topics: BTreeSet<Topic>,
    /// The operations that are followed; none if it is all that become final.
    operations: Option<BTreeSet<OperationId>>,
}

impl Wanted {
    fn parse(query: &EventsQuery) -> Result<Self, Problem> {
        let operations = query
            .operation
            .as_deref()
            .map(parse_operations)
            .transpose()?;
        let topics = match &query.topics {
            Some(texts) => texts
                .split(',')
                .map(parse_topic)
                .collect::<Result<_, _>>()?,
            None => {
                let is_wanted = |topic: &Topic| *topic != Topic::Operation || operations.is_some();
                Topic::ALL.into_iter().filter(is_wanted).collect()
            }
        };
        Ok(Self { topics, operations })
    }

    /// A number of events that were missed, if the reader would have got just so many.
    fn counted(&self, count: Option<u64>) -> Option<u64> {
        let is_told = |topic: &Topic| self.topics.contains(topic) == (*topic != Topic::Operation);
        count.filter(|_| Topic::ALL.iter().all(is_told))
    }

    /// Whether something is wanted of what is told by whoever tells this.
    fn is_about(&self, what: &Happening) -> bool {
        let is_final = matches!(what, Happening::Final(_));
        let is_of_same =
            |topic: &Topic| *topic == Topic::Operation || is_final == (*topic == Topic::Slot);
        self.topics.iter().any(is_of_same)
    }
}

fn parse_topic(text: &str) -> Result<Topic, Problem> {
    let found = Topic::ALL.into_iter().find(|topic| topic.as_str() == text);
    found.ok_or_else(|| {
        let known = Topic::ALL.map(Topic::as_str).join(", ");
        let detail = format!("topic `{text}` is none of {known}");
        Problem::new(ProblemCode::InvalidParameter, detail)
    })
}

fn parse_operations(texts: &str) -> Result<BTreeSet<OperationId>, Problem> {
    let ids = texts.split(',').map(|text| super::parse("operation", text));
    let ids: BTreeSet<_> = ids.collect::<Result<_, _>>()?;
    if ids.len() > MAX_OPERATIONS {
        let detail = format!("one stream follows at most {MAX_OPERATIONS} operations");
        return Err(Problem::new(ProblemCode::InvalidParameter, detail));
    }
    Ok(ids)
}

/// After the last event that the reader had, or from a slot on, or from now on.
fn parse_from(query: &EventsQuery, headers: &HeaderMap) -> Result<From, Problem> {
    let last = headers.get("last-event-id");
    if let Some(last) = last.and_then(|value| value.to_str().ok()) {
        let number = last.split_once('#').map(|(_, number)| number);
        return Ok(match number {
            Some(number) => From::After(super::parse("Last-Event-ID", number)?),
            None => From::Slot(super::stream::after(super::parse("Last-Event-ID", last)?)),
        });
    }
    let from = query.from.as_deref();
    let from: Option<Slot> = from.map(|from| super::parse("from", from)).transpose()?;
    Ok(from.map_or(From::Now, From::Slot))
}

pub(crate) async fn events(
    State(streams): State<Streams>,
    QueryParts(query): QueryParts<EventsQuery>,
    headers: HeaderMap,
) -> Result<EventStream, Refusal> {
    let from = parse_from(&query, &headers)?;
    let wanted = Wanted::parse(&query)?;
    let interface = Arc::clone(&streams.interface);
    // Before the answer: whoever has that is told what happens then.
    let place = interface.events.join(from);
    open(&streams, move |sender| async move {
        let mut reader = Reader {
            interface: &interface,
            known: BTreeMap::new(),
            wanted,
            sender,
        };
        let _ = reader.forward(place).await;
    })
}

/// One stream: what it wants, and what it was told of operations.
struct Reader<'a> {
    interface: &'a Interface,
    wanted: Wanted,
    known: BTreeMap<OperationId, OperationEvent>,
    sender: mpsc::Sender<Result<Event, Infallible>>,
}

impl Reader<'_> {
    /// Sends what is kept and what follows, until the reader is gone.
    async fn forward(&mut self, mut place: Place) -> Option<()> {
        let feed = &self.interface.events;
        self.tell_changed_fates().await?;
        loop {
            match feed.next(&mut place).await? {
                Told::Missed(count, next) => {
                    self.tell_missed(count, next).await?;
                    self.tell_changed_fates().await?;
                }
                Told::Thing(number, event) => self.tell(number, &event).await?,
            }
        }
    }

    async fn tell_missed(&self, count: Option<u64>, next: Option<Slot>) -> Option<()> {
        let count = self.wanted.counted(count);
        let missed = json_event("missed", &MissedEvent { count, next });
        self.send(missed).await
    }

    async fn send(&self, event: Event) -> Option<()> {
        self.sender.send(Ok(event)).await.ok()
    }

    async fn tell(&mut self, number: u64, event: &FeedEvent) -> Option<()> {
        if let Some(Gap(count)) = event.gap
            && self.wanted.is_about(&event.what)
        {
            self.tell_missed(count, Some(event.slot)).await?;
        }
        let id = format!("{}#{number}", event.slot);
        let is_wanted = self.wanted.topics.contains(&event.what.topic());
        let own = is_wanted.then(|| describe(event));
        match (&event.what, &self.wanted.operations) {
            (Happening::Final(slot), None) if self.wanted.topics.contains(&Topic::Operation) => {
                let operations = slot.operations.iter();
                let operations = operations
                    .map(|(id, outcome)| operation_event(&final_fate(slot, *id, outcome)));
                self.send_all(own.into_iter().chain(operations), id).await
            }
            (Happening::Leading(_) | Happening::Decided(_) | Happening::Final(_), Some(_)) => {
                let fates = self.changed_fates();
                let fates = fates.iter().map(operation_event);
                self.send_all(own.into_iter().chain(fates), id).await
            }
            _ => self.send_all(own.into_iter(), id).await,
        }
    }

    /// Sends all that is told because of one event. Only the last has its id: who has that has all.
    async fn send_all(&self, events: impl Iterator<Item = Event>, id: String) -> Option<()> {
        let mut last = None;
        for event in events {
            if let Some(earlier) = last.replace(event) {
                self.send(earlier).await?;
            }
        }
        match last {
            Some(last) => self.send(last.id(id)).await,
            None => Some(()),
        }
    }

    async fn tell_changed_fates(&mut self) -> Option<()> {
        for fate in self.changed_fates() {
            self.send(operation_event(&fate)).await?;
        }
        Some(())
    }

    /// What changed for the operations that are followed.
    fn changed_fates(&mut self) -> Vec<OperationEvent> {
        let is_wanted = self.wanted.topics.contains(&Topic::Operation);
        let ids = self.wanted.operations.iter().flatten();
        let mut changed = Vec::new();
        for id in ids.filter(|_| is_wanted) {
            let known = self.known.get(id);
            if known.is_some_and(|known| known.state == Some(OperationState::Final)) {
                continue;
            }
            let fate = fate_of(self.interface, *id);
            if known != Some(&fate) {
                self.known.insert(*id, fate.clone());
                changed.push(fate);
            }
        }
        changed
    }
}

fn operation_event(fate: &OperationEvent) -> Event {
    json_event(Topic::Operation.as_str(), fate)
}

fn final_fate(slot: &SlotEvent, id: OperationId, outcome: &OperationResult) -> OperationEvent {
    OperationEvent {
        id,
        state: Some(OperationState::Final),
        slot: Some(slot.slot),
        block: slot.block,
        outcome: Some(outcome.clone()),
    }
}

fn describe(event: &FeedEvent) -> Event {
    let (slot, name) = (event.slot, event.what.topic().as_str());
    match &event.what {
        Happening::Opened => json_event(name, &OpenedEvent { slot }),
        Happening::Candidate {
            block,
            producer,
            own,
        } => json_event(
            name,
            &CandidateEvent {
                slot,
                block: *block,
                producer: *producer,
                own: *own,
            },
        ),
        Happening::Leading(block) => json_event(
            name,
            &LeadingEvent {
                slot,
                block: *block,
            },
        ),
        Happening::Round(round) => json_event(
            name,
            &RoundEvent {
                slot,
                round: *round,
            },
        ),
        Happening::Decided(decided) => json_event(name, decided),
        Happening::Final(output) => json_event(name, &**output),
    }
}

/// What this node knows of an operation, from memory.
fn fate_of(interface: &Interface, id: OperationId) -> OperationEvent {
    let unknown = OperationEvent {
        id,
        state: None,
        slot: None,
        block: None,
        outcome: None,
    };
    match interface.execution.operation_status(&id) {
        Ok(Some(status)) => OperationEvent {
            id,
            state: Some(match status.level {
                Level::Final => OperationState::Final,
                Level::Candidate => OperationState::Candidate,
            }),
            slot: Some(status.slot),
            block: Some(status.block),
            outcome: Some(result_of(status.outcome)),
        },
        Ok(None) if interface.pool.contains(&id) => OperationEvent {
            state: Some(OperationState::Pending),
            ..unknown
        },
        Ok(None) => unknown,
        Err(error) => {
            tracing::error!(%error, "an operation cannot be looked up");
            unknown
        }
    }
}
