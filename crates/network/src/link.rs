//! One link: its lanes, the tasks that read and write them, and its one end.

mod pace;
mod queue;
mod reader;
mod writer;

use libp2p_swarm::{ConnectionId, Stream};
use parking_lot::Mutex;
use picot_clock::{Millis, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::config::LaneConfig;
use crate::links::FarEnd;
use crate::shared::Shared;
use crate::{Address, Event, LaneTraffic, Link, LinkInfo, NodeId, SendError};
use pace::Pace;
use queue::Queue;

const MAX_AGENT_CHARS: usize = 64;
const NO_ROUND_TRIP: u64 = u64::MAX;

/// What all who deal with a link know of it.
pub(crate) struct LinkState {
    pub(crate) link: Link,
    pub(crate) node: NodeId,
    pub(crate) address: Address,
    pub(crate) outbound: bool,
    pub(crate) connection: ConnectionId,
    /// When it was made, by the network's own clock.
    pub(crate) began: Duration,
    since: Timestamp,
    lanes: Vec<Lane>,
    pace: Pace,
    round_trip_ms: AtomicU64,
    /// When the last ping was answered, by the network's own clock.
    answered_ms: AtomicU64,
    agent: Mutex<Option<String>>,
    /// Why it ends, once it does.
    end: watch::Sender<Option<Arc<str>>>,
    /// Whether its end has been told.
    told: watch::Sender<bool>,
}

/// One lane of a link.
struct Lane {
    number: u8,
    limits: LaneConfig,
    queue: Queue,
    /// Room for frames that the receiver holds.
    room: Arc<Semaphore>,
    /// Room of all links for what is longer.
    long_frames: Arc<Semaphore>,
    received_bytes: AtomicU64,
    written_bytes: AtomicU64,
}

impl LinkState {
    pub(crate) fn new(link: Link, connection: ConnectionId, end: FarEnd, shared: &Shared) -> Self {
        let config = &shared.config;
        let began = shared.now();
        let lanes = (0..).zip(&config.lanes).map(|(number, limits)| Lane {
            number,
            limits: *limits,
            queue: Queue::new(limits.unsent_bytes),
            room: Arc::new(Semaphore::new(limits.unread_bytes)),
            long_frames: Arc::clone(&shared.long_frames),
            received_bytes: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
        });
        Self {
            link,
            node: end.node,
            address: end.address,
            outbound: end.outbound,
            connection,
            began,
            answered_ms: AtomicU64::new(millis(began)),
            since: shared.clock.now(),
            lanes: lanes.collect(),
            pace: Pace::new(config),
            round_trip_ms: AtomicU64::new(NO_ROUND_TRIP),
            agent: Mutex::new(None),
            end: watch::Sender::new(None),
            told: watch::Sender::new(false),
        }
    }

    /// Takes a frame for a lane, or refuses it at once.
    pub(crate) fn send(&self, lane: u8, frame: Arc<[u8]>) -> Result<(), SendError> {
        let state = self
            .lanes
            .get(usize::from(lane))
            .ok_or(SendError::NoLane(lane))?;
        let (length, limit) = (frame.len(), state.limits.max_frame_bytes);
        if length > limit {
            return Err(SendError::TooLarge { length, limit });
        }
        if self.end.borrow().is_some() {
            return Err(SendError::Gone);
        }
        state.queue.push(frame)
    }

    /// Ends the link. The first reason counts.
    pub(crate) fn close(&self, reason: impl Into<Arc<str>>) {
        let reason = reason.into();
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(reason);
            }
            first
        });
    }

    /// Waits until the end of the link has been told.
    pub(crate) async fn is_told(&self) {
        let mut told = self.told.subscribe();
        // The sender lives in this very state.
        let _ = told.wait_for(|told| *told).await;
    }

    /// A ping was answered after `time`.
    pub(crate) fn answered(&self, time: Duration, now: Duration) {
        self.round_trip_ms.store(millis(time), Ordering::Relaxed);
        self.answered_ms.store(millis(now), Ordering::Relaxed);
    }

    /// Ends the link if no ping has been answered for longer than `most`.
    pub(crate) fn close_if_dead(&self, most: Duration, now: Duration) {
        let answered = Duration::from_millis(self.answered_ms.load(Ordering::Relaxed));
        if now.saturating_sub(answered) > most {
            self.close("it did not answer a ping in time");
        }
    }

    /// Keeps what the peer says of its program, as far as people can read it.
    pub(crate) fn set_agent(&self, agent: &str) {
        let plain = agent.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        *self.agent.lock() = Some(plain.take(MAX_AGENT_CHARS).collect());
    }

    pub(crate) fn info(&self, reserved: bool) -> LinkInfo {
        let round_trip = self.round_trip_ms.load(Ordering::Relaxed);
        LinkInfo {
            link: self.link,
            node: self.node,
            address: self.address.clone(),
            outbound: self.outbound,
            reserved,
            since: self.since,
            round_trip: (round_trip != NO_ROUND_TRIP).then_some(Millis(round_trip)),
            agent: self.agent.lock().clone(),
            lanes: self.lanes.iter().map(Lane::traffic).collect(),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NO_ROUND_TRIP)
}

impl Lane {
    fn traffic(&self) -> LaneTraffic {
        LaneTraffic {
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            written_bytes: self.written_bytes.load(Ordering::Relaxed),
            unsent_bytes: self.queue.held_bytes(),
        }
    }
}

/// Runs a link from its `Connected` to its `Disconnected`; before the first, waits until the end of
/// the node's earlier link has been told. Nothing is told of the link after the end.
pub(crate) async fn run(
    state: Arc<LinkState>,
    earlier: Option<Arc<LinkState>>,
    streams: Vec<Stream>,
    shared: Arc<Shared>,
) -> Arc<LinkState> {
    if let Some(earlier) = earlier {
        earlier.is_told().await;
    }
    shared.links.write().insert(state.link, Arc::clone(&state));
    let reserved = shared.is_reserved(&state.node);
    tracing::info!(
        link = state.link.0, node = %state.node, address = %state.address,
        outbound = state.outbound, reserved, "peer connected"
    );
    (shared.events)(Event::Connected {
        link: state.link,
        node: state.node,
        address: state.address.clone(),
        outbound: state.outbound,
        reserved,
    });
    let reason = carry(&state, streams, &shared).await;
    shared.links.write().remove(&state.link);
    tracing::info!(
        link = state.link.0, node = %state.node, address = %state.address, %reason,
        "peer disconnected"
    );
    (shared.events)(Event::Disconnected {
        link: state.link,
        node: state.node,
        reason: reason.to_string(),
    });
    state.told.send_replace(true);
    state
}

/// Reads and writes all lanes until the link ends, and says why it did. No task of the link runs
/// when it returns.
async fn carry(state: &Arc<LinkState>, streams: Vec<Stream>, shared: &Arc<Shared>) -> Arc<str> {
    let mut tasks: JoinSet<String> = JoinSet::new();
    for (lane, stream) in streams.into_iter().enumerate() {
        let (incoming, outgoing) = futures::AsyncReadExt::split(stream);
        let (reads, writes) = (Arc::clone(state), Arc::clone(state));
        let (told_read, told_written) = (Arc::clone(shared), Arc::clone(shared));
        tasks.spawn(async move { reader::read(&reads, lane, incoming, &told_read.events).await });
        tasks.spawn(
            async move { writer::write(&writes, lane, outgoing, &told_written.events).await },
        );
    }
    let mut end = state.end.subscribe();
    tokio::select! {
        biased;
        _ = end.wait_for(Option::is_some) => {}
        Some(ended) = tasks.join_next() => {
            state.close(ended.unwrap_or_else(|error| format!("a task of the link failed: {error}")));
        }
    }
    tasks.shutdown().await;
    let reason = state.end.borrow().clone();
    reason.unwrap_or_else(|| "it ended".into())
}
