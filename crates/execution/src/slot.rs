//! One slot, in the order of design 05, 'One slot, in this order'.

use crate::balances::{Balances, Place};
use crate::chain::Chain;
use crate::effects::{
    BlockRecord, ExecutedBlock, ExecutedOperation, ExecutedSlot, LastBlock, SlotEffects,
};
use crate::final_state::{check_conservation, seed_bit};
use crate::id_map::IdMap;
use crate::operations::Parties;
use crate::view::View;
use crate::{EndedCycle, ExecutionError, OperationOutcome, SlotOutput, Totals};
use picot_clock::Slot;
use picot_models::{Address, Amount, Block, FaultKey, OperationKind};
use picot_pos::{PosChanges, RollRegistry};
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Executes one slot on top of a view; what comes out is a value, nothing else changes.
pub(crate) fn execute_slot(
    chain: &Chain,
    view: &View<'_>,
    slot: Slot,
    block: Option<&Block>,
) -> Result<ExecutedSlot, ExecutionError> {
    let pos_layers: Vec<&PosChanges> = view.layers.iter().map(|layer| &layer.pos).collect();
    let mut run = SlotRun::new(chain, view, &pos_layers, slot)?;
    let executed = match block {
        Some(block) => Some(run.execute_block(block)?),
        None => run.execute_miss().map(|()| None)?,
    };
    let ended_cycle = run.end_slot(block)?;
    Ok(run.finish(block, executed, ended_cycle))
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
    fn execute_block(&mut self, block: &Block) -> Result<ExecutedBlock, ExecutionError> {
        if block.slot() != self.slot {
            return Err(ExecutionError::WrongSlot { slot: self.slot });
        }
        for denunciation in &block.header.content().denunciations {
            self.punish(denunciation)?;
        }
        let producer = block.header.signer_address();
        let executed = self.execute_operations(block, producer)?;
        self.reward(block, producer)?;
        self.count_block(block, producer)?;
        Ok(executed)
    }

    /// Step 3.
    fn execute_operations(
        &mut self,
        block: &Block,
        producer: Address,
    ) -> Result<ExecutedBlock, ExecutionError> {
        let places = self.read_ahead(block)?;
        let producer = self.place(&producer)?;
        let mut operations = Vec::with_capacity(block.operations.len());
        let mut outcomes = IdMap::default();
        outcomes.reserve(block.operations.len());
        for (operation, (sender, recipient)) in block.operations.iter().zip(places) {
            let id = operation.id();
            let outcome = match outcomes.entry(id) {
                Entry::Vacant(entry) if self.may_carry(operation) => {
                    let parties = Parties {
                        sender: operation.signer_address(),
                        sender_place: sender,
                        recipient_place: recipient,
                        producer: Some(producer),
                    };
                    *entry.insert(self.execute_operation(operation.content(), &parties)?)
                }
                entry => {
                    entry.or_insert(OperationOutcome::Refused);
                    OperationOutcome::Refused
                }
            };
            operations.push(ExecutedOperation { id, outcome });
        }
        let record = BlockRecord {
            block: block.id(),
            operations,
        };
        Ok(ExecutedBlock::of(self.slot, record, outcomes))
    }

    /// Reads the balances that a block's operations need; gives the places of each operation's
    /// sender and recipient, which is the sender again where there is none.
    fn read_ahead(&mut self, block: &Block) -> Result<Vec<(Place, Place)>, ExecutionError> {
        let mut asked = Vec::with_capacity(block.operations.len().saturating_mul(2));
        for operation in &block.operations {
            let sender = operation.signer_address();
            let recipient = match &operation.content().kind {
                OperationKind::Transfer { recipient, .. } => *recipient,
                _ => sender,
            };
            asked.extend([sender, recipient]);
        }
        let places = self.balances.read_ahead(self.view, &asked)?;
        let (pairs, _) = places.as_chunks::<2>();
        Ok(pairs
            .iter()
            .map(|&[sender, recipient]| (sender, recipient))
            .collect())
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
        let addresses: Vec<Address> = end.reimbursed.keys().copied().collect();
        let places = self.balances.read_ahead(self.view, &addresses)?;
        for (place, amount) in places.into_iter().zip(end.reimbursed.into_values()) {
            self.totals.deferred_credits = self.rest(self.totals.deferred_credits, amount)?;
            self.credit(place, amount)?;
        }
        Ok(EndedCycle {
            cycle: self.cycle,
            kept_last_stake: end.kept_last_stake,
        })
    }

    fn finish(
        self,
        block: Option<&Block>,
        executed: Option<ExecutedBlock>,
        ended_cycle: Option<EndedCycle>,
    ) -> ExecutedSlot {
        let slot = self.slot;
        let records = executed.iter().flat_map(|block| &block.record.operations);
        let output = SlotOutput {
            slot,
            block: block.map(Block::id),
            producer: block.map(|block| block.header.signer_address()),
            operations: records.map(|done| (done.id, done.outcome)).collect(),
            minted: self.minted,
            ended_cycle,
            state_hash: None,
        };
        let last_block = block.map(|block| LastBlock {
            slot,
            block: block.id(),
            producer: output.producer,
            parents: block.header.content().parents.clone(),
        });
        let effects = SlotEffects {
            ledger: self.balances.into_changes(),
            pos: self.registry.into_changes(),
            executed: executed.into_iter().map(Arc::new).collect(),
            punished: self.punished,
            last_blocks: last_block
                .map(|last| (slot.thread, last))
                .into_iter()
                .collect(),
            totals: self.totals,
        };
        ExecutedSlot {
            output,
            effects,
            block: None,
        }
    }
}

/// Coins: every step is checked and keeps the totals.
impl SlotRun<'_> {
    /// The place of an address's balance.
    pub(crate) fn place(&mut self, address: &Address) -> Result<Place, ExecutionError> {
        self.balances.place(self.view, address)
    }

    /// Adds coins to a balance, with an entry made for it if there was none.
    pub(crate) fn credit(&mut self, place: Place, amount: Amount) -> Result<(), ExecutionError> {
        let balance = self.balances.at(place).unwrap_or_default();
        let balance = self.sum(balance, amount)?;
        self.balances.set(place, balance);
        self.totals.balances = self.sum(self.totals.balances, amount)?;
        Ok(())
    }

    /// Takes coins from a balance that was seen to cover them.
    pub(crate) fn debit(&mut self, place: Place, amount: Amount) -> Result<(), ExecutionError> {
        let balance = self.balances.at(place).unwrap_or_default();
        let balance = self.rest(balance, amount)?;
        self.balances.set(place, balance);
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
