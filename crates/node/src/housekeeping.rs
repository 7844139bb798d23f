//! What must hear that time passes: the pool, and what keeps blocks and claims of the past.

use crate::NodeError;
use picot_block_factory::{Fates, run_on_ticks};
use picot_checkpoint::CheckpointArchive;
use picot_clock::Ticker;
use picot_execution::Execution;
use picot_models::Slot;
use picot_pool::Pool;
use picot_storage::Storage;
use picot_wallet::SigningLog;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Periods for which blocks stay in memory after they are final; the archive has them anyway.
const BLOCKS_KEPT_PERIODS: u64 = 8;
/// Cycles for which claims are kept after their slots are final. None of them can be of use: what
/// is final is never voted on again.
const CLAIMS_KEPT_CYCLES: u64 = 8;
/// Cycles for which claims are kept at most while a checkpoint waits for its certificate: without them
/// no key could sign it any more, and the chain of certificates would end there.
const CLAIMS_KEPT_FOR_CHECKPOINTS_CYCLES: u64 = 1_024;

/// Whom to tell.
pub struct Housekeeping {
    /// Operations expire.
    pub pool: Arc<dyn Pool>,
    /// Knows what is final.
    pub execution: Arc<dyn Execution>,
    /// Blocks leave memory.
    pub storage: Arc<dyn Storage>,
    /// Claims leave the disk.
    pub signing_log: Arc<dyn SigningLog>,
    /// Knows which checkpoints wait for their certificates.
    pub checkpoints: CheckpointArchive,
    /// The histories of the factories learn what became of their slots.
    pub fates: Vec<Fates>,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
}

impl Housekeeping {
    /// Tells them, at the start of each slot, on a thread of its own.
    ///
    /// # Errors
    /// There is no thread.
    pub fn run(self, ticks: Ticker) -> Result<JoinHandle<()>, NodeError> {
        Ok(run_on_ticks("housekeeping", ticks, move |tick| {
            self.step(tick.slot)
        })?)
    }

    /// Does what is due at a slot.
    pub fn step(&self, slot: Slot) {
        self.pool.notify_slot(slot);
        let last_final = self.execution.summary().last_final_slot;
        self.storage.forget_before(Slot::new(
            last_final.period.saturating_sub(BLOCKS_KEPT_PERIODS),
            0,
        ));
        for fates in &self.fates {
            if let Err(error) = fates.step() {
                tracing::warn!(%error, "the history does not learn what became of its slots");
            }
        }
        if slot
            .is_first_of_cycle(self.periods_per_cycle)
            .unwrap_or(false)
        {
            self.prune_claims(last_final);
        }
    }

    fn prune_claims(&self, last_final: Slot) {
        let earlier = |cycles: u64| {
            let periods = self.periods_per_cycle.saturating_mul(cycles);
            Slot::new(last_final.period.saturating_sub(periods), 0)
        };
        let mut before = earlier(CLAIMS_KEPT_CYCLES);
        match self.checkpoints.uncertified(1) {
            Ok(waiting) => {
                let oldest = waiting.first().map_or(before, |checkpoint| checkpoint.slot);
                let kept = earlier(CLAIMS_KEPT_FOR_CHECKPOINTS_CYCLES);
                before = before.min(oldest.max(kept));
            }
            Err(error) => tracing::warn!(%error, "the checkpoints cannot be read"),
        }
        if let Err(error) = self.signing_log.prune(before) {
            tracing::warn!(%error, "cannot prune the signing log; it only grows");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mockall::predicate::eq;
    use picot_block_factory::mocks::history_entry;
    use picot_block_factory::{Fate, HistoryLog, MemoryHistory};
    use picot_checkpoint::{MemoryCheckpointStore, ValidatorSets};
    use picot_consensus::mocks::MockConsensus;
    use picot_execution::ExecutionSummary;
    use picot_execution::mocks::MockExecution;
    use picot_models::{Checkpoint, Hash};
    use picot_pool::mocks::MockPool;
    use picot_storage::mocks::MockStorage;
    use picot_wallet::mocks::MockSigningLog;

    fn housekeeping(last_final: Slot, now: Slot, pruned_before: Option<Slot>) -> Housekeeping {
        let mut pool = MockPool::new();
        pool.expect_notify_slot()
            .with(eq(now))
            .times(1)
            .return_const(());
        let mut execution = MockExecution::new();
        execution
            .expect_summary()
            .returning(move || ExecutionSummary {
                last_final_slot: last_final,
                state_hash: Hash([0; 32]),
                totals: picot_execution::Totals::default(),
                cycle: 0,
                candidate_slot: last_final,
                waiting_decided: 0,
                stopped: None,
            });
        let mut storage = MockStorage::new();
        storage.expect_forget_before().times(1).return_const(());
        let mut signing_log = MockSigningLog::new();
        if let Some(before) = pruned_before {
            signing_log
                .expect_prune()
                .with(eq(before))
                .times(1)
                .returning(|_| Ok(()));
        }
        Housekeeping {
            pool: Arc::new(pool),
            execution: Arc::new(execution),
            storage: Arc::new(storage),
            signing_log: Arc::new(signing_log),
            checkpoints: checkpoints(&[]),
            fates: Vec::new(),
            periods_per_cycle: 16,
        }
    }

    /// An archive in which checkpoints of these periods wait for certificates.
    fn checkpoints(periods: &[u64]) -> CheckpointArchive {
        let genesis = picot_models::mocks::genesis(&[(1, 1)]);
        let sets = ValidatorSets::genesis(&genesis).unwrap();
        let store = Arc::new(MemoryCheckpointStore::new());
        let archive = CheckpointArchive::new(store, Arc::new(genesis));
        for period in periods {
            let checkpoint = Checkpoint {
                slot: Slot::new(*period, 3),
                state_hash: Hash([0; 32]),
                validator_sets: sets.hash(),
            };
            archive.reach(&checkpoint, &sets).unwrap();
        }
        archive
    }

    #[test]
    fn every_slot_the_pool_is_told_the_time() {
        housekeeping(Slot::new(4, 3), Slot::new(5, 1), None).step(Slot::new(5, 1));
    }

    #[test]
    fn the_histories_learn_what_became_of_their_slots() {
        let decided = Slot::new(4, 3);
        let history = Arc::new(MemoryHistory::new(9));
        history.record(&[history_entry(4, 3)]).unwrap();
        let mut consensus = MockConsensus::new();
        let status = picot_consensus::SlotStatus::Decided {
            outcome: decided,
            value: picot_models::Value::Miss { through: 4 },
        };
        consensus
            .expect_slot_status()
            .with(eq(decided))
            .return_once(move |_| Ok(status));
        let mut housekeeping = housekeeping(decided, Slot::new(5, 1), None);
        housekeeping.fates = vec![Fates::new(Arc::new(consensus), history.clone())];
        housekeeping.step(Slot::new(5, 1));
        assert_eq!(history.latest(None, 9).unwrap()[0].fate, Fate::Missed);
    }

    #[test]
    fn claims_are_pruned_once_a_cycle_and_never_those_of_slots_that_are_not_long_final() {
        let now = Slot::new(320, 0);
        housekeeping(Slot::new(200, 3), now, Some(Slot::new(72, 0))).step(now);
        // A node that is far behind keeps all claims of what is not final.
        housekeeping(Slot::new(10, 0), now, Some(Slot::new(0, 0))).step(now);
    }

    #[test]
    fn no_claims_go_that_a_checkpoint_without_certificate_needs_for_a_long_while() {
        let now = Slot::new(32_000, 0);
        let last_final = Slot::new(20_000, 3);
        let cases = [
            (&[19_999, 20_000][..], Slot::new(20_000 - 8 * 16, 0)),
            (&[6_007, 19_999], Slot::new(6_007, 3)),
            (&[15], Slot::new(20_000 - 1_024 * 16, 0)),
        ];
        for (waiting, kept_from) in cases {
            let mut housekeeping = housekeeping(last_final, now, Some(kept_from));
            housekeeping.checkpoints = checkpoints(waiting);
            housekeeping.step(now);
        }
    }
}
