//! What is in flight, in memory and bounded.

use crate::{BlockArchive, Storage, StorageConfig, StorageError};
use parking_lot::RwLock;
use picot_models::{Block, BlockId, EndorsementId, SignedEndorsement, Slot};
use picot_serialization::Encode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The [`Storage`] of a node: maps in memory over a [`BlockArchive`].
pub struct BoundedStorage {
    config: StorageConfig,
    archive: Arc<dyn BlockArchive>,
    blocks: RwLock<Blocks>,
    endorsements: RwLock<Endorsements>,
}

#[derive(Default)]
struct Blocks {
    by_id: BTreeMap<BlockId, Block>,
    /// With the canonical length of each.
    by_slot: BTreeMap<(Slot, BlockId), usize>,
    bytes: usize,
}

#[derive(Default)]
struct Endorsements {
    by_id: BTreeMap<EndorsementId, Arc<SignedEndorsement>>,
    by_slot: BTreeMap<(Slot, EndorsementId), ()>,
}

impl BoundedStorage {
    /// An empty storage over an archive.
    ///
    /// # Errors
    /// [`StorageError::Config`].
    pub fn new(
        config: StorageConfig,
        archive: Arc<dyn BlockArchive>,
    ) -> Result<Self, StorageError> {
        config.validate()?;
        Ok(Self {
            config,
            archive,
            blocks: RwLock::default(),
            endorsements: RwLock::default(),
        })
    }

    /// Blocks in memory and their canonical bytes.
    #[must_use]
    pub fn block_usage(&self) -> (usize, usize) {
        let blocks = self.blocks.read();
        (blocks.by_id.len(), blocks.bytes)
    }

    /// Endorsements in memory.
    #[must_use]
    pub fn endorsement_count(&self) -> usize {
        self.endorsements.read().by_id.len()
    }
}

impl Blocks {
    fn insert(&mut self, block: Block) {
        let (slot, id) = (block.slot(), block.id());
        if self.by_id.contains_key(&id) {
            return;
        }
        let len = block.encoded_len();
        self.bytes = self.bytes.saturating_add(len);
        self.by_slot.insert((slot, id), len);
        self.by_id.insert(id, block);
    }

    fn drop_oldest(&mut self) {
        if let Some(((_, id), len)) = self.by_slot.pop_first() {
            self.bytes = self.bytes.saturating_sub(len);
            self.by_id.remove(&id);
        }
    }

    fn oldest(&self) -> Option<Slot> {
        self.by_slot.first_key_value().map(|((slot, _), _)| *slot)
    }

    fn shrink_to(&mut self, config: &StorageConfig) {
        while self.by_id.len() > config.max_blocks
            || (self.bytes > config.max_block_bytes && !self.by_id.is_empty())
        {
            self.drop_oldest();
        }
    }
}

impl Endorsements {
    fn insert(&mut self, endorsement: Arc<SignedEndorsement>) {
        let (slot, id) = (endorsement.content().slot, endorsement.id());
        self.by_slot.insert((slot, id), ());
        self.by_id.entry(id).or_insert(endorsement);
    }

    fn drop_oldest(&mut self) {
        if let Some(((_, id), ())) = self.by_slot.pop_first() {
            self.by_id.remove(&id);
        }
    }

    fn oldest(&self) -> Option<Slot> {
        self.by_slot.first_key_value().map(|((slot, _), ())| *slot)
    }
}

impl Storage for BoundedStorage {
    fn put_block(&self, block: Block) {
        let mut blocks = self.blocks.write();
        blocks.insert(block);
        blocks.shrink_to(&self.config);
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        if let Some(block) = self.blocks.read().by_id.get(id) {
            return Ok(Some(block.clone()));
        }
        self.archive.block(id)
    }

    fn put_endorsements(&self, endorsements: Vec<Arc<SignedEndorsement>>) {
        let mut kept = self.endorsements.write();
        for endorsement in endorsements {
            kept.insert(endorsement);
            if kept.by_id.len() > self.config.max_endorsements {
                kept.drop_oldest();
            }
        }
    }

    fn endorsement(&self, id: &EndorsementId) -> Option<Arc<SignedEndorsement>> {
        self.endorsements.read().by_id.get(id).map(Arc::clone)
    }

    fn forget_before(&self, slot: Slot) {
        let mut blocks = self.blocks.write();
        while blocks.oldest().is_some_and(|oldest| oldest < slot) {
            blocks.drop_oldest();
        }
        drop(blocks);
        let mut endorsements = self.endorsements.write();
        while endorsements.oldest().is_some_and(|oldest| oldest < slot) {
            endorsements.drop_oldest();
        }
    }
}
