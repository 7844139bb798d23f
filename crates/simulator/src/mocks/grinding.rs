//! A producer that makes many blocks in secret and publishes the one with the lowest id.
//!
//! Where the canonical rule is `lowest-hash`, that wins slots in proportion to the tries. Where it
//! is not, it wins nothing (design 07, 'Canonical rule').

use picot_models::{
    Address, Amount, Block, ChainId, ChainParams, Header, Operation, OperationKind, Prepared,
    SecretKey, Signed, SignedOperation, operations_hash,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Grinds the ids of a producer's blocks.
#[derive(Debug, Clone)]
pub struct Grinder {
    key: SecretKey,
    chain_id: ChainId,
    params: ChainParams,
    tries: u32,
    /// By thread: a key of nobody, that signs what the tries differ in.
    fillers: BTreeMap<u8, SecretKey>,
}

impl Grinder {
    /// A producer with this key, that makes so many variants of each of its blocks.
    #[must_use]
    pub fn new(key: SecretKey, chain_id: ChainId, params: ChainParams, tries: u32) -> Self {
        let mut fillers = BTreeMap::new();
        for number in 0_u64.. {
            if fillers.len() >= usize::from(params.thread_count) {
                break;
            }
            let filler = filler(&key, number);
            let thread = Address::of_key(&filler.public_key()).thread(params.thread_count);
            fillers.entry(thread).or_insert(filler);
        }
        Self {
            key,
            chain_id,
            params,
            tries,
            fillers,
        }
    }

    /// The variant of a block with the lowest id: each has one operation more, that does nothing
    /// and is another one each time. All are valid.
    #[must_use]
    pub fn grind(&self, block: &Block) -> Block {
        let Some(filler) = self.fillers.get(&block.slot().thread) else {
            return block.clone();
        };
        let room = usize::try_from(self.params.max_operations_per_block).unwrap_or(usize::MAX);
        let kept = block.operations.len().min(room.saturating_sub(1));
        let kept = block.operations.get(..kept).unwrap_or_default();
        let tries = (1..self.tries).map(|number| self.variant(block, kept, filler, number));
        let best = tries.min_by_key(|(header, _)| header.id());
        match best {
            Some((header, filling)) if header.id() < block.id() => {
                let signature = self.key.sign(header.id().as_hash());
                let mut operations = kept.to_vec();
                let signature_of_filling = filler.sign(filling.id().as_hash());
                operations.push(Arc::new(filling.seal(signature_of_filling)));
                Block {
                    header: Arc::new(header.seal(signature)),
                    operations,
                }
            }
            _ => block.clone(),
        }
    }

    fn variant(
        &self,
        block: &Block,
        kept: &[Arc<SignedOperation>],
        filler: &SecretKey,
        number: u32,
    ) -> (Prepared<Header>, Prepared<Operation>) {
        let content = Operation {
            fee: Amount::from_nanos(u64::from(number)),
            expire_period: block.slot().period,
            kind: OperationKind::RollSell { roll_count: 1 },
        };
        let filling = Signed::prepare(content, filler.public_key(), &self.chain_id);
        let ids = kept.iter().map(|operation| operation.id());
        let header = Header {
            operations_hash: operations_hash(ids.chain([filling.id()])),
            operation_count: u32::try_from(kept.len() + 1).unwrap_or(u32::MAX),
            ..block.header.content().clone()
        };
        let header = Signed::prepare(header, self.key.public_key(), &self.chain_id);
        (header, filling)
    }
}

fn filler(key: &SecretKey, number: u64) -> SecretKey {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"filler");
    hasher.update(key.public_key().as_bytes());
    hasher.update(&number.to_le_bytes());
    SecretKey::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use picot_models::Slot;

    fn block(thread: u8) -> Block {
        let genesis = SimConfig::new(1, 4).genesis();
        let content = Header {
            version: 1,
            slot: Slot::new(3, thread),
            parents: genesis.block_ids(),
            operations_hash: operations_hash([]),
            operation_count: 0,
            endorsements: Vec::new(),
            denunciations: Vec::new(),
        };
        Block {
            header: Arc::new(Signed::sign(
                content,
                &SimConfig::key(0),
                &genesis.chain_id(),
            )),
            operations: Vec::new(),
        }
    }

    fn grinder(tries: u32) -> Grinder {
        let genesis = SimConfig::new(1, 4).genesis();
        Grinder::new(SimConfig::key(0), genesis.chain_id(), genesis.params, tries)
    }

    #[test]
    fn more_tries_give_lower_ids_and_blocks_that_are_whole() {
        for thread in 0..4 {
            let block = block(thread);
            let few = grinder(10).grind(&block);
            let many = grinder(500).grind(&block);
            assert!(many.id() < few.id() && few.id() <= block.id());
            assert!(many.matches_header() && many.header.verify().is_ok());
            let filling = many.operations.first().unwrap();
            assert!(filling.verify().is_ok());
            assert_eq!(filling.signer_address().thread(4), thread);
            let params = SimConfig::new(1, 4).params;
            assert!(filling.content().is_valid_at(3, &params));
        }
    }

    #[test]
    fn one_try_is_the_block_itself() {
        assert_eq!(grinder(1).grind(&block(0)), block(0));
    }
}
