//! What lists tell of blocks and decisions. Neither changes any more, so it is read once and kept for
//! as long as there is room.

use crate::problem::internal;
use crate::{ApiContext, Problem, ProblemCode};
use parking_lot::Mutex;
use picot_consensus::SlotStatus;
use picot_models::{Address, Block, BlockId, Slot, Value};
use picot_serialization::Encode;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Blocks, and decisions, that are kept.
const KEPT: usize = 8_192;

/// What lists tell of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockFacts {
    pub(crate) id: BlockId,
    pub(crate) slot: Slot,
    pub(crate) producer: Address,
    pub(crate) parents: Vec<BlockId>,
    pub(crate) operation_count: usize,
    pub(crate) size_bytes: usize,
    /// The slots and indices of the endorsements that it carries.
    pub(crate) endorsed: Vec<(Slot, u32)>,
}

impl BlockFacts {
    fn of(block: &Block) -> Self {
        let endorsements = block.header.content().endorsements.iter();
        let endorsements = endorsements.map(|endorsement| &endorsement.content);
        Self {
            id: block.id(),
            slot: block.slot(),
            producer: block.header.signer_address(),
            parents: block.header.content().parents.clone(),
            operation_count: block.operations.len(),
            size_bytes: block.encoded_len(),
            endorsed: endorsements.map(|it| (it.slot, it.index)).collect(),
        }
    }
}

/// The first so many of what was put in last.
struct Latest<K, V> {
    by_key: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Ord + Copy, V: Clone> Latest<K, V> {
    const fn new() -> Self {
        Self {
            by_key: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    fn put(&mut self, key: K, value: V) {
        if self.by_key.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}

/// What was read.
pub(crate) struct Facts {
    blocks: Mutex<Latest<BlockId, Arc<BlockFacts>>>,
    decisions: Mutex<Latest<Slot, (Slot, Value)>>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            blocks: Mutex::new(Latest::new()),
            decisions: Mutex::new(Latest::new()),
        }
    }
}

impl Facts {
    /// What is known of a block; none if this node does not hold it.
    pub(crate) fn block(
        &self,
        context: &ApiContext,
        id: &BlockId,
    ) -> Result<Option<Arc<BlockFacts>>, Problem> {
        if let Some(known) = self.blocks.lock().by_key.get(id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(block) = find_block(context, id)? else {
            return Ok(None);
        };
        let facts = Arc::new(BlockFacts::of(&block));
        self.blocks.lock().put(*id, Arc::clone(&facts));
        Ok(Some(facts))
    }

    /// What consensus says of a slot, or said of a decided one, whether that is kept or not.
    pub(crate) fn status(&self, context: &ApiContext, slot: Slot) -> Result<SlotStatus, Problem> {
        if let Some((outcome, value)) = self.decisions.lock().by_key.get(&slot).copied() {
            return Ok(SlotStatus::Decided { outcome, value });
        }
        self.status_now(context, slot)
    }

    /// What consensus says of a slot now: what was decided may be kept no more.
    pub(crate) fn status_now(
        &self,
        context: &ApiContext,
        slot: Slot,
    ) -> Result<SlotStatus, Problem> {
        if slot.period == 0 {
            let id = context.genesis.block(slot.thread).id();
            return Ok(SlotStatus::Decided {
                outcome: slot,
                value: Value::Block { id },
            });
        }
        let status = context.consensus.slot_status(slot);
        let status = status.map_err(|error| internal(&error))?;
        if let SlotStatus::Decided { outcome, value } = status {
            self.decisions.lock().put(slot, (outcome, value));
        }
        Ok(status)
    }
}

/// A block that is decided or in flight, or of the genesis.
fn find_block(context: &ApiContext, id: &BlockId) -> Result<Option<Block>, Problem> {
    let found = context.storage.block(id);
    let found = found.map_err(|error| internal(&error))?;
    Ok(found.or_else(|| {
        let mut threads = 0..context.genesis.params.thread_count;
        threads.find_map(|thread| Some(context.genesis.block(thread)).filter(|it| it.id() == *id))
    }))
}

/// As [`find_block`], or why there is none.
pub(crate) fn held_block(context: &ApiContext, id: &BlockId) -> Result<Block, Problem> {
    find_block(context, id)?.ok_or_else(|| {
        let detail = format!("this node has no block {id}");
        Problem::new(ProblemCode::NotFound, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_first_leaves_first_and_nothing_twice() {
        let mut latest = Latest::new();
        for number in 0..KEPT + 3 {
            latest.put(number, number);
            latest.put(number, number);
        }
        assert_eq!((latest.by_key.len(), latest.order.len()), (KEPT, KEPT));
        assert_eq!(latest.by_key.first_key_value(), Some((&3, &3)));
    }
}
