//! Reads through layers of effects, newest first, down to the final state.

use crate::effects::{ExecutedBlock, LastBlock, SlotEffects};
use crate::final_state::FinalState;
use crate::{ExecutionError, Totals};
use picot_ledger::{LayeredLedger, Ledger};
use picot_models::{Address, Amount, FaultKey, OperationId};
use std::sync::Arc;

/// The state at the end of some slot: the final state with layers of effects on top.
#[derive(Clone)]
pub(crate) struct View<'a> {
    pub(crate) below: &'a FinalState,
    /// Newest first.
    pub(crate) layers: Vec<&'a SlotEffects>,
}

impl<'a> View<'a> {
    pub(crate) fn new(below: &'a FinalState, layers: Vec<&'a SlotEffects>) -> Self {
        Self { below, layers }
    }

    fn newest<T>(&self, pick: impl Fn(&'a SlotEffects) -> Option<T>) -> Option<T> {
        self.layers.iter().find_map(|layer| pick(layer))
    }

    pub(crate) fn balance(&self, address: &Address) -> Result<Option<Amount>, ExecutionError> {
        match self.newest(|layer| layer.ledger.balance(address)) {
            Some(change) => Ok(change.value().copied()),
            None => Ok(self.below.ledger.balance(address)?),
        }
    }

    /// As [`Self::balance`], with what the store has for the address.
    pub(crate) fn balance_over(&self, address: &Address, stored: Option<Amount>) -> Option<Amount> {
        match self.newest(|layer| layer.ledger.balance(address)) {
            Some(change) => change.value().copied(),
            None => stored,
        }
    }

    /// The balances of many addresses, in their order.
    pub(crate) fn balances(
        &self,
        addresses: &[Address],
    ) -> Result<Vec<Option<Amount>>, ExecutionError> {
        if self.layers.iter().all(|layer| layer.ledger.is_empty()) {
            return Ok(self.below.ledger.balances(addresses)?);
        }
        let layers = self.layers.iter().map(|layer| &layer.ledger);
        let ledger = LayeredLedger::new(&self.below.ledger, layers.collect());
        Ok(ledger.balances(addresses)?)
    }

    pub(crate) fn totals(&self) -> Totals {
        self.layers
            .first()
            .map_or(self.below.totals, |layer| layer.totals)
    }

    pub(crate) fn last_block(&self, thread: u8) -> Option<&'a LastBlock> {
        self.newest(|layer| layer.last_blocks.get(&thread))
            .or_else(|| self.below.last_blocks.get(&thread))
    }

    /// The block that executed an operation.
    pub(crate) fn block_of(&self, id: &OperationId) -> Option<&'a Arc<ExecutedBlock>> {
        // The oldest one: an operation that is there again was refused.
        self.below.block_of(id).or_else(|| {
            let blocks = self.layers.iter().rev().flat_map(|layer| &layer.executed);
            let mut blocks = blocks.filter(|block| block.outcome(id).is_some());
            blocks.next()
        })
    }

    pub(crate) fn is_punished(&self, fault: &FaultKey) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.punished.contains(fault))
            || self.below.is_punished(fault)
    }
}
