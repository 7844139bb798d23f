//! `GET /stream/events`: what happens, by topic, as server-sent events.
//!
//! The name of an event is its topic. Its id is the slot's text and the event's number, `12/3#4711`:
//! sent back as `Last-Event-ID` it resumes exactly there. The event `missed` ([`MissedEvent`]) tells a
//! reader that it did not get some, because it was too slow or away too long.

use super::operations::result_of;
use super::stream::{EventStream, Streams, json_event, open};
use crate::event_feed::{FeedEvent, From, Happening, Joined};
use crate::extract::QueryParts;
use crate::interface::Interface;
use crate::problem::Refusal;
use crate::types::{
    CandidateEvent, LeadingEvent, MissedEvent, OpenedEvent, OperationEvent, OperationState,
    RoundEvent, Topic,
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
use tokio::sync::{broadcast, mpsc};

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
    open(&streams, move |sender| async move {
        let joined = interface.events.join(from);
        let mut reader = Reader {
            interface: &interface,
            known: BTreeMap::new(),
            wanted,
            sender,
        };
        let _ = reader.forward(joined).await;
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
    async fn forward(&mut self, joined: Joined) -> Option<()> {
        let Joined {
            missed,
            kept,
            mut live,
        } = joined;
        if let Some(count) = missed {
            self.tell_missed(count, kept.first().map(|event| event.slot))
                .await?;
        }
        self.look_at_operations(None).await?;
        for event in kept {
            self.tell(&event).await?;
        }
        let mut lagged = None;
        loop {
            match live.recv().await {
                Ok(event) => {
                    if let Some(count) = lagged.take() {
                        self.tell_missed(Some(count), Some(event.slot)).await?;
                    }
                    self.tell(&event).await?;
                }
                // What comes next is the oldest that is left.
                Err(broadcast::error::RecvError::Lagged(count)) => lagged = Some(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn tell_missed(&self, count: Option<u64>, next: Option<Slot>) -> Option<()> {
        let missed = json_event("missed", &MissedEvent { count, next });
        self.send(missed).await
    }

    async fn send(&self, event: Event) -> Option<()> {
        self.sender.send(Ok(event)).await.ok()
    }

    async fn tell(&mut self, event: &FeedEvent) -> Option<()> {
        if self.wanted.topics.contains(&event.what.topic()) {
            let id = id_of(event);
            self.send(describe(event).id(id)).await?;
        }
        if !self.wanted.topics.contains(&Topic::Operation) {
            return Some(());
        }
        match (&event.what, &self.wanted.operations) {
            (Happening::Final(slot), None) => {
                for (id, outcome) in &slot.operations {
                    let fate = OperationEvent {
                        id: *id,
                        state: Some(OperationState::Final),
                        slot: Some(slot.slot),
                        block: slot.block,
                        outcome: Some(outcome.clone()),
                    };
                    self.tell_operation(&fate, Some(event)).await?;
                }
                Some(())
            }
            (Happening::Leading(_) | Happening::Decided(_) | Happening::Final(_), Some(_)) => {
                self.look_at_operations(Some(event)).await
            }
            _ => Some(()),
        }
    }

    /// Tells what changed for the operations that are followed.
    async fn look_at_operations(&mut self, because: Option<&FeedEvent>) -> Option<()> {
        let is_wanted = self.wanted.topics.contains(&Topic::Operation);
        let Some(ids) = self.wanted.operations.clone().filter(|_| is_wanted) else {
            return Some(());
        };
        for id in ids {
            let known = self.known.get(&id);
            if known.is_some_and(|known| known.state == Some(OperationState::Final)) {
                continue;
            }
            let fate = fate_of(self.interface, id);
            if known != Some(&fate) {
                self.tell_operation(&fate, because).await?;
                self.known.insert(id, fate);
            }
        }
        Some(())
    }

    async fn tell_operation(
        &self,
        fate: &OperationEvent,
        because: Option<&FeedEvent>,
    ) -> Option<()> {
        let mut event = json_event(Topic::Operation.as_str(), fate);
        if let Some(because) = because {
            event = event.id(id_of(because));
        }
        self.send(event).await
    }
}

fn id_of(event: &FeedEvent) -> String {
    format!("{}#{}", event.slot, event.number)
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
