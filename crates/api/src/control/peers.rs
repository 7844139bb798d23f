//! The peers of the node, while it runs.

pub use picot_api_types::control::{
    AddPeerRequest, BanRequest, BanStatus, LaneStatus, PeerResponse, PeerStatus, PeersResponse,
};

/// Why a peer is not added, banned or let in again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerControlError {
    /// What was given is no address or node.
    Invalid(String),
    /// There is no such peer or ban.
    NotFound(String),
    /// The network cannot do it.
    Failed(String),
}

/// The peers of the node, while it runs. Calls may come from any thread, and return at once.
pub trait PeerControl: Send + Sync {
    /// Everything there is to know.
    fn peers(&self) -> PeersResponse;

    /// Calls an address, once or, if it is reserved, for ever.
    ///
    /// # Errors
    /// [`PeerControlError`].
    fn add(&self, address: &str, reserved: bool) -> Result<(), PeerControlError>;

    /// Keeps no place for a node any more, and ends the connection with it.
    ///
    /// # Errors
    /// [`PeerControlError`].
    fn remove(&self, node: &str) -> Result<(), PeerControlError>;

    /// Refuses a node, and the address that it is connected from.
    ///
    /// # Errors
    /// [`PeerControlError`].
    fn ban(&self, node: &str, seconds: u64) -> Result<(), PeerControlError>;

    /// Lets a node in again.
    ///
    /// # Errors
    /// [`PeerControlError`].
    fn unban(&self, node: &str) -> Result<(), PeerControlError>;
}
