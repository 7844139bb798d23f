//! What can go wrong between the node and its network.

use displaydoc::Display;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the network cannot start, or cannot do what it is asked.
#[derive(Debug, Display, Error)]
pub enum NetworkError {
    /// the network configuration is wrong: {0}
    Config(String),
    /// {text:?} is not a network address: {reason}
    Address {
        /// What was read.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// {0:?} is not a node id
    NodeId(String),
    /// {action} {path} failed
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// {path} is not a node key: {reason}
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// cannot listen on {address}: {reason}
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// the network could not be started: {0}
    Start(String),
    /// {0} cannot be dialled: {1}
    Undialable(String, &'static str),
    /// too many requests are waiting for the network
    Busy,
    /// the network has stopped
    Stopped,
}

impl NetworkError {
    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl Fn(std::io::Error) -> Self + 'a {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn key_file(path: &Path, reason: &str) -> Self {
        Self::KeyFile {
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Why a frame was not taken for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Error)]
pub enum SendError {
    /// the link is gone
    Gone,
    /// too many bytes of the lane are unsent
    Full,
    /// a frame of {length} bytes is over the lane's limit of {limit}
    TooLarge {
        /// Bytes of the frame.
        length: usize,
        /// The most that the lane carries in one.
        limit: usize,
    },
    /// there is no lane {0}
    NoLane(u8),
}
