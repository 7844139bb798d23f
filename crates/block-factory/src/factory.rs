//! What others may ask of the block factory and switch in it: design 08, 'Control'.

use std::sync::Arc;

use picot_clock::{Slot, SlotClock, SlotRange, Timestamp};
use picot_models::{Address, ChainParams};
use picot_selector::Selector;
use picot_wallet::Wallet;

use crate::{
    Collaborators, Config, FactoryError, FactoryStats, HistoryEntry, Production, StartupWait,
};

/// A slot at which one of our addresses may propose a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockDraw {
    /// The slot.
    pub slot: Slot,
    /// When it starts.
    pub start: Timestamp,
    /// Whose turn it is.
    pub address: Address,
    /// Its place in the producer ranking: the drawn producer has 0.
    pub rank: u32,
}

/// Watches and switches block production.
///
/// Every method may be called from any thread and as often as one likes. `history` and `draws` may
/// block on the history log, the wallet and the selector, but never on production, nor does
/// production ever wait for them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait BlockFactory: Send + Sync {
    /// Switches block production on or off. A block that is being signed at this moment is still
    /// handed on. It survives a restart if the node keeps it: see
    /// [`BlockProducer::keep_switch_in`](crate::BlockProducer::keep_switch_in).
    ///
    /// # Errors
    /// [`FactoryError::Switch`]: production is off, and may be on again after a restart.
    fn set_enabled(&self, enabled: bool) -> Result<(), FactoryError>;

    /// Whether block production is switched on.
    fn is_enabled(&self) -> bool;

    /// The wait after the start of the process.
    fn startup(&self) -> StartupWait;

    /// The latest lines of the history, of slots before `before` if it is given; latest first.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    fn history(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError>;

    /// When our addresses may propose, past and coming, by slot and rank. Places of the ranking
    /// that are not drawn by stake are left out, also where everybody with rolls may propose.
    ///
    /// # Errors
    /// [`FactoryError::Draws`], also if the range is longer than the selector answers at once.
    fn draws(&self, range: SlotRange) -> Result<Vec<BlockDraw>, FactoryError>;

    /// The counters since the start of the process.
    fn stats(&self) -> FactoryStats;
}

/// The [`BlockFactory`] of a [`BlockProducer`](crate::BlockProducer).
pub struct BlockControl {
    production: Arc<Production>,
    params: ChainParams,
    slot_clock: SlotClock,
    wallet: Arc<dyn Wallet>,
    selector: Arc<dyn Selector>,
}

impl BlockControl {
    pub(crate) fn new(
        config: &Config,
        slot_clock: SlotClock,
        production: Arc<Production>,
        parts: &Collaborators,
    ) -> Self {
        Self {
            production,
            params: config.params.clone(),
            slot_clock,
            wallet: parts.wallet.clone(),
            selector: parts.selector.clone(),
        }
    }

    fn draws_of(&self, address: Address, range: SlotRange) -> Result<Vec<BlockDraw>, FactoryError> {
        let draws = self.selector.slots_of(&address, range);
        let draws = draws.map_err(|source| FactoryError::Draws { address, source })?;
        let block_draw = |slot, rank: Option<u32>| {
            let rank = rank.filter(|rank| self.params.proposal_policy.allows_rank(*rank))?;
            let start = self.slot_clock.start_of(slot).ok()?;
            Some(BlockDraw {
                slot,
                start,
                address,
                rank,
            })
        };
        let draws = draws.into_iter().filter(|draw| draw.slot.period > 0);
        Ok(draws
            .filter_map(|draw| block_draw(draw.slot, draw.producer_rank))
            .collect())
    }
}

impl BlockFactory for BlockControl {
    fn set_enabled(&self, enabled: bool) -> Result<(), FactoryError> {
        self.production.set_enabled(enabled)
    }

    fn is_enabled(&self) -> bool {
        self.production.is_enabled()
    }

    fn startup(&self) -> StartupWait {
        self.production.startup()
    }

    fn history(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError> {
        self.production.history(before, max)
    }

    fn draws(&self, range: SlotRange) -> Result<Vec<BlockDraw>, FactoryError> {
        let mut draws = Vec::new();
        for address in self.wallet.addresses() {
            draws.extend(self.draws_of(address, range)?);
        }
        draws.sort_by_key(|draw| (draw.slot, draw.rank));
        Ok(draws)
    }

    fn stats(&self) -> FactoryStats {
        self.production.stats()
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::ManualClock;
    use picot_consensus::mocks::MockConsensus;
    use picot_execution::mocks::MockExecution;
    use picot_models::{ProposalPolicy, mocks::address};
    use picot_pool::mocks::MockPool;
    use picot_selector::{AddressDraw, SelectorError, mocks::MockSelector};
    use picot_storage::mocks::MockStorage;
    use picot_wallet::mocks::MockWallet;

    use super::*;
    use crate::{AlwaysConnected, BlockProducer, MemoryHistory, mocks::config};

    fn control(
        config: &Config,
        selector: MockSelector,
        addresses: Vec<Address>,
    ) -> Arc<BlockControl> {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(addresses);
        let parts = Collaborators {
            clock: Arc::new(ManualClock::default()),
            selector: Arc::new(selector),
            wallet: Arc::new(wallet),
            consensus: Arc::new(MockConsensus::new()),
            pool: Arc::new(MockPool::new()),
            execution: Arc::new(MockExecution::new()),
            storage: Arc::new(MockStorage::new()),
            connection: Arc::new(AlwaysConnected),
            history: Arc::new(MemoryHistory::new(9)),
        };
        BlockProducer::new(config, &parts).unwrap().control()
    }

    fn range() -> SlotRange {
        SlotRange::new(Slot::GENESIS, Slot::new(9, 0), 4).unwrap()
    }

    #[test]
    fn the_draws_of_all_our_addresses_are_told_with_their_times() {
        let mut config = config();
        config.params.proposal_policy = ProposalPolicy::Ranked { count: 2 };
        let mut selector = MockSelector::new();
        selector.expect_slots_of().times(2).returning(|who, asked| {
            assert_eq!(asked, range());
            let own = u32::from(*who == address(2));
            let draw = |period, producer_rank| AddressDraw {
                slot: Slot::new(period, 1),
                producer_rank,
                endorser_indices: vec![],
            };
            Ok(vec![
                draw(0, Some(0)),
                draw(3, Some(own)),
                draw(4, Some(2)),
                draw(5, None),
            ])
        });
        let control = control(&config, selector, vec![address(2), address(1)]);
        let slot = Slot::new(3, 1);
        let start = Timestamp(1_000_000 + 6_500);
        let draw = |number, rank| BlockDraw {
            slot,
            start,
            address: address(number),
            rank,
        };
        assert_eq!(control.draws(range()), Ok(vec![draw(1, 0), draw(2, 1)]));
    }

    #[test]
    fn draws_that_cannot_be_told_are_an_error_that_says_whose() {
        let source = SelectorError::RangeTooLong { slots: 9, max: 8 };
        let mut selector = MockSelector::new();
        let error = source.clone();
        selector
            .expect_slots_of()
            .return_once(move |_, _| Err(error));
        let address = address(1);
        let draws = control(&config(), selector, vec![address]).draws(range());
        assert_eq!(draws, Err(FactoryError::Draws { address, source }));
    }

    #[test]
    fn the_switch_the_wait_and_the_counters_are_those_of_production() {
        let mut config = config();
        config.enabled = false;
        let control = control(&config, MockSelector::new(), vec![]);
        assert!(!control.is_enabled());
        control.set_enabled(true).unwrap();
        assert!(control.is_enabled());
        assert_eq!(control.startup(), config.startup());
        assert_eq!(control.stats(), FactoryStats::default());
        assert_eq!(control.history(None, 9), Ok(vec![]));
    }
}
