//! What can go wrong at the start.

use displaydoc::Display;
use thiserror::Error;

/// Why the protocol cannot start.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum ProtocolError {
    /// protocol setting `{field}`: {reason}
    Config {
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// the protocol cannot run: {0}
    Stopped(String),
}
