//! Dialling: looking names up, and what became of attempts.

use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p_swarm::{ConnectionId, DialError};
use std::time::Duration;

use super::{Service, dial_refusal};
use crate::admission::Refusal;
use crate::{Address, NodeId};

/// How long a name may take to be looked up.
const LOOKUP_TIME: Duration = Duration::from_secs(5);
/// Machines of one name that are tried.
const MAX_MACHINES: usize = 8;
/// Names that are looked up at once.
const MAX_LOOKUPS: usize = 16;

/// An attempt whose names have been looked up.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The dialler's key, unless it is one dial by hand.
    key: Option<u64>,
    node: Option<NodeId>,
    addresses: Vec<Address>,
    failures: u32,
}

impl Service {
    /// Dials what the dialler finds due.
    pub(super) fn dial_due(&mut self) {
        let now = self.shared.now();
        let links = &self.swarm.behaviour().links;
        let target = self.shared.config.limits.target_outbound;
        let wanted = target.saturating_sub(links.outbound_count());
        for attempt in self.dialler.due(now, wanted, links) {
            self.look_up(Resolved {
                key: Some(attempt.key),
                node: attempt.node,
                addresses: attempt.addresses,
                failures: attempt.failures,
            });
        }
    }

    /// Dials an address by hand.
    pub(super) fn dial_once(&mut self, address: Address) {
        self.look_up(Resolved {
            key: None,
            node: address.node(),
            addresses: vec![address.without_node()],
            failures: 0,
        });
    }

    fn look_up(&mut self, attempt: Resolved) {
        if attempt
            .addresses
            .iter()
            .all(|address| address.name().is_none())
        {
            self.on_resolved(attempt);
        } else if self.lookups.len() >= MAX_LOOKUPS {
            self.dial_failed(
                attempt.key,
                attempt.node,
                "too many names are being looked up",
            );
        } else {
            self.lookups.spawn(resolve(attempt));
        }
    }

    pub(super) fn on_resolved(&mut self, attempt: Resolved) {
        let addresses: Vec<Multiaddr> = attempt
            .addresses
            .iter()
            .map(|address| address.multiaddr().clone())
            .collect();
        // Where anybody may answer, one address is tried after the other.
        let turn = usize::try_from(attempt.failures).unwrap_or(0);
        let one = addresses
            .get(turn.checked_rem(addresses.len()).unwrap_or(0))
            .cloned();
        let options = match (attempt.node, one) {
            (node, None) => {
                return self.dial_failed(attempt.key, node, "its name leads to no machine");
            }
            (Some(node), Some(_)) => DialOpts::peer_id(node.peer())
                .condition(PeerCondition::Always)
                .addresses(addresses)
                .allocate_new_port()
                .build(),
            (None, Some(address)) => DialOpts::unknown_peer_id()
                .address(address)
                .allocate_new_port()
                .build(),
        };
        let connection = options.connection_id();
        if let Some(key) = attempt.key {
            self.dials.insert(connection, key);
        }
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_error(connection, attempt.node, &error);
        }
    }

    pub(super) fn on_answer(&mut self, connection: ConnectionId, node: NodeId) {
        if let Some(key) = self.dials.remove(&connection) {
            self.dialler.answered(key, node, self.shared.now());
        }
    }

    pub(super) fn on_dial_error(
        &mut self,
        connection: ConnectionId,
        node: Option<NodeId>,
        error: &DialError,
    ) {
        let key = self.dials.remove(&connection);
        match (dial_refusal(error), key, node) {
            (Some(Refusal::Ourselves), Some(key), _) => {
                tracing::debug!("an address of a peer leads to ourselves: it is not dialled again");
                self.dialler.ourselves(key);
            }
            // It answered, but is already here, or about to be.
            (Some(Refusal::Linked | Refusal::Opening), Some(key), Some(node)) => {
                self.dialler.answered(key, node, self.shared.now());
            }
            (Some(reason), key, node) => self.dial_failed(key, node, &reason.to_string()),
            (None, key, node) => self.dial_failed(key, node, &error.to_string()),
        }
    }

    fn dial_failed(&mut self, key: Option<u64>, node: Option<NodeId>, reason: &str) {
        let now = self.shared.now();
        if let Some(key) = key {
            self.dialler.failed(key, now);
        }
        if let Some(left_out) = self.troubles.line(now) {
            let node = node.map(|node| node.to_string()).unwrap_or_default();
            tracing::info!(%node, reason, left_out, "dialling failed");
        }
    }
}

/// Puts the machines of names in their place.
async fn resolve(mut attempt: Resolved) -> Resolved {
    let mut addresses = Vec::new();
    for address in &attempt.addresses {
        let Some((name, rest, wanted)) = address.name() else {
            addresses.push(address.clone());
            continue;
        };
        let lookup = tokio::net::lookup_host((name.as_str(), address.port().unwrap_or(0)));
        if let Ok(Ok(found)) = tokio::time::timeout(LOOKUP_TIME, lookup).await {
            let machines = found.map(|socket| socket.ip()).filter(wanted);
            addresses.extend(machines.take(MAX_MACHINES).map(|ip| {
                let parts: Vec<Protocol<'_>> = rest.iter().collect();
                let whole = parts.into_iter().fold(Multiaddr::from(ip), Multiaddr::with);
                Address::from_multiaddr(whole)
            }));
        }
    }
    attempt.addresses = addresses;
    attempt
}
