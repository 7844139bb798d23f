//! The network as others hold it.

use picot_clock::{Clock, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::bans::range;
use crate::service::{self, Command};
use crate::shared::Shared;
use crate::{
    Address, Ban, Config, Event, Identity, Link, LinkInfo, Local, Network, NetworkError, NodeId,
    SendError,
};

/// Requests that may wait for the network's task.
const MAX_COMMANDS: usize = 256;
/// How long beginning to listen may take.
const START_TIME: Duration = Duration::from_secs(10);
/// How long threads may take to end after the links have.
const STOP_TIME: Duration = Duration::from_secs(1);
/// Names are looked up by the system, each on a thread for a moment.
const LOOKUP_THREADS: usize = 4;

/// A running network. It stops when it is dropped: then all links end, each with its
/// [`Event::Disconnected`], and the drop returns within about four seconds at worst.
pub struct Handle {
    shared: Arc<Shared>,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a network with threads of its own, and returns when it listens.
///
/// `events` is told what happens, from several threads at once: of each lane in order, and all of a
/// link between its `Connected` and its `Disconnected`. It must return soon, not wait for the
/// network, and not panic: give things to a channel. What is told is bounded by the
/// frames that are held (see [`Frame`](crate::Frame)), so the channel need not be. `clock` says when
/// bans end and since when links are.
///
/// # Errors
/// [`NetworkError::Config`], [`NetworkError::Listen`] or [`NetworkError::Start`].
pub fn start(
    identity: Identity,
    config: Config,
    clock: Arc<dyn Clock>,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> Result<Handle, NetworkError> {
    config.validate()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(config.worker_threads)
        .max_blocking_threads(LOOKUP_THREADS)
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|error| NetworkError::Start(error.to_string()))?;
    let node = identity.node_id();
    let shared = Shared::new(config, node, clock, Arc::new(events), Instant::now());
    let shared = Arc::new(shared);
    let (commands, waiting) = mpsc::channel(MAX_COMMANDS);
    let (ready, is_ready) = sync_channel(1);
    let parts = Arc::clone(&shared);
    let thread = thread::Builder::new()
        .name("network".to_owned())
        .spawn(move || run(runtime, &identity, parts, waiting, ready))
        .map_err(|error| NetworkError::Start(error.to_string()))?;
    let handle = Handle {
        shared,
        commands: Some(commands),
        thread: Some(thread),
    };
    is_ready
        .recv_timeout(START_TIME)
        .map_err(|_| NetworkError::Start("it did not listen in time".to_owned()))??;
    tracing::info!(%node, "network started");
    Ok(handle)
}

fn run(
    runtime: Runtime,
    identity: &Identity,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    ready: service::Ready,
) {
    let service = {
        let _inside = runtime.enter();
        service::prepare(identity, shared, commands, ready.clone())
    };
    match service {
        Ok(service) => {
            let task = runtime.spawn(service.run());
            if runtime.block_on(task).is_err() {
                tracing::error!("the network's task failed");
            }
        }
        Err(error) => {
            // Whoever started us may have given up waiting.
            let _ = ready.send(Err(error));
        }
    }
    runtime.shutdown_timeout(STOP_TIME);
}

impl Handle {
    /// Room for one request, so that what goes with it is done only if it will be sent.
    fn room(&self) -> Result<mpsc::Permit<'_, Command>, NetworkError> {
        let commands = self.commands.as_ref().ok_or(NetworkError::Stopped)?;
        commands.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => NetworkError::Busy,
            mpsc::error::TrySendError::Closed(()) => NetworkError::Stopped,
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It logged what went wrong.
            let _ = thread.join();
        }
    }
}

impl Network for Handle {
    fn send(&self, link: Link, lane: u8, frame: Arc<[u8]>) -> Result<(), SendError> {
        let state = self.shared.link(link).ok_or(SendError::Gone)?;
        state.send(lane, frame)
    }

    fn disconnect(&self, link: Link, reason: &str) {
        if let Some(state) = self.shared.link(link) {
            state.close(reason);
        }
    }

    fn ban(&self, node: &NodeId, address: Option<IpAddr>, until: Timestamp, reason: &str) {
        let now = self.shared.clock.now();
        let ban = Ban {
            node: *node,
            address,
            until,
            reason: reason.to_owned(),
        };
        self.shared.bans.lock().ban(ban, now);
        tracing::info!(%node, ?address, %until, reason, "peer banned");
        if until <= now {
            return;
        }
        let covered = address.map(range);
        for state in self.shared.all_links() {
            let there = covered.is_some() && state.address.ip().map(range) == covered;
            if state.node == *node || (there && !self.shared.is_reserved(&state.node)) {
                state.close(format!("banned: {reason}"));
            }
        }
    }

    fn unban(&self, node: &NodeId) -> bool {
        self.shared.bans.lock().unban(node)
    }

    fn bans(&self) -> Vec<Ban> {
        let now = self.shared.clock.now();
        self.shared.bans.lock().list(now)
    }

    fn links(&self) -> Vec<LinkInfo> {
        let links = self.shared.all_links();
        let info = links.iter().map(|state| {
            let reserved = self.shared.is_reserved(&state.node);
            state.info(reserved)
        });
        info.collect()
    }

    fn dial(&self, address: &Address) -> Result<(), NetworkError> {
        if let Some(trouble) = address.trouble() {
            return Err(NetworkError::Undialable(address.to_string(), trouble));
        }
        self.room()?.send(Command::Dial(address.clone()));
        Ok(())
    }

    fn add_reserved(&self, address: &Address) -> Result<(), NetworkError> {
        let trouble = address
            .trouble()
            .map(Err)
            .unwrap_or_else(|| address.node().ok_or("it does not say which node answers"));
        let node =
            trouble.map_err(|trouble| NetworkError::Undialable(address.to_string(), trouble))?;
        let address = address.without_node();
        let room = self.room()?;
        let mut reserved = self.shared.reserved.lock();
        let addresses = reserved.entry(node).or_default();
        if !addresses.contains(&address) {
            addresses.push(address.clone());
        }
        drop(reserved);
        room.send(Command::Reserve(node, address));
        Ok(())
    }

    fn remove_reserved(&self, node: &NodeId) -> Result<bool, NetworkError> {
        let room = self.room()?;
        let had = self.shared.reserved.lock().remove(node).is_some();
        room.send(Command::Unreserve(*node));
        Ok(had)
    }

    fn reserved(&self) -> Vec<Address> {
        let reserved = self.shared.reserved.lock();
        let all = reserved
            .iter()
            .flat_map(|(node, addresses)| addresses.iter().map(|at| at.with_node(*node)));
        all.collect()
    }

    fn local(&self) -> Local {
        self.shared.local.lock().clone()
    }
}
