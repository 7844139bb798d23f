#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod civil;
mod clock;
mod error;
mod manual_clock;
mod millis;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod offset;
mod slot;
mod slot_clock;
mod slot_range;
mod stop;
mod tick_sequence;
mod ticker;
mod timestamp;
mod wait;

pub use clock::{Clock, SystemClock};
pub use error::ClockError;
pub use manual_clock::ManualClock;
pub use millis::Millis;
pub use offset::{
    MIN_OFFSET_PEERS, OffsetEstimate, OffsetEstimator, OffsetVerdict, median_ms, peer_offset_ms,
};
pub use slot::Slot;
pub use slot_clock::{MAX_THREAD_COUNT, SlotClock};
pub use slot_range::{SlotIter, SlotRange};
pub use stop::Stop;
pub use tick_sequence::{Due, Tick, TickSequence};
pub use ticker::Ticker;
pub use timestamp::Timestamp;
pub use wait::{MAX_SLEEP, Wait, wait_until};
