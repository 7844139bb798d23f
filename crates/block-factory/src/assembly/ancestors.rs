//! The decided blocks of a thread that execution has not come to yet.
//!
//! Execution may lag behind consensus. Its list of executed operations then lacks those of the
//! newest blocks, and a block that repeated one of them would be invalid: so they are read from the
//! blocks themselves.

use picot_clock::Slot;
use picot_models::{Block, BlockId, OperationId};
use picot_storage::Storage;

use super::OwnParent;

/// A thread's chain, from the parent of a new block back to what is final.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ancestors {
    pub(super) parent: OwnParent,
    /// No operation that is valid now can be in a block of an earlier period.
    pub(super) oldest_period: u64,
    /// Execution knows the operations of blocks up to this slot.
    pub(super) last_final_slot: Slot,
}

impl Ancestors {
    /// Whether there is a block that execution may not have come to.
    pub(super) fn are_needed(&self) -> bool {
        self.is_needed(self.parent.slot)
    }

    /// The operations of the blocks that execution may not have come to.
    pub(super) fn operations(&self, storage: &dyn Storage) -> Result<Vec<OperationId>, String> {
        let mut operations = Vec::new();
        let parent = read(storage, &self.parent.id)?;
        let mut next = Some(parent.ok_or_else(|| format!("no block {}", self.parent.id))?);
        while let Some(block) = next.filter(|block| self.is_needed(block.slot())) {
            operations.extend(block.operations.iter().map(|operation| operation.id()));
            next = match own_parent_of(&block) {
                // A decided block is always there, so one that is not is the genesis block.
                Some(id) => read(storage, id)?.filter(|older| older.slot() < block.slot()),
                None => None,
            };
        }
        Ok(operations)
    }

    fn is_needed(&self, slot: Slot) -> bool {
        slot.period > 0 && slot > self.last_final_slot && slot.period >= self.oldest_period
    }
}

fn read(storage: &dyn Storage, id: &BlockId) -> Result<Option<Block>, String> {
    let block = storage
        .block(id)
        .map_err(|error| format!("block {id}: {error}"))?;
    match block {
        Some(other) if other.id() != *id => Err(format!("block {id}: storage gave {}", other.id())),
        block => Ok(block),
    }
}

fn own_parent_of(block: &Block) -> Option<&BlockId> {
    block
        .header
        .content()
        .parents
        .get(usize::from(block.slot().thread))
}

#[cfg(test)]
mod tests {
    use picot_models::mocks::{address, block, chain_id, key, transfer};
    use picot_storage::{StorageError, mocks::MockStorage};

    use super::*;

    /// Blocks of thread 1 at these periods, each with one operation and the one before as parent.
    fn chain(periods: &[u64]) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for &period in periods {
            let operation = transfer(&key(1), address(2), period, 1, period, &chain_id(1));
            let genesis = picot_models::Hash([9; 32]).into();
            let parent = blocks.last().map_or(genesis, Block::id);
            let slot = Slot::new(period, 1);
            let made = block(
                &key(3),
                slot,
                vec![genesis, parent],
                vec![operation],
                &chain_id(1),
            );
            blocks.push(made);
        }
        blocks
    }

    fn storage(blocks: Vec<Block>) -> MockStorage {
        let mut storage = MockStorage::new();
        storage
            .expect_block()
            .returning(move |id| Ok(blocks.iter().find(|block| block.id() == *id).cloned()));
        storage
    }

    fn ancestors(blocks: &[Block], last_final_slot: Slot, oldest_period: u64) -> Ancestors {
        let parent = blocks.last().unwrap();
        let parent = OwnParent {
            id: parent.id(),
            slot: parent.slot(),
        };
        Ancestors {
            parent,
            oldest_period,
            last_final_slot,
        }
    }

    fn periods_found(blocks: Vec<Block>, ancestors: Ancestors) -> Vec<u64> {
        let found = ancestors.operations(&storage(blocks.clone())).unwrap();
        let period_of = |id: &OperationId| {
            let holder = blocks.iter().find(|block| block.operations[0].id() == *id);
            holder.unwrap().slot().period
        };
        found.iter().map(period_of).collect()
    }

    #[test]
    fn what_is_final_need_not_be_read() {
        let blocks = chain(&[5]);
        assert!(!ancestors(&blocks, Slot::new(5, 1), 0).are_needed());
        assert!(ancestors(&blocks, Slot::new(5, 0), 0).are_needed());
        assert!(
            !ancestors(&chain(&[0]), Slot::GENESIS, 0).are_needed(),
            "genesis has none"
        );
    }

    #[test]
    fn the_chain_is_read_back_to_what_is_final() {
        let blocks = chain(&[3, 4, 6, 7]);
        let ancestors = ancestors(&blocks, Slot::new(4, 1), 0);
        assert_eq!(periods_found(blocks, ancestors), [7, 6]);
    }

    #[test]
    fn the_chain_is_read_back_to_the_oldest_period_that_matters() {
        let blocks = chain(&[3, 4, 6, 7]);
        let ancestors = ancestors(&blocks, Slot::GENESIS, 6);
        assert_eq!(periods_found(blocks, ancestors), [7, 6]);
    }

    #[test]
    fn the_chain_is_read_back_to_genesis() {
        let blocks = chain(&[3, 4]);
        let ancestors = ancestors(&blocks, Slot::GENESIS, 0);
        assert_eq!(periods_found(blocks, ancestors), [4, 3]);
    }

    #[test]
    fn a_parent_that_cannot_be_read_is_an_error() {
        let blocks = chain(&[3, 4]);
        let ancestors = ancestors(&blocks, Slot::GENESIS, 0);
        assert!(
            ancestors
                .operations(&storage(vec![]))
                .unwrap_err()
                .contains("no block")
        );
        let mut broken = MockStorage::new();
        broken
            .expect_block()
            .returning(|_| Err(StorageError::Config("a test")));
        assert!(ancestors.operations(&broken).is_err());
    }
}
