//! What can go wrong with metrics.

use displaydoc::Display;
use thiserror::Error;

/// What can go wrong with metrics.
#[derive(Debug, Display, Error)]
pub enum MetricsError {
    /// there is no thread to count what happens: {0}
    Thread(#[source] std::io::Error),
    /// the figures cannot be written as text
    Encode,
}
