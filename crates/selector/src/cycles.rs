//! Which cycles are known: an unchanging value, of which every change makes a new one.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Missing, SelectorError,
    cycle_draws::{CycleDraws, Feed},
};

/// How far a cycle is.
#[derive(Clone, Debug)]
enum Stage {
    Fed(Arc<Feed>),
    Ready(Arc<CycleDraws>),
}

/// The cycles that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cycles {
    /// Cycles before this one are not kept and not taken any more. It only grows.
    oldest: u64,
    stages: BTreeMap<u64, Stage>,
}

impl Cycles {
    /// The draws of a cycle.
    pub(crate) fn get(&self, cycle: u64) -> Result<&Arc<CycleDraws>, SelectorError> {
        match self.stages.get(&cycle) {
            Some(Stage::Ready(draws)) => Ok(draws),
            Some(Stage::Fed(_)) => Err(SelectorError::NotReady {
                cycle,
                missing: Missing::Table,
            }),
            None => {
                self.check_kept(cycle)?;
                Err(SelectorError::NotReady {
                    cycle,
                    missing: Missing::feed_of(cycle),
                })
            }
        }
    }

    /// The cycles whose draws are there, ascending.
    pub(crate) fn ready(&self) -> Vec<u64> {
        self.stages
            .iter()
            .filter(|(_, stage)| matches!(stage, Stage::Ready(_)))
            .map(|(cycle, _)| *cycle)
            .collect()
    }

    /// The lowest cycle that is fed and not prepared.
    pub(crate) fn next_fed(&self) -> Option<Arc<Feed>> {
        self.stages.values().find_map(|stage| match stage {
            Stage::Fed(feed) => Some(Arc::clone(feed)),
            Stage::Ready(_) => None,
        })
    }

    /// With one more cycle fed, and only the newest `max_kept` kept; `None` if it is there already.
    pub(crate) fn with_feed(
        &self,
        feed: &Arc<Feed>,
        max_kept: usize,
    ) -> Result<Option<Self>, SelectorError> {
        let cycle = feed.cycle();
        self.check_kept(cycle)?;
        let is_same = match self.stages.get(&cycle) {
            None => return Ok(Some(self.with_new(feed, max_kept))),
            Some(Stage::Fed(other)) => other.is_same(feed),
            Some(Stage::Ready(draws)) => draws.is_of(feed),
        };
        if is_same {
            Ok(None)
        } else {
            Err(SelectorError::Contradiction { cycle })
        }
    }

    /// With the draws of a cycle, unless it is not kept any more.
    pub(crate) fn with_draws(&self, draws: Arc<CycleDraws>) -> Self {
        let mut cycles = self.clone();
        if let Some(stage) = cycles.stages.get_mut(&draws.cycle()) {
            *stage = Stage::Ready(draws);
        }
        cycles
    }

    fn with_new(&self, feed: &Arc<Feed>, max_kept: usize) -> Self {
        let mut cycles = self.clone();
        cycles
            .stages
            .insert(feed.cycle(), Stage::Fed(Arc::clone(feed)));
        while cycles.stages.len() > max_kept {
            cycles.stages.pop_first();
        }
        // An older one would be dropped at once: it is pruned already.
        if let Some((oldest, _)) = cycles.stages.first_key_value()
            && cycles.stages.len() == max_kept
        {
            cycles.oldest = *oldest;
        }
        cycles
    }

    fn check_kept(&self, cycle: u64) -> Result<(), SelectorError> {
        if cycle < self.oldest {
            let oldest = self.oldest;
            return Err(SelectorError::Pruned { cycle, oldest });
        }
        Ok(())
    }
}
