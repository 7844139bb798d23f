//! The search for peers: Kademlia that asks those we are linked with, and dials nobody.
//!
//! Whom a search would dial is told to the dialler, which has limits, waits and an eye on ranges of
//! addresses; the search goes on as if they had not answered.

use libp2p_core::transport::PortUse;
use libp2p_core::{Endpoint, Multiaddr};
use libp2p_identity::PeerId;
use libp2p_kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p_kad::{BucketInserts, Caching, Event as KadEvent, Mode, StoreInserts};
use libp2p_swarm::behaviour::{DialFailure, FromSwarm};
use libp2p_swarm::{
    ConnectionDenied, ConnectionId, DialError, NetworkBehaviour, StreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Address, NodeId};

const QUERY_TIME: Duration = Duration::from_secs(20);
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// An answer names 20 peers with a few addresses each.
const MAX_PACKET_BYTES: usize = 16 * 1_024;
/// Searches of our own at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// What a search found.
#[derive(Debug)]
pub(crate) enum Found {
    /// A node that others know.
    Node(NodeId, Vec<Address>),
    /// The search that was started is over.
    End,
}

/// Asks linked peers for others.
pub(crate) struct Seeker {
    kad: libp2p_kad::Behaviour<MemoryStore>,
    /// How many searches were begun, so that each has another target.
    searches: u64,
    own: PeerId,
    protocol: StreamProtocol,
}

impl Seeker {
    pub(crate) fn new(own: PeerId, protocol: StreamProtocol, answers: bool) -> Self {
        let mut config = libp2p_kad::Config::new(protocol.clone());
        config
            .set_query_timeout(QUERY_TIME)
            .set_parallelism(PARALLEL)
            .set_record_filtering(StoreInserts::FilterBoth)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None)
            .set_max_packet_size(MAX_PACKET_BYTES)
            .set_substreams_timeout(ANSWER_TIME)
            .set_kbucket_inserts(BucketInserts::Manual)
            .set_caching(Caching::Disabled)
            .set_periodic_bootstrap_interval(None);
        // Nothing but peers is looked for, so nobody stores anything here.
        let store = MemoryStoreConfig {
            max_records: 0,
            max_provided_keys: 0,
            max_providers_per_key: 0,
            max_value_bytes: 0,
        };
        let store = MemoryStore::with_config(own, store);
        let mut kad = libp2p_kad::Behaviour::with_config(own, store, config);
        kad.set_mode(Some(mode(answers)));
        Self {
            kad,
            searches: 0,
            own,
            protocol,
        }
    }

    /// What those speak who answer searches.
    pub(crate) const fn protocol(&self) -> &StreamProtocol {
        &self.protocol
    }

    /// Whether others may be sent to us.
    pub(crate) fn set_answers(&mut self, answers: bool) {
        self.kad.set_mode(Some(mode(answers)));
    }

    /// A linked peer can be reached by others at these addresses, and no longer at older ones.
    pub(crate) fn reachable(&mut self, node: &NodeId, addresses: &[Address]) {
        let peer = node.peer();
        self.kad.remove_peer(&peer);
        for address in addresses {
            self.kad.add_address(&peer, address.multiaddr().clone());
        }
    }

    /// Others should no longer be sent to a node.
    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.kad.remove_peer(&node.peer());
    }

    /// Begins a search: around ourselves first, then anywhere.
    pub(crate) fn search(&mut self) {
        let mut target = self.own.to_bytes();
        if self.searches > 0 {
            target.extend(self.searches.to_le_bytes());
        }
        self.searches = self.searches.saturating_add(1);
        self.kad.get_closest_peers(target);
    }

    fn divert(&mut self, connection: ConnectionId, peer: Option<PeerId>) -> Option<Found> {
        let known =
            self.kad
                .handle_pending_outbound_connection(connection, peer, &[], Endpoint::Dialer);
        self.kad.on_swarm_event(FromSwarm::DialFailure(DialFailure {
            peer_id: peer,
            error: &DialError::Aborted,
            connection_id: connection,
        }));
        let addresses = known.unwrap_or_default();
        let addresses = addresses.into_iter().map(Address::from_multiaddr);
        let addresses = addresses.map(|address| address.without_node());
        Some(Found::Node(NodeId::from_peer(peer?), addresses.collect()))
    }
}

const fn mode(answers: bool) -> Mode {
    if answers { Mode::Server } else { Mode::Client }
}

type Kad = libp2p_kad::Behaviour<MemoryStore>;

impl NetworkBehaviour for Seeker {
    type ConnectionHandler = <Kad as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Found;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad
            .handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad
            .handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.kad.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.kad
            .on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Found, THandlerInEvent<Self>>> {
        loop {
            let Poll::Ready(event) = self.kad.poll(cx) else {
                return Poll::Pending;
            };
            let found = match event {
                ToSwarm::Dial { opts } => self.divert(opts.connection_id(), opts.get_peer_id()),
                ToSwarm::GenerateEvent(KadEvent::OutboundQueryProgressed { step, .. }) => {
                    step.last.then_some(Found::End)
                }
                ToSwarm::GenerateEvent(_) => None,
                other => return Poll::Ready(other.map_out(|_| Found::End)),
            };
            if let Some(found) = found {
                return Poll::Ready(ToSwarm::GenerateEvent(found));
            }
        }
    }
}
