//! Errors as clients see them: problem details (RFC 9457), each with a stable code.

use serde::{Deserialize, Serialize};
use std::error::Error;

/// The longest detail.
const MAX_DETAIL_CHARS: usize = 1_000;

/// The stable codes. A code once given keeps its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The path names no route.
    NoSuchRoute,
    /// The route does not know the method.
    MethodNotAllowed,
    /// A part of the path or of the query is not what it should be.
    InvalidParameter,
    /// The body is not JSON, or not of the right shape.
    InvalidBody,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The request took too long.
    Timeout,
    /// More operations than a batch may have.
    BatchTooLarge,
    /// Nothing is known under this id, or at this slot.
    NotFound,
    /// The slot is in the future, or its cycle's draws are not known yet.
    NotYetKnown,
    /// The operation's signature is not its sender's on this chain.
    InvalidSignature,
    /// The operation can no longer be included.
    Expired,
    /// The operation is for a period too far in the future.
    TooEarly,
    /// The operation is larger than a block may be, or can use more gas.
    TooLarge,
    /// The fee is under the node's minimum.
    FeeTooLow,
    /// The operation is pending already.
    AlreadyPending,
    /// The operation was executed already.
    AlreadyExecuted,
    /// The sender's balance does not cover the operation and its other pending ones.
    BalanceTooLow,
    /// The sender owns fewer rolls than it sells.
    RollsTooFew,
    /// The operation is for a contract, and the node has no engine for contracts.
    NoContractEngine,
    /// The operation orders nothing that can be done.
    InvalidOperation,
    /// The token of the control interface is missing or wrong.
    Unauthorized,
    /// The wallet is locked, or the node has none.
    NoWallet,
    /// The text is no secret key that can own an address.
    InvalidKey,
    /// The key is there already, or there is no place for another one.
    KeyNotAdded,
    /// The key file was changed by somebody else: nothing was written.
    KeyFileChanged,
    /// The pool has no place for it now; try again later.
    PoolFull,
    /// The node is not in step with the network, or does not go on.
    NotReady,
    /// The node cannot do it now; try again later.
    Unavailable,
    /// The node failed; its log says why.
    Internal,
}

impl ProblemCode {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoSuchRoute | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::InvalidParameter | Self::InvalidBody => 400,
            Self::BodyTooLarge | Self::BatchTooLarge => 413,
            Self::Timeout => 408,
            Self::NotYetKnown
            | Self::AlreadyPending
            | Self::AlreadyExecuted
            | Self::NoWallet
            | Self::KeyNotAdded
            | Self::KeyFileChanged => 409,
            Self::Unauthorized => 401,
            Self::InvalidSignature
            | Self::Expired
            | Self::TooEarly
            | Self::TooLarge
            | Self::FeeTooLow
            | Self::BalanceTooLow
            | Self::RollsTooFew
            | Self::NoContractEngine
            | Self::InvalidKey
            | Self::InvalidOperation => 422,
            Self::PoolFull => 429,
            Self::NotReady | Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NoSuchRoute => "no such route",
            Self::MethodNotAllowed => "method not allowed",
            Self::InvalidParameter => "invalid parameter",
            Self::InvalidBody => "invalid body",
            Self::BodyTooLarge => "body too large",
            Self::Timeout => "request timed out",
            Self::BatchTooLarge => "batch too large",
            Self::NotFound => "not found",
            Self::NotYetKnown => "not known yet",
            Self::InvalidSignature => "invalid signature",
            Self::Expired => "operation expired",
            Self::TooEarly => "operation too early",
            Self::TooLarge => "operation too large",
            Self::FeeTooLow => "fee too low",
            Self::AlreadyPending => "operation already pending",
            Self::AlreadyExecuted => "operation already executed",
            Self::BalanceTooLow => "balance too low",
            Self::RollsTooFew => "rolls too few",
            Self::NoContractEngine => "no engine for contracts",
            Self::InvalidOperation => "invalid operation",
            Self::Unauthorized => "unauthorized",
            Self::NoWallet => "no wallet",
            Self::InvalidKey => "invalid key",
            Self::KeyNotAdded => "key not added",
            Self::KeyFileChanged => "key file changed",
            Self::PoolFull => "pool full",
            Self::NotReady => "not ready",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal error",
        }
    }

    /// Seconds after which another try makes sense, where it does.
    #[must_use]
    pub const fn retry_after_seconds(self) -> Option<u64> {
        match self {
            Self::PoolFull | Self::Unavailable => Some(2),
            _ => None,
        }
    }
}

/// What went wrong, for programs (`code`) and people (`detail`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The code, as a relative URI reference: RFC 9457's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ProblemCode,
    /// What exactly, where and why.
    pub detail: String,
}

impl Problem {
    /// A problem with its detail.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let title = code.title();
        Self {
            kind: format!("/problems/{}", title.replace(' ', "-")),
            title: title.to_owned(),
            status: code.status(),
            code,
            detail: shortened(detail.into()),
        }
    }

    /// A problem whose detail is an error with all its causes.
    #[must_use]
    pub fn of_error(code: ProblemCode, error: &dyn Error) -> Self {
        Self::new(code, chain_text(error))
    }
}

/// At most [`MAX_DETAIL_CHARS`]: what a client wrote is told back to it, but not all of it.
fn shortened(mut detail: String) -> String {
    if let Some((end, _)) = detail.char_indices().nth(MAX_DETAIL_CHARS) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

fn chain_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_says_with_its_code() {
        let problem = Problem::new(ProblemCode::FeeTooLow, "the fee is 0");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "/problems/fee-too-low");
        assert_eq!(
            (json["status"].as_u64(), json["code"].as_str()),
            (Some(422), Some("fee_too_low"))
        );
    }

    #[test]
    fn a_detail_is_bounded() {
        let problem = Problem::new(ProblemCode::InvalidParameter, "☃".repeat(30_000));
        assert_eq!(problem.detail.chars().count(), MAX_DETAIL_CHARS + 1);
        assert!(problem.detail.ends_with('…'));
    }
}
