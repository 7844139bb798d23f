//! Mocks of the traits of this crate.

pub use crate::worker::MockBootstrapNetwork;
