//! Blocks that this node has whole and gives to others.

use picot_models::{Block, BlockId};
use picot_serialization::Encode;
use std::collections::{BTreeMap, VecDeque};

/// The latest blocks, by count and bytes: at least one, however large. Their parts are shared with
/// whoever else holds them.
#[derive(Debug)]
pub(super) struct Held {
    blocks: BTreeMap<BlockId, (Block, usize)>,
    order: VecDeque<BlockId>,
    bytes: usize,
    max_count: usize,
    max_bytes: usize,
}

impl Held {
    pub(super) const fn new(max_count: usize, max_bytes: usize) -> Self {
        Self {
            blocks: BTreeMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            max_count,
            max_bytes,
        }
    }

    pub(super) fn insert(&mut self, block: Block) {
        let id = block.id();
        if self.blocks.contains_key(&id) {
            return;
        }
        let bytes = block.encoded_len();
        self.bytes = self.bytes.saturating_add(bytes);
        self.blocks.insert(id, (block, bytes));
        self.order.push_back(id);
        while self.order.len() > 1
            && (self.order.len() > self.max_count || self.bytes > self.max_bytes)
        {
            let oldest = self.order.pop_front();
            let removed = oldest.and_then(|oldest| self.blocks.remove(&oldest));
            self.bytes = self
                .bytes
                .saturating_sub(removed.map_or(0, |(_, bytes)| bytes));
        }
    }

    pub(super) fn get(&self, id: &BlockId) -> Option<&Block> {
        self.blocks.get(id).map(|(block, _)| block)
    }
}
