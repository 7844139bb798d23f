//! Mocks of this crate's traits, a chain of certified checkpoints, and the tests that every store
//! passes.

mod chain;
mod store_suite;

pub use crate::checkpoint_core::MockValidators;
pub use crate::network::{MockCheckpointInbox, MockCheckpointNetwork};
pub use crate::store::MockCheckpointStore;
pub use crate::worker::MockCheckpoints;
pub use chain::{CertifiedChain, certificate, short_params};
pub use store_suite::checkpoint_store_suite;
