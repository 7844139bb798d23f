//! The trait that factories, consensus, execution and the API use.

use crate::{FeeLevels, PoolError, PoolLimits};
use picot_models::{BlockId, Denunciation, OperationId, SignedEndorsement, SignedOperation, Slot};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Pending operations, endorsements and denunciations.
///
/// Every method may be called from any thread and as often as one likes; none waits for the
/// network or the disk. An item that is refused is refused alone, with its reason. Nothing holds
/// over a restart: the pool begins empty, at slot `0/0`, and must be told the time by
/// [`Pool::notify_slot`] before it is of use. A caller of any method must not hold a lock that
/// [`AccountView`](crate::AccountView) or [`Propagation`](crate::Propagation) takes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Pool: Send + Sync {
    /// Takes in operations, verifying their signatures together, and announces the new ones to
    /// the network. One result for each, in their order.
    fn add_operations(&self, operations: Vec<Arc<SignedOperation>>) -> Vec<Result<(), PoolError>>;

    /// Takes in endorsements, verifying their signatures together, and announces the new ones. One
    /// result for each, in their order. Two that contradict each other make a denunciation.
    fn add_endorsements(
        &self,
        endorsements: Vec<Arc<SignedEndorsement>>,
    ) -> Vec<Result<(), PoolError>>;

    /// Takes in denunciations, verifying them, and announces the new ones. One result for each, in
    /// their order.
    fn add_denunciations(
        &self,
        denunciations: Vec<Arc<Denunciation>>,
    ) -> Vec<Result<(), PoolError>>;

    /// The best operations for a block of `slot` that together fit in the remaining gas and space
    /// (bytes), none of them excluded; best first. Bounded, so more may be had by asking again
    /// with these excluded; empty if there are none. Changes nothing that a caller could see.
    fn batch(
        &self,
        slot: Slot,
        remaining_gas: u64,
        remaining_space: u64,
        excluded: &BTreeSet<OperationId>,
    ) -> Vec<Arc<SignedOperation>>;

    /// The endorsements of a block, by index: as many places as the chain has endorsement draws.
    fn endorsements_for(
        &self,
        parent: &BlockId,
        parent_slot: Slot,
    ) -> Vec<Option<Arc<SignedEndorsement>>>;

    /// The denunciations that a block of `slot` may carry: still punishable, ascending by id, at
    /// most `max_denunciations_per_block`. Those that were punished when the pool was notified last
    /// are not among them.
    fn denunciations_for(&self, slot: Slot) -> Vec<Arc<Denunciation>>;

    /// A slot is final and these operations were executed in it: they leave, and what else their
    /// senders have pending is checked again. Slots may come in any order and more than once.
    fn notify_final(&self, slot: Slot, executed: &[OperationId]);

    /// Time passes: this slot has started. What can no longer be included leaves. An earlier slot
    /// than the last one told changes nothing.
    fn notify_slot(&self, slot: Slot);

    /// The candidate state changed for these addresses: their pending operations, and those of
    /// nobody else, are checked again. What was executed leaves; of the rest, the best that the
    /// balance covers stay. Which faults are punished is asked again, too.
    fn notify_balances(&self, senders: &[picot_models::Address]);

    /// Takes back the operations of a candidate that lost its slot. Their signatures were verified
    /// with their block and are not verified again; they are not announced again; those that no
    /// longer fit are left out silently.
    fn offer_again(&self, operations: Vec<Arc<SignedOperation>>);

    /// Whether the operation is pending.
    fn contains(&self, id: &OperationId) -> bool;

    /// A pending operation.
    fn get(&self, id: &OperationId) -> Option<Arc<SignedOperation>>;

    /// Whether each of these operations is pending, in their order: what a peer announces is asked
    /// for only where the answer is no.
    fn holds(&self, ids: &[OperationId]) -> Vec<bool>;

    /// The pending operation whose id begins with each of these prefixes, in their order; `None`
    /// if there is none, or more than one.
    ///
    /// A prefix is the first eight bytes of an id, as [`prefix_of`](crate::prefix_of) reads them:
    /// what a block that is sent compact names its operations by. Who sends it chose the ids, so
    /// what is found is checked against the block. From
    /// [`MAX_PREFIXES`](crate::MAX_PREFIXES) on, the answer is `None`: no block has so many.
    fn operations_by_prefix(&self, prefixes: &[u64]) -> Vec<Option<Arc<SignedOperation>>>;

    /// What a sender has pending, best first.
    fn of_sender(&self, sender: &picot_models::Address) -> Vec<Arc<SignedOperation>>;

    /// What the pending operations of a thread pay, and what it takes to be in one of so many next
    /// blocks of it, for each of these numbers of blocks.
    fn fee_levels(&self, thread: u8, blocks: &[u64]) -> FeeLevels;

    /// The bounds that a client may want to know.
    fn limits(&self) -> PoolLimits;

    /// What the pool holds.
    fn stats(&self) -> PoolStats;
}

/// What the pool holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// The pending operations, by thread.
    pub threads: Vec<ThreadStats>,
    /// Endorsements held.
    pub endorsements: usize,
    /// Denunciations held.
    pub denunciations: usize,
}

impl PoolStats {
    /// Pending operations of all threads.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.threads
            .iter()
            .fold(0, |sum, thread| sum.saturating_add(thread.operations))
    }

    /// Bytes of the pending operations of all threads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.threads
            .iter()
            .fold(0, |sum, thread| sum.saturating_add(thread.bytes))
    }
}

/// The pending operations of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadStats {
    /// Pending operations.
    pub operations: usize,
    /// Those among them that are valid only in later periods.
    pub not_yet_valid: usize,
    /// Addresses that sent them.
    pub senders: usize,
    /// Their bytes in a block.
    pub bytes: u64,
    /// How many ever left for a better one.
    pub evicted: u64,
    /// How many ever expired.
    pub expired: u64,
}
