//! Reads of the published state, from any thread.

use crate::base::{Base, base_of};
use crate::chain::Chain;
use crate::effects::ExecutedBlock;
use crate::operations::Parties;
use crate::slot::SlotRun;
use crate::view::View;
use crate::world::World;
use crate::{ExecutionError, ExecutionSummary, Level, OperationStatus, Simulation};
use parking_lot::RwLock;
use picot_clock::Slot;
use picot_ledger::{Ledger, LedgerError};
use picot_models::{Address, Amount, FaultKey, Operation, OperationId, OperationKind};
use picot_pool::AccountView;
use picot_pos::{CycleInfo, PosChanges, PosFinalState, RollRegistry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often a simulation reads balances anew because a slot became final meanwhile; then it takes
/// them as they are.
const SIMULATION_TRIES: usize = 4;

/// Reads of the published state. Copies read the same; none of them waits for an execution.
#[derive(Clone)]
pub struct ExecutionReader {
    chain: Arc<Chain>,
    world: Arc<RwLock<World>>,
}

impl ExecutionReader {
    pub(crate) fn new(chain: Arc<Chain>, world: Arc<RwLock<World>>) -> Self {
        Self { chain, world }
    }

    /// See [`Execution::balance`](crate::Execution::balance).
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn balance(
        &self,
        level: Level,
        address: &Address,
    ) -> Result<Option<Amount>, ExecutionError> {
        // The store is asked without the lock: it may be slow.
        let (change, ledger) = {
            let world = self.world.read();
            let view = world.view(level);
            let change = view
                .layers
                .iter()
                .find_map(|layer| layer.ledger.balance(address).cloned());
            (change, world.final_state.ledger.clone())
        };
        match change {
            Some(change) => Ok(change.value().copied()),
            None => Ok(ledger.balance(address)?),
        }
    }

    /// See [`Execution::rolls`](crate::Execution::rolls).
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn rolls(&self, level: Level, address: &Address) -> Result<u64, ExecutionError> {
        self.with_registry(level, |registry| registry.rolls(address))
    }

    /// See [`Execution::deferred_credits`](crate::Execution::deferred_credits).
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn deferred_credits(
        &self,
        level: Level,
        address: &Address,
    ) -> Result<BTreeMap<u64, Amount>, ExecutionError> {
        self.with_registry(level, |registry| registry.deferred_credits(address))
    }

    /// Reads stakes as the next slot at a level would find them.
    fn with_registry<T>(
        &self,
        level: Level,
        read: impl FnOnce(&RollRegistry<'_>) -> T,
    ) -> Result<T, ExecutionError> {
        let world = self.world.read();
        let view = world.view(level);
        let layers = pos_layers(&view);
        let last = match level {
            Level::Final => world.final_state.last_final_slot(),
            Level::Candidate => world.candidate_slot(),
        };
        let cycle = self.chain.pos.cycle_of(self.chain.next(last)?)?;
        let pos = &world.final_state.pos;
        let registry = RollRegistry::new(&self.chain.pos, pos, &layers, cycle);
        Ok(read(&registry))
    }

    /// See [`Execution::datastore`](crate::Execution::datastore).
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn datastore(
        &self,
        level: Level,
        address: &Address,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, ExecutionError> {
        // The store is asked without the lock: it may be slow.
        let (change, ledger) = {
            let world = self.world.read();
            let view = world.view(level);
            let change = view
                .layers
                .iter()
                .find_map(|layer| layer.ledger.datastore(address, key).cloned());
            (change, world.final_state.ledger.clone())
        };
        match change {
            Some(change) => Ok(change.value().cloned()),
            None => Ok(ledger.datastore(address, key)?),
        }
    }

    /// See [`Execution::executed_operations`](crate::Execution::executed_operations).
    ///
    /// # Errors
    /// None at present.
    pub fn executed_operations(&self, thread: u8) -> Result<BTreeSet<OperationId>, ExecutionError> {
        let validity = self.chain.params.operation_validity_periods;
        // The set is made without the lock: it may be long.
        let blocks: Vec<Arc<ExecutedBlock>> = {
            let world = self.world.read();
            let oldest = world.candidate_slot().period.saturating_sub(validity);
            let view = world.view(Level::Candidate);
            let ahead = view.layers.iter().flat_map(|layer| &layer.executed);
            let blocks = world.final_state.executed.range(Slot::new(oldest, 0)..);
            let blocks = blocks.map(|(_, block)| block).chain(ahead);
            let of_thread = blocks.filter(|block| block.slot.thread == thread);
            of_thread.map(Arc::clone).collect()
        };
        let operations = blocks.iter().flat_map(|block| &block.record.operations);
        Ok(operations.map(|done| done.id).collect())
    }

    /// See [`Execution::operation_status`](crate::Execution::operation_status).
    ///
    /// # Errors
    /// None at present.
    pub fn operation_status(
        &self,
        id: &OperationId,
    ) -> Result<Option<OperationStatus>, ExecutionError> {
        let world = self.world.read();
        let status = |block: &Arc<ExecutedBlock>, level| {
            Some(OperationStatus {
                slot: block.slot,
                block: block.record.block,
                outcome: block.outcome(id)?,
                level,
            })
        };
        if let Some(block) = world.final_state.block_of(id) {
            return Ok(status(block, Level::Final));
        }
        let view = world.view(Level::Candidate);
        Ok(view
            .block_of(id)
            .and_then(|block| status(block, Level::Candidate)))
    }

    /// See [`Execution::simulate`](crate::Execution::simulate).
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn simulate(
        &self,
        operation: &Operation,
        sender: &Address,
    ) -> Result<Simulation, ExecutionError> {
        let recipient = match &operation.kind {
            OperationKind::Transfer { recipient, .. } => recipient,
            _ => sender,
        };
        let mut tries = 1;
        loop {
            // The store is asked without the lock: it may be slow, and while somebody waits to
            // publish, all other readers would wait too.
            let (slot, ledger) = {
                let world = self.world.read();
                let slot = world.final_state.last_final_slot();
                (slot, world.final_state.ledger.clone())
            };
            let stored = [*sender, *recipient].map(|address| (address, ledger.balance(&address)));
            let world = self.world.read();
            if tries >= SIMULATION_TRIES || world.final_state.last_final_slot() == slot {
                return self.simulate_on(&world, operation, stored);
            }
            tries = tries.saturating_add(1);
        }
    }

    /// Runs an operation on a state whose stored balances of sender and recipient were read.
    fn simulate_on(
        &self,
        world: &World,
        operation: &Operation,
        stored: [(Address, Result<Option<Amount>, LedgerError>); 2],
    ) -> Result<Simulation, ExecutionError> {
        let [(sender, _), (recipient, _)] = &stored;
        let (sender, recipient) = (*sender, *recipient);
        let view = world.view(Level::Candidate);
        let layers = pos_layers(&view);
        let slot = self.chain.next(world.candidate_slot())?;
        let mut run = SlotRun::new(&self.chain, &view, &layers, slot)?;
        for (address, stored) in stored {
            let balance = view.balance_over(&address, stored?);
            run.balances.add_known(&address, balance);
        }
        let rolls_before = run.registry.rolls(&sender);
        let burnt_before = run.totals.burnt;
        let sender_place = run.place(&sender)?;
        let recipient_place = run.place(&recipient)?;
        let parties = Parties {
            sender,
            sender_place,
            recipient_place,
            producer: None,
        };
        let outcome = run.execute_operation(operation, &parties)?;
        let burnt = run.rest(run.totals.burnt, burnt_before)?;
        let rolls = (rolls_before, run.registry.rolls(&sender));
        let mut balances: Vec<_> = run.balances.changed().collect();
        balances.sort_unstable();
        Ok(Simulation {
            outcome,
            gas_used: operation.gas_usage(&self.chain.params).unwrap_or(u64::MAX),
            balances,
            rolls,
            burnt,
        })
    }

    /// See [`Execution::summary`](crate::Execution::summary).
    #[must_use]
    pub fn summary(&self) -> ExecutionSummary {
        let world = self.world.read();
        let last_final_slot = world.final_state.last_final_slot();
        world.summary(self.chain.pos.cycle_of(last_final_slot).unwrap_or(0))
    }

    /// What consensus goes on from after the last final slot.
    #[must_use]
    pub fn base(&self) -> Base {
        base_of(&self.world)
    }

    /// See [`Execution::stakers`](crate::Execution::stakers).
    #[must_use]
    pub fn stakers(&self) -> Arc<BTreeMap<Address, u64>> {
        self.world.read().final_state.pos.roll_counts()
    }

    /// See [`Execution::cycle_info`](crate::Execution::cycle_info).
    #[must_use]
    pub fn cycle_info(&self, cycle: u64) -> Option<Arc<CycleInfo>> {
        self.world.read().final_state.pos.cycle_info(cycle)
    }

    /// See [`Execution::known_cycles`](crate::Execution::known_cycles).
    #[must_use]
    pub fn known_cycles(&self) -> Vec<u64> {
        self.world.read().final_state.pos.known_cycles()
    }
}

fn pos_layers<'a>(view: &View<'a>) -> Vec<&'a PosChanges> {
    view.layers.iter().map(|layer| &layer.pos).collect()
}

impl AccountView for ExecutionReader {
    fn candidate_balance(&self, address: &Address) -> Amount {
        match self.balance(Level::Candidate, address) {
            Ok(balance) => balance.unwrap_or_default(),
            Err(error) => {
                tracing::error!(%error, %address, "a balance cannot be read");
                Amount::ZERO
            }
        }
    }

    fn is_executed(&self, id: &OperationId, thread: u8) -> bool {
        let world = self.world.read();
        let view = world.view(Level::Candidate);
        view.block_of(id)
            .is_some_and(|block| block.slot.thread == thread)
    }

    fn candidate_rolls(&self, address: &Address) -> u64 {
        self.rolls(Level::Candidate, address).unwrap_or(0)
    }

    fn is_punished(&self, fault: &FaultKey) -> bool {
        self.world.read().view(Level::Candidate).is_punished(fault)
    }
}

impl std::fmt::Debug for ExecutionReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slot = self.world.read().final_state.last_final_slot();
        write!(formatter, "ExecutionReader(final slot {slot})")
    }
}
