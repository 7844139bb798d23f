//! Why a run could not be set up.

use displaydoc::Display;
use thiserror::Error;

/// Why a run could not be set up, or a file not be read. What goes wrong inside a run is a
/// [`Violation`](crate::Violation).
#[derive(Debug, Clone, Display, Error)]
pub enum SimError {
    /// simulator setting `{field}` is wrong: {reason}
    Config {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// the latencies cannot be read: {0}
    Latency(String),
    /// a part of node {node} cannot be made: {reason}
    Part {
        /// The node.
        node: usize,
        /// What the part says.
        reason: String,
    },
    /// the threads of a run cannot be started: {0}
    Threads(String),
}
