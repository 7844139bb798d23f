//! The threads around the cores.

mod receive;
mod serve;

pub use receive::{Incoming, IncomingState, run_client};
pub use serve::{Serving, ServingHandle, ServingQueue};

use crate::{Lie, Message};
use picot_consensus::Peer;

/// The way to peers, and who keeps their accounts.
///
/// No method waits. A message to a peer that is gone is lost.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait BootstrapNetwork: Send + Sync {
    /// Says something to a peer.
    fn send(&self, to: Peer, message: &Message);

    /// A peer did what no honest one does: it is to be banned.
    fn blame(&self, peer: Peer, lie: &Lie);
}
