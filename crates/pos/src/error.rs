//! Why the proof-of-stake state cannot be read or changed.

use displaydoc::Display;
use picot_clock::{ClockError, Slot};
use picot_ledger::LedgerError;
use picot_models::Address;
use picot_selector::SelectorError;
use thiserror::Error;

/// Why the proof-of-stake state cannot be read or changed.
///
/// What an operation may do wrong (too few coins, too few rolls) is not here but in
/// [`RollRefusal`](crate::RollRefusal): that is an operation's fate, this is a fault.
#[derive(Debug, Clone, Display, Error)]
pub enum PosError {
    /// the state store cannot be read
    Ledger(#[from] LedgerError),
    /// the stored proof-of-stake state is wrong: {what} of cycle {cycle}: {reason}
    Corrupt {
        /// The cycle.
        cycle: u64,
        /// Which part of it.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// slot {slot} cannot be settled: the slot after the last final one is {expected}
    NotNext {
        /// The slot that was to be settled.
        slot: Slot,
        /// The slot that comes next.
        expected: Slot,
    },
    /// the end of cycle {0} leaves deferred credits that come due with it
    NotReimbursed(u64),
    /// cycle {0} is not known: it was dropped, or has not begun
    UnknownCycle(u64),
    /// {what} of {address} is past what a number can hold
    Overflow {
        /// What was added up.
        what: &'static str,
        /// Whose.
        address: Box<Address>,
    },
    /// the slot is not on this chain
    Slot(#[from] ClockError),
    /// the selector does not take cycle {cycle}
    Feed {
        /// The cycle that was fed.
        cycle: u64,
        /// What it said.
        #[source]
        source: SelectorError,
    },
    /// the proof-of-stake configuration is wrong: {0}
    Config(&'static str),
}
