//! Why execution cannot answer or go on.

use displaydoc::Display;
use picot_clock::{ClockError, Slot};
use picot_ledger::LedgerError;
use picot_models::GenesisError;
use picot_pos::PosError;
use picot_selector::SelectorError;
use std::sync::Arc;
use thiserror::Error;

/// Why execution cannot answer or go on. What becomes of an operation is an
/// [`OperationOutcome`](crate::OperationOutcome), never an error.
#[derive(Debug, Clone, Display, Error)]
pub enum ExecutionError {
    /// the final state cannot be read or written
    Ledger(#[from] LedgerError),
    /// the proof-of-stake state cannot be read or changed
    Pos(#[from] PosError),
    /// the draws of slot {slot} are not known
    Draws {
        /// The slot.
        slot: Slot,
        /// What the selector says.
        #[source]
        source: SelectorError,
    },
    /// the genesis makes no chain
    Genesis(#[from] GenesisError),
    /// the slot is not on this chain
    Slot(#[from] ClockError),
    /// the final state is of another chain
    OtherChain,
    /// the final state has format {found}, this node reads format {known}
    Format {
        /// What the state says.
        found: u32,
        /// What this node reads.
        known: u32,
    },
    /// the final state is damaged: {0}
    Corrupt(String),
    /// thread {thread} was handed over period {period} as decided, but its next one is {expected}
    OutOfOrder {
        /// The thread.
        thread: u8,
        /// The period handed over.
        period: u64,
        /// The period that comes next.
        expected: u64,
    },
    /// what was handed over as decided at slot {slot} is not about that slot
    WrongSlot {
        /// The slot.
        slot: Slot,
    },
    /// the coins do not add up after slot {slot}: {held} are held, {supplied} should be
    Conservation {
        /// The slot.
        slot: Slot,
        /// Nano-coins held by all addresses.
        held: u128,
        /// Nano-coins that there should be.
        supplied: u128,
    },
    /// {what} overflows at slot {slot}
    Overflow {
        /// The slot.
        slot: Slot,
        /// What was computed.
        what: &'static str,
    },
    /// the checkpoint of slot {slot} could not be kept
    Checkpoint {
        /// The slot.
        slot: Slot,
        /// What whoever keeps it says.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// execution panicked after slot {slot} was final: {message}
    Panicked {
        /// The last final slot.
        slot: Slot,
        /// What the panic said.
        message: String,
    },
    /// execution has stopped: {0}
    Stopped(String),
    /// execution setting `{field}` is {value}, but must be {rule}
    Config {
        /// The field.
        field: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
}
