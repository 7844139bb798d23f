//! Blocks of old cycles leave the archive while the node runs, a few at a time, and their space is
//! given back when it is worth the rewriting.

use crate::NodeError;
use crate::history_mode::HistoryMode;
use picot_clock::{Millis, Stop};
use picot_execution::{Base, ExecutionReader};
use picot_models::{BlockId, ChainParams, Slot};
use picot_storage::{BlockArchive, Pruned, StorageError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Outcomes of each thread that are dropped with one sync. Decisions wait for no more than that.
const AT_ONCE: usize = 32;
/// Between two such syncs.
const PAUSE: Duration = Duration::from_millis(5);
/// How often it is looked whether there is something to drop.
const LOOK: Millis = Millis(500);
/// Space is given back when what was dropped is at least this part of what was there: then each byte
/// is rewritten a few times over its life, no more.
const WORTH_DIVISOR: u64 = 4;

/// From which period on an archive can be served: nothing of any thread is missing from there on.
/// Shared between who drops and who tells.
#[derive(Debug, Clone, Default)]
pub struct ServedFrom(Arc<AtomicU64>);

impl ServedFrom {
    /// Of an archive, beside the base that the node goes on from.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub fn of(archive: &dyn BlockArchive, base: &Base) -> Result<Self, StorageError> {
        let served = Self::default();
        served.update(archive, &base.next_periods())?;
        Ok(served)
    }

    /// The period; 0 if nothing is missing at all.
    #[must_use]
    pub fn period(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn update(&self, archive: &dyn BlockArchive, next: &[u64]) -> Result<(), StorageError> {
        let mut served_from = 0;
        for (thread, next) in (0_u8..).zip(next) {
            let first = archive.first_outcome(thread)?;
            let first = first.map_or(*next, |outcome| outcome.slot().period);
            served_from = first.max(served_from);
        }
        let all = served_from <= 1;
        self.0
            .store(if all { 0 } else { served_from }, Ordering::Relaxed);
        Ok(())
    }
}

/// Drops what a node does not keep.
pub struct Pruning {
    /// How much is kept.
    pub mode: HistoryMode,
    /// The chain.
    pub params: ChainParams,
    /// What is kept.
    pub archive: Arc<dyn BlockArchive>,
    /// Knows what is final.
    pub execution: ExecutionReader,
    /// Told of what is not held any more.
    pub served_from: ServedFrom,
}

impl Pruning {
    /// Drops on a thread of its own, until it ends. Without anything to drop there is no thread.
    ///
    /// # Errors
    /// There is no thread.
    pub fn run(self, stop: Stop) -> Result<Option<JoinHandle<()>>, NodeError> {
        if self.mode == HistoryMode::Full {
            return Ok(None);
        }
        let mut work = Work {
            pruning: self,
            done: Slot::GENESIS,
            dropped: 0,
            // What was dropped before the start is not known: look once.
            is_due: true,
        };
        let run = move || {
            while !stop.pause(LOOK) {
                if let Err(error) = work.step(&|| stop.is_stopped()) {
                    tracing::warn!(%error, "old blocks are not dropped; the archive grows");
                }
            }
        };
        std::thread::Builder::new()
            .name("pruning".to_owned())
            .spawn(run)
            .map(Some)
            .map_err(|error| NodeError::Stopped(format!("no thread: {error}")))
    }

    /// The first slot that must stay now; none if all must.
    fn kept_from(&self) -> Result<Option<Slot>, StorageError> {
        let base = self.execution.base();
        let Some(kept_from) = self.mode.kept_from(base.last_final_slot, &self.params) else {
            return Ok(None);
        };
        let named = oldest_named(&base, &*self.archive)?;
        Ok(Some(named.map_or(kept_from, |named| kept_from.min(named))))
    }
}

/// What has been done since the start.
struct Work {
    pruning: Pruning,
    /// All before this slot is gone.
    done: Slot,
    /// Bytes dropped since space was given back.
    dropped: u64,
    is_due: bool,
}

impl Work {
    fn step(&mut self, is_stopped: &dyn Fn() -> bool) -> Result<(), StorageError> {
        // Cheap while nothing is to be done.
        let last_final = self.pruning.execution.summary().last_final_slot;
        let wanted = self
            .pruning
            .mode
            .kept_from(last_final, &self.pruning.params);
        if wanted.is_none_or(|wanted| wanted <= self.done) {
            return Ok(());
        }
        let Some(kept_from) = self.pruning.kept_from()? else {
            return Ok(());
        };
        let pruned = self.drop_before(kept_from, is_stopped)?;
        if is_stopped() {
            return Ok(());
        }
        self.done = kept_from;
        self.give_back(pruned)
    }

    fn drop_before(
        &self,
        kept_from: Slot,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Pruned, StorageError> {
        let pruning = &self.pruning;
        let mut all = Pruned::default();
        let next = pruning.execution.base().next_periods();
        // Nobody is promised what is about to go.
        let promised = pruning.served_from.period().max(kept_from.period);
        pruning.served_from.0.store(promised, Ordering::Relaxed);
        while !is_stopped() {
            let pruned = pruning.archive.prune_before(kept_from, AT_ONCE)?;
            if pruned.is_nothing() {
                pruning.served_from.update(&*pruning.archive, &next)?;
                break;
            }
            all.add(pruned);
            std::thread::sleep(PAUSE);
        }
        Ok(all)
    }

    /// An archive of `N` cycles grows by a cycle while one is dropped: after a few of them it is
    /// rewritten.
    fn give_back(&mut self, pruned: Pruned) -> Result<(), StorageError> {
        let HistoryMode::Cycles(cycles) = self.pruning.mode else {
            return Ok(());
        };
        if pruned.is_nothing() && !self.is_due {
            return Ok(());
        }
        self.dropped = self.dropped.saturating_add(pruned.bytes);
        // What was dropped now is what about a cycle, or several, have.
        let kept = pruned.bytes.saturating_mul(cycles);
        let worth = self.dropped >= kept.checked_div(WORTH_DIVISOR).unwrap_or(0);
        if self.is_due || worth {
            self.pruning.archive.reclaim()?;
            tracing::info!(bytes = self.dropped, "space of old blocks is given back");
            self.dropped = 0;
            self.is_due = false;
        }
        Ok(())
    }
}

/// The oldest block that the last block of some thread names: as long as it may be named again, its
/// place must be found.
fn oldest_named(base: &Base, archive: &dyn BlockArchive) -> Result<Option<Slot>, StorageError> {
    let mut oldest: Option<Slot> = None;
    for own in &base.threads {
        for ((thread, other), id) in (0_u8..).zip(&base.threads).zip(&own.last_block_parents) {
            let slot = match place_in(&other.blocks, id) {
                Some(period) => Some(Slot::new(period, thread)),
                None => archive.block(id)?.map(|block| block.slot()),
            };
            oldest = slot
                .map(|slot| oldest.map_or(slot, |oldest| oldest.min(slot)))
                .or(oldest);
        }
    }
    Ok(oldest)
}

fn place_in(blocks: &[(u64, BlockId)], id: &BlockId) -> Option<u64> {
    let place = blocks.iter().find(|(_, known)| known == id);
    place.map(|(period, _)| *period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::genesis;
    use picot_storage::MemoryArchive;
    use picot_storage::mocks::{candidate, decided_block, decided_miss};

    const THREADS: u8 = 4;

    /// An archive with a block in each period of each thread, and the base after them.
    fn filled(periods: u64) -> (MemoryArchive, Base) {
        let (archive, mut base) = (MemoryArchive::new(), Base::genesis(&genesis(&[(1, 1)])));
        for (thread, base) in (0..THREADS).zip(&mut base.threads) {
            let blocks = (1..=periods).map(|period| candidate(Slot::new(period, thread), 1, 0));
            let blocks: Vec<_> = blocks.collect();
            let decided: Vec<_> = blocks.iter().map(decided_block).collect();
            archive.store_decided(&decided).unwrap();
            base.next_period = periods + 1;
            base.blocks = (1..).zip(blocks.iter().map(|block| block.id())).collect();
        }
        base.last_final_slot = Slot::new(periods, THREADS - 1);
        (archive, base)
    }

    #[test]
    fn a_whole_archive_is_served_from_its_beginning_and_a_pruned_one_from_where_all_threads_are() {
        let (archive, base) = filled(20);
        let served = || ServedFrom::of(&archive, &base).unwrap().period();
        assert_eq!(served(), 0);
        archive.prune_before(Slot::new(8, 2), 100).unwrap();
        assert_eq!(served(), 9, "threads 0 and 1 have lost period 8");
        let (empty, new) = (MemoryArchive::new(), Base::genesis(&genesis(&[(1, 1)])));
        assert_eq!(ServedFrom::of(&empty, &new).unwrap().period(), 0);
        assert_eq!(ServedFrom::of(&empty, &base).unwrap().period(), 21);
        empty
            .store_decided(&[decided_miss(Slot::new(21, 0), 30)])
            .unwrap();
        assert_eq!(ServedFrom::of(&empty, &base).unwrap().period(), 21);
    }

    #[test]
    fn what_the_last_blocks_name_is_found_in_the_base_or_in_the_archive() {
        let (archive, mut base) = filled(20);
        assert_eq!(
            oldest_named(&base, &archive).unwrap(),
            None,
            "nothing is named"
        );
        let id =
            |base: &Base, thread: usize, period: usize| base.threads[thread].blocks[period - 1].1;
        let named = [17, 16, 20, 19];
        let parents = (0..4)
            .map(|thread| id(&base, thread, named[thread]))
            .collect();
        base.threads[2].last_block_parents = parents;
        let oldest = oldest_named(&base, &archive).unwrap();
        assert_eq!(oldest, Some(Slot::new(16, 1)));
        let first = id(&base, 3, 2);
        base.threads[3].blocks.drain(..10);
        base.threads[1].last_block_parents = vec![first; 4];
        let oldest = oldest_named(&base, &archive).unwrap();
        assert_eq!(oldest, Some(Slot::new(2, 3)), "the archive knows it");
        archive.prune_before(Slot::new(3, 0), 100).unwrap();
        let oldest = oldest_named(&base, &archive).unwrap();
        assert_eq!(oldest, Some(Slot::new(16, 1)), "nobody knows it any more");
    }
}
