//! A state of the first format becomes one of the present format, with the same content that it
//! would have if it had always been of this one.
//!
//! The first format did not know how far the threads are decided, what the last blocks name, and
//! which blocks had no operations. The archive of such a node, which reaches back to the genesis,
//! does.

use crate::ExecutionError;
use crate::chain::Chain;
use crate::decided_thread::{self, DecidedThread, DecidedThreads};
use crate::effects::{BlockRecord, LastBlock};
use picot_clock::Slot;
use picot_ledger::{LedgerError, STATE_FORMAT, StateBatch, StateMetadata, StateStore, keys};
use picot_models::{Address, Block, BlockId, Genesis, ThreadDigest, Value};
use picot_serialization::{Encode, codec_struct, decode_exact};

/// The only other format that there was.
const FIRST_FORMAT: u32 = 1;

/// What the archive says of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastOutcome {
    /// The slot of the outcome: earlier than the one asked for inside a miss of many periods.
    pub slot: Slot,
    /// As what it was decided.
    pub value: Value,
    /// The thread's digest before it.
    pub digest: ThreadDigest,
    /// The block.
    pub block: Option<Block>,
}

/// Brings a state of the first format to the present one, in one commit. True if it did; a state of
/// the present format, and a store without a state, stay as they are.
///
/// `past` tells what settled a slot.
///
/// # Errors
/// The state is of a format that is not known, or damaged; `past` fails, or does not know a slot.
pub fn migrate_state(
    store: &dyn StateStore,
    genesis: &Genesis,
    past: &dyn Fn(Slot) -> Result<Option<PastOutcome>, ExecutionError>,
) -> Result<bool, ExecutionError> {
    let Some(mut metadata) = StateMetadata::read(store)? else {
        return Ok(false);
    };
    match metadata.format {
        STATE_FORMAT => return Ok(false),
        FIRST_FORMAT => {}
        found => {
            return Err(ExecutionError::Format {
                found,
                known: STATE_FORMAT,
            });
        }
    }
    if metadata.chain_id != genesis.chain_id() {
        return Err(ExecutionError::OtherChain);
    }
    let last = metadata.last_final_slot;
    let migration = Migration {
        store,
        genesis,
        past,
        last,
    };
    let mut batch = StateBatch::new();
    decided_thread::write(&migration.threads()?, &mut batch);
    for thread in 0..genesis.params.thread_count {
        let last = migration.last_block(thread)?;
        batch.put(keys::last_block(thread), last.to_bytes());
        migration.add_records(thread, &mut batch)?;
    }
    metadata.format = STATE_FORMAT;
    metadata.seal(&mut batch, store, last)?;
    store.commit(batch)?;
    Ok(true)
}

/// The last block of a thread in the first format.
struct FirstLastBlock {
    slot: Slot,
    block: BlockId,
    producer: Option<Address>,
}

codec_struct!(FirstLastBlock {
    slot,
    block,
    producer
});

struct Migration<'a> {
    store: &'a dyn StateStore,
    genesis: &'a Genesis,
    past: &'a dyn Fn(Slot) -> Result<Option<PastOutcome>, ExecutionError>,
    last: Slot,
}

impl Migration<'_> {
    fn decided_at(&self, slot: Slot) -> Result<PastOutcome, ExecutionError> {
        (self.past)(slot)?.ok_or_else(|| {
            ExecutionError::Corrupt(format!(
                "it is of the first format, and the archive does not know slot {slot}"
            ))
        })
    }

    /// The last final period of a thread.
    fn last_period(&self, thread: u8) -> u64 {
        let is_final = u64::from(thread > self.last.thread);
        self.last.period.saturating_sub(is_final)
    }

    fn threads(&self) -> Result<DecidedThreads, ExecutionError> {
        let chain_id = self.genesis.chain_id();
        let mut threads = decided_thread::genesis(&chain_id, self.genesis.params.thread_count);
        for (thread, decided) in &mut threads {
            let period = self.last_period(*thread);
            if period > 0 {
                let past = self.decided_at(Slot::new(period, *thread))?;
                let before = DecidedThread {
                    digest: past.digest,
                    next_period: past.slot.period,
                };
                *decided = before.after(past.slot, &past.value);
            }
        }
        Ok(threads)
    }

    fn last_block(&self, thread: u8) -> Result<LastBlock, ExecutionError> {
        let value = self.store.get(&keys::last_block(thread))?;
        let value = value
            .ok_or_else(|| ExecutionError::Corrupt("a thread has no last block".to_owned()))?;
        let first: FirstLastBlock = decode_exact(&value)
            .map_err(|error| LedgerError::corrupt("the last block of a thread", error))?;
        let parents = match first.slot.period {
            0 => Vec::new(),
            _ => {
                let block = self.decided_at(first.slot)?.block;
                let block = block.filter(|block| block.id() == first.block);
                let block = block.ok_or_else(|| {
                    ExecutionError::Corrupt(format!(
                        "the archive has another block at slot {}",
                        first.slot
                    ))
                })?;
                block.header.content().parents.clone()
            }
        };
        Ok(LastBlock {
            slot: first.slot,
            block: first.block,
            producer: first.producer,
            parents,
        })
    }

    /// The blocks without operations whose records would be there.
    fn add_records(&self, thread: u8, batch: &mut StateBatch) -> Result<(), ExecutionError> {
        let last = self.last_period(thread);
        let kept = Chain::kept_operation_periods(&self.genesis.params);
        let mut period = last.saturating_sub(kept).saturating_add(1).max(1);
        while period <= last {
            let past = self.decided_at(Slot::new(period, thread))?;
            period = past.value.through(past.slot.period).saturating_add(1);
            if let Some(block) = &past.block
                && block.operations.is_empty()
            {
                let record = BlockRecord {
                    block: block.id(),
                    operations: Vec::new(),
                };
                batch.put(keys::executed_operations(past.slot), record.to_bytes());
            }
        }
        Ok(())
    }
}
