//! Mocks of the traits of this crate, and the kit: a network of engines on virtual time.

mod kit;
mod kit_node;

pub use crate::consensus::MockConsensus;
pub use crate::network::{MockConsensusInbox, MockConsensusNetwork};
pub use kit::{Delivery, Kit};
pub use kit_node::{CountingVerifier, KitNode, KitWallet};
