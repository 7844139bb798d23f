//! Stand-ins for other projects' tests: validators that misbehave.

pub mod byzantine;
pub mod collusion;
pub mod false_states;
pub mod grinding;
pub mod meddling;

pub use crate::random::Random;
