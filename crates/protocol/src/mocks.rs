//! Mocks of the traits of this crate, for the tests of others.

pub use crate::state_inbox::MockStateInbox;
pub use crate::transport::MockTransport;
