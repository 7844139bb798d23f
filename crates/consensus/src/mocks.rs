//! Mocks of the traits of this crate and builders of test data.

pub use crate::consensus::MockConsensus;
pub use crate::network::MockConsensusNetwork;
