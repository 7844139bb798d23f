//! How this node's own production goes, for the interface.

use picot_api::{NodeFacts, Production};
use picot_block_factory::BlockFactory;
use picot_clock::Clock;
use picot_endorsement_factory::EndorsementFactory;
use picot_wallet::Wallet;
use std::sync::Arc;

/// Asks the factories and the wallet.
pub struct FactoryFacts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The keys.
    pub wallet: Arc<dyn Wallet>,
    /// Block production.
    pub blocks: Arc<dyn BlockFactory>,
    /// Endorsement production.
    pub endorsements: Arc<dyn EndorsementFactory>,
}

impl FactoryFacts {
    fn why_not(&self) -> Option<String> {
        if !self.blocks.is_enabled() {
            return Some("block production is switched off".to_owned());
        }
        if self.wallet.addresses().is_empty() {
            return Some("the wallet has no key, or is locked".to_owned());
        }
        let startup = self.blocks.startup();
        if startup.is_over(self.clock.now()) {
            return None;
        }
        let end = startup
            .end()
            .map(|end| format!(" until {end}"))
            .unwrap_or_default();
        Some(format!(
            "waiting{end} after the start, in case another node used the keys just before"
        ))
    }
}

impl Production for FactoryFacts {
    fn facts(&self) -> NodeFacts {
        let not_producing = self.why_not();
        NodeFacts {
            staking_addresses: self.wallet.addresses(),
            producing: not_producing.is_none(),
            not_producing,
            blocks_produced: self.blocks.stats().produced,
            endorsements_produced: self.endorsements.stats().produced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_block_factory::mocks::MockBlockFactory;
    use picot_block_factory::{FactoryStats, StartupWait};
    use picot_clock::{ManualClock, Millis, Timestamp};
    use picot_endorsement_factory::mocks::MockEndorsementFactory;
    use picot_models::Address;
    use picot_models::mocks::address;
    use picot_wallet::mocks::MockWallet;

    fn facts(now: u64, enabled: bool, addresses: Vec<Address>) -> NodeFacts {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(addresses);
        let mut blocks = MockBlockFactory::new();
        blocks.expect_is_enabled().return_const(enabled);
        blocks.expect_startup().returning(|| StartupWait {
            start: Timestamp(1_000),
            delay: Millis(500),
            fresh: false,
        });
        blocks.expect_stats().returning(|| FactoryStats {
            produced: 3,
            ..FactoryStats::default()
        });
        let mut endorsements = MockEndorsementFactory::new();
        endorsements.expect_stats().returning(FactoryStats::default);
        FactoryFacts {
            clock: Arc::new(ManualClock::new(Timestamp(now))),
            wallet: Arc::new(wallet),
            blocks: Arc::new(blocks),
            endorsements: Arc::new(endorsements),
        }
        .facts()
    }

    #[test]
    fn a_node_with_keys_produces_once_its_start_up_wait_is_over() {
        let waiting = facts(1_400, true, vec![address(1)]);
        assert!(!waiting.producing && waiting.not_producing.unwrap().starts_with("waiting until"));
        let producing = facts(1_500, true, vec![address(1)]);
        assert!(producing.producing && producing.not_producing.is_none());
        assert_eq!(producing.blocks_produced, 3);
    }

    #[test]
    fn a_node_without_keys_or_switched_off_says_why_it_does_not_produce() {
        assert!(
            facts(2_000, true, vec![])
                .not_producing
                .unwrap()
                .contains("no key")
        );
        assert!(
            facts(2_000, false, vec![address(1)])
                .not_producing
                .unwrap()
                .contains("switched off")
        );
    }
}
