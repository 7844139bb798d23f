//! How far a bootstrap is.

use picot_clock::{Slot, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What a bootstrap is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for peers.
    Peers,
    /// It follows the certificate chain.
    Chain,
    /// It looks for a state that peers serve.
    Offers,
    /// It receives the list of chunks.
    Index,
    /// It receives chunks.
    Chunks,
    /// It checks all of what it received.
    Checking,
    /// The state is here.
    Done,
}

/// How far a bootstrap is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// The last checkpoint that was followed; `None` before the first.
    pub followed: Option<Slot>,
    /// The slot whose state it receives.
    pub target: Option<Slot>,
    /// Chunks of that.
    pub chunks_total: u32,
    /// Chunks that are here.
    pub chunks_here: u32,
    /// Pairs of that.
    pub pairs_total: u64,
    /// Pairs that are here.
    pub pairs_here: u64,
    /// Bytes of that.
    pub bytes_total: u64,
    /// Bytes that are here.
    pub bytes_here: u64,
    /// Of these, bytes that were here from before.
    pub bytes_kept: u64,
    /// Bytes in a second, lately.
    pub bytes_per_second: u64,
    /// How long it may take, in milliseconds; `None` if nobody can tell.
    pub remaining_ms: Option<u64>,
    /// Peers that are connected.
    pub peers: usize,
    /// Peers that serve the state.
    pub serving: usize,
    /// Peers that were dropped because they lied.
    pub liars: u64,
}

/// Over how many milliseconds a rate is taken.
const WINDOW_MS: u64 = 20_000;
/// Samples in it.
const MAX_SAMPLES: usize = 64;

/// The rate at which something comes, lately.
#[derive(Debug, Default)]
pub(crate) struct RateMeter {
    /// When, and how many so far.
    samples: VecDeque<(Timestamp, u64)>,
    total: u64,
}

impl RateMeter {
    pub(crate) fn add(&mut self, now: Timestamp, count: u64) {
        if self.samples.is_empty() {
            self.samples.push_back((now, self.total));
        }
        self.total = self.total.saturating_add(count);
        let step = WINDOW_MS.div_euclid(MAX_SAMPLES as u64);
        let is_due = self
            .samples
            .back()
            .is_none_or(|(last, _)| now.since(*last).is_some_and(|past| past.0 >= step));
        if is_due {
            self.samples.push_back((now, self.total));
        }
        while self.samples.len() > MAX_SAMPLES {
            self.samples.pop_front();
        }
    }

    pub(crate) fn per_second(&self, now: Timestamp) -> u64 {
        let Some((first, before)) = self.samples.front() else {
            return 0;
        };
        let past = now.since(*first).map_or(0, |past| past.0).max(1);
        let came = self.total.saturating_sub(*before);
        came.saturating_mul(1_000).div_euclid(past)
    }
}
