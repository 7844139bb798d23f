//! Mocks of the traits of this crate and builders of test data.

use picot_clock::{Millis, Timestamp};
use picot_models::{ChainParams, mocks::chain_id};

use crate::{Asking, Config};

pub use crate::factory::MockBlockFactory;
pub use crate::production::MockHistoryLog;

/// The development chain since the timestamp 1,000,000, a process that started then and does not
/// wait, production switched on, and everybody asked inline.
#[must_use]
pub fn config() -> Config {
    let start = Timestamp(1_000_000);
    Config {
        chain_id: chain_id(1),
        params: ChainParams::dev(),
        genesis_timestamp: start,
        start,
        startup_delay: Millis::ZERO,
        fresh: false,
        enabled: true,
        asking: Asking::Inline,
    }
}
