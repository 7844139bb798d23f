//! Why the ledger or the store below it cannot answer.

use displaydoc::Display;
use std::error::Error as StdError;
use std::sync::Arc;
use thiserror::Error;

/// Why the ledger or the store below it cannot answer: always our fault, never a caller's input.
#[derive(Debug, Clone, Display, Error)]
pub enum LedgerError {
    /// the state store failed to {action}
    Store {
        /// What it was asked to do.
        action: &'static str,
        /// What the store said.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// the state store holds {what} that cannot be read: {reason}
    Corrupt {
        /// What was to be read.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// the sum of coins or rolls of {0} is past what a number can hold
    Overflow(&'static str),
}

impl LedgerError {
    /// A failure of the store below.
    pub fn store(action: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Store {
            action,
            source: Arc::new(source),
        }
    }

    /// Something in the store that cannot be read.
    pub fn corrupt(what: &'static str, reason: impl ToString) -> Self {
        Self::Corrupt {
            what,
            reason: reason.to_string(),
        }
    }
}
