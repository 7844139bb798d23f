//! Other nodes, and whether this one is well.

use serde::{Deserialize, Serialize};

/// `GET /peers`: without the addresses of the network, which only an operator gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublicPeersResponse {
    /// The name of this node; none if it has no network.
    pub node: Option<String>,
    /// Peers that are connected and of the same chain.
    pub connected: usize,
    /// By how many milliseconds this node's clock seems to be behind theirs; none if fewer than three
    /// tell.
    pub clock_behind_ms: Option<i64>,
    /// Who is connected, the oldest first.
    pub peers: Vec<PublicPeer>,
}

/// A node that is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublicPeer {
    /// Its name.
    pub node: String,
    /// Whether this node called.
    pub outbound: bool,
    /// Its program; none before it has introduced itself.
    pub agent: Option<String>,
    /// The time to it and back.
    pub round_trip_ms: Option<u64>,
    /// By how many milliseconds its clock is ahead of this node's.
    pub clock_ahead_ms: Option<i64>,
    /// Slots that it says to have decided and this node has not.
    pub slots_ahead: u64,
}

/// `GET /health/live`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveResponse {
    /// Always true: a node that is not alive does not answer.
    pub live: bool,
}

/// `GET /health/ready`: a node that is not ready answers with a problem that says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadyResponse {
    /// Always true.
    pub ready: bool,
}
