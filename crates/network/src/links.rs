//! The door: which connections there may be, and which of them become links.

use libp2p_core::transport::PortUse;
use libp2p_core::{Endpoint, Multiaddr};
use libp2p_identity::PeerId;
use libp2p_swarm::behaviour::{ConnectionClosed, DialFailure, FromSwarm, ListenFailure};
use libp2p_swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, NetworkBehaviour, Stream, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::admission::{Admission, Refusal};
use crate::dialler::Around;
use crate::lanes::{LaneProtocols, LanesHandler, Outcome};
use crate::pairing::Pairing;
use crate::shared::Shared;
use crate::{Address, NodeId};

/// How long the other side of a connection that we gave up has to find out why.
const DOOMED_TIME: Duration = Duration::from_secs(1);

/// What becomes of connections.
#[derive(Debug)]
pub(crate) enum Fate {
    /// A connection is a link: its lanes are open.
    Opened {
        /// The connection.
        connection: ConnectionId,
        /// What is known of it.
        end: FarEnd,
        /// Its lanes, in order.
        streams: Vec<Stream>,
    },
    /// A connection will be closed: it did not become a link, or another did.
    GivenUp {
        /// The connection.
        connection: ConnectionId,
        /// Who it was with.
        end: FarEnd,
        /// Why.
        reason: String,
    },
    /// A connection is closed.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Who it was with.
        end: FarEnd,
        /// Why, as far as the transport knows.
        reason: String,
    },
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct FarEnd {
    pub(crate) node: NodeId,
    pub(crate) address: Address,
    pub(crate) outbound: bool,
}

type Action = ToSwarm<Fate, THandlerInEvent<Links>>;

/// Admits connections, and makes at most one of each node a link.
pub(crate) struct Links {
    shared: Arc<Shared>,
    protocols: LaneProtocols,
    admission: Admission<ConnectionId>,
    pairing: Pairing<ConnectionId>,
    ends: BTreeMap<ConnectionId, FarEnd>,
    /// Connections that will be closed, and when.
    doomed: BTreeMap<ConnectionId, Duration>,
    actions: VecDeque<Action>,
    waker: Option<Waker>,
}

impl Links {
    pub(crate) fn new(shared: Arc<Shared>, own: NodeId, protocols: LaneProtocols) -> Self {
        Self {
            admission: Admission::new(shared.config.limits),
            pairing: Pairing::new(own, shared.config.handshake_timeout),
            shared,
            protocols,
            ends: BTreeMap::new(),
            doomed: BTreeMap::new(),
            actions: VecDeque::new(),
            waker: None,
        }
    }

    /// Gives up the connections that should have become links by now.
    pub(crate) fn give_up_late(&mut self) {
        let now = self.shared.now();
        for connection in self.pairing.late(now) {
            self.give_up(connection, "its lanes were not open in time");
        }
        let due = self.doomed.iter().filter(|(_, due)| **due <= now);
        for connection in due.map(|(connection, _)| *connection).collect::<Vec<_>>() {
            self.doomed.remove(&connection);
            if let Some(end) = self.ends.get(&connection) {
                let peer_id = end.node.peer();
                self.close(peer_id, connection);
            }
        }
    }

    /// Gives up a connection that is not a link, and closes it a little later, when the other side
    /// has had time to find out why by itself.
    pub(crate) fn doom(&mut self, connection: ConnectionId, reason: &str) {
        if let Some(end) = self.ends.get(&connection).cloned() {
            let due = self.shared.now().saturating_add(DOOMED_TIME);
            self.doomed.entry(connection).or_insert(due);
            self.push(ToSwarm::GenerateEvent(Fate::GivenUp {
                connection,
                end,
                reason: reason.to_owned(),
            }));
        }
    }

    /// Whether a node has a link.
    pub(crate) fn is_linked(&self, node: &NodeId) -> bool {
        self.pairing.is_linked(node)
    }

    /// Whether a connection is there.
    pub(crate) fn has(&self, connection: ConnectionId) -> bool {
        self.ends.contains_key(&connection)
    }

    /// Outbound connections and attempts that take room.
    pub(crate) const fn outbound_count(&self) -> usize {
        self.admission.outbound_count()
    }

    /// Closes a connection that is not a link yet; once it is one, it ends by its link.
    pub(crate) fn give_up(&mut self, connection: ConnectionId, reason: &str) {
        if let Some(end) = self.ends.get(&connection).cloned() {
            self.pairing.closed(connection);
            let peer_id = end.node.peer();
            self.push(ToSwarm::GenerateEvent(Fate::GivenUp {
                connection,
                end,
                reason: reason.to_owned(),
            }));
            self.close(peer_id, connection);
        }
    }

    fn close(&mut self, peer_id: PeerId, connection: ConnectionId) {
        self.push(ToSwarm::CloseConnection {
            peer_id,
            connection: CloseConnection::One(connection),
        });
    }

    fn push(&mut self, action: Action) {
        self.actions.push_back(action);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    fn admit_inbound(&mut self, connection: ConnectionId, from: &Multiaddr) -> Result<(), Refusal> {
        let address = Address::from_multiaddr(from.clone());
        let ip = address.ip().ok_or(Refusal::Unreadable)?;
        let mut missing = self.shared.reserved_at(ip);
        missing.retain(|node| !self.pairing.is_linked(node));
        if missing.is_empty() && self.shared.is_banned_address(ip) {
            return Err(Refusal::Banned);
        }
        self.admission
            .inbound(connection, ip, missing.len(), self.shared.now())
    }

    fn admit_outbound(
        &mut self,
        connection: ConnectionId,
        node: Option<NodeId>,
        address: Option<&Multiaddr>,
    ) -> Result<(), Refusal> {
        let ip = address.and_then(|address| Address::from_multiaddr(address.clone()).ip());
        let reserved = node.is_some_and(|node| self.shared.is_reserved(&node));
        if node.is_some_and(|node| self.shared.is_banned_node(&node)) {
            return Err(Refusal::Banned);
        }
        if !reserved && ip.is_some_and(|ip| self.shared.is_banned_address(ip)) {
            return Err(Refusal::Banned);
        }
        self.admission.outbound(connection, ip, reserved)
    }

    fn admit_node(
        &mut self,
        connection: ConnectionId,
        end: FarEnd,
    ) -> Result<LanesHandler, Refusal> {
        let reserved = self.shared.is_reserved(&end.node);
        if self.shared.is_banned(&end.node, end.address.ip()) {
            return Err(Refusal::Banned);
        }
        self.admission.identified(connection, reserved)?;
        let now = self.shared.now();
        let role = self
            .pairing
            .established(connection, end.node, end.outbound, now)?;
        self.ends.insert(connection, end);
        Ok(LanesHandler::new(role, Arc::clone(&self.protocols)))
    }

    fn opened(&mut self, connection: ConnectionId, streams: Vec<Stream>) {
        let Some(others) = self.pairing.opened(connection, self.shared.now()) else {
            return;
        };
        for other in others {
            self.give_up(other, "another connection of the node is the link");
        }
        if let Some(end) = self.ends.get(&connection).cloned() {
            self.push(ToSwarm::GenerateEvent(Fate::Opened {
                connection,
                end,
                streams,
            }));
        }
    }

    fn closed(&mut self, connection: ConnectionId, reason: Option<String>) {
        self.admission.closed(connection);
        self.pairing.closed(connection);
        self.doomed.remove(&connection);
        if let Some(end) = self.ends.remove(&connection) {
            self.push(ToSwarm::GenerateEvent(Fate::Closed {
                connection,
                end,
                reason: reason.unwrap_or_else(|| "the connection was closed".to_owned()),
            }));
        }
    }
}

impl Around for Links {
    fn skips(&self, node: &NodeId) -> bool {
        self.pairing.is_known(node) || self.shared.is_banned_node(node)
    }

    fn may_dial(&self, ip: IpAddr) -> bool {
        self.admission.may_dial(ip) && !self.shared.is_banned_address(ip)
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = LanesHandler;
    type ToSwarm = Fate;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.admit_inbound(connection, from)
            .map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let end = FarEnd {
            node: NodeId::from_peer(peer),
            address: Address::from_multiaddr(from.clone()),
            outbound: false,
        };
        self.admit_node(connection, end)
            .map_err(ConnectionDenied::new)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.admit_outbound(connection, peer.map(NodeId::from_peer), addresses.first())
            .map(|()| Vec::new())
            .map_err(ConnectionDenied::new)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let end = FarEnd {
            node: NodeId::from_peer(peer),
            address: Address::from_multiaddr(address.clone()),
            outbound: true,
        };
        self.admit_node(connection, end)
            .map_err(ConnectionDenied::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed {
                connection_id,
                cause,
                ..
            }) => self.closed(connection_id, cause.map(ToString::to_string)),
            FromSwarm::DialFailure(DialFailure { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.admission.closed(connection_id);
                self.pairing.closed(connection_id);
                self.ends.remove(&connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        outcome: THandlerOutEvent<Self>,
    ) {
        match outcome {
            Outcome::Opened(streams) => self.opened(connection, streams),
            Outcome::Failed(reason) => self.doom(connection, &reason),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Action> {
        match self.actions.pop_front() {
            Some(action) => Poll::Ready(action),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
