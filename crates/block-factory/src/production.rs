//! What the two factories do alike: the switch, the start-up wait, which slots are new, the
//! history and the counters.

mod connection;
mod fates;
mod history;
mod our_draws;
mod skip;
mod slot_guard;
mod startup;
mod state;
mod stats;
mod story;
mod switch;
mod ticks;

pub use connection::{AlwaysConnected, Connection};
pub use fates::Fates;
pub use history::{Duty, Event, Fate, HistoryEntry, HistoryLog, MemoryHistory, Part};
pub use our_draws::{MAX_MISSED_TICKS_TOLD, OurDraws};
pub use skip::{Skip, SkipReason};
pub use slot_guard::SlotGuard;
pub use startup::StartupWait;
pub use state::Production;
pub use stats::FactoryStats;
pub use story::Story;
pub use switch::SwitchStore;
pub use ticks::run_on_ticks;

#[cfg(any(test, feature = "mocks"))]
pub use {connection::MockConnection, history::MockHistoryLog, switch::MockSwitchStore};
