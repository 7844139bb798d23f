//! The stream of final slots.

use crate::api::ApiClient;
use crate::error::{ClientError, printable};
use crate::http::Http;
use crate::resume::{Resume, Resumed, Source, Stream};
use crate::sse::Event;
use picot_api_types::{MissedEvent, SlotEvent};
use picot_models::Slot;
use serde::de::DeserializeOwned;

/// One event of `GET /stream/slots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A slot became final.
    Slot(Box<SlotEvent>),
    /// What the reader did not get.
    Missed(MissedEvent),
}

impl ApiClient {
    /// `GET /stream/slots`: final slots in order, from a slot on, as far back as the node still knows, or
    /// what follows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn final_slots(&self, from: Option<Slot>) -> Result<Stream<'_, StreamEvent>, ClientError> {
        Stream::open(self.http(), source(from))
    }

    /// As [`ApiClient::final_slots`], over as many connections as it takes: each next one goes on after
    /// the last slot that came.
    #[must_use]
    pub fn final_slots_resumed(
        &self,
        from: Option<Slot>,
        resume: Resume,
    ) -> Resumed<'_, StreamEvent> {
        Resumed::new(self.http(), source(from), resume)
    }
}

fn source(from: Option<Slot>) -> Source<StreamEvent> {
    let path = match from {
        Some(from) => format!("/stream/slots?from={from}"),
        None => "/stream/slots".to_owned(),
    };
    Source { path, read }
}

/// None for what a later version may tell besides.
fn read(http: &Http, event: &Event) -> Result<Option<StreamEvent>, ClientError> {
    match event.name.as_str() {
        "slot" => data(http, event).map(|slot| Some(StreamEvent::Slot(slot))),
        "missed" => data(http, event).map(|missed| Some(StreamEvent::Missed(missed))),
        _ => Ok(None),
    }
}

/// What an event tells.
pub(crate) fn data<T: DeserializeOwned>(http: &Http, event: &Event) -> Result<T, ClientError> {
    serde_json::from_str(&event.data).map_err(|error| {
        let error = printable(&error.to_string());
        http.not_picot(format!(
            "the stream's event `{}` is of no known shape ({error})",
            printable(&event.name)
        ))
    })
}
