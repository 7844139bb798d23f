//! The port to whatever carries frames.

use crate::{Farewell, Lane};
use picot_clock::Millis;
use picot_consensus::Peer;
use picot_crypto::Hash;
use std::net::IpAddr;
use std::sync::Arc;

/// Carries frames to peers that it is connected to.
///
/// Every method queues and returns. Frames of one lane arrive in order or the connection ends; what was
/// on its way then is lost. What happens is told by [`Input`](crate::Input)s: connected, disconnected,
/// received, written.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Transport: Send + Sync {
    /// Sends a frame. To a peer that is gone it is lost.
    fn send(&self, to: Peer, lane: Lane, frame: Arc<[u8]>);

    /// Ends a connection.
    fn disconnect(&self, peer: Peer, reason: &Farewell);

    /// Ends a connection, and refuses its node and address for a while.
    fn ban(
        &self,
        peer: Peer,
        node: Hash,
        address: Option<IpAddr>,
        length: Millis,
        reason: &Farewell,
    );
}
