//! How far a thread is decided: what the next vote in it builds on.

use crate::ExecutionError;
use picot_clock::Slot;
use picot_ledger::{LedgerError, StateBatch, StateStore, keys};
use picot_models::{ChainId, ThreadDigest, Value};
use picot_serialization::{Encode, codec_struct, decode_exact};
use std::collections::BTreeMap;

/// How far a thread is decided. A miss of many periods counts whole from its first slot on, although
/// the state may be that of a slot inside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecidedThread {
    /// The digest after the last outcome.
    pub(crate) digest: ThreadDigest,
    /// The first period that no outcome has settled.
    pub(crate) next_period: u64,
}

codec_struct!(DecidedThread {
    digest,
    next_period
});

impl DecidedThread {
    /// After the genesis block.
    pub(crate) fn genesis(chain_id: &ChainId, thread: u8) -> Self {
        Self {
            digest: ThreadDigest::genesis(chain_id, thread),
            next_period: 1,
        }
    }

    /// After one more outcome.
    pub(crate) fn after(self, slot: Slot, value: &Value) -> Self {
        Self {
            digest: self.digest.after(slot, value),
            next_period: value.through(slot.period).saturating_add(1),
        }
    }
}

/// All threads, ascending.
pub(crate) type DecidedThreads = BTreeMap<u8, DecidedThread>;

pub(crate) fn genesis(chain_id: &ChainId, thread_count: u8) -> DecidedThreads {
    let threads = 0..thread_count;
    threads
        .map(|thread| (thread, DecidedThread::genesis(chain_id, thread)))
        .collect()
}

pub(crate) fn write(threads: &DecidedThreads, batch: &mut StateBatch) {
    for (thread, decided) in threads {
        batch.put(keys::decided_thread(*thread), decided.to_bytes());
    }
}

/// Reads the threads of a state whose last final slot is `last`.
pub(crate) fn read(
    store: &dyn StateStore,
    thread_count: u8,
    last: Slot,
) -> Result<DecidedThreads, ExecutionError> {
    let mut found = DecidedThreads::new();
    for thread in 0..thread_count {
        let value = store.get(&keys::decided_thread(thread))?;
        let value = value.ok_or_else(|| corrupt("a thread is not there"))?;
        let decided: DecidedThread = decode_exact(&value)
            .map_err(|error| LedgerError::corrupt("how far a thread is decided", error))?;
        if Slot::new(decided.next_period, thread) <= last {
            return Err(corrupt("a thread is decided less far than it is final"));
        }
        found.insert(thread, decided);
    }
    Ok(found)
}

fn corrupt(reason: &str) -> ExecutionError {
    ExecutionError::Corrupt(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_ledger::MemoryStateStore;
    use picot_models::mocks::chain_id;
    use picot_serialization::testing::check_value;

    #[test]
    fn what_is_stored_keeps_the_laws_of_codecs() {
        check_value(&DecidedThread::genesis(&chain_id(1), 3));
    }

    #[test]
    fn a_miss_of_many_periods_is_one_outcome() {
        let before = DecidedThread::genesis(&chain_id(1), 0);
        let miss = |through| Value::Miss { through };
        let at_once = before.after(Slot::new(1, 0), &miss(2));
        let one_by_one = before
            .after(Slot::new(1, 0), &miss(1))
            .after(Slot::new(2, 0), &miss(2));
        assert_eq!(at_once.next_period, 3);
        assert_eq!(one_by_one.next_period, 3);
        assert_ne!(at_once.digest, one_by_one.digest, "other outcomes");
    }

    #[test]
    fn a_thread_that_is_missing_or_behind_the_state_is_damage() {
        let store = MemoryStateStore::new();
        assert!(read(&store, 1, Slot::new(0, 1)).is_err());
        let mut batch = StateBatch::new();
        write(&genesis(&chain_id(1), 2), &mut batch);
        store.commit(batch).unwrap();
        assert_eq!(read(&store, 2, Slot::new(0, 1)).unwrap().len(), 2);
        assert!(read(&store, 2, Slot::new(1, 0)).is_err());
        assert!(read(&store, 3, Slot::new(0, 1)).is_err());
    }
}
