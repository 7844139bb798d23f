//! What slots change, as values.

use crate::id_map::IdMap;
use crate::{OperationOutcome, SlotOutput, Totals};
use picot_clock::Slot;
use picot_ledger::LedgerChanges;
use picot_models::limits::{MAX_OPERATIONS, MAX_THREAD_COUNT};
use picot_models::{Address, Block, BlockId, FaultKey, OperationId};
use picot_pos::PosChanges;
use picot_serialization::codec_struct;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The last block of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastBlock {
    /// Its slot.
    pub(crate) slot: Slot,
    /// Its id.
    pub(crate) block: BlockId,
    /// Who produced it: nobody, for a genesis block.
    pub(crate) producer: Option<Address>,
    /// What it names as its parents, by thread: nothing, for a genesis block. The next block of the
    /// thread may name none that are older (design 07, 'Order').
    pub(crate) parents: Vec<BlockId>,
}

codec_struct!(LastBlock {
    slot,
    block,
    producer,
    parents: seq(MAX_THREAD_COUNT)
});

/// One operation of a block and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExecutedOperation {
    pub(crate) id: OperationId,
    pub(crate) outcome: OperationOutcome,
}

codec_struct!(ExecutedOperation { id, outcome });

/// A block and its operations: one pair of the state, so that it is hashed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    pub(crate) block: BlockId,
    pub(crate) operations: Vec<ExecutedOperation>,
}

codec_struct!(BlockRecord {
    block,
    operations: seq(MAX_OPERATIONS)
});

/// The operations of a block, and where each one is.
#[derive(Debug)]
pub(crate) struct ExecutedBlock {
    pub(crate) slot: Slot,
    pub(crate) record: BlockRecord,
    outcomes: IdMap<OperationId, OperationOutcome>,
}

impl ExecutedBlock {
    pub(crate) fn new(slot: Slot, record: BlockRecord) -> Self {
        let mut outcomes = IdMap::default();
        outcomes.reserve(record.operations.len());
        for operation in &record.operations {
            // The first one counts: an operation that is there again was refused.
            outcomes.entry(operation.id).or_insert(operation.outcome);
        }
        Self::of(slot, record, outcomes)
    }

    /// The same with the outcomes of the record as they are known already.
    pub(crate) const fn of(
        slot: Slot,
        record: BlockRecord,
        outcomes: IdMap<OperationId, OperationOutcome>,
    ) -> Self {
        Self {
            slot,
            record,
            outcomes,
        }
    }

    pub(crate) fn outcome(&self, id: &OperationId) -> Option<OperationOutcome> {
        self.outcomes.get(id).copied()
    }
}

/// What one slot changes, or several that follow each other.
#[derive(Debug)]
pub(crate) struct SlotEffects {
    pub(crate) ledger: LedgerChanges,
    pub(crate) pos: PosChanges,
    /// The blocks, ascending.
    pub(crate) executed: Vec<Arc<ExecutedBlock>>,
    pub(crate) punished: BTreeSet<FaultKey>,
    pub(crate) last_blocks: BTreeMap<u8, LastBlock>,
    /// The totals afterwards.
    pub(crate) totals: Totals,
}

impl SlotEffects {
    /// Adds the effects of the slots that come next.
    pub(crate) fn merge(&mut self, later: Self) {
        self.ledger.merge(later.ledger);
        self.pos.merge(later.pos);
        self.executed.extend(later.executed);
        self.punished.extend(later.punished);
        self.last_blocks.extend(later.last_blocks);
        self.totals = later.totals;
    }

    /// The addresses whose coins or rolls change, or whose faults are punished.
    pub(crate) fn touched(&self) -> impl Iterator<Item = Address> + '_ {
        let balances = self.ledger.balances().map(|(address, _)| *address);
        let stakers = self.pos.rolls.keys().copied();
        let punished = self.punished.iter().map(|fault| fault.address);
        balances.chain(stakers).chain(punished)
    }
}

/// A slot that was executed: what it changes, and what is told of it.
#[derive(Debug)]
pub(crate) struct ExecutedSlot {
    pub(crate) output: SlotOutput,
    pub(crate) effects: SlotEffects,
    /// Of a candidate: kept for its operations, in case that it is lost.
    pub(crate) block: Option<Block>,
}

impl ExecutedSlot {
    /// Whether it is this block, or this miss, at this slot.
    pub(crate) fn is_of(&self, slot: Slot, block: Option<BlockId>) -> bool {
        self.output.slot == slot && self.output.block == block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureReason;
    use picot_models::{Amount, DenunciationKind, Hash, mocks};
    use picot_serialization::Encode;
    use picot_serialization::testing::check_value;

    fn outcomes() -> [OperationOutcome; 4] {
        [
            OperationOutcome::Succeeded,
            OperationOutcome::Failed(FailureReason::NoContractEngine),
            OperationOutcome::Unpaid,
            OperationOutcome::Refused,
        ]
    }

    fn record() -> BlockRecord {
        let operation = |(number, outcome): (u8, OperationOutcome)| ExecutedOperation {
            id: Hash([number; 32]).into(),
            outcome,
        };
        BlockRecord {
            block: Hash([9; 32]).into(),
            operations: (1..).zip(outcomes()).map(operation).collect(),
        }
    }

    #[test]
    fn what_is_stored_keeps_the_laws_of_codecs() {
        check_value(&record());
        for producer in [None, Some(mocks::address(1))] {
            check_value(&LastBlock {
                slot: Slot::new(300, 2),
                block: Hash([9; 32]).into(),
                producer,
                parents: producer.map_or_else(Vec::new, |_| vec![Hash([8; 32]).into(); 3]),
            });
        }
        let nanos = Amount::from_nanos;
        check_value(&Totals {
            balances: nanos(1),
            rolls: 200,
            deferred_credits: nanos(3),
            storage_deposits: nanos(40_000),
            genesis_supply: nanos(u64::MAX),
            minted: nanos(6),
            burnt: nanos(7),
            slashed: nanos(8),
        });
    }

    #[test]
    fn outcomes_have_the_bytes_they_always_had() {
        let bytes = outcomes().map(|outcome| outcome.to_bytes());
        assert_eq!(bytes, [vec![0], vec![1, 7], vec![2], vec![3]]);
    }

    #[test]
    fn who_is_punished_is_told_of_though_it_has_nothing_left_to_lose() {
        let culprit = mocks::address(1);
        let fault = FaultKey {
            address: culprit,
            slot: Slot::new(1, 0),
            kind: DenunciationKind::Headers,
        };
        let effects = SlotEffects {
            ledger: LedgerChanges::new(),
            pos: PosChanges::new(),
            executed: Vec::new(),
            punished: BTreeSet::from([fault]),
            last_blocks: BTreeMap::new(),
            totals: Totals::default(),
        };
        assert_eq!(effects.touched().collect::<Vec<_>>(), [culprit]);
    }

    #[test]
    fn of_an_operation_that_is_there_twice_the_first_outcome_counts() {
        let mut record = record();
        let first = record.operations.first().copied().unwrap();
        record.operations.push(ExecutedOperation {
            outcome: OperationOutcome::Refused,
            ..first
        });
        let block = ExecutedBlock::new(Slot::new(1, 0), record);
        assert_eq!(block.outcome(&first.id), Some(OperationOutcome::Succeeded));
        assert_eq!(block.outcome(&Hash([77; 32]).into()), None);
    }
}
