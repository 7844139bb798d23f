//! The port to other nodes.

use crate::{ConsensusError, Message, Peer, PeerFault, Request};
use picot_models::{Block, Slot};
use std::sync::Arc;

/// Carries messages of consensus to other nodes.
///
/// Every method queues and returns: it never waits for the network. Messages may be lost, delayed,
/// repeated and reordered; consensus sends again what matters. Whatever of ours is in a message is
/// durable before it is handed over.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ConsensusNetwork: Send + Sync {
    /// To all.
    fn broadcast(&self, message: Arc<Message>);

    /// To a few others, a dozen at most, who do not pass it on.
    fn tell(&self, message: Arc<Message>);

    /// To all but `from`, who sent it. The signature of a vote is not verified.
    fn relay(&self, from: Peer, message: Arc<Message>);

    /// To one.
    fn send(&self, to: Peer, message: Arc<Message>);

    /// A question to one peer, or to whoever is likely to know. The answer comes as a message.
    fn ask(&self, to: Option<Peer>, request: Request);

    /// A candidate that this node holds whole: others may ask for it.
    fn hold(&self, block: &Block);

    /// A peer sent what no honest node sends.
    fn blame(&self, peer: Peer, fault: PeerFault);
}

/// Takes what the network has for consensus.
///
/// May be called from any thread; both block only while the queue of consensus is full, which holds up
/// whoever sends.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ConsensusInbox: Send + Sync {
    /// A message of another node.
    ///
    /// # Errors
    /// [`ConsensusError::Stopped`].
    fn deliver(&self, from: Peer, message: Arc<Message>) -> Result<(), ConsensusError>;

    /// A peer says that it has decided these.
    ///
    /// # Errors
    /// [`ConsensusError::Stopped`].
    fn decided_elsewhere(&self, peer: Peer, slots: Vec<Slot>) -> Result<(), ConsensusError>;
}

/// The network of a node that has no peers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPeers;

impl ConsensusNetwork for NoPeers {
    fn broadcast(&self, _message: Arc<Message>) {}
    fn tell(&self, _message: Arc<Message>) {}
    fn relay(&self, _from: Peer, _message: Arc<Message>) {}
    fn send(&self, _to: Peer, _message: Arc<Message>) {}
    fn ask(&self, _to: Option<Peer>, _request: Request) {}
    fn hold(&self, _block: &Block) {}
    fn blame(&self, _peer: Peer, _fault: PeerFault) {}
}
