//! The ports to other nodes.

use crate::CheckpointMessage;
use picot_consensus::{Peer, PeerFault};
use std::sync::Arc;

/// Carries messages about checkpoints to other nodes.
///
/// Every method queues and returns. Messages may be lost, delayed, repeated and reordered; what matters
/// is sent again. Whatever is signed by this node is durable before it is handed over.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CheckpointNetwork: Send + Sync {
    /// To all.
    fn broadcast(&self, message: Arc<CheckpointMessage>);

    /// To all but `from`, who sent it. Its signatures are verified.
    fn relay(&self, from: Peer, message: Arc<CheckpointMessage>);

    /// To one.
    fn send(&self, to: Peer, message: Arc<CheckpointMessage>);

    /// A question to whoever is likely to know.
    fn ask(&self, message: Arc<CheckpointMessage>);

    /// A peer sent what no honest node sends.
    fn blame(&self, peer: Peer, fault: PeerFault);
}

/// Takes what the network has about checkpoints.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CheckpointInbox: Send + Sync {
    /// A message of another node. Any thread may call; never blocks: while too much waits, it is
    /// dropped, and comes again if it matters.
    fn deliver(&self, from: Peer, message: Arc<CheckpointMessage>);
}

/// The network of a node that has no peers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPeers;

impl CheckpointNetwork for NoPeers {
    fn broadcast(&self, _message: Arc<CheckpointMessage>) {}
    fn relay(&self, _from: Peer, _message: Arc<CheckpointMessage>) {}
    fn send(&self, _to: Peer, _message: Arc<CheckpointMessage>) {}
    fn ask(&self, _message: Arc<CheckpointMessage>) {}
    fn blame(&self, _peer: Peer, _fault: PeerFault) {}
}
