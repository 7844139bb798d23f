//! What the selector must know of the chain, and its own bounds.

use picot_models::ChainParams;

use crate::SelectorError;

/// The chain's numbers that draws depend on, and the bounds of what is kept.
///
/// The first four fields are consensus-relevant and come from the chain parameters; the others are
/// the node's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Threads of the chain.
    pub thread_count: u8,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
    /// Endorser draws of a slot.
    pub endorsement_count: u32,
    /// Places of the producer ranking that are drawn by stake; the rest follows by hash.
    pub max_ranked_producers: u32,
    /// Cycles kept, the newest ones. One with 10,000 stakers takes about 1.2 MB.
    pub kept_cycles: usize,
    /// Slots whose draws are cached. One with 48 draws takes about 2 kB.
    pub cached_draws: usize,
    /// Places of whole producer rankings that are cached, over all slots: 8 bytes each. The newest
    /// ranking is cached however long it is.
    pub cached_ranking_places: usize,
    /// Slots that [`slots_of`](crate::Selector::slots_of) goes through at once.
    pub max_range_slots: u64,
}

impl Config {
    /// The numbers of a chain, with the default bounds. All cycles are kept whose faults can still
    /// be punished: a denunciation is judged by the draws of its slot.
    #[must_use]
    pub fn from_params(params: &ChainParams) -> Self {
        Self {
            thread_count: params.thread_count,
            periods_per_cycle: params.periods_per_cycle,
            endorsement_count: params.endorsement_count,
            max_ranked_producers: params.max_ranked_producers,
            kept_cycles: kept_cycles(params),
            cached_draws: 1_024,
            cached_ranking_places: 1 << 20,
            max_range_slots: 65_536,
        }
    }

    /// Checks each field.
    ///
    /// # Errors
    /// [`SelectorError::Config`] names the first wrong field.
    pub fn validate(&self) -> Result<(), SelectorError> {
        let kept_cycles = u64::try_from(self.kept_cycles).unwrap_or(u64::MAX);
        let max_ranked = u64::from(self.max_ranked_producers);
        for (field, value, range, rule) in [
            (
                "thread_count",
                u64::from(self.thread_count),
                1..=64,
                "from 1 to 64",
            ),
            (
                "periods_per_cycle",
                self.periods_per_cycle,
                1..=u64::MAX,
                "above 0",
            ),
            (
                "endorsement_count",
                u64::from(self.endorsement_count),
                0..=1_024,
                "at most 1024",
            ),
            (
                "max_ranked_producers",
                max_ranked,
                1..=1_024,
                "from 1 to 1024",
            ),
            ("kept_cycles", kept_cycles, 1..=u64::MAX, "above 0"),
            (
                "max_range_slots",
                self.max_range_slots,
                1..=u64::MAX,
                "above 0",
            ),
        ] {
            if !range.contains(&value) {
                return Err(SelectorError::Config { field, value, rule });
            }
        }
        Ok(())
    }
}

/// At least eight, and those from the oldest punishable fault's to the running one, with the two
/// after it that may be known already and one more.
fn kept_cycles(params: &ChainParams) -> usize {
    let periods = params.denunciation_expire_periods;
    let expire_cycles = periods.div_ceil(params.periods_per_cycle.max(1));
    usize::try_from(expire_cycles.saturating_add(4).max(8)).unwrap_or(usize::MAX)
}
