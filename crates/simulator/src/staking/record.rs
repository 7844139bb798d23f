//! What became final in a run, slot by slot, as the first node saw it that had it.

use crate::node::Node;
use picot_execution::{Execution, ExecutionError, Level, OperationOutcome, SlotOutput, Totals};
use picot_models::{Address, Amount, Block, Genesis, Hash, OperationKind, Slot};
use picot_selector::Selector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state after a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// Its hash.
    pub state_hash: Hash,
    /// Where all coins are.
    pub totals: Totals,
    /// The rolls of all stakers.
    pub rolls: Arc<BTreeMap<Address, u64>>,
    /// The coins that addresses have coming, by the cycle at whose end they do.
    pub credits: BTreeMap<(u64, Address), Amount>,
    /// The balances of all who had a part in anything; none without an entry.
    pub balances: BTreeMap<Address, Option<Amount>>,
}

/// A final slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRecord {
    /// The slot.
    pub slot: Slot,
    /// Its block; none: a miss.
    pub block: Option<Block>,
    /// What became of the block's operations, in order.
    pub outcomes: Vec<OperationOutcome>,
    /// The drawn part of the producer ranking.
    pub producers: Vec<Address>,
    /// The drawn endorsers, by index.
    pub endorsers: Vec<Address>,
    /// Whether the end of a cycle kept the last stake.
    pub kept_last_stake: bool,
    /// The state after it; none where a node made several slots final at once.
    pub state: Option<StateRecord>,
}

/// All final slots of a run, in order from the first one on, and who could draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeRecord {
    /// The genesis.
    pub genesis: Genesis,
    /// The slots.
    pub slots: Vec<SlotRecord>,
    /// The voting power of each cycle, as the nodes drew with it.
    pub powers: BTreeMap<u64, BTreeMap<Address, u64>>,
}

/// What writes the record.
pub(crate) struct Recorder {
    record: StakeRecord,
    next: Slot,
    /// Everybody who had a part in anything.
    known: BTreeSet<Address>,
}

impl Recorder {
    /// Before the first slot.
    #[must_use]
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let stakers = genesis.stakers.iter().map(|staker| staker.address);
        let holders = genesis.allocations.keys().copied();
        Self {
            known: stakers.chain(holders).collect(),
            record: StakeRecord {
                genesis: genesis.clone(),
                slots: Vec::new(),
                powers: BTreeMap::new(),
            },
            next: Slot::new(1, 0),
        }
    }

    /// What was recorded.
    #[must_use]
    pub(crate) fn into_record(self) -> StakeRecord {
        self.record
    }

    /// Slots became final at a node. Those that another had before are passed over.
    ///
    /// # Errors
    /// A node does not know what it made final.
    pub(crate) fn on_final(
        &mut self,
        node: &Node,
        outputs: &[Arc<SlotOutput>],
    ) -> Result<(), String> {
        for output in outputs {
            if output.slot != self.next {
                continue;
            }
            let record = self.slot(node, output)?;
            self.record.slots.push(record);
            let threads = self.record.genesis.params.thread_count;
            let next = self.next.next(threads);
            self.next = next.map_err(|error| error.to_string())?;
        }
        let last = self.record.slots.last_mut();
        let summary = node.execution().summary();
        if let Some(last) = last
            && last.slot == summary.last_final_slot
            && last.state.is_none()
        {
            let state = state(node.execution(), &self.known);
            last.state = Some(state.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn slot(&mut self, node: &Node, output: &SlotOutput) -> Result<SlotRecord, String> {
        let slot = output.slot;
        let draws = node.selector().draws(slot);
        let draws = draws.map_err(|error| error.to_string())?;
        self.add_power(node.selector(), slot)?;
        let block = match output.block {
            None => None,
            Some(id) => {
                let held = node.held_block(&id);
                Some(held.ok_or_else(|| format!("the block of {slot} is final and not held"))?)
            }
        };
        for operation in block.iter().flat_map(|block| &block.operations) {
            self.known.insert(operation.signer_address());
            if let OperationKind::Transfer { recipient, .. } = operation.content().kind {
                self.known.insert(recipient);
            }
        }
        Ok(SlotRecord {
            slot,
            block,
            outcomes: output.operations.iter().map(|(_, done)| *done).collect(),
            producers: draws.producers.clone(),
            endorsers: draws.endorsers.clone(),
            kept_last_stake: output.ended_cycle.is_some_and(|end| end.kept_last_stake),
            state: None,
        })
    }

    fn add_power(&mut self, selector: &dyn Selector, slot: Slot) -> Result<(), String> {
        let cycle = slot.cycle(self.record.genesis.params.periods_per_cycle);
        let cycle = cycle.map_err(|error| error.to_string())?;
        if self.record.powers.contains_key(&cycle) {
            return Ok(());
        }
        let validators = selector.voting_power(cycle);
        let validators = validators.map_err(|error| error.to_string())?;
        let all = validators.validators().iter();
        let powers = all.map(|one| (one.address, one.power)).collect();
        self.record.powers.insert(cycle, powers);
        Ok(())
    }
}

fn state(
    execution: &dyn Execution,
    known: &BTreeSet<Address>,
) -> Result<StateRecord, ExecutionError> {
    let summary = execution.summary();
    let mut credits = BTreeMap::new();
    let mut balances = BTreeMap::new();
    for address in known {
        balances.insert(*address, execution.balance(Level::Final, address)?);
        let coming = execution.deferred_credits(Level::Final, address)?;
        let coming = coming.into_iter().filter(|(_, coins)| !coins.is_zero());
        credits.extend(coming.map(|(cycle, coins)| ((cycle, *address), coins)));
    }
    Ok(StateRecord {
        state_hash: summary.state_hash,
        totals: summary.totals,
        rolls: execution.stakers(),
        credits,
        balances,
    })
}
