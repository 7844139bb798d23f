//! The task that owns the swarm: it starts and ends links, dials, listens, and searches for peers.

mod dialling;
mod identified;
mod start;
mod stop;

use futures::StreamExt;
use libp2p_core::transport::ListenerId;
use libp2p_swarm::behaviour::toggle::Toggle;
use libp2p_swarm::{ConnectionId, DialError, ListenError, NetworkBehaviour, Swarm, SwarmEvent};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::address::is_public;
use crate::admission::Refusal;
use crate::dialler::Dialler;
use crate::link::{self, LinkState};
use crate::links::{Fate, Links};
use crate::log_limit::LogLimit;
use crate::seeker::{Found, Seeker};
use crate::shared::Shared;
use crate::{Address, Link, NodeId};
use dialling::Resolved;
use identified::Said;

pub(crate) use start::{Ready, prepare};

/// How often is looked at what is due.
const TICK: Duration = Duration::from_millis(50);

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Dial once.
    Dial(Address),
    /// Dial for ever.
    Reserve(NodeId, Address),
    /// Dial no longer.
    Unreserve(NodeId),
}

/// All that is said on a connection. The door comes first: whom it refuses, nobody else hears of.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p_swarm::derive_prelude")]
struct Behaviour {
    links: Links,
    identify: libp2p_identify::Behaviour,
    ping: libp2p_ping::Behaviour,
    seeker: Toggle<Seeker>,
}

/// See the module.
pub(crate) struct Service {
    shared: Arc<Shared>,
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    dialler: Dialler,
    /// The attempts of the dialler that are under way.
    dials: BTreeMap<ConnectionId, u64>,
    lookups: JoinSet<Resolved>,
    /// The links by their connections.
    links: BTreeMap<ConnectionId, Arc<LinkState>>,
    /// What peers said whose connections are not links yet.
    said: BTreeMap<ConnectionId, Said>,
    /// The last link of each node, until its end has been told.
    latest: BTreeMap<NodeId, Arc<LinkState>>,
    running: JoinSet<Arc<LinkState>>,
    next_link: u64,
    search: Search,
    refused: LogLimit,
    troubles: LogLimit,
    /// Listeners that have no address yet.
    listening: Vec<ListenerId>,
    ready: Option<Ready>,
}

/// When to search for peers again.
#[derive(Debug)]
struct Search {
    running: bool,
    due: Duration,
    wait: Duration,
}

impl Service {
    /// Runs until the handle is gone, then ends all links.
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.tell_ready();
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                Some(Ok(state)) = self.running.join_next() => self.on_link_end(&state),
                Some(Ok(resolved)) = self.lookups.join_next() => self.on_resolved(resolved),
                _ = ticks.tick() => self.on_tick(),
            }
        }
        self.stop().await;
    }

    fn on_tick(&mut self) {
        self.swarm.behaviour_mut().links.give_up_late();
        self.close_dead();
        self.dial_due();
        self.search_if_due();
    }

    fn close_dead(&self) {
        let config = &self.shared.config;
        let most = config.ping_interval.saturating_add(config.ping_timeout);
        let now = self.shared.now();
        self.links
            .values()
            .for_each(|state| state.close_if_dead(most, now));
    }

    fn on_command(&mut self, command: Command) {
        let now = self.shared.now();
        match command {
            Command::Dial(address) => self.dial_once(address),
            Command::Reserve(node, address) => self.dialler.reserve(node, address, now),
            Command::Unreserve(node) => self.dialler.unreserve(&node),
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Links(fate)) => self.on_fate(fate),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(BehaviourEvent::Seeker(found)) => self.on_found(found),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                ..
            } => self.on_answer(connection_id, NodeId::from_peer(peer_id)),
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => self.on_dial_error(connection_id, peer_id.map(NodeId::from_peer), &error),
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                peer_id,
                error,
                ..
            } => {
                let from = Address::from_multiaddr(send_back_addr);
                self.on_incoming_error(&from, peer_id.map(NodeId::from_peer), &error);
            }
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => self.on_listen(listener_id, Address::from_multiaddr(address)),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.on_listen_end(&[Address::from_multiaddr(address)]);
            }
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                tracing::error!(?addresses, ?reason, "a listener has ended");
                let addresses: Vec<_> =
                    addresses.into_iter().map(Address::from_multiaddr).collect();
                self.on_listen_end(&addresses);
            }
            SwarmEvent::ListenerError { error, .. } => self.on_trouble("listening", &error),
            _ => {}
        }
    }

    fn on_fate(&mut self, fate: Fate) {
        match fate {
            Fate::Opened {
                connection,
                end,
                streams,
            } => {
                let link = Link(self.next_link);
                self.next_link = self.next_link.saturating_add(1);
                let state = Arc::new(LinkState::new(link, connection, end, &self.shared));
                self.links.insert(connection, Arc::clone(&state));
                self.use_said(connection);
                let earlier = self.latest.insert(state.node, Arc::clone(&state));
                if self.shared.is_banned(&state.node, state.address.ip()) {
                    state.close("it is banned");
                }
                let shared = Arc::clone(&self.shared);
                self.running
                    .spawn(link::run(state, earlier, streams, shared));
            }
            Fate::GivenUp {
                connection,
                end,
                reason,
            } => {
                if let Some(state) = self.links.get(&connection) {
                    state.close(reason);
                } else if let Some(left_out) = self.refused.line(self.shared.now()) {
                    tracing::info!(
                        node = %end.node, address = %end.address, %reason, left_out,
                        "connection given up"
                    );
                }
            }
            Fate::Closed {
                connection,
                end,
                reason,
            } => {
                self.said.remove(&connection);
                if let Some(state) = self.links.get(&connection) {
                    state.close(reason);
                } else if end.outbound && !self.swarm.behaviour().links.is_linked(&end.node) {
                    let now = self.shared.now();
                    self.dialler.lost(&end.node, Duration::ZERO, now);
                }
            }
        }
    }

    fn on_link_end(&mut self, state: &Arc<LinkState>) {
        self.links.remove(&state.connection);
        if self
            .latest
            .get(&state.node)
            .is_some_and(|latest| latest.link == state.link)
        {
            self.latest.remove(&state.node);
        }
        self.swarm.close_connection(state.connection);
        if self.shared.is_banned_node(&state.node)
            && let Some(seeker) = self.swarm.behaviour_mut().seeker.as_mut()
        {
            seeker.forget(&state.node);
        }
        let now = self.shared.now();
        self.dialler
            .lost(&state.node, now.saturating_sub(state.began), now);
    }

    fn on_ping(&mut self, event: libp2p_ping::Event) {
        if let (Some(state), Ok(time)) = (self.links.get(&event.connection), event.result) {
            state.answered(time, self.shared.now());
        }
    }

    fn on_incoming_error(&mut self, from: &Address, node: Option<NodeId>, error: &ListenError) {
        let Some(left_out) = self.refused.line(self.shared.now()) else {
            return;
        };
        let node = node.map(|node| node.to_string()).unwrap_or_default();
        match refusal(error) {
            Some(reason) => {
                tracing::info!(address = %from, %node, %reason, left_out, "connection refused");
            }
            None => {
                tracing::info!(address = %from, %node, reason = %error, left_out, "handshake failed");
            }
        }
    }

    fn on_trouble(&mut self, what: &str, error: &dyn std::error::Error) {
        if let Some(left_out) = self.troubles.line(self.shared.now()) {
            tracing::warn!(%error, left_out, "{what} failed");
        }
    }

    fn on_listen(&mut self, listener: ListenerId, address: Address) {
        tracing::info!(%address, "listening");
        let public = address.ip().is_some_and(is_public);
        if self.shared.config.public && public {
            self.swarm.add_external_address(address.multiaddr().clone());
            if let Some(seeker) = self.swarm.behaviour_mut().seeker.as_mut() {
                seeker.set_answers(true);
            }
        }
        self.shared.local.lock().listen.push(address);
        self.listening.retain(|waiting| *waiting != listener);
        self.tell_ready();
    }

    fn on_listen_end(&mut self, addresses: &[Address]) {
        for address in addresses {
            self.swarm.remove_external_address(address.multiaddr());
        }
        let mut local = self.shared.local.lock();
        local.listen.retain(|address| !addresses.contains(address));
    }

    fn tell_ready(&mut self) {
        if self.listening.is_empty()
            && let Some(ready) = self.ready.take()
        {
            // Whoever started us may have given up waiting.
            let _ = ready.send(Ok(()));
        }
    }
}

/// Why the door refused a connection, if it did.
fn refusal(error: &ListenError) -> Option<Refusal> {
    match error {
        ListenError::Denied { cause } => cause.downcast_ref::<Refusal>().copied(),
        ListenError::LocalPeerId { .. } => Some(Refusal::Ourselves),
        _ => None,
    }
}

/// Why the door refused a dial, if it did.
fn dial_refusal(error: &DialError) -> Option<Refusal> {
    match error {
        DialError::Denied { cause } => cause.downcast_ref::<Refusal>().copied(),
        DialError::LocalPeerId { .. } => Some(Refusal::Ourselves),
        _ => None,
    }
}
