//! Blocks of old cycles leave the archive while the node runs, a few at a time, and their space is
//! given back when it is worth the rewriting.

use crate::NodeError;
use crate::history_mode::HistoryMode;
use picot_checkpoint::CheckpointArchive;
use picot_clock::{Millis, Stop};
use picot_consensus::history::{first_kept, served_from};
use picot_execution::{Base, ExecutionReader};
use picot_models::{ChainParams, Slot};
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
        let period = served_from(archive, next)?;
        self.0.store(period, Ordering::Relaxed);
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
    /// Knows what is certified: nothing after that is dropped.
    pub checkpoints: CheckpointArchive,
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
    fn kept_from(&self, certified: Slot) -> Result<Option<Slot>, StorageError> {
        let HistoryMode::Cycles(cycles) = self.mode else {
            return Ok(None);
        };
        let base = self.execution.base();
        first_kept(cycles, &base, certified, &self.params, &*self.archive)
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
    fn step(&mut self, is_stopped: &dyn Fn() -> bool) -> Result<(), NodeError> {
        // Cheap while nothing is to be done.
        let pruning = &self.pruning;
        let certified = pruning.checkpoints.last_certified()?;
        let reached = certified.min(pruning.execution.summary().last_final_slot);
        let wanted = pruning.mode.kept_from(reached, &pruning.params);
        if wanted.is_none_or(|wanted| wanted <= self.done) {
            return Ok(());
        }
        let Some(kept_from) = self.pruning.kept_from(certified)? else {
            return Ok(());
        };
        let pruned = self.drop_before(kept_from, is_stopped)?;
        if is_stopped() {
            return Ok(());
        }
        self.done = kept_from;
        Ok(self.give_back(pruned)?)
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
