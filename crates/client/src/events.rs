//! The stream of everything that happens: `GET /stream/events`.

use crate::api::ApiClient;
use crate::error::ClientError;
use crate::http::Http;
use crate::query::path_with;
use crate::resume::{Resume, Resumed, Source, Stream};
use crate::slots::data;
use crate::sse::Event;
use picot_api_types::{
    CandidateEvent, DecidedEvent, LeadingEvent, MissedEvent, OpenedEvent, OperationEvent,
    RoundEvent, SlotEvent, Topic,
};
use picot_models::{OperationId, Slot};

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About what; everything if this is empty.
    pub topics: Vec<Topic>,
    /// Final slots from this one on, as far back as the node still knows.
    pub from: Option<Slot>,
    /// The operations whose fate is told.
    pub operations: Vec<OperationId>,
}

/// One event of `GET /stream/events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// A slot opened.
    Opened(OpenedEvent),
    /// A block became a candidate.
    Candidate(CandidateEvent),
    /// The node builds on another candidate.
    Leading(LeadingEvent),
    /// The node went on to a later round.
    Round(RoundEvent),
    /// A slot was decided.
    Decided(DecidedEvent),
    /// A slot became final.
    Slot(Box<SlotEvent>),
    /// The fate of an operation.
    Operation(OperationEvent),
    /// What the reader did not get.
    Missed(MissedEvent),
}

impl ApiClient {
    /// `GET /stream/events`: what happens, as it happens.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn events(&self, filter: &EventFilter) -> Result<Stream<'_, NodeEvent>, ClientError> {
        Stream::open(self.http(), source(filter))
    }

    /// As [`ApiClient::events`], over as many connections as it takes: each next one goes on after the
    /// last event that has an id.
    #[must_use]
    pub fn events_resumed(&self, filter: &EventFilter, resume: Resume) -> Resumed<'_, NodeEvent> {
        Resumed::new(self.http(), source(filter), resume)
    }
}

fn source(filter: &EventFilter) -> Source<NodeEvent> {
    let topics = filter.topics.iter().map(|topic| topic.as_str().to_owned());
    let topics: Vec<_> = topics.collect();
    let operations: Vec<_> = filter.operations.iter().map(ToString::to_string).collect();
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(","));
    let parameters = [
        ("topics", list(&topics)),
        ("from", filter.from.map(|slot| slot.to_string())),
        ("operation", list(&operations)),
    ];
    let path = path_with("/stream/events", &parameters);
    Source { path, read }
}

/// None for what a later version may tell besides.
fn read(http: &Http, event: &Event) -> Result<Option<NodeEvent>, ClientError> {
    let read = match event.name.as_str() {
        "opened" => NodeEvent::Opened(data(http, event)?),
        "candidate" => NodeEvent::Candidate(data(http, event)?),
        "leading" => NodeEvent::Leading(data(http, event)?),
        "round" => NodeEvent::Round(data(http, event)?),
        "decided" => NodeEvent::Decided(data(http, event)?),
        "slot" => NodeEvent::Slot(data(http, event)?),
        "operation" => NodeEvent::Operation(data(http, event)?),
        "missed" => NodeEvent::Missed(data(http, event)?),
        _ => return Ok(None),
    };
    Ok(Some(read))
}
