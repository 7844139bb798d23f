//! At start: what was decided and is not part of the final state goes to execution once more.

use crate::NodeError;
use picot_execution::{DecidedSlots, Execution};
use picot_models::Slot;
use picot_storage::{BlockArchive, Decided};

/// Outcomes read at once, of one thread. Small enough that blocks of a whole batch fit in memory.
const BATCH: usize = 64;

/// Hands over what the archive has decided from these periods on, the first of each thread that the
/// final state does not know, thread by thread in turns, so that execution can join them as they
/// come. Gives how many outcomes it handed over.
///
/// # Errors
/// The archive cannot be read, or has a gap; execution has stopped.
pub fn replay(
    archive: &dyn BlockArchive,
    execution: &dyn Execution,
    next_periods: &[u64],
) -> Result<u64, NodeError> {
    let mut next: Vec<(u8, u64, bool)> = (0_u8..)
        .zip(next_periods)
        .map(|(thread, period)| (thread, *period, true))
        .collect();
    let mut count: u64 = 0;
    while next.iter().any(|(_, _, has_more)| *has_more) {
        for (thread, next_period, has_more) in &mut next {
            if !*has_more {
                continue;
            }
            let decided = archive.decided_from(*thread, *next_period, BATCH)?;
            *has_more = decided.len() == BATCH;
            *next_period = following(*thread, *next_period, &decided)?;
            count = count.saturating_add(decided.len().try_into().unwrap_or(u64::MAX));
            if !decided.is_empty() {
                execution.update(decided.into_iter().map(slots_of).collect(), Vec::new())?;
            }
        }
    }
    Ok(count)
}

/// The period after a batch, which must go on at `period` and leave none out.
fn following(thread: u8, period: u64, decided: &[Decided]) -> Result<u64, NodeError> {
    decided.iter().try_fold(period, |period, decided| {
        let slot = Slot::new(period, thread);
        if decided.slot() == slot {
            Ok(decided.through().saturating_add(1))
        } else {
            Err(NodeError::ArchiveGap(slot))
        }
    })
}

fn slots_of(decided: Decided) -> DecidedSlots {
    DecidedSlots {
        slot: decided.slot(),
        through: decided.through(),
        block: decided.block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mockall::Sequence;
    use picot_execution::mocks::MockExecution;
    use picot_models::mocks::{address, chain_id, key};
    use picot_models::{
        Ballot, Certificate, Hash, Outcome, Signed, Slot, ThreadDigest, ValidatorSet, Value, Vote,
    };
    use picot_storage::mocks::MockBlockArchive;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    fn miss(period: u64, thread: u8, through: u64) -> Decided {
        let content = Vote {
            version: 1,
            slot: Slot::new(period, thread),
            round: 0,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            ballot: Ballot::Finalise {
                value: Value::Miss { through },
            },
        };
        let vote = Signed::sign(content, &key(1), &chain_id(1));
        let validators = ValidatorSet::new(0, &BTreeMap::from([(address(1), 1)])).unwrap();
        let certificate = Certificate::from_votes([&vote], &validators).unwrap();
        Decided {
            outcome: Arc::new(Outcome::new(certificate).unwrap()),
            block: None,
        }
    }

    fn execution() -> (MockExecution, Arc<Mutex<Vec<DecidedSlots>>>) {
        let mut execution = MockExecution::new();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&taken);
        execution
            .expect_update()
            .returning(move |decided, candidates| {
                assert!(candidates.is_empty());
                seen.lock().unwrap().extend(decided);
                Ok(())
            });
        (execution, taken)
    }

    #[test]
    fn each_thread_is_replayed_from_its_own_first_period_that_is_not_final() {
        let (execution, taken) = execution();
        let mut archive = MockBlockArchive::new();
        archive
            .expect_decided_from()
            .times(2)
            .returning(|thread, period, _| {
                assert_eq!(period, if thread == 0 { 6 } else { 5 });
                Ok(vec![
                    miss(period, thread, period),
                    miss(period + 1, thread, period + 3),
                ])
            });
        assert_eq!(replay(&archive, &execution, &[6, 5]).unwrap(), 4);
        let slots: Vec<_> = taken
            .lock()
            .unwrap()
            .iter()
            .map(|decided| (decided.slot, decided.through))
            .collect();
        assert_eq!(
            slots,
            [
                (Slot::new(6, 0), 6),
                (Slot::new(7, 0), 9),
                (Slot::new(5, 1), 5),
                (Slot::new(6, 1), 8)
            ]
        );
    }

    #[test]
    fn a_long_archive_is_read_in_batches_to_its_end() {
        let (execution, taken) = execution();
        let mut archive = MockBlockArchive::new();
        let mut calls = Sequence::new();
        for (period, count) in [(1, BATCH as u64), (1 + BATCH as u64, 3)] {
            archive
                .expect_decided_from()
                .times(1)
                .in_sequence(&mut calls)
                .returning(move |thread, from, _| {
                    assert_eq!(from, period);
                    Ok((from..from + count)
                        .map(|period| miss(period, thread, period))
                        .collect())
                });
        }
        assert_eq!(
            replay(&archive, &execution, &[1]).unwrap(),
            BATCH as u64 + 3
        );
        assert_eq!(taken.lock().unwrap().len(), BATCH + 3);
    }

    #[test]
    fn a_gap_in_the_archive_is_told_with_its_slot() {
        let (execution, _) = execution();
        let mut archive = MockBlockArchive::new();
        archive
            .expect_decided_from()
            .returning(|thread, _, _| Ok(vec![miss(1, thread, 1), miss(3, thread, 3)]));
        let error = replay(&archive, &execution, &[1]).unwrap_err();
        assert!(
            matches!(error, NodeError::ArchiveGap(slot) if slot == Slot::new(2, 0)),
            "{error}"
        );
    }
}
