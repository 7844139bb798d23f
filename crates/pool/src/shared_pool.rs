//! The pool of a node: the cores behind their locks.
//!
//! Lock order: there is none, because no thread holds two of these locks, and none is held while
//! accounts, the selector or the network are asked or signatures are verified. What those answers
//! were based on may thus have changed when a lock is taken (again); each core checks again what it
//! can, and [`add_operations`](SharedPool) asks accounts again for what it took in.

use crate::denunciations::Denunciations;
use crate::endorsements::Endorsements;
use crate::thread_operations::ThreadOperations;
use crate::{AccountView, Config, FeeLevels, Pool, PoolError, PoolLimits, PoolStats, Propagation};
use parking_lot::Mutex;
use picot_crypto::{BatchVerifier, Verifier};
use picot_models::{
    Address, BlockId, ChainId, ChainParams, Denunciation, OperationId, SignedEndorsement,
    SignedOperation, Slot,
};
use picot_selector::Selector;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The pool of a node, to be shared behind an [`Arc`].
pub struct SharedPool {
    pub(crate) config: Config,
    pub(crate) chain_id: ChainId,
    pub(crate) params: ChainParams,
    pub(crate) selector: Arc<dyn Selector>,
    pub(crate) accounts: Arc<dyn AccountView>,
    pub(crate) propagation: Arc<dyn Propagation>,
    /// Where signatures of endorsements are verified: a few keys sign most of them.
    pub(crate) verifier: Box<dyn Verifier>,
    /// By thread: batches of one thread do not wait for another.
    threads: Vec<Mutex<ThreadOperations>>,
    pub(crate) endorsements: Mutex<Endorsements>,
    pub(crate) denunciations: Mutex<Denunciations>,
}

impl SharedPool {
    /// An empty pool. Accounts may be [`LateAccounts`](crate::LateAccounts).
    ///
    /// # Errors
    /// [`PoolError::Config`].
    pub fn new(
        config: Config,
        chain_id: ChainId,
        params: ChainParams,
        selector: Arc<dyn Selector>,
        accounts: Arc<dyn AccountView>,
        propagation: Arc<dyn Propagation>,
    ) -> Result<Self, PoolError> {
        config.validate()?;
        let threads = (0..params.thread_count)
            .map(|thread| Mutex::new(ThreadOperations::new(thread, &config)))
            .collect();
        Ok(Self {
            threads,
            endorsements: Mutex::new(Endorsements::new(&config, &params)),
            denunciations: Mutex::new(Denunciations::new(&config, &params)),
            config,
            chain_id,
            params,
            selector,
            accounts,
            propagation,
            verifier: Box::new(BatchVerifier::default()),
        })
    }

    /// With another verifier of endorsements.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Box<dyn Verifier>) -> Self {
        self.verifier = verifier;
        self
    }

    /// The operations of a thread; `None` on a chain that has fewer.
    pub(crate) fn thread(&self, thread: u8) -> Option<&Mutex<ThreadOperations>> {
        self.threads.get(usize::from(thread))
    }

    pub(crate) fn threads(&self) -> &[Mutex<ThreadOperations>] {
        &self.threads
    }

    pub(crate) fn thread_of(&self, address: &Address) -> u8 {
        address.thread(self.params.thread_count)
    }

    fn advance(&self, slot: Slot) {
        for thread in &self.threads {
            thread.lock().advance(slot);
        }
        self.endorsements.lock().advance(slot);
        self.denunciations.lock().advance(slot);
    }
}

impl Pool for SharedPool {
    fn add_operations(&self, operations: Vec<Arc<SignedOperation>>) -> Vec<Result<(), PoolError>> {
        self.admit_operations(operations)
    }

    fn add_endorsements(
        &self,
        endorsements: Vec<Arc<SignedEndorsement>>,
    ) -> Vec<Result<(), PoolError>> {
        self.admit_endorsements(endorsements)
    }

    fn add_denunciations(
        &self,
        denunciations: Vec<Arc<Denunciation>>,
    ) -> Vec<Result<(), PoolError>> {
        self.admit_denunciations(denunciations)
    }

    fn batch(
        &self,
        slot: Slot,
        remaining_gas: u64,
        remaining_space: u64,
        excluded: &BTreeSet<OperationId>,
    ) -> Vec<Arc<SignedOperation>> {
        self.thread(slot.thread).map_or_else(Vec::new, |thread| {
            thread
                .lock()
                .batch(slot.period, remaining_gas, remaining_space, excluded)
        })
    }

    fn endorsements_for(
        &self,
        parent: &BlockId,
        parent_slot: Slot,
    ) -> Vec<Option<Arc<SignedEndorsement>>> {
        self.endorsements.lock().of_block(parent, parent_slot)
    }

    fn denunciations_for(&self, slot: Slot) -> Vec<Arc<Denunciation>> {
        self.choose_denunciations(slot)
    }

    fn notify_final(&self, slot: Slot, executed: &[OperationId]) {
        self.advance(slot);
        self.settle_denunciations();
        let Some(thread) = self.thread(slot.thread) else {
            return;
        };
        let senders: BTreeSet<Address> = {
            let mut operations = thread.lock();
            let removed = executed.iter().filter_map(|id| operations.remove(id));
            removed.map(|pending| pending.sender).collect()
        };
        self.settle(senders);
    }

    fn notify_slot(&self, slot: Slot) {
        self.advance(slot);
    }

    fn notify_balances(&self, senders: &[Address]) {
        self.settle(senders.iter().copied().collect());
        self.settle_denunciations();
    }

    fn offer_again(&self, operations: Vec<Arc<SignedOperation>>) {
        self.readmit_operations(operations);
    }

    fn contains(&self, id: &OperationId) -> bool {
        self.threads.iter().any(|thread| thread.lock().contains(id))
    }

    fn get(&self, id: &OperationId) -> Option<Arc<SignedOperation>> {
        self.threads.iter().find_map(|thread| thread.lock().get(id))
    }

    fn holds(&self, ids: &[OperationId]) -> Vec<bool> {
        self.find_ids(ids)
    }

    fn operations_by_prefix(&self, prefixes: &[u64]) -> Vec<Option<Arc<SignedOperation>>> {
        self.find_prefixes(prefixes)
    }

    fn of_sender(&self, sender: &Address) -> Vec<Arc<SignedOperation>> {
        let pending = self
            .thread(self.thread_of(sender))
            .map_or_else(Vec::new, |thread| thread.lock().of_sender(sender));
        let operations = pending.iter();
        operations
            .map(|pending| Arc::clone(&pending.operation))
            .collect()
    }

    fn fee_levels(&self, thread: u8, blocks: &[u64]) -> FeeLevels {
        self.thread(thread)
            .map(|thread| thread.lock().fee_levels(blocks, &self.params))
            .unwrap_or_default()
    }

    fn limits(&self) -> PoolLimits {
        PoolLimits {
            max_operations_per_thread: self.config.max_operations_per_thread,
            max_bytes_per_thread: self.config.max_bytes_per_thread,
            max_operations_per_sender: self.config.max_operations_per_sender,
            min_fee: self.config.min_fee,
        }
    }

    fn stats(&self) -> PoolStats {
        PoolStats {
            threads: self
                .threads
                .iter()
                .map(|thread| thread.lock().stats())
                .collect(),
            endorsements: self.endorsements.lock().len(),
            denunciations: self.denunciations.lock().len(),
        }
    }
}
