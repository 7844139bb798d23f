//! `GET /peers`: who is connected, without where they are.

use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{PublicPeer, PublicPeersResponse};
use axum::Json;
use axum::extract::State;

pub(crate) async fn peers(
    State(shared): State<Shared>,
) -> Result<Json<PublicPeersResponse>, Refusal> {
    shared
        .read(|interface| Ok(describe(interface)))
        .await
        .map(Json)
}

fn describe(interface: &Interface) -> PublicPeersResponse {
    let Some(peers) = &interface.peers else {
        return PublicPeersResponse {
            node: None,
            connected: 0,
            clock_behind_ms: None,
            peers: Vec::new(),
        };
    };
    let known = peers.peers();
    let introduced = known.peers.iter().filter(|peer| peer.agent.is_some());
    PublicPeersResponse {
        node: Some(known.node),
        connected: introduced.count(),
        clock_behind_ms: known.clock_behind_ms,
        peers: known
            .peers
            .into_iter()
            .map(|peer| PublicPeer {
                node: peer.node,
                outbound: peer.outbound,
                agent: peer.agent,
                round_trip_ms: peer.round_trip_ms,
                clock_ahead_ms: peer.clock_ahead_ms,
                slots_ahead: peer.slots_ahead,
            })
            .collect(),
    }
}
