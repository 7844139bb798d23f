//! What can go wrong.

use displaydoc::Display;
use picot_models::{BlockId, Slot, Value};
use std::sync::Arc;
use thiserror::Error;

/// Why something could not be stored or read.
#[derive(Debug, Clone, Display, Error)]
pub enum StorageError {
    /// slot {slot} is decided as {stored}, it cannot also be {offered}
    Contradiction {
        /// The slot of what was offered.
        slot: Slot,
        /// What the archive has.
        stored: Box<Value>,
        /// What was offered.
        offered: Box<Value>,
    },
    /// the outcome of slot {slot} does not follow: the next period of its thread is {expected}
    Gap {
        /// The slot of what was offered.
        slot: Slot,
        /// The period after the last decided one.
        expected: u64,
    },
    /// slot {slot} is decided as block {block}, whose body is neither given nor held
    MissingBody {
        /// The slot.
        slot: Slot,
        /// The decided block.
        block: Box<BlockId>,
    },
    /// the block given with the outcome of slot {slot} is {found}, the outcome is {decided}
    WrongBody {
        /// The slot.
        slot: Slot,
        /// What was decided.
        decided: Box<Value>,
        /// The block that came along.
        found: Box<BlockId>,
    },
    /// what is stored of {what} is damaged: {reason}
    Damaged {
        /// The record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// the archive failed while {action}
    Archive {
        /// What was being done.
        action: &'static str,
        /// What the engine says.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// the storage configuration is wrong: {0}
    Config(&'static str),
}
