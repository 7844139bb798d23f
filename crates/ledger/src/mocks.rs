//! Mocks of the traits of this crate, a store that fails when it is told to, and the tests that every
//! state store must pass.

pub use crate::conformance::{check_reopen, check_state_snapshot, check_state_store};
pub use crate::ledger::MockLedger;
pub use crate::snapshot::MockStateSnapshot;
pub use crate::store::MockStateStore;
pub use crate::unreliable_store::UnreliableStore;
