//! The load generator: transfers from many accounts, signed ahead, submitted in batches at a rate or
//! as fast as the nodes take them, and followed until they are final.
//!
//! ```text
//! Signer ──batches──▶ submitters ──POST──▶ nodes
//!                        │  sent, answered      │ final slots (one stream of one node)
//!                        ▼                      ▼
//!                      Tracker ◀────────────── the loop of `run`
//! ```
//!
//! What was submitted and is not final is bounded: submitters wait for room. Finality costs one stream
//! of final slots, never a request for an operation.

mod accounts;
mod follower;
mod latencies;
mod pace;
mod report;
mod run;
mod signer;
mod submitter;
mod tracker;

pub(crate) use accounts::{Account, accounts};
pub(crate) use follower::{Follower, Heard};
pub(crate) use report::table;
pub(crate) use run::{Limits, Load, run};
pub(crate) use signer::AMOUNT_MAX;
pub(crate) use tracker::Tracker;

use displaydoc::Display;
use picot_client::{ApiUrl, ClientError};
use thiserror::Error;

/// Why a load ended before its time.
#[derive(Debug, Display, Error)]
pub enum LoadError {
    /// no node has answered for {seconds} s; the last that was heard of {url}
    NoAnswer {
        /// How long.
        seconds: u64,
        /// Whom it concerns.
        url: ApiUrl,
        /// What is wrong there.
        #[source]
        source: ClientError,
    },
    /// no operation was accepted
    NothingAccepted,
}
