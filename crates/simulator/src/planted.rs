//! Bugs that are planted to be found: the simulator must find each of them, or it is not worth much.
//!
//! What a wrapper around a trait can do wrong is planted here; what only the engine can do wrong is a
//! switch of `picot-consensus` that no node is built with.

use crate::durable::Disk;
use parking_lot::Mutex;
use picot_clock::SlotRange;
use picot_consensus::PlantedBug;
use picot_models::{
    Address, BlockId, ChainParams, Denunciation, Hash, OperationId, SignedEndorsement,
    SignedOperation, Slot, ValidatorSet,
};
use picot_pool::{FeeLevels, Pool, PoolError, PoolLimits, PoolStats};
use picot_selector::{AddressDraw, Selector, SelectorError, SlotDraws};
use picot_storage::MemoryArchive;
use picot_wallet::MemorySigningLog;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operations that a pool which offers again remembers.
const REMEMBERED_OPERATIONS: usize = 64;

/// A bug of every honest node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// Half of the stake counts as a quorum.
    HalfQuorum,
    /// Who chose a miss votes again when a candidate comes, and its signer lets it.
    TwoVotes,
    /// After a crash the signing log is empty, and nobody tells consensus.
    ForgetLog,
    /// Coordinators propose, and voters vote for, what no certificate justifies.
    SkipJustification,
    /// Pools offer operations again that are in the chain, and nobody minds.
    AcceptReuse,
    /// After a restart, cycles draw with the seed of the cycle before.
    WrongDraws,
    /// The timer of a round never ends.
    UnboundedWait,
    /// After a crash the archive is empty: outcomes that were decided are lost.
    LostOutcomes,
    /// A round that was nullified is finalised, and the signer lets it happen.
    FinaliseAfterNullify,
    /// Blocks are voted for whose bodies are not held.
    VoteUnheld,
    /// Nothing is sent again.
    NeverResend,
    /// Proofs of faults are lost on their way out of the engine.
    LoseEvidence,
    /// Execution finds that nobody had a part in the slot of its fault, so that no fault costs
    /// anything.
    ForgetSlash,
    /// Who receives a state believes that what is on its disk is what it received, and does not look
    /// whether it adds up to the state hash.
    TrustDisk,
    /// Who serves a state reads it as it is then, not as it was at the checkpoint.
    ServeLive,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::HalfQuorum,
        Self::TwoVotes,
        Self::ForgetLog,
        Self::SkipJustification,
        Self::AcceptReuse,
        Self::WrongDraws,
        Self::UnboundedWait,
        Self::LostOutcomes,
        Self::FinaliseAfterNullify,
        Self::VoteUnheld,
        Self::NeverResend,
        Self::LoseEvidence,
        Self::ForgetSlash,
        Self::TrustDisk,
        Self::ServeLive,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HalfQuorum => "half-quorum",
            Self::TwoVotes => "two-votes",
            Self::ForgetLog => "forget-log",
            Self::SkipJustification => "skip-justification",
            Self::AcceptReuse => "accept-reuse",
            Self::WrongDraws => "wrong-draws",
            Self::UnboundedWait => "unbounded-wait",
            Self::LostOutcomes => "lost-outcomes",
            Self::FinaliseAfterNullify => "finalise-after-nullify",
            Self::VoteUnheld => "vote-unheld",
            Self::NeverResend => "never-resend",
            Self::LoseEvidence => "lose-evidence",
            Self::ForgetSlash => "forget-slash",
            Self::TrustDisk => "trust-disk",
            Self::ServeLive => "serve-live",
        }
    }

    /// The bug of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What of it is in the engine.
    #[must_use]
    pub(crate) const fn in_engine(self) -> Option<PlantedBug> {
        match self {
            Self::HalfQuorum => Some(PlantedBug::HalfQuorum),
            Self::TwoVotes => Some(PlantedBug::TwoVotes),
            Self::SkipJustification => Some(PlantedBug::SkipJustification),
            Self::AcceptReuse => Some(PlantedBug::AcceptReuse),
            Self::UnboundedWait => Some(PlantedBug::UnboundedWait),
            Self::FinaliseAfterNullify => Some(PlantedBug::FinaliseAfterNullify),
            Self::VoteUnheld => Some(PlantedBug::VoteUnheld),
            Self::NeverResend => Some(PlantedBug::NeverResend),
            Self::ForgetLog
            | Self::WrongDraws
            | Self::LostOutcomes
            | Self::LoseEvidence
            | Self::ForgetSlash
            | Self::TrustDisk
            | Self::ServeLive => None,
        }
    }

    /// Whether the signer signs what contradicts an earlier signature: a bug above it would
    /// otherwise be stopped there.
    #[must_use]
    pub(crate) const fn signs_all(self) -> bool {
        matches!(self, Self::TwoVotes | Self::FinaliseAfterNullify)
    }

    /// What a crash makes of the disk.
    pub(crate) fn at_restart(self, disk: &mut Disk) {
        match self {
            Self::ForgetLog => disk.log = MemorySigningLog::new(),
            Self::LostOutcomes => disk.archive = MemoryArchive::new(),
            _ => {}
        }
    }
}

/// Draws each cycle with the seed of the cycle before.
pub(crate) struct LateSeeds {
    inner: Arc<dyn Selector>,
    /// The seed that each cycle should draw with.
    seeds: Mutex<BTreeMap<u64, Hash>>,
}

impl LateSeeds {
    /// In the place of the right draws.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn Selector>) -> Self {
        Self {
            inner,
            seeds: Mutex::default(),
        }
    }
}

impl Selector for LateSeeds {
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError> {
        self.inner.draws(slot)
    }

    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError> {
        self.inner.producer_ranking(slot, count)
    }

    fn producer_rank(&self, slot: Slot, address: &Address) -> Result<Option<u32>, SelectorError> {
        self.inner.producer_rank(slot, address)
    }

    fn feed_cycle(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<(), SelectorError> {
        let mut seeds = self.seeds.lock();
        seeds.insert(cycle, seed);
        let before = cycle.checked_sub(1).and_then(|before| seeds.get(&before));
        let wrong = before.copied().unwrap_or(seed);
        self.inner.feed_cycle(cycle, rolls, wrong)
    }

    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError> {
        self.inner.slots_of(address, range)
    }

    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.inner.voting_power(cycle)
    }

    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError> {
        // It believes that it draws with the right one.
        let believed = self.seeds.lock().get(&cycle).copied();
        believed.map_or_else(|| self.inner.seed(cycle), Ok)
    }

    fn ready_cycles(&self) -> Vec<u64> {
        self.inner.ready_cycles()
    }
}

/// Draws in which nobody has a rank: what execution asks to find out who had a part in a fault.
pub(crate) struct BlindJudge(Arc<dyn Selector>);

impl BlindJudge {
    /// In the place of the right draws, for execution alone.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn Selector>) -> Self {
        Self(inner)
    }
}

impl Selector for BlindJudge {
    fn draws(&self, slot: Slot) -> Result<Arc<SlotDraws>, SelectorError> {
        self.0.draws(slot)
    }

    fn producer_ranking(&self, slot: Slot, count: usize) -> Result<Vec<Address>, SelectorError> {
        self.0.producer_ranking(slot, count)
    }

    fn producer_rank(&self, _: Slot, _: &Address) -> Result<Option<u32>, SelectorError> {
        Ok(None)
    }

    fn feed_cycle(
        &self,
        cycle: u64,
        rolls: Arc<BTreeMap<Address, u64>>,
        seed: Hash,
    ) -> Result<(), SelectorError> {
        self.0.feed_cycle(cycle, rolls, seed)
    }

    fn slots_of(
        &self,
        address: &Address,
        range: SlotRange,
    ) -> Result<Vec<AddressDraw>, SelectorError> {
        self.0.slots_of(address, range)
    }

    fn voting_power(&self, cycle: u64) -> Result<Arc<ValidatorSet>, SelectorError> {
        self.0.voting_power(cycle)
    }

    fn seed(&self, cycle: u64) -> Result<Hash, SelectorError> {
        self.0.seed(cycle)
    }

    fn ready_cycles(&self) -> Vec<u64> {
        self.0.ready_cycles()
    }
}

/// A pool that offers operations which were executed as if they were new.
pub(crate) struct OfferingAgain {
    inner: Arc<dyn Pool>,
    params: ChainParams,
    known: Mutex<Vec<Arc<SignedOperation>>>,
}

impl OfferingAgain {
    /// In the place of a pool that forgets what is in the chain.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn Pool>, params: ChainParams) -> Self {
        Self {
            inner,
            params,
            known: Mutex::default(),
        }
    }
}

impl Pool for OfferingAgain {
    fn add_operations(&self, operations: Vec<Arc<SignedOperation>>) -> Vec<Result<(), PoolError>> {
        let mut known = self.known.lock();
        for operation in &operations {
            if known.len() < REMEMBERED_OPERATIONS {
                known.push(Arc::clone(operation));
            }
        }
        self.inner.add_operations(operations)
    }

    fn add_endorsements(
        &self,
        endorsements: Vec<Arc<SignedEndorsement>>,
    ) -> Vec<Result<(), PoolError>> {
        self.inner.add_endorsements(endorsements)
    }

    fn add_denunciations(
        &self,
        denunciations: Vec<Arc<Denunciation>>,
    ) -> Vec<Result<(), PoolError>> {
        self.inner.add_denunciations(denunciations)
    }

    fn batch(
        &self,
        slot: Slot,
        remaining_gas: u64,
        remaining_space: u64,
        excluded: &BTreeSet<OperationId>,
    ) -> Vec<Arc<SignedOperation>> {
        let mut batch = self
            .inner
            .batch(slot, remaining_gas, remaining_space, excluded);
        let is_old = |operation: &&Arc<SignedOperation>| {
            operation.signer_address().thread(self.params.thread_count) == slot.thread
                && operation.content().is_valid_at(slot.period, &self.params)
                && !excluded.contains(&operation.id())
                && !self.inner.contains(&operation.id())
        };
        batch.extend(self.known.lock().iter().find(is_old).cloned());
        batch
    }

    fn endorsements_for(
        &self,
        parent: &BlockId,
        parent_slot: Slot,
    ) -> Vec<Option<Arc<SignedEndorsement>>> {
        self.inner.endorsements_for(parent, parent_slot)
    }

    fn denunciations_for(&self, slot: Slot) -> Vec<Arc<Denunciation>> {
        self.inner.denunciations_for(slot)
    }

    fn notify_final(&self, slot: Slot, executed: &[OperationId]) {
        self.inner.notify_final(slot, executed);
    }

    fn notify_slot(&self, slot: Slot) {
        self.inner.notify_slot(slot);
    }

    fn notify_balances(&self, senders: &[Address]) {
        self.inner.notify_balances(senders);
    }

    fn offer_again(&self, operations: Vec<Arc<SignedOperation>>) {
        self.inner.offer_again(operations);
    }

    fn contains(&self, id: &OperationId) -> bool {
        self.inner.contains(id)
    }

    fn get(&self, id: &OperationId) -> Option<Arc<SignedOperation>> {
        self.inner.get(id)
    }

    fn holds(&self, ids: &[OperationId]) -> Vec<bool> {
        self.inner.holds(ids)
    }

    fn operations_by_prefix(&self, prefixes: &[u64]) -> Vec<Option<Arc<SignedOperation>>> {
        self.inner.operations_by_prefix(prefixes)
    }

    fn of_sender(&self, sender: &Address) -> Vec<Arc<SignedOperation>> {
        self.inner.of_sender(sender)
    }

    fn fee_levels(&self, thread: u8, blocks: &[u64]) -> FeeLevels {
        self.inner.fee_levels(thread, blocks)
    }

    fn limits(&self) -> PoolLimits {
        self.inner.limits()
    }

    fn stats(&self) -> PoolStats {
        self.inner.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_selector::{Config, StakeSelector};

    #[test]
    fn each_bug_has_a_name_of_its_own() {
        for one in Planted::ALL {
            assert_eq!(Planted::named(one.name()), Some(one));
        }
        assert_eq!(Planted::named("none"), None);
    }

    #[test]
    fn with_late_seeds_a_cycle_draws_like_the_one_before() {
        let params = ChainParams::dev();
        let rolls: BTreeMap<_, _> = (0..9)
            .map(|one| (crate::SimConfig::address(one), 5))
            .collect();
        let draws = |wrong: bool| {
            let right: Arc<dyn Selector> =
                Arc::new(StakeSelector::new(Config::from_params(&params)).unwrap());
            let selector = if wrong {
                Arc::new(LateSeeds::new(right))
            } else {
                right
            };
            for cycle in 0..3 {
                let seed = Hash([u8::try_from(cycle).unwrap(); 32]);
                let rolls = Arc::new(rolls.clone());
                selector.feed_cycle(cycle, rolls, seed).unwrap();
            }
            let first = |cycle| Slot::new(cycle * params.periods_per_cycle, 0);
            [0, 1, 2].map(|cycle| selector.producer_ranking(first(cycle), 9).unwrap())
        };
        let (right, wrong) = (draws(false), draws(true));
        assert_eq!(right[0], wrong[0]);
        assert_ne!(right[1], wrong[1]);
        assert_ne!(right[2], wrong[2]);
    }
}
