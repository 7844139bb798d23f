//! What became of the slots of the history.

use std::sync::Arc;

use picot_consensus::{Consensus, SlotStatus};

use super::HistoryLog;
use crate::FactoryError;

/// How many slots of a history are looked up at once: those of a second of the fastest chain, and
/// those of a pause in a few minutes.
const MAX_SLOTS_PER_STEP: usize = 64;

/// Asks consensus for the fates of what a history tells.
pub struct Fates {
    consensus: Arc<dyn Consensus>,
    log: Arc<dyn HistoryLog>,
}

impl Fates {
    /// Of one history.
    #[must_use]
    pub const fn new(consensus: Arc<dyn Consensus>, log: Arc<dyn HistoryLog>) -> Self {
        Self { consensus, log }
    }

    /// Looks at the earliest undecided slots, and gives a fate to those that were decided since. To
    /// be called once a slot or so, from any thread; it may block on consensus' archive and on the
    /// log. A slot that cannot be looked up is left for the next time.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    pub fn step(&self) -> Result<(), FactoryError> {
        for slot in self.log.undecided(MAX_SLOTS_PER_STEP)? {
            match self.consensus.slot_status(slot) {
                Ok(SlotStatus::Decided { value, .. }) => self.log.settle(slot, value.block())?,
                Ok(SlotStatus::NotKept) => self.log.give_up(slot)?,
                Ok(SlotStatus::NotOpen | SlotStatus::Undecided { .. }) => {}
                Err(error) => tracing::debug!(%slot, %error, "the fate of a slot is not known"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::Slot;
    use picot_consensus::{ConsensusError, mocks::MockConsensus};
    use picot_models::{BlockId, Hash, Value};

    use super::*;
    use crate::{
        Event, Fate, MemoryHistory,
        mocks::{MockHistoryLog, history_entry},
    };

    fn block(number: u8) -> BlockId {
        Hash([number; 32]).into()
    }

    fn decided(value: Value) -> Result<SlotStatus, ConsensusError> {
        let outcome = Slot::new(1, 0);
        Ok(SlotStatus::Decided { outcome, value })
    }

    #[test]
    fn what_was_produced_gets_its_fate_once_its_slot_is_decided() {
        let log = Arc::new(MemoryHistory::new(9));
        for period in 1..=7 {
            let mut entry = history_entry(period, 0);
            entry.event = Event::ProducedBlock(block(1));
            log.record(&[entry]).unwrap();
        }
        let mut consensus = MockConsensus::new();
        consensus
            .expect_slot_status()
            .returning(|slot| match slot.period {
                1 => decided(Value::Block { id: block(1) }),
                2 => decided(Value::Block { id: block(2) }),
                3 => decided(Value::Miss { through: 3 }),
                4 => Ok(SlotStatus::NotOpen),
                5 => Ok(SlotStatus::Undecided {
                    round: 0,
                    opened_at: picot_clock::Timestamp(0),
                    candidates: vec![block(1)],
                    leading: Some(block(1)),
                }),
                6 => Ok(SlotStatus::NotKept),
                _ => Err(ConsensusError::Stopped("by a test".into())),
            });
        Fates::new(Arc::new(consensus), log.clone()).step().unwrap();
        let entries = log.latest(None, 9).unwrap();
        let fates: Vec<_> = entries.iter().rev().map(|entry| entry.fate).collect();
        let expected = [
            Fate::Decided,
            Fate::LostTo(block(2)),
            Fate::Missed,
            Fate::Undecided,
            Fate::Undecided,
            Fate::Unknown,
            Fate::Undecided,
        ];
        assert_eq!(fates, expected);
    }

    #[test]
    fn what_has_its_fate_is_not_asked_for_again() {
        let log = Arc::new(MemoryHistory::new(9));
        log.record(&[history_entry(1, 0)]).unwrap();
        let mut consensus = MockConsensus::new();
        consensus
            .expect_slot_status()
            .times(1)
            .returning(|_| decided(Value::Miss { through: 1 }));
        let fates = Fates::new(Arc::new(consensus), log);
        fates.step().unwrap();
        fates.step().unwrap();
    }

    #[test]
    fn a_log_that_fails_is_told() {
        let failed = || FactoryError::History("by a test".into());
        let mut log = MockHistoryLog::new();
        log.expect_undecided().returning(move |_| Err(failed()));
        let fates = Fates::new(Arc::new(MockConsensus::new()), Arc::new(log));
        assert_eq!(fates.step(), Err(failed()));
        let mut log = MockHistoryLog::new();
        log.expect_undecided()
            .returning(|_| Ok(vec![Slot::new(1, 0)]));
        log.expect_settle()
            .times(1)
            .returning(move |_, _| Err(failed()));
        let mut consensus = MockConsensus::new();
        consensus
            .expect_slot_status()
            .returning(|_| decided(Value::Miss { through: 1 }));
        let fates = Fates::new(Arc::new(consensus), Arc::new(log));
        assert_eq!(fates.step(), Err(failed()));
    }
}
