//! The selector without threads: cycles are prepared by whoever feeds them.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use picot_clock::{Slot, SlotRange};
use picot_models::{Address, Hash, ValidatorSet};

use crate::{
    AddressDraw, Config, Selector, SelectorError, SlotDraws,
    cache::SlotCache,
    cycle_draws::{CycleDraws, Feed},
    cycles::Cycles,
    ranking::Ranking,
};

/// Draws by stake. `feed_cycle` prepares the cycle before it returns, so that a simulation or a
/// test needs no thread; a node takes [`BackgroundSelector`](crate::BackgroundSelector).
///
/// Readers take an unchanging value of all cycles (`arc-swap`), and wait for no writer. The caches
/// have locks of their own, which are held for a look-up or an insertion and never while something
/// is computed.
#[derive(Debug)]
pub struct StakeSelector {
    config: Config,
    cycles: ArcSwap<Cycles>,
    /// Held by whoever replaces `cycles`, never while a table is built.
    writer: Mutex<()>,
    draws: Mutex<SlotCache<Arc<SlotDraws>>>,
    rankings: Mutex<SlotCache<Arc<Ranking>>>,
}

impl StakeSelector {
    /// A selector that knows no cycle yet.
    ///
    /// # Errors
    /// [`SelectorError::Config`].
    pub fn new(config: Config) -> Result<Self, SelectorError> {
        config.validate()?;
        Ok(Self {
            config,
            cycles: ArcSwap::default(),
            writer: Mutex::default(),
            draws: Mutex::default(),
            rankings: Mutex::default(),
        })
    }

    /// What the selector was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Notes that a cycle was fed; `None` if the same was fed before.
    pub(crate) fn accept(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<Option<Arc<Feed>>, SelectorError> {
        let feed = Arc::new(Feed::new(cycle, rolls, seed)?);
        let _writer = self.writer.lock();
        let changed = self
            .cycles
            .load()
            .with_feed(&feed, self.config.kept_cycles)?;
        Ok(changed.map(|cycles| {
            self.cycles.store(Arc::new(cycles));
            feed
        }))
    }

    /// The lowest cycle that is fed and not prepared.
    pub(crate) fn next_fed(&self) -> Option<Arc<Feed>> {
        self.cycles.load().next_fed()
    }

    /// Builds the table of a fed cycle and makes it known.
    pub(crate) fn prepare(&self, feed: &Feed) {
        let draws = Arc::new(feed.prepare(&self.config));
        let _writer = self.writer.lock();
        let cycles = self.cycles.load().with_draws(draws);
        self.cycles.store(Arc::new(cycles));
    }

    /// The draws of a cycle.
    pub(crate) fn cycle(&self, cycle: u64) -> Result<Arc<CycleDraws>, SelectorError> {
        self.cycles.load().get(cycle).map(Arc::clone)
    }

    /// The draws of the cycle of a slot.
    fn cycle_at(&self, slot: Slot) -> Result<Arc<CycleDraws>, SelectorError> {
        slot.check_thread(self.config.thread_count)?;
        self.cycle(slot.cycle(self.config.periods_per_cycle)?)
    }

    fn draws_in(&self, cycle: &CycleDraws, slot: Slot) -> Arc<SlotDraws> {
        let cached = self.draws.lock().get(slot);
        cached.unwrap_or_else(|| {
            let draws = Arc::new(cycle.draws(slot));
            let max = self.config.cached_draws;
            self.draws.lock().insert(slot, Arc::clone(&draws), 1, max);
            draws
        })
    }

    fn ranking_in(&self, cycle: &CycleDraws, slot: Slot) -> Arc<Ranking> {
        let cached = self.rankings.lock().get(slot);
        cached.unwrap_or_else(|| {
            let ranking = Arc::new(cycle.ranking(slot));
            let size = ranking.order().len();
            let max = self.config.cached_ranking_places.max(size);
            let mut rankings = self.rankings.lock();
            rankings.insert(slot, Arc::clone(&ranking), size, max);
            ranking
        })
    }
}

impl Selector for StakeSelector {
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError> {
        let cycle = self.cycle_at(slot)?;
        Ok(self.draws_in(&cycle, slot))
    }

    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError> {
        let cycle = self.cycle_at(slot)?;
        let count = count.min(cycle.table().len());
        if let Some(drawn) = self.draws_in(&cycle, slot).producers.get(..count) {
            return Ok(drawn.to_vec());
        }
        let ranking = self.ranking_in(&cycle, slot);
        Ok(cycle.addresses(ranking.order().iter().copied().take(count)))
    }

    fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError> {
        let cycle = self.cycle_at(slot)?;
        let Some(staker) = cycle.table().staker(address) else {
            return Ok(None);
        };
        match self.draws_in(&cycle, slot).drawn_rank(address) {
            Some(rank) => Ok(Some(rank)),
            None => Ok(self.ranking_in(&cycle, slot).place_of(staker)),
        }
    }

    fn feed_cycle(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<(), SelectorError> {
        if let Some(feed) = self.accept(cycle, rolls, seed)? {
            self.prepare(&feed);
        }
        Ok(())
    }

    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError> {
        let (slots, max) = (range.count_slots()?, self.config.max_range_slots);
        if slots > max {
            return Err(SelectorError::RangeTooLong { slots, max });
        }
        // Past the caches, which are for the slots that are at work.
        let draws = range.iter().map(|slot| {
            let cycle = self.cycle_at(slot)?;
            let staker = cycle.table().staker(address);
            Ok(staker.and_then(|staker| cycle.draw_of(slot, staker)))
        });
        draws.filter_map(Result::transpose).collect()
    }

    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.cycle(cycle)?.validators()
    }

    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError> {
        Ok(self.cycle(cycle)?.seed())
    }

    fn ready_cycles(&self) -> Vec<u64> {
        self.cycles.load().ready()
    }

    fn coordinator(&self, slot: Slot, round: u32) -> Result<Address, SelectorError> {
        let cycle = self.cycle_at(slot)?;
        let place = usize::try_from(round)
            .ok()
            .and_then(|round| round.checked_rem(cycle.table().len()))
            .ok_or(SelectorError::EmptyRanking { slot })?;
        if let Some(drawn) = self.draws_in(&cycle, slot).producers.get(place) {
            return Ok(*drawn);
        }
        let ranking = self.ranking_in(&cycle, slot);
        let staker = ranking.order().get(place);
        staker
            .and_then(|staker| cycle.table().address(*staker))
            .copied()
            .ok_or(SelectorError::EmptyRanking { slot })
    }
}
