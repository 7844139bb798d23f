//! What others may ask of the endorsement factory and switch in it: design 08, 'Control'.

use std::sync::Arc;

use picot_block_factory::{FactoryError, FactoryStats, HistoryEntry, Production, StartupWait};
use picot_clock::{Slot, SlotClock, SlotRange, Timestamp};
use picot_models::Address;
use picot_selector::Selector;
use picot_wallet::Wallet;

use crate::Collaborators;

/// A slot whose block one of our addresses is drawn to endorse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndorsementDraw {
    /// The slot.
    pub slot: Slot,
    /// When it is endorsed: half a period after its start.
    pub tick: Timestamp,
    /// Whose turn it is.
    pub address: Address,
    /// The indices drawn, ascending, at least one.
    pub indices: Vec<u32>,
}

/// Watches and switches endorsing.
///
/// Every method may be called from any thread and as often as one likes. `history` and `draws` may
/// block on the history log, the wallet and the selector, but never on production, nor does
/// production ever wait for them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait EndorsementFactory: Send + Sync {
    /// Switches endorsing on or off. What is being signed at this moment is still handed on. It
    /// survives a restart if the node keeps it: see
    /// [`EndorsementProducer::keep_switch_in`](crate::EndorsementProducer::keep_switch_in).
    ///
    /// # Errors
    /// [`FactoryError::Switch`]: endorsing is off, and may be on again after a restart.
    fn set_enabled(&self, enabled: bool) -> Result<(), FactoryError>;

    /// Whether endorsing is switched on.
    fn is_enabled(&self) -> bool;

    /// The wait after the start of the process.
    fn startup(&self) -> StartupWait;

    /// The latest lines of the history, of slots before `before` if it is given; latest first.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    fn history(&self, before: Option<Slot>, max: usize) -> Result<Vec<HistoryEntry>, FactoryError>;

    /// What our addresses are drawn to endorse, past and coming, by slot.
    ///
    /// # Errors
    /// [`FactoryError::Draws`], also if the range is longer than the selector answers at once.
    fn draws(&self, range: SlotRange) -> Result<Vec<EndorsementDraw>, FactoryError>;

    /// The counters since the start of the process.
    fn stats(&self) -> FactoryStats;
}

/// The [`EndorsementFactory`] of an [`EndorsementProducer`](crate::EndorsementProducer).
pub struct EndorsementControl {
    production: Arc<Production>,
    slot_clock: SlotClock,
    wallet: Arc<dyn Wallet>,
    selector: Arc<dyn Selector>,
}

impl EndorsementControl {
    pub(crate) fn new(
        slot_clock: SlotClock,
        production: Arc<Production>,
        parts: &Collaborators,
    ) -> Self {
        let (wallet, selector) = (parts.wallet.clone(), parts.selector.clone());
        Self {
            production,
            slot_clock,
            wallet,
            selector,
        }
    }

    fn draws_of(
        &self,
        address: Address,
        range: SlotRange,
    ) -> Result<Vec<EndorsementDraw>, FactoryError> {
        let draws = self.selector.slots_of(&address, range);
        let draws = draws.map_err(|source| FactoryError::Draws { address, source })?;
        let endorsement_draw = |slot: Slot, indices: Vec<u32>| {
            let is_due = slot.period > 0 && !indices.is_empty();
            let tick = self
                .slot_clock
                .endorsement_tick_of(slot)
                .ok()
                .filter(|_| is_due)?;
            Some(EndorsementDraw {
                slot,
                tick,
                address,
                indices,
            })
        };
        let draws = draws.into_iter();
        Ok(draws
            .filter_map(|draw| endorsement_draw(draw.slot, draw.endorser_indices))
            .collect())
    }
}

impl EndorsementFactory for EndorsementControl {
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

    fn draws(&self, range: SlotRange) -> Result<Vec<EndorsementDraw>, FactoryError> {
        let mut draws = Vec::new();
        for address in self.wallet.addresses() {
            draws.extend(self.draws_of(address, range)?);
        }
        draws.sort_by_key(|draw| (draw.slot, draw.address));
        Ok(draws)
    }

    fn stats(&self) -> FactoryStats {
        self.production.stats()
    }
}

#[cfg(test)]
mod tests {
    use picot_block_factory::{Config, MemoryHistory, mocks::config};
    use picot_clock::ManualClock;
    use picot_consensus::mocks::MockConsensus;
    use picot_models::mocks::address;
    use picot_pool::mocks::{MockPool, MockPropagation};
    use picot_selector::{AddressDraw, SelectorError, mocks::MockSelector};
    use picot_storage::mocks::MockStorage;
    use picot_wallet::mocks::MockWallet;

    use super::*;
    use crate::{AlwaysConnected, EndorsementProducer};

    fn control(config: &Config, selector: MockSelector) -> Arc<EndorsementControl> {
        let mut wallet = MockWallet::new();
        wallet
            .expect_addresses()
            .returning(|| vec![address(2), address(1)]);
        let parts = Collaborators {
            clock: Arc::new(ManualClock::default()),
            selector: Arc::new(selector),
            wallet: Arc::new(wallet),
            consensus: Arc::new(MockConsensus::new()),
            storage: Arc::new(MockStorage::new()),
            pool: Arc::new(MockPool::new()),
            network: Arc::new(MockPropagation::new()),
            connection: Arc::new(AlwaysConnected),
            history: Arc::new(MemoryHistory::new(9)),
        };
        EndorsementProducer::new(config, &parts).unwrap().control()
    }

    fn range() -> SlotRange {
        SlotRange::new(Slot::GENESIS, Slot::new(9, 0), 4).unwrap()
    }

    #[test]
    fn the_draws_of_all_our_addresses_are_told_with_their_ticks() {
        let mut selector = MockSelector::new();
        selector.expect_slots_of().times(2).returning(|who, asked| {
            assert_eq!(asked, range());
            let later = u64::from(*who == address(2));
            let draw = |period, endorser_indices| AddressDraw {
                slot: Slot::new(period, 1),
                producer_rank: Some(0),
                endorser_indices,
            };
            Ok(vec![
                draw(0, vec![0]),
                draw(3 + later, vec![1, 3]),
                draw(5, vec![]),
            ])
        });
        let draws = control(&config(), selector).draws(range());
        let draw = |period, tick: u64, number| EndorsementDraw {
            slot: Slot::new(period, 1),
            tick: Timestamp(1_000_000 + tick),
            address: address(number),
            indices: vec![1, 3],
        };
        assert_eq!(draws, Ok(vec![draw(3, 7_500, 1), draw(4, 9_500, 2)]));
    }

    #[test]
    fn draws_that_cannot_be_told_are_an_error_that_says_whose() {
        let source = SelectorError::RangeTooLong { slots: 9, max: 8 };
        let mut selector = MockSelector::new();
        let error = source.clone();
        selector
            .expect_slots_of()
            .return_once(move |_, _| Err(error));
        let draws = control(&config(), selector).draws(range());
        assert_eq!(
            draws,
            Err(FactoryError::Draws {
                address: address(2),
                source
            })
        );
    }

    #[test]
    fn the_switch_the_wait_and_the_counters_are_those_of_production() {
        let mut config = config();
        config.enabled = false;
        let control = control(&config, MockSelector::new());
        assert!(!control.is_enabled());
        control.set_enabled(true).unwrap();
        assert!(control.is_enabled());
        assert_eq!(control.startup(), config.startup());
        assert_eq!(control.stats(), FactoryStats::default());
        assert_eq!(control.history(None, 9), Ok(vec![]));
    }
}
