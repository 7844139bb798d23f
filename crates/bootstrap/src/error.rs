//! Why this node cannot go on with its bootstrap.

use displaydoc::Display;
use picot_checkpoint::CheckpointError;
use picot_ledger::LedgerError;
use thiserror::Error;

/// Why this node cannot go on with its bootstrap: its own trouble, never a peer's.
#[derive(Debug, Clone, Display, Error)]
pub enum BootstrapError {
    /// {field} {reason}
    Config {
        /// The wrong field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// the certificate chain
    Checkpoint(#[from] CheckpointError),
    /// the state that was received
    Store(#[from] LedgerError),
    /// the state that was kept is again and again not what was received: the disk loses or changes data
    NotTheState,
    /// no peer serves a state that is newer than this node's
    NothingNewer,
    /// there is no thread for {0}
    Thread(&'static str),
    /// the bootstrap was stopped
    Stopped,
}
