//! The port to whoever receives and serves states.

use picot_consensus::Peer;

/// Who receives and serves states. No method waits: they are called between votes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait StateInbox: Send + Sync {
    /// A peer has introduced itself.
    fn introduced(&self, peer: Peer);

    /// A peer is gone; perhaps one that never introduced itself.
    fn gone(&self, peer: Peer);

    /// What a peer asks or answers.
    fn deliver(&self, from: Peer, bytes: &[u8]);
}
