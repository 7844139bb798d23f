//! The final state: what is in the store, and what of it is kept in memory.

use crate::chain::Chain;
use crate::decided_thread::{self, DecidedThreads};
use crate::effects::{BlockRecord, ExecutedBlock, LastBlock, SlotEffects};
use crate::id_map::IdMap;
use crate::{ExecutionError, Totals};
use picot_clock::Slot;
use picot_crypto::{Context, Hash};
use picot_ledger::keys::{self, KeyKind};
use picot_ledger::{
    LatticeHash, LedgerChanges, LedgerError, STATE_FORMAT, StateBatch, StateMetadata, StateStore,
    StoreLedger, for_each_pair,
};
use picot_models::{Amount, BlockId, FaultKey, Genesis, OperationId};
use picot_pos::{PosChanges, PosFinalState, PosState};
use picot_serialization::{Decode, Encode, decode_exact};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The final state. Coins are read from the store; stakes, operations within their window and
/// punished faults are in memory too.
pub(crate) struct FinalState {
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) ledger: StoreLedger,
    pub(crate) metadata: StateMetadata,
    /// The digest of the lattice hash: asked for far more often than it changes.
    state_hash: Hash,
    pub(crate) pos: PosState,
    pub(crate) executed: BTreeMap<Slot, Arc<ExecutedBlock>>,
    by_operation: IdMap<OperationId, Slot>,
    pub(crate) punished: BTreeMap<Slot, BTreeSet<FaultKey>>,
    pub(crate) last_blocks: BTreeMap<u8, LastBlock>,
    pub(crate) threads: DecidedThreads,
    pub(crate) totals: Totals,
}

impl FinalState {
    /// Reads the state of a store, or makes the one of the genesis in an empty store.
    pub(crate) fn open(
        store: Arc<dyn StateStore>,
        genesis: &Genesis,
        chain: &Chain,
    ) -> Result<Self, ExecutionError> {
        if StateMetadata::read(&*store)?.is_none() {
            initialise(&*store, genesis, chain)?;
        }
        let metadata = StateMetadata::read(&*store)?.ok_or_else(|| corrupt("no metadata"))?;
        if metadata.format != STATE_FORMAT {
            return Err(ExecutionError::Format {
                found: metadata.format,
                known: STATE_FORMAT,
            });
        }
        if metadata.chain_id != chain.id {
            return Err(ExecutionError::OtherChain);
        }
        Self::load(store, metadata, genesis, chain)
    }

    fn load(
        store: Arc<dyn StateStore>,
        metadata: StateMetadata,
        genesis: &Genesis,
        chain: &Chain,
    ) -> Result<Self, ExecutionError> {
        let last = metadata.last_final_slot;
        last.check_thread(chain.params.thread_count)?;
        let mut state = Self {
            ledger: StoreLedger::new(Arc::clone(&store)),
            pos: PosState::load(Arc::clone(&chain.pos), last, &*store)?,
            executed: BTreeMap::new(),
            by_operation: IdMap::default(),
            punished: read_punished(&*store)?,
            last_blocks: read_last_blocks(&*store, chain)?,
            threads: decided_thread::read(&*store, chain.params.thread_count, last)?,
            totals: read_totals(&*store)?,
            state_hash: metadata.lattice.digest(),
            metadata,
            store,
        };
        for block in read_executed(&*state.store, last)? {
            state.insert_executed(Arc::new(block));
        }
        state.check_totals(genesis, chain)?;
        Ok(state)
    }

    pub(crate) fn last_final_slot(&self) -> Slot {
        self.metadata.last_final_slot
    }

    pub(crate) const fn state_hash(&self) -> Hash {
        self.state_hash
    }

    /// The block that executed an operation, if its record is still there.
    pub(crate) fn block_of(&self, id: &OperationId) -> Option<&Arc<ExecutedBlock>> {
        self.executed.get(self.by_operation.get(id)?)
    }

    pub(crate) fn is_punished(&self, fault: &FaultKey) -> bool {
        self.punished
            .get(&fault.slot)
            .is_some_and(|faults| faults.contains(fault))
    }

    /// Compares the running state hash with one computed anew.
    pub(crate) fn verify_state_hash(&self) -> Result<(), ExecutionError> {
        let found = LatticeHash::of_store(&*self.store)?.digest();
        let expected = self.state_hash();
        if found == expected {
            return Ok(());
        }
        Err(corrupt(&format!(
            "its hash is {found}, but should be {expected}"
        )))
    }

    /// That each total which can be added up in memory is its sum.
    fn check_totals(&self, genesis: &Genesis, chain: &Chain) -> Result<(), ExecutionError> {
        let rolls = self.pos.roll_counts();
        let rolls = rolls.values().try_fold(0_u64, |sum, n| sum.checked_add(*n));
        if rolls != Some(self.totals.rolls) {
            return Err(corrupt("its total of rolls is not their sum"));
        }
        let cycles = self.pos.cycle_history().iter();
        let credits = sum(cycles.flat_map(|info| info.deferred_credits.values().copied()));
        if credits != Some(self.totals.deferred_credits) {
            return Err(corrupt("its total of deferred credits is not their sum"));
        }
        if genesis.supply() != Some(self.totals.genesis_supply) {
            return Err(corrupt("its supply is not that of the genesis"));
        }
        let slot = self.last_final_slot();
        check_conservation(slot, &self.totals, chain.params.roll_price)
    }

    /// That the total of balances is their sum, which takes reading the whole ledger.
    pub(crate) fn verify_balances(&self) -> Result<(), ExecutionError> {
        let mut balances = Amount::ZERO;
        for_each_pair(&*self.store, &KeyKind::Balance.prefix(), |_, value| {
            let sum = balances.checked_add(read("a balance", value)?);
            balances = sum.ok_or_else(|| corrupt("the sum of its balances overflows"))?;
            Ok::<_, ExecutionError>(())
        })?;
        if balances == self.totals.balances {
            return Ok(());
        }
        Err(corrupt("its total of balances is not their sum"))
    }

    /// Makes the effects of all slots after the last final one up to `slot` final, in one commit:
    /// all of it, or after an error nothing. `layers` are oldest first, `threads` those in which
    /// something was decided.
    pub(crate) fn prepare_commit<'a>(
        &self,
        slot: Slot,
        layers: &[&'a SlotEffects],
        threads: DecidedThreads,
        chain: &Chain,
    ) -> Result<PreparedCommit<'a>, ExecutionError> {
        let mut batch = StateBatch::new();
        for effects in layers {
            effects.ledger.write_to(&mut batch);
            write_records(effects, &mut batch);
        }
        let pos = composed_pos(layers);
        let totals = layers.last().map_or(self.totals, |last| last.totals);
        batch.put(keys::totals(), totals.to_bytes());
        decided_thread::write(&threads, &mut batch);
        self.pos.write_slot(slot, &pos, &mut batch)?;
        for forgotten in self.slots_until(slot, chain)? {
            self.write_forgotten(forgotten, layers, chain, &mut batch);
        }
        let mut metadata = self.metadata.clone();
        metadata.seal(&mut batch, &*self.store, slot)?;
        Ok(PreparedCommit {
            slot,
            batch,
            pos,
            threads,
            totals,
            state_hash: metadata.lattice.digest(),
            metadata,
        })
    }

    /// The slots after the last final one, up to and with `slot`.
    fn slots_until(
        &self,
        slot: Slot,
        chain: &Chain,
    ) -> Result<picot_clock::SlotIter, ExecutionError> {
        let first = chain.next(self.last_final_slot())?;
        let after = chain.next(slot)?;
        let range = picot_clock::SlotRange::new(first, after, chain.params.thread_count)?;
        Ok(range.iter())
    }

    /// Deletes the records that are outdated when `slot` is final.
    fn write_forgotten(
        &self,
        slot: Slot,
        layers: &[&SlotEffects],
        chain: &Chain,
        batch: &mut StateBatch,
    ) {
        if let Some(forgotten) = chain.forgotten_operations(slot)
            && (self.executed.contains_key(&forgotten) || self.last_final_slot() < forgotten)
        {
            batch.delete(keys::executed_operations(forgotten));
        }
        if let Some(forgotten) = chain.forgotten_faults(slot) {
            let of_state = self.punished.get(&forgotten).into_iter().flatten();
            let of_layers = layers.iter().flat_map(|effects| &effects.punished);
            let of_layers = of_layers.filter(|fault| fault.slot == forgotten);
            for fault in of_state.chain(of_layers) {
                batch.delete(keys::punished_fault(fault));
            }
        }
    }

    /// Takes over what was committed. Cannot fail, but for a fault of this node.
    pub(crate) fn finish_commit(
        &mut self,
        commit: PreparedCommit<'_>,
        layers: &[&SlotEffects],
        chain: &Chain,
    ) -> Result<(), ExecutionError> {
        let slots = self.slots_until(commit.slot, chain)?;
        self.pos.settle_slot(commit.slot, &commit.pos)?;
        for effects in layers {
            for block in &effects.executed {
                self.insert_executed(Arc::clone(block));
            }
            for fault in &effects.punished {
                self.punished.entry(fault.slot).or_default().insert(*fault);
            }
            self.last_blocks.extend(effects.last_blocks.clone());
        }
        self.threads.extend(commit.threads);
        for slot in slots {
            if let Some(forgotten) = chain.forgotten_operations(slot) {
                self.remove_executed(forgotten);
            }
            if let Some(forgotten) = chain.forgotten_faults(slot) {
                self.punished.remove(&forgotten);
            }
        }
        self.totals = commit.totals;
        self.metadata = commit.metadata;
        self.state_hash = commit.state_hash;
        Ok(())
    }

    fn insert_executed(&mut self, block: Arc<ExecutedBlock>) {
        self.by_operation.reserve(block.record.operations.len());
        for operation in &block.record.operations {
            self.by_operation.entry(operation.id).or_insert(block.slot);
        }
        self.executed.insert(block.slot, block);
    }

    fn remove_executed(&mut self, slot: Slot) {
        let Some(block) = self.executed.remove(&slot) else {
            return;
        };
        for operation in &block.record.operations {
            if self.by_operation.get(&operation.id) == Some(&slot) {
                self.by_operation.remove(&operation.id);
            }
        }
    }
}

/// A commit that only has to be written.
pub(crate) struct PreparedCommit<'a> {
    slot: Slot,
    pub(crate) batch: StateBatch,
    pos: Cow<'a, PosChanges>,
    threads: DecidedThreads,
    totals: Totals,
    metadata: StateMetadata,
    state_hash: Hash,
}

/// What layers change of stakes, oldest first: without a copy if there is one.
fn composed_pos<'a>(layers: &[&'a SlotEffects]) -> Cow<'a, PosChanges> {
    if let [only] = layers {
        return Cow::Borrowed(&only.pos);
    }
    let mut pos = PosChanges::new();
    for effects in layers {
        pos.merge(effects.pos.clone());
    }
    Cow::Owned(pos)
}

/// That all coins are accounted for (design 05, 'Conservation').
pub(crate) fn check_conservation(
    slot: Slot,
    totals: &Totals,
    roll_price: Amount,
) -> Result<(), ExecutionError> {
    let (held, supplied) = (totals.held(roll_price), totals.supplied());
    if held == supplied {
        return Ok(());
    }
    Err(ExecutionError::Conservation {
        slot,
        held,
        supplied,
    })
}

/// The bit that a slot gives to its cycle's seed: the lowest of the first byte of the hash of the
/// block's id, or of the slot of a miss (design 06, 'Seed').
pub(crate) fn seed_bit(slot: Slot, block: Option<&BlockId>) -> bool {
    let hash = match block {
        Some(id) => Context::SeedBit.hash(id.as_bytes()),
        None => Context::SeedBit.hash(&slot.to_bytes()),
    };
    let [first, ..] = *hash.as_bytes();
    first & 1 == 1
}

fn write_records(effects: &SlotEffects, batch: &mut StateBatch) {
    for block in &effects.executed {
        batch.put(
            keys::executed_operations(block.slot),
            block.record.to_bytes(),
        );
    }
    for fault in &effects.punished {
        batch.put(keys::punished_fault(fault), Vec::new());
    }
    for (thread, last) in &effects.last_blocks {
        batch.put(keys::last_block(*thread), last.to_bytes());
    }
}

/// Writes the state of the genesis to an empty store.
fn initialise(
    store: &dyn StateStore,
    genesis: &Genesis,
    chain: &Chain,
) -> Result<(), ExecutionError> {
    let bits: Vec<bool> = (0_u8..)
        .zip(&chain.genesis_blocks)
        .map(|(thread, id)| seed_bit(Slot::new(0, thread), Some(id)))
        .collect();
    let pos = PosState::genesis(Arc::clone(&chain.pos), &bits)?;
    let mut batch = StateBatch::new();
    pos.write_all(&mut batch);
    let mut balances = LedgerChanges::new();
    for (address, amount) in &genesis.allocations {
        balances.set_balance(*address, *amount);
    }
    balances.write_to(&mut batch);
    for (thread, block) in (0_u8..).zip(&chain.genesis_blocks) {
        let last = LastBlock {
            slot: Slot::new(0, thread),
            block: *block,
            producer: None,
            parents: Vec::new(),
        };
        batch.put(keys::last_block(thread), last.to_bytes());
    }
    let threads = decided_thread::genesis(&chain.id, chain.params.thread_count);
    decided_thread::write(&threads, &mut batch);
    let slot = pos.last_final_slot();
    let totals = genesis_totals(genesis, slot)?;
    check_conservation(slot, &totals, chain.params.roll_price)?;
    batch.put(keys::totals(), totals.to_bytes());
    let mut metadata = StateMetadata {
        format: STATE_FORMAT,
        chain_id: chain.id,
        last_final_slot: slot,
        lattice: LatticeHash::new(),
    };
    metadata.seal(&mut batch, store, slot)?;
    Ok(store.commit(batch)?)
}

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    amounts.try_fold(Amount::ZERO, Amount::checked_add)
}

fn genesis_totals(genesis: &Genesis, slot: Slot) -> Result<Totals, ExecutionError> {
    let overflow = || ExecutionError::Overflow {
        slot,
        what: "the genesis supply",
    };
    let rolls = genesis.roll_counts();
    let rolls = rolls.values().try_fold(0_u64, |sum, n| sum.checked_add(*n));
    let balances = sum(genesis.allocations.values().copied());
    Ok(Totals {
        balances: balances.ok_or_else(overflow)?,
        rolls: rolls.ok_or_else(overflow)?,
        genesis_supply: genesis.supply().ok_or_else(overflow)?,
        ..Totals::default()
    })
}

fn corrupt(reason: &str) -> ExecutionError {
    ExecutionError::Corrupt(reason.to_owned())
}

fn read<T: Decode>(what: &'static str, value: &[u8]) -> Result<T, LedgerError> {
    decode_exact(value).map_err(|error| LedgerError::corrupt(what, error))
}

fn read_totals(store: &dyn StateStore) -> Result<Totals, ExecutionError> {
    let value = store.get(&keys::totals())?;
    let value = value.ok_or_else(|| corrupt("its totals are not there"))?;
    Ok(read("the totals", &value)?)
}

fn read_executed(store: &dyn StateStore, last: Slot) -> Result<Vec<ExecutedBlock>, ExecutionError> {
    let mut found = Vec::new();
    let kind = KeyKind::ExecutedOperations;
    for_each_pair(store, &kind.prefix(), |key, value| {
        match keys::strip(kind, key).and_then(keys::split_slot) {
            Some((slot, [])) if slot <= last => {
                let record: BlockRecord = read("executed operations", value)?;
                found.push(ExecutedBlock::new(slot, record));
                Ok(())
            }
            _ => Err(corrupt("a key of executed operations is wrong")),
        }
    })?;
    Ok(found)
}

fn read_punished(
    store: &dyn StateStore,
) -> Result<BTreeMap<Slot, BTreeSet<FaultKey>>, ExecutionError> {
    let mut found: BTreeMap<Slot, BTreeSet<FaultKey>> = BTreeMap::new();
    let kind = KeyKind::PunishedFault;
    for_each_pair(store, &kind.prefix(), |key, _| {
        let parts = keys::strip(kind, key)
            .and_then(keys::split_slot)
            .and_then(|(slot, rest)| Some((slot, keys::split_address(rest)?)));
        let Some((slot, (address, rest))) = parts else {
            return Err(corrupt("a key of a punished fault is wrong"));
        };
        let fault = FaultKey {
            address,
            slot,
            kind: read("the kind of a punished fault", rest)?,
        };
        found.entry(slot).or_default().insert(fault);
        Ok(())
    })?;
    Ok(found)
}

fn read_last_blocks(
    store: &dyn StateStore,
    chain: &Chain,
) -> Result<BTreeMap<u8, LastBlock>, ExecutionError> {
    let mut found = BTreeMap::new();
    for thread in 0..chain.params.thread_count {
        let value = store.get(&keys::last_block(thread))?;
        let value = value.ok_or_else(|| corrupt("a thread has no last block"))?;
        found.insert(thread, read("the last block of a thread", &value)?);
    }
    Ok(found)
}
