//! Mocks of the traits of this crate and builders of test data.

mod history_log_suite;

use std::collections::BTreeSet;

use picot_clock::{Millis, Slot, Timestamp};
use picot_models::{
    ChainParams,
    mocks::{address, chain_id},
};

use crate::{Asking, Config, Duty, Event, Fate, HistoryEntry, Skip, SkipReason};

pub use crate::factory::MockBlockFactory;
pub use crate::production::{MockConnection, MockHistoryLog, MockSwitchStore};
pub use history_log_suite::{history_log_reopen_suite, history_log_suite};

/// Address 1 was due to make a block at slot `(period, thread)`, and was switched off.
#[must_use]
pub fn history_entry(period: u64, thread: u8) -> HistoryEntry {
    HistoryEntry {
        slot: Slot::new(period, thread),
        address: Some(address(1)),
        duty: Duty::Block { rank: Some(0) },
        event: Event::Skipped(Skip::new(SkipReason::Disabled, "by a test")),
        left_out: BTreeSet::new(),
        duration: Millis::ZERO,
        fate: Fate::Undecided,
    }
}

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
