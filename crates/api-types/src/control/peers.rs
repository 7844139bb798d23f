//! The peers of a node.

#[cfg(feature = "openapi")]
use crate::schema;
use picot_models::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Traffic with a peer on one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LaneStatus {
    /// `urgent`, `gossip` or `bulk`.
    pub lane: String,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
    /// Bytes that wait to go.
    pub queued_bytes: u64,
    /// Messages that found no room in the queue.
    pub dropped: u64,
}

/// A node that is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerStatus {
    /// Its name.
    pub node: String,
    /// Where it is.
    pub address: String,
    /// Whether this node called.
    pub outbound: bool,
    /// Whether it always has a place.
    pub reserved: bool,
    /// Since when.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub since: Timestamp,
    /// Its program; none before it has introduced itself.
    pub agent: Option<String>,
    /// The time to it and back in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// By how many milliseconds its clock is ahead of this node's.
    pub clock_ahead_ms: Option<i64>,
    /// Slots that it says to have decided and this node has not.
    pub slots_ahead: u64,
    /// Points for faults; they fade.
    pub penalty: u64,
    /// By lane.
    pub lanes: Vec<LaneStatus>,
}

/// `GET /peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeersResponse {
    /// The name of this node.
    pub node: String,
    /// Where it can be reached, as others are told.
    pub addresses: Vec<String>,
    /// By how many milliseconds this node's clock seems to be behind those of its peers.
    pub clock_behind_ms: Option<i64>,
    /// Who is connected, the oldest first.
    pub peers: Vec<PeerStatus>,
    /// Peers that always have a place.
    pub reserved: Vec<String>,
    /// Who is refused.
    pub bans: Vec<BanStatus>,
}

/// A node that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BanStatus {
    /// Which one.
    pub node: String,
    /// The address that is refused too.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub address: Option<IpAddr>,
    /// Until when.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Timestamp))]
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// `POST /peers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddPeerRequest {
    /// Where it is, as a multiaddress.
    pub address: String,
    /// Whether it always has a place; then the address says which node answers.
    #[serde(default)]
    pub reserved: bool,
}

/// `POST /peers/{node}/ban`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BanRequest {
    /// For how long, in seconds.
    pub seconds: u64,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeerResponse {
    /// To which address or node.
    pub peer: String,
}
