//! What consensus goes on from: how far each thread is decided, and what the validity of its next
//! block depends on. All of it comes from the final state, under its hash, so that a node can go on
//! without the blocks that led there.

use crate::world::World;
use picot_clock::Slot;
use picot_models::{BlockId, Genesis, OperationId, ThreadDigest};

/// What consensus goes on from after a final slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The slot whose state it is of.
    pub last_final_slot: Slot,
    /// By thread.
    pub threads: Vec<ThreadBase>,
}

/// How far a thread is decided, and what the validity of its next block depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadBase {
    /// The digest after the last outcome.
    pub digest: ThreadDigest,
    /// The first period that no outcome has settled. Inside a miss of many periods it is the one
    /// after all of them.
    pub next_period: u64,
    /// The last decided block.
    pub last_block: BlockId,
    /// Its period.
    pub last_block_period: u64,
    /// What it names as its parents, by thread; nothing for a genesis block.
    pub last_block_parents: Vec<BlockId>,
    /// The decided blocks that the state knows, ascending, up to the last one: all of some time, and
    /// at least the last one. What is not among them is earlier than all of them but the last.
    pub blocks: Vec<(u64, BlockId)>,
    /// The operations of these blocks, by ascending period; those of longer than the validity window
    /// are among them.
    pub operations: Vec<(u64, Vec<OperationId>)>,
}

impl Base {
    /// Before anything is decided.
    #[must_use]
    pub fn genesis(genesis: &Genesis) -> Self {
        let chain_id = genesis.chain_id();
        let threads = (0_u8..)
            .zip(genesis.block_ids())
            .map(|(thread, block)| ThreadBase {
                digest: ThreadDigest::genesis(&chain_id, thread),
                next_period: 1,
                last_block: block,
                last_block_period: 0,
                last_block_parents: Vec::new(),
                blocks: vec![(0, block)],
                operations: Vec::new(),
            });
        Self {
            last_final_slot: Slot::new(0, genesis.params.thread_count.saturating_sub(1)),
            threads: threads.collect(),
        }
    }

    /// The first period of each thread that no outcome has settled.
    #[must_use]
    pub fn next_periods(&self) -> Vec<u64> {
        let threads = self.threads.iter();
        threads.map(|thread| thread.next_period).collect()
    }
}

/// The base of the final state. The records are shared while the lock is held, and read after it.
pub(crate) fn base_of(world: &parking_lot::RwLock<World>) -> Base {
    let (last_final_slot, threads, last_blocks, executed) = {
        let world = world.read();
        let state = &world.final_state;
        let executed: Vec<_> = state.executed.values().cloned().collect();
        (
            state.last_final_slot(),
            state.threads.clone(),
            state.last_blocks.clone(),
            executed,
        )
    };
    let threads = threads.iter().filter_map(|(thread, decided)| {
        let last = last_blocks.get(thread)?;
        let of_thread = || executed.iter().filter(|block| block.slot.thread == *thread);
        let mut blocks: Vec<(u64, BlockId)> = of_thread()
            .map(|block| (block.slot.period, block.record.block))
            .collect();
        if blocks.last().is_none_or(|(_, id)| *id != last.block) {
            // Its record is gone, and so are those of all before it.
            blocks.push((last.slot.period, last.block));
        }
        let operations = of_thread()
            .filter(|block| !block.record.operations.is_empty())
            .map(|block| {
                let operations = block.record.operations.iter();
                (block.slot.period, operations.map(|it| it.id).collect())
            });
        Some(ThreadBase {
            digest: decided.digest,
            next_period: decided.next_period,
            last_block: last.block,
            last_block_period: last.slot.period,
            last_block_parents: last.parents.clone(),
            blocks,
            operations: operations.collect(),
        })
    });
    Base {
        last_final_slot,
        threads: threads.collect(),
    }
}
