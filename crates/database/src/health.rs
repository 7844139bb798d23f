//! The first write that failed: after it a node can only stop, and be started again.

use displaydoc::Display;
use parking_lot::Mutex;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Why nothing more can be written. A later start recovers.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
pub enum WriteFailure {
    /// no space is left on the disk: {0}
    NoSpace(String),
    /// a write failed: {0}
    Other(String),
}

/// Knows the first write that failed, of all stores of a directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<WriteFailure>>>);

impl Health {
    /// Takes note of how a write ended, and hands it on.
    pub(crate) fn note<T, E: Error + 'static>(
        &self,
        action: &str,
        result: Result<T, E>,
    ) -> Result<T, E> {
        if let Err(error) = &result {
            let mut first = self.0.lock();
            if first.is_none() {
                *first = Some(failure(action, error));
            }
        }
        result
    }

    pub(crate) fn failure(&self) -> Option<WriteFailure> {
        self.0.lock().clone()
    }
}

fn failure(action: &str, error: &(dyn Error + 'static)) -> WriteFailure {
    let text = format!("{action}: {error}");
    if is_out_of_space(error) {
        WriteFailure::NoSpace(text)
    } else {
        WriteFailure::Other(text)
    }
}

/// Whether an error, or a cause of it, is a disk without space.
#[must_use]
pub fn is_out_of_space(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if kind(error).is_some_and(is_full) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let io = error.downcast_ref::<io::Error>();
    let io = io.or_else(|| error.downcast_ref::<Arc<io::Error>>().map(AsRef::as_ref));
    if let Some(error) = io {
        return Some(error.kind());
    }
    // It does not tell its causes.
    match error.downcast_ref::<redb::Error>() {
        Some(redb::Error::Io(error)) => Some(error.kind()),
        _ => None,
    }
}

const fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
