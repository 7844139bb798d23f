//! What goes out to the network.

use picot_models::{Denunciation, SignedEndorsement, SignedOperation};
use std::sync::Arc;

/// What goes out to the network; `protocol` implements it.
///
/// Each item is handed over once, when the pool takes it in, from the thread of whoever added it
/// and while the pool holds no lock. An implementation queues and returns.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Propagation: Send + Sync {
    /// New pending operations, never none.
    fn operations(&self, operations: &[Arc<SignedOperation>]);

    /// New endorsements, never none.
    fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]);

    /// New denunciations, never none.
    fn denunciations(&self, denunciations: &[Arc<Denunciation>]);
}

/// For a node without peers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPropagation;

impl Propagation for NoPropagation {
    fn operations(&self, _operations: &[Arc<SignedOperation>]) {}

    fn endorsements(&self, _endorsements: &[Arc<SignedEndorsement>]) {}

    fn denunciations(&self, _denunciations: &[Arc<Denunciation>]) {}
}
