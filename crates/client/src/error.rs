//! Why a node gave no answer, or not the one asked for.

use crate::url::ApiUrl;
use displaydoc::Display;
use picot_api_types::ProblemCode;
use serde::Deserialize;
use std::fmt;
use thiserror::Error;

/// The most characters of an error's text that are passed on to a person.
const MAX_DETAIL_CHARS: usize = 2_000;

/// Why a node gave no answer, or not the one asked for.
#[derive(Debug, Display, Error)]
pub enum ClientError {
    /// no node answers at {url}: {reason}
    Unreachable {
        /// Where.
        url: ApiUrl,
        /// What the system says.
        reason: String,
    },
    /// the node at {url} did not answer within {seconds} s
    Slow {
        /// Where.
        url: ApiUrl,
        /// How long was waited.
        seconds: u64,
    },
    /// the connection to {url} broke before the answer was complete: {reason}
    Broken {
        /// Where.
        url: ApiUrl,
        /// What the system says.
        reason: String,
    },
    /// what answers at {url} is not a Picot node of this version: {reason}
    NotPicot {
        /// Where.
        url: ApiUrl,
        /// What is wrong with the answer.
        reason: String,
    },
    /// the answer of {url} has more than {max} bytes
    TooLarge {
        /// Where.
        url: ApiUrl,
        /// The bound.
        max: u64,
    },
    /// cannot write the request: {reason}
    Unwritable {
        /// What is wrong with it.
        reason: String,
    },
    /// {0}
    Refused(Refusal),
}

impl ClientError {
    /// Whether the node refused with this code.
    #[must_use]
    pub fn is_refusal(&self, code: ProblemCode) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is(code))
    }

    /// Whether asking once more may bring an answer: nobody answered, or not in time, or the node said
    /// that it cannot do it now.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Broken { .. } => true,
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 503),
            Self::NotPicot { .. } | Self::TooLarge { .. } | Self::Unwritable { .. } => false,
        }
    }
}

/// A problem that a node told. Codes that this program does not know are kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What exactly, where and why.
    pub detail: String,
}

impl Refusal {
    /// Whether it has this code.
    #[must_use]
    pub fn is(&self, code: ProblemCode) -> bool {
        self.known_code() == Some(code)
    }

    /// The code, if this version knows it.
    #[must_use]
    pub fn known_code(&self) -> Option<ProblemCode> {
        serde_json::from_value(serde_json::Value::from(self.code.as_str())).ok()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = printable(&self.detail);
        write!(formatter, "{detail} ({})", printable(&self.code))
    }
}

/// Text from elsewhere, fit for a terminal: no control characters, at most 2000 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let plain = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars()
        .take(MAX_DETAIL_CHARS)
        .map(plain)
        .collect::<String>()
        .trim()
        .to_owned()
}
