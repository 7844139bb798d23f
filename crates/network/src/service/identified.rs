//! What peers say of themselves and of others.

use super::{Found, Service};
use crate::address::is_public;
use crate::{Address, NodeId};
use libp2p_swarm::ConnectionId;

/// Addresses of one peer that are passed on.
const MAX_ADDRESSES: usize = 4;

impl Service {
    pub(super) fn on_identify(&mut self, event: libp2p_identify::Event) {
        let libp2p_identify::Event::Received {
            connection_id,
            peer_id,
            info,
        } = event
        else {
            return;
        };
        let ours = &self.shared.config.protocol;
        if info.protocol_version != *ours {
            let theirs: String = info.protocol_version.chars().take(64).collect();
            let reason = format!("it speaks {theirs:?}, not {ours:?}");
            return self.end(connection_id, &reason);
        }
        if let Some(state) = self.links.get(&connection_id) {
            state.set_agent(&info.agent_version);
            let node = NodeId::from_peer(peer_id);
            let from = state.address.ip();
            let own = info.listen_addrs.into_iter().map(Address::from_multiaddr);
            // Others are sent to a peer only where it is: nobody can have them dial a third.
            let addresses: Vec<Address> = own
                .map(|address| address.without_node())
                .filter(|address| self.is_sound(address) && address.ip() == from)
                .take(MAX_ADDRESSES)
                .collect();
            if let Some(seeker) = self.swarm.behaviour_mut().seeker.as_mut()
                && info.protocols.contains(seeker.protocol())
            {
                seeker.reachable(&node, &addresses);
            }
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
