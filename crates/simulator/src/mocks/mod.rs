//! Stand-ins for other projects' tests: validators that misbehave.

pub mod byzantine;

pub use crate::random::Random;
