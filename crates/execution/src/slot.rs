//! One slot, in the order of design 05, 'One slot, in this order'.

use crate::balances::Balances;
use crate::chain::Chain;
use crate::effects::{
    BlockRecord, ExecutedBlock, ExecutedOperation, ExecutedSlot, LastBlock, SlotEffects,
};
use crate::final_state::{check_conservation, seed_bit};
use crate::view::View;
use crate::{EndedCycle, ExecutionError, OperationOutcome, SlotOutput, Totals};
use picot_clock::Slot;
use picot_models::{Address, Amount, Block, FaultKey};
use picot_pos::{PosChanges, RollRegistry};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Executes one slot on top of a view; what comes out is a value, nothing else changes.
pub(crate) fn execute_slot(
    chain: &Chain,
    view: &View<'_>,
    slot: Slot,
    block: Option<Block>,
) -> Result<ExecutedSlot, ExecutionError> {
    let pos_layers: Vec<&PosChanges> = view.layers.iter().map(|layer| &layer.pos).collect();
    let mut run = SlotRun::new(chain, view, &pos_layers, slot)?;
    let operations = match &block {
        Some(block) => run.execute_block(block)?,
        None => run.execute_miss().map(|()| Vec::new())?,
    };
    let ended_cycle = run.end_slot(block.as_ref())?;
    Ok(run.finish(block, operations, ended_cycle))
}

/// A slot while it is executed.
pub(crate) struct SlotRun<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) view: &'a View<'a>,
    pub(crate) slot: Slot,
    pub(crate) cycle: u64,
    pub(crate) registry: RollRegistry<'a>,
    pub(crate) balances: Balances,
    pub(crate) totals: Totals,
    pub(crate) punished: BTreeSet<FaultKey>,
    pub(crate) minted: Amount,
}

impl<'a> SlotRun<'a> {
    pub(crate) fn new(
        chain: &'a Chain,
        view: &'a View<'a>,
        pos_layers: &'a [&'a PosChanges],
        slot: Slot,
    ) -> Result<Self, ExecutionError> {
        let cycle = chain.pos.cycle_of(slot)?;
        Ok(Self {
            chain,
            view,
            slot,
            cycle,
            registry: RollRegistry::new(&chain.pos, &view.below.pos, pos_layers, cycle),
            balances: Balances::default(),
            totals: view.totals(),
            punished: BTreeSet::new(),
            minted: Amount::ZERO,
        })
    }

    /// Steps 2 to 5 of a block.
    fn execute_block(&mut self, block: &Block) -> Result<Vec<ExecutedOperation>, ExecutionError> {
        if block.slot() != self.slot {
            return Err(ExecutionError::WrongSlot { slot: self.slot });
        }
        for denunciation in &block.header.content().denunciations {
            self.punish(denunciation)?;
        }
        let producer = block.header.signer_address();
        let operations = self.execute_operations(block, producer)?;
        self.reward(block, producer)?;
        self.count_block(block, producer)?;
        Ok(operations)
    }

    fn execute_operations(
        &mut self,
        block: &Block,
        producer: Address,
    ) -> Result<Vec<ExecutedOperation>, ExecutionError> {
        let mut done = Vec::with_capacity(block.operations.len());
        let mut seen = HashSet::with_capacity(block.operations.len());
        for operation in &block.operations {
            let (id, sender) = (operation.id(), operation.signer_address());
            let may_run = seen.insert(id) && self.may_carry(operation);
            let outcome = if may_run {
                self.execute_operation(operation.content(), sender, Some(producer))?
            } else {
                OperationOutcome::Refused
            };
            done.push(ExecutedOperation { id, outcome });
        }
        Ok(done)
    }

    /// Steps 5 and 6.
    fn end_slot(&mut self, block: Option<&Block>) -> Result<Option<EndedCycle>, ExecutionError> {
        let id = block.map(Block::id);
        self.registry
            .push_seed_bit(seed_bit(self.slot, id.as_ref()));
        let ended = if self.chain.pos.ends_cycle(self.slot)? {
            Some(self.end_cycle()?)
        } else {
            None
        };
        check_conservation(self.slot, &self.totals, self.chain.params.roll_price)?;
        Ok(ended)
    }

    fn end_cycle(&mut self) -> Result<EndedCycle, ExecutionError> {
        let end = self.registry.end_cycle(self.totals.rolls)?;
        for count in end.implicitly_sold.values() {
            self.take_rolls(*count)?;
        }
        self.totals.deferred_credits = self.sum(self.totals.deferred_credits, end.sold_coins)?;
        for (address, amount) in end.reimbursed {
            self.totals.deferred_credits = self.rest(self.totals.deferred_credits, amount)?;
            self.credit(address, amount)?;
        }
        Ok(EndedCycle {
            cycle: self.cycle,
            kept_last_stake: end.kept_last_stake,
        })
    }

    fn finish(
        self,
        block: Option<Block>,
        operations: Vec<ExecutedOperation>,
        ended_cycle: Option<EndedCycle>,
    ) -> ExecutedSlot {
        let slot = self.slot;
        let output = SlotOutput {
            slot,
            block: block.as_ref().map(Block::id),
            producer: block.as_ref().map(|block| block.header.signer_address()),
            operations: operations
                .iter()
                .map(|done| (done.id, done.outcome))
                .collect(),
            minted: self.minted,
            ended_cycle,
            state_hash: None,
        };
        let mut executed = Vec::new();
        let mut last_blocks = BTreeMap::new();
        if let Some(block) = &block {
            let id = block.id();
            last_blocks.insert(
                slot.thread,
                LastBlock {
                    slot,
                    block: id,
                    producer: output.producer,
                },
            );
            if !operations.is_empty() {
                let record = BlockRecord {
                    block: id,
                    operations,
                };
                executed.push(Arc::new(ExecutedBlock::new(slot, record)));
            }
        }
        let effects = SlotEffects {
            ledger: self.balances.into_changes(),
            pos: self.registry.into_changes(),
            executed,
            punished: self.punished,
            last_blocks,
            totals: self.totals,
        };
        ExecutedSlot {
            output,
            effects,
            block,
        }
    }
}

/// Coins: every step is checked and keeps the totals.
impl SlotRun<'_> {
    /// The balance of an address; `None` without an entry.
    pub(crate) fn balance(&mut self, address: &Address) -> Result<Option<Amount>, ExecutionError> {
        self.balances.get(self.view, address)
    }

    /// Adds coins to a balance, with an entry made for it if there was none.
    pub(crate) fn credit(
        &mut self,
        address: Address,
        amount: Amount,
    ) -> Result<(), ExecutionError> {
        let balance = self.balance(&address)?.unwrap_or_default();
        let balance = self.sum(balance, amount)?;
        self.balances.set(&address, balance);
        self.totals.balances = self.sum(self.totals.balances, amount)?;
        Ok(())
    }

    /// Takes coins from a balance that was seen to cover them.
    pub(crate) fn debit(&mut self, address: Address, amount: Amount) -> Result<(), ExecutionError> {
        let balance = self.balance(&address)?.unwrap_or_default();
        let balance = self.rest(balance, amount)?;
        self.balances.set(&address, balance);
        self.totals.balances = self.rest(self.totals.balances, amount)?;
        Ok(())
    }

    pub(crate) fn take_rolls(&mut self, count: u64) -> Result<(), ExecutionError> {
        let rolls = self.totals.rolls.checked_sub(count);
        self.totals.rolls = rolls.ok_or_else(|| self.overflow())?;
        Ok(())
    }

    pub(crate) fn add_rolls(&mut self, count: u64) -> Result<(), ExecutionError> {
        let rolls = self.totals.rolls.checked_add(count);
        self.totals.rolls = rolls.ok_or_else(|| self.overflow())?;
        Ok(())
    }

    pub(crate) fn sum(&self, one: Amount, other: Amount) -> Result<Amount, ExecutionError> {
        one.checked_add(other).ok_or_else(|| self.overflow())
    }

    pub(crate) fn rest(&self, one: Amount, other: Amount) -> Result<Amount, ExecutionError> {
        one.checked_sub(other).ok_or_else(|| self.overflow())
    }

    /// Coins cannot overflow as long as they are conserved: this is a fault of the node.
    fn overflow(&self) -> ExecutionError {
        ExecutionError::Overflow {
            slot: self.slot,
            what: "a sum of coins or rolls",
        }
    }
}
