//! Why a data directory cannot be used.

use displaydoc::Display;
use picot_models::ChainId;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a data directory, or a store in it, cannot be used.
#[derive(Debug, Clone, Display, Error)]
pub enum DatabaseError {
    /// data directory {0} is in use by another process
    InUse(PathBuf),
    /// data directory {path} belongs to another chain: {found}, not {expected}
    AnotherChain {
        /// The directory.
        path: PathBuf,
        /// The chain in it.
        found: Box<ChainId>,
        /// The chain that was asked for.
        expected: Box<ChainId>,
    },
    /// data directory {path} has format {found}, written by a newer program: this one knows up to {known}
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The format in it.
        found: u64,
        /// The format that is written today.
        known: u64,
    },
    /// {path} is damaged: {reason}
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// {action} {path} failed
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// {action} of the store failed
    Store {
        /// What was being done.
        action: &'static str,
        /// What the engine says.
        #[source]
        source: Arc<fjall::Error>,
    },
    /// the signing log
    SigningLog(#[from] picot_wallet::SigningLogError),
    /// the database configuration is wrong: {0}
    Config(&'static str),
}

impl DatabaseError {
    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl Fn(std::io::Error) -> Self + 'a {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn store(action: &'static str) -> impl Fn(fjall::Error) -> Self {
        move |source| Self::Store {
            action,
            source: Arc::new(source),
        }
    }
}
