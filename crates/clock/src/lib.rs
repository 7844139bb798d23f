#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod civil;
mod clock;
mod error;
mod millis;
mod slot;
mod slot_clock;
mod slot_range;
mod stop;
mod timestamp;

pub use clock::{Clock, SystemClock};
pub use error::ClockError;
pub use millis::Millis;
pub use slot::Slot;
pub use slot_clock::{MAX_THREAD_COUNT, SlotClock};
pub use slot_range::{SlotIter, SlotRange};
pub use stop::Stop;
pub use timestamp::Timestamp;
