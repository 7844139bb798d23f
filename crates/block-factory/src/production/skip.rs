//! Why something was not produced.

use displaydoc::Display;
use picot_consensus::ConsensusError;
use picot_wallet::WalletError;
use serde::{Deserialize, Serialize};

use crate::NoAnswer;

/// Why something that was due was not produced.
#[derive(
    Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// disabled
    Disabled,
    /// start-up wait
    StartupWait,
    /// no draws
    NoDraws,
    /// late
    Late,
    /// no connection
    NoConnection,
    /// signing protection
    SigningProtection,
    /// locked wallet
    LockedWallet,
    /// consensus behind
    ConsensusBehind,
    /// parent changed
    ParentChanged,
    /// no block to endorse
    NoBlock,
    /// signing failed
    SigningFailed,
    /// refused by our own consensus
    Refused,
}

/// A reason with what is known of it.
#[derive(Clone, Debug, Display, PartialEq, Eq, Serialize, Deserialize)]
#[displaydoc("{reason}: {detail}")]
pub struct Skip {
    /// The reason.
    pub reason: SkipReason,
    /// The error or the circumstance, for people.
    pub detail: String,
}

impl Skip {
    /// A reason with what is known of it.
    pub fn new(reason: SkipReason, detail: impl ToString) -> Self {
        Self {
            reason,
            detail: detail.to_string(),
        }
    }

    /// Of a consensus that gives no parents, or refuses a block for a reason of its own.
    #[must_use]
    pub fn of_consensus(error: &ConsensusError, otherwise: SkipReason) -> Self {
        let reason = match error {
            ConsensusError::ParentUndecided { .. } | ConsensusError::Stopped(_) => {
                SkipReason::ConsensusBehind
            }
            ConsensusError::AlreadyDecided { .. } => SkipReason::Late,
            _ => otherwise,
        };
        Self::new(reason, error)
    }

    /// Of a wallet that does not sign.
    #[must_use]
    pub fn of_wallet(error: &WalletError) -> Self {
        let reason = match error {
            WalletError::Locked | WalletError::UnknownAddress(_) => SkipReason::LockedWallet,
            WalletError::Listening { .. } => SkipReason::StartupWait,
            WalletError::NotSafe { .. } | WalletError::Refused { .. } => {
                SkipReason::SigningProtection
            }
            _ => SkipReason::SigningFailed,
        };
        Self::new(reason, error)
    }

    /// Of an essential part that gave no answer: a late answer makes the product late, whatever
    /// the part; for anything else the reason is the part's own.
    #[must_use]
    pub fn no_answer(reason: SkipReason, part: &str, no_answer: NoAnswer) -> Self {
        let reason = match no_answer {
            NoAnswer::Late { .. } | NoAnswer::NotAsked { .. } => SkipReason::Late,
            NoAnswer::Busy | NoAnswer::Broken => reason,
        };
        Self::new(reason, format_args!("{part}: {no_answer}"))
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::Slot;

    use super::*;

    #[test]
    fn a_skip_says_its_reason_and_what_is_known_of_it() {
        let skip = Skip::no_answer(SkipReason::NoDraws, "selector", NoAnswer::Busy);
        assert_eq!(
            skip.to_string(),
            "no draws: selector: still busy with an earlier question"
        );
        let late = NoAnswer::Late {
            deadline: picot_clock::Timestamp(0),
        };
        assert_eq!(
            Skip::no_answer(SkipReason::NoDraws, "selector", late).reason,
            SkipReason::Late
        );
    }

    #[test]
    fn each_error_of_consensus_has_its_reason() {
        let slot = Slot::new(3, 1);
        let reasons = [
            (
                ConsensusError::ParentUndecided { slot },
                SkipReason::ConsensusBehind,
            ),
            (
                ConsensusError::Stopped("by a test".into()),
                SkipReason::ConsensusBehind,
            ),
            (ConsensusError::AlreadyDecided { slot }, SkipReason::Late),
            (
                ConsensusError::UnknownThread {
                    slot,
                    thread_count: 1,
                },
                SkipReason::Refused,
            ),
        ];
        for (error, reason) in reasons {
            let skip = Skip::of_consensus(&error, SkipReason::Refused);
            assert_eq!(skip, Skip::new(reason, &error));
        }
    }
}
