//! What peers say of themselves and of others.

use super::{Found, Service};
use crate::Address;
use crate::address::is_public;
use libp2p_swarm::ConnectionId;

/// Addresses of one peer that are passed on.
const MAX_ADDRESSES: usize = 4;

/// What a peer said of itself; it may say it before its connection is a link.
#[derive(Debug)]
pub(super) struct Said {
    agent: String,
    /// Where it says that it listens.
    addresses: Vec<Address>,
    /// Whether it answers searches of our chain.
    answers: bool,
}

impl Service {
    pub(super) fn on_identify(&mut self, event: libp2p_identify::Event) {
        let libp2p_identify::Event::Received {
            connection_id,
            info,
            ..
        } = event
        else {
            return;
        };
        let ours = self.shared.config.dialect();
        if info.protocol_version != ours {
            let theirs: String = info.protocol_version.chars().take(64).collect();
            let reason = format!("it speaks {theirs:?}, not {ours:?}");
            return self.end(connection_id, &reason);
        }
        if !self.swarm.behaviour().links.has(connection_id) {
            return;
        }
        let seeker = self.swarm.behaviour().seeker.as_ref();
        let addresses = info.listen_addrs.into_iter().map(Address::from_multiaddr);
        let said = Said {
            agent: info.agent_version,
            answers: seeker.is_some_and(|seeker| info.protocols.contains(seeker.protocol())),
            addresses: addresses.map(|address| address.without_node()).collect(),
        };
        self.said.insert(connection_id, said);
        self.use_said(connection_id);
    }

    /// Uses what a peer said of itself once its connection is a link.
    pub(super) fn use_said(&mut self, connection: ConnectionId) {
        let Some(state) = self.links.get(&connection) else {
            return;
        };
        let Some(said) = self.said.remove(&connection) else {
            return;
        };
        state.set_agent(&said.agent);
        let (node, from) = (state.node, state.address.ip());
        // Others are sent to a peer only where it is: nobody can have them dial a third.
        let mut addresses = said.addresses;
        addresses.retain(|address| self.is_sound(address) && address.ip() == from);
        addresses.truncate(MAX_ADDRESSES);
        if said.answers
            && let Some(seeker) = self.swarm.behaviour_mut().seeker.as_mut()
        {
            seeker.reachable(&node, &addresses);
        }
    }

    pub(super) fn on_found(&mut self, found: Found) {
        match found {
            Found::End => self.search.running = false,
            Found::Node(node, mut addresses) => {
                addresses.retain(|address| self.is_sound(address));
                if self.dialler.learn(node, addresses, self.shared.now()) {
                    tracing::debug!(%node, "learnt of a peer");
                    self.search.wait = self.shared.config.redial_min;
                }
            }
        }
    }

    /// Begins a search if there are too few outbound links, and the last one is long enough ago.
    pub(super) fn search_if_due(&mut self) {
        let now = self.shared.now();
        let target = self.shared.config.limits.target_outbound;
        let enough = self.swarm.behaviour().links.outbound_count() >= target;
        if self.links.is_empty() || enough || self.search.running || now < self.search.due {
            return;
        }
        if let Some(seeker) = self.swarm.behaviour_mut().seeker.as_mut() {
            seeker.search();
            self.search.running = true;
            self.search.due = now.saturating_add(self.search.wait);
            let longer = self.search.wait.saturating_mul(2);
            self.search.wait = longer.min(self.shared.config.redial_max);
        }
    }

    /// Whether an address that others told may be dialled and passed on.
    fn is_sound(&self, address: &Address) -> bool {
        let allowed = |ip| !self.shared.config.public || is_public(ip);
        address.trouble().is_none() && address.ip().is_some_and(allowed)
    }

    /// Ends a connection, whether it is a link or not.
    fn end(&mut self, connection: ConnectionId, reason: &str) {
        match self.links.get(&connection) {
            Some(state) => state.close(reason),
            None => self.swarm.behaviour_mut().links.doom(connection, reason),
        }
    }
}
