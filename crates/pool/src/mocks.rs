//! Mocks of the traits of this crate and builders of test data, for the tests of others.

pub use crate::accounts::MockAccountView;
pub use crate::pool::MockPool;
pub use crate::propagation::MockPropagation;
