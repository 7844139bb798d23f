//! Mocks of the traits of this crate.

pub use crate::final_state::MockPosFinalState;
