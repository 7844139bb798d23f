//! Why consensus cannot answer, or refuses.

use displaydoc::Display;
use picot_models::Slot;
use picot_storage::StorageError;
use thiserror::Error;

/// Why consensus cannot answer, or refuses.
#[derive(Debug, Display, Error)]
pub enum ConsensusError {
    /// slot {slot}, the parent's place of a block of the next period, is not decided yet
    ParentUndecided {
        /// The undecided slot.
        slot: Slot,
    },
    /// slot {slot} is decided already
    AlreadyDecided {
        /// The slot.
        slot: Slot,
    },
    /// slot {slot} is not on a chain of {thread_count} threads
    UnknownThread {
        /// The slot.
        slot: Slot,
        /// Threads of the chain.
        thread_count: u8,
    },
    /// the archive failed
    Storage(#[from] StorageError),
    /// the archive has no outcome of slot {slot}, though it has later ones
    ArchiveGap {
        /// The slot.
        slot: Slot,
    },
    /// the archive goes on at slot {slot} from another history than the state's
    OtherHistory {
        /// The slot.
        slot: Slot,
    },
    /// the configuration of consensus is wrong: {0}
    Config(String),
    /// consensus has no time to answer now
    Busy,
    /// consensus has stopped: {0}
    Stopped(String),
}
