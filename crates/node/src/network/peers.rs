//! The peers of a node as its operator sees and changes them.

use super::NodeNetwork;
use picot_api::control::peers::{
    BanStatus, LaneStatus, PeerControl, PeerControlError, PeerStatus, PeersResponse,
};
use picot_clock::Millis;
use picot_network::{Address, LinkInfo, NetworkError, NodeId};
use picot_protocol::{Lane, PeerInfo};

impl PeerControl for NodeNetwork {
    fn peers(&self) -> PeersResponse {
        let local = self.network.local();
        let infos = self.handle.peers();
        let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect();
        let addresses = if local.external.is_empty() {
            texts(&local.listen)
        } else {
            texts(&local.external)
        };
        let links = self.network.links();
        let bans = self.network.bans().into_iter().map(|ban| BanStatus {
            node: ban.node.to_string(),
            address: ban.address,
            until: ban.until,
            reason: ban.reason,
        });
        PeersResponse {
            node: local.node.to_string(),
            addresses,
            clock_behind_ms: self.handle.clock_offset_ms(),
            peers: links.iter().map(|link| status(link, &infos)).collect(),
            reserved: texts(&self.network.reserved()),
            bans: bans.collect(),
        }
    }

    fn add(&self, address: &str, reserved: bool) -> Result<(), PeerControlError> {
        let address: Address = address
            .parse()
            .map_err(|error: NetworkError| PeerControlError::Invalid(error.to_string()))?;
        let done = if reserved {
            self.network.add_reserved(&address)
        } else {
            self.network.dial(&address)
        };
        done.map_err(|error| failure(&error))
    }

    fn remove(&self, node: &str) -> Result<(), PeerControlError> {
        let node = node_id(node)?;
        let released = self.network.remove_reserved(&node);
        let released = released.map_err(|error| failure(&error))?;
        let links = self.network.links();
        let link = links.iter().find(|link| link.node == node);
        if let Some(link) = link {
            self.network
                .disconnect(link.link, "an operator removed this peer");
        } else if !released {
            let text = format!("node {node} is neither connected nor reserved");
            return Err(PeerControlError::NotFound(text));
        }
        Ok(())
    }

    fn ban(&self, node: &str, seconds: u64) -> Result<(), PeerControlError> {
        let node = node_id(node)?;
        let now = self.links.clock.now();
        let until = now.checked_add(Millis(seconds.saturating_mul(1_000)));
        let until = until.ok_or_else(|| PeerControlError::Invalid("too long".to_owned()))?;
        let links = self.network.links();
        let link = links.iter().find(|link| link.node == node);
        let address = link.and_then(|link| link.address.ip());
        self.network.ban(&node, address, until, "by an operator");
        Ok(())
    }

    fn unban(&self, node: &str) -> Result<(), PeerControlError> {
        let node = node_id(node)?;
        if self.network.unban(&node) {
            return Ok(());
        }
        let text = format!("node {node} is not banned");
        Err(PeerControlError::NotFound(text))
    }
}

fn node_id(text: &str) -> Result<NodeId, PeerControlError> {
    text.parse()
        .map_err(|error: NetworkError| PeerControlError::Invalid(error.to_string()))
}

fn failure(error: &NetworkError) -> PeerControlError {
    match error {
        NetworkError::Undialable { .. } | NetworkError::Address { .. } => {
            PeerControlError::Invalid(error.to_string())
        }
        _ => PeerControlError::Failed(error.to_string()),
    }
}

/// What the network and the protocol know of a peer.
fn status(link: &LinkInfo, infos: &[PeerInfo]) -> PeerStatus {
    let info = infos.iter().find(|info| info.peer == link.link.0);
    let lanes = Lane::ALL.iter().zip(&link.lanes).map(|(lane, traffic)| {
        let queued = info.map_or(0, |info| *info.queued_bytes.get(*lane));
        let dropped = info.map_or(0, |info| info.dropped.get(*lane).values().sum());
        LaneStatus {
            lane: format!("{lane:?}").to_lowercase(),
            received_bytes: traffic.received_bytes,
            sent_bytes: traffic.written_bytes,
            queued_bytes: u64::try_from(queued).unwrap_or(u64::MAX),
            dropped,
        }
    });
    let round_trip = link.round_trip.or_else(|| info?.round_trip);
    PeerStatus {
        node: link.node.to_string(),
        address: link.address.to_string(),
        outbound: link.outbound,
        reserved: link.reserved,
        since: link.since,
        agent: info
            .filter(|info| info.ready)
            .map(|info| info.agent.clone()),
        round_trip_ms: round_trip.map(|length| length.0),
        clock_ahead_ms: info.and_then(|info| info.clock_offset_ms),
        slots_ahead: info.map_or(0, |info| info.ahead_slots),
        penalty: info.map_or(0, |info| info.penalty),
        lanes: lanes.collect(),
    }
}
