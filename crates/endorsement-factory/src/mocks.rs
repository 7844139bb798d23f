//! Mocks of the traits of this crate; those of the connection, the history and the settings are the block
//! factory's.

pub use crate::factory::MockEndorsementFactory;
pub use picot_block_factory::mocks::{MockConnection, MockHistoryLog, config};
