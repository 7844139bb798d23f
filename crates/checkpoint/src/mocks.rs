//! Mocks of this crate's traits, a chain of certified checkpoints, and the tests that every store
//! passes.

mod chain;
mod store_suite;

pub use crate::store::MockCheckpointStore;
pub use chain::{CertifiedChain, certificate, short_params};
pub use store_suite::checkpoint_store_suite;
