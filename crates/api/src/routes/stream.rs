//! `GET /stream/slots`: final slots as server-sent events, with resume by slot.
//!
//! Events: `slot` ([`SlotEvent`], its id is the slot's text) and `missed` ([`MissedEvent`]), which
//! tells a reader what it did not get: because it was too slow, or asked for slots that are no
//! longer kept.

use crate::extract::QueryParts;
use crate::interface::Interface;
use crate::kept::{From, Place, Told};
use crate::problem::Refusal;
use crate::server::until_stopped;
use crate::slot_feed::SlotFeed;
use crate::types::{MissedEvent, SlotEvent};
use crate::{Problem, ProblemCode};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use picot_models::Slot;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Events between the reader's task and its connection.
const CONNECTION_QUEUE_LEN: usize = 16;

/// What the stream routes answer.
pub(crate) type EventStream = Sse<KeepAliveStream<ReceiverStream<Result<Event, Infallible>>>>;

/// What the stream routes get.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(super) interface: Arc<Interface>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Streams {
    pub(crate) fn new(
        interface: Arc<Interface>,
        max_streams: usize,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(max_streams.min(Semaphore::MAX_PERMITS)));
        Self {
            interface,
            places,
            stopped,
        }
    }
}

/// The query of the stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamQuery {
    /// The first slot that is wanted, such as `12/3`.
    from: Option<String>,
}

pub(crate) async fn slots(
    State(streams): State<Streams>,
    QueryParts(query): QueryParts<StreamQuery>,
    headers: HeaderMap,
) -> Result<EventStream, Refusal> {
    let from = first_slot(&query, &headers)?;
    let interface = Arc::clone(&streams.interface);
    // Before the answer: whoever has that is told what follows.
    let place = interface.slots.join(from.map_or(From::Now, From::Slot));
    open(&streams, move |sender| async move {
        let _ = forward(&interface.slots, from, place, &sender).await;
    })
}

/// Opens a stream that lasts as long as `work`, the reader and the interface, if there is a place.
pub(super) fn open<F: Future<Output = ()> + Send>(
    streams: &Streams,
    work: impl FnOnce(mpsc::Sender<Result<Event, Infallible>>) -> F + Send + 'static,
) -> Result<EventStream, Refusal> {
    let place = Arc::clone(&streams.places).try_acquire_owned();
    let place = place.map_err(|_| {
        let detail = "this node serves as many streams as it is allowed to";
        Refusal::new(ProblemCode::Unavailable, detail)
    })?;
    let (sender, receiver) = mpsc::channel(CONNECTION_QUEUE_LEN);
    let stopped = streams.stopped.clone();
    let metrics = &streams.interface.metrics;
    let counted = metrics.as_ref().map(|metrics| metrics.stream_opened());
    tokio::spawn(async move {
        let (_place, _counted) = (place, counted);
        tokio::select! {
            () = until_stopped(stopped) => {}
            () = sender.closed() => {}
            () = work(sender.clone()) => {}
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}

/// The slot after `Last-Event-ID`, or the one that the query asks for.
fn first_slot(query: &StreamQuery, headers: &HeaderMap) -> Result<Option<Slot>, Problem> {
    if let Some(last) = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
    {
        let last: Slot = super::parse("Last-Event-ID", last)?;
        return Ok(Some(after(last)));
    }
    query
        .from
        .as_deref()
        .map(|from| super::parse("from", from))
        .transpose()
}

/// The slot after one in order, whatever the number of threads: what is kept is compared to it.
pub(super) fn after(last: Slot) -> Slot {
    last.thread
        .checked_add(1)
        .map_or(Slot::new(last.period.saturating_add(1), 0), |thread| {
            Slot::new(last.period, thread)
        })
}

/// Sends what is kept and what follows, until the reader is gone.
async fn forward(
    feed: &SlotFeed,
    from: Option<Slot>,
    mut place: Place,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) -> Option<()> {
    loop {
        match feed.next(&mut place).await? {
            Told::Missed(count, next) => send(sender, missed(count, next)).await?,
            Told::Thing(_, told) => {
                let slot = told.event.slot;
                let left_out = told
                    .left_out
                    .filter(|_| from.is_none_or(|from| from < slot));
                if left_out.is_some() {
                    send(sender, missed(left_out, Some(slot))).await?;
                }
                send(sender, slot_event(&told.event)).await?;
            }
        }
    }
}

async fn send(sender: &mpsc::Sender<Result<Event, Infallible>>, event: Event) -> Option<()> {
    sender.send(Ok(event)).await.ok()
}

fn slot_event(event: &SlotEvent) -> Event {
    json_event("slot", event).id(event.slot.to_string())
}

fn missed(count: Option<u64>, next: Option<Slot>) -> Event {
    json_event("missed", &MissedEvent { count, next })
}

pub(super) fn json_event(name: &str, data: &impl Serialize) -> Event {
    Event::default()
        .event(name)
        .data(serde_json::to_string(data).unwrap_or_default())
}
