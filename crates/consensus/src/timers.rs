//! How long each wait of the agreement is (design 07, 'Rules', timers).

use picot_clock::{Millis, Timestamp};
use picot_models::ChainParams;

/// How often a resend interval may double before it stays.
const MAX_DOUBLINGS: u32 = 6;

/// The waits of the agreement, all from the chain parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    delay_ms: u64,
    candidate_wait_ms: u64,
    t0_ms: u64,
}

impl Timers {
    /// The timers of a chain.
    #[must_use]
    pub fn new(params: &ChainParams) -> Self {
        Self {
            delay_ms: params.network_delay_ms,
            candidate_wait_ms: params
                .network_delay_ms
                .saturating_mul(2)
                .saturating_add(params.production_deadline_ms())
                .saturating_add(params.max_clock_drift_ms),
            t0_ms: params.t0_ms,
        }
    }

    /// `D`.
    #[must_use]
    pub const fn delay(&self) -> Millis {
        Millis(self.delay_ms)
    }

    /// `Tc = 2D + build + drift`: how long round 0 waits for a better candidate.
    #[must_use]
    pub const fn candidate_wait(&self) -> Millis {
        Millis(self.candidate_wait_ms)
    }

    /// `T(0) = Tc + 3D` and `T(r) = 6D + rD`: how long a round waits for a notarised value.
    #[must_use]
    pub fn round(&self, round: u32) -> Millis {
        match round {
            0 => Millis(
                self.delay_ms
                    .saturating_mul(3)
                    .saturating_add(self.candidate_wait_ms),
            ),
            round => Millis(
                self.delay_ms
                    .saturating_mul(u64::from(round).saturating_add(6)),
            ),
        }
    }

    /// `Tf = 2D`: how long a notarised value waits for its decision.
    #[must_use]
    pub const fn finality_wait(&self) -> Millis {
        Millis(self.delay_ms.saturating_mul(2))
    }

    /// How long to wait for what ought to come by itself: half of `D`.
    #[must_use]
    pub const fn moment(&self) -> Millis {
        Millis(self.delay_ms.div_euclid(2))
    }

    /// How long an answer may take before another peer is asked.
    #[must_use]
    pub const fn answer_wait(&self) -> Millis {
        self.finality_wait()
    }

    /// How long a slot stands still before everything is sent for the `resends`-th time again:
    /// `6D` first, then twice as long each time, at most the longer of `t0` and `24D`.
    #[must_use]
    pub fn standstill(&self, resends: u32) -> Millis {
        let first = self.delay_ms.saturating_mul(6);
        let bound = self.t0_ms.max(first.saturating_mul(4));
        let doubled = first.saturating_mul(
            1_u64
                .checked_shl(resends.min(MAX_DOUBLINGS))
                .unwrap_or(u64::MAX),
        );
        Millis(doubled.min(bound))
    }
}

/// A point later, or the end of time.
pub(crate) fn after(time: Timestamp, length: Millis) -> Timestamp {
    time.checked_add(length).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timers_are_those_of_the_document() {
        let timers = Timers::new(&ChainParams::dev());
        let build = ChainParams::dev().production_deadline_ms();
        assert_eq!(timers.candidate_wait(), Millis(2 * 50 + build + 50));
        assert_eq!(timers.round(0), Millis(2 * 50 + build + 50 + 3 * 50));
        assert_eq!(timers.round(1), Millis(7 * 50));
        assert_eq!(timers.round(3), Millis(9 * 50));
        assert_eq!(timers.finality_wait(), Millis(100));
    }

    #[test]
    fn intervals_of_a_standstill_grow_to_a_bound() {
        let timers = Timers::new(&ChainParams::dev());
        let intervals: Vec<u64> = (0..8).map(|resends| timers.standstill(resends).0).collect();
        assert_eq!(
            intervals,
            [300, 600, 1_200, 2_000, 2_000, 2_000, 2_000, 2_000]
        );
        assert_eq!(timers.standstill(u32::MAX), Millis(2_000));
    }
}
