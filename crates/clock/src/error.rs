//! What can go wrong with slots and times.

use displaydoc::Display;
use thiserror::Error;

use crate::{Millis, Slot, Timestamp};

/// A question about slots or times that has no answer.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockError {
    /// slot {slot} is not on a chain of {thread_count} threads
    ThreadOutOfRange {
        /// The slot whose thread does not exist.
        slot: Slot,
        /// Threads of the chain.
        thread_count: u8,
    },
    /// no slot comes before slot {slot}
    NoSlotBefore {
        /// The first slot, of the chain or of its thread.
        slot: Slot,
    },
    /// no slot comes after slot {slot}: the period would pass 64 bits
    NoSlotAfter {
        /// The last slot, of the chain or of its thread.
        slot: Slot,
    },
    /// slot {end} is before slot {start}, where an ascending range was asked for
    Descending {
        /// Where the range was to start.
        start: Slot,
        /// Where the range was to end.
        end: Slot,
    },
    /// the number of slots from slot {start} to slot {end} passes 64 bits
    TooManySlots {
        /// Where the range starts.
        start: Slot,
        /// Where the range ends.
        end: Slot,
    },
    /// a cycle needs at least one period
    NoPeriodsPerCycle,
    /// cycle {cycle} of {periods_per_cycle} periods passes the last period of 64 bits
    CycleOutOfRange {
        /// The cycle asked for.
        cycle: u64,
        /// Periods of each cycle.
        periods_per_cycle: u64,
    },
    /// slot {slot} starts past the last timestamp of 64 bits
    SlotOutOfTime {
        /// The slot that has no time.
        slot: Slot,
    },
    /// {length} after {from} is past the last timestamp of 64 bits
    OutOfTime {
        /// The time counted from.
        from: Timestamp,
        /// The length that leads too far.
        length: Millis,
    },
    /// time {time} is before genesis at {genesis_timestamp}
    BeforeGenesis {
        /// The time asked about.
        time: Timestamp,
        /// Start of slot `0/0`.
        genesis_timestamp: Timestamp,
    },
    /// `thread_count` is {0}, but must be a power of two from 1 to 64
    InvalidThreadCount(u8),
    /// `t0` is {t0}, but must be positive and a multiple of {thread_count} ms, one for each thread
    InvalidT0 {
        /// The refused length of a period.
        t0: Millis,
        /// Threads of the chain.
        thread_count: u8,
    },
    /// `max_peers` is {0}, but an offset needs the timestamps of at least 3 peers
    TooFewPeers(usize),
    /// "{0}" is not a slot: expected period and thread as in `12/3`
    SlotText(String),
}
