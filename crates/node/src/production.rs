//! How this node's own production goes, and what holds it up.

use picot_api::{KeyControl, NodeFacts, Production};
use picot_block_factory::{BlockFactory, Connection};
use picot_clock::{Clock, SlotClock};
use picot_consensus::{BehindReason, Consensus, ThreadSummary};
use picot_endorsement_factory::EndorsementFactory;
use picot_models::{Slot, Timestamp};
use picot_selector::Selector;
use picot_wallet::Wallet;
use std::sync::Arc;

/// Asks the factories, the wallet and consensus.
pub struct FactoryFacts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether anybody hears of it.
    pub connection: Arc<dyn Connection>,
    /// The slots of the chain.
    pub slot_clock: SlotClock,
    /// Who may act.
    pub selector: Arc<dyn Selector>,
    /// Periods of a cycle.
    pub periods_per_cycle: u64,
    /// When the signing log was begun, if it does not know all that the keys ever signed.
    pub signing_log_since: Option<Timestamp>,
    /// The decisions.
    pub consensus: Arc<dyn Consensus>,
    /// The keys.
    pub wallet: Arc<dyn Wallet>,
    /// Which of them are refused.
    pub keys: Arc<dyn KeyControl>,
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
            return Some("the wallet has no key, or is locked: this node only follows".to_owned());
        }
        let reasons: Vec<_> = [
            self.why_too_early(),
            self.why_after_start(),
            self.why_cut_off(),
            self.why_not_trusted(),
            self.why_refused(),
            self.why_not_drawn(),
            self.why_nothing_to_follow(),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn why_too_early(&self) -> Option<String> {
        let now = self.clock.now();
        self.slot_clock.time_until_genesis(now)?;
        let genesis = self.slot_clock.genesis_timestamp();
        Some(format!("the chain begins at {genesis}"))
    }

    fn why_after_start(&self) -> Option<String> {
        let now = self.clock.now();
        let of_factory = self.blocks.startup().end().filter(|end| *end > now);
        let of_consensus = match self.consensus.summary().behind {
            Some(BehindReason::StartupWait { until }) => Some(until),
            _ => None,
        };
        let end = of_factory.max(of_consensus)?;
        Some(format!(
            "waiting until {end} after the start, in case another node used the keys just before"
        ))
    }

    fn why_cut_off(&self) -> Option<String> {
        let reason = self.connection.cut_off()?;
        Some(format!("nobody would hear of it: {reason}"))
    }

    fn why_refused(&self) -> Option<String> {
        let refusals = self.keys.refusals();
        let addresses = self.wallet.addresses();
        let all_are_refused = addresses
            .iter()
            .all(|address| refusals.contains_key(address));
        let (address, reason) = refusals.first_key_value()?;
        all_are_refused.then(|| {
            format!("the key of {address} is in use elsewhere ({reason}): see `picot keys allow`")
        })
    }

    /// The rolls of the wallet that count in the current cycle: those of some cycles ago. None if its
    /// draws are not known.
    #[must_use]
    pub fn own_power(&self) -> Option<u64> {
        let slot = self.slot_clock.latest_slot_at(self.clock.now());
        let cycle = slot.map_or(Ok(0), |slot| slot.cycle(self.periods_per_cycle));
        let stakers = self.selector.voting_power(cycle.ok()?).ok()?;
        let addresses = self.wallet.addresses();
        let powers = addresses.iter().map(|address| stakers.power_of(address));
        Some(powers.fold(0, u64::saturating_add))
    }

    fn why_not_drawn(&self) -> Option<String> {
        // Without draws, whoever asks for them says so.
        (self.own_power()? == 0).then(|| {
            "no key of the wallet has a roll that counts in this cycle: rolls count from some \
             cycles after they are bought"
                .to_owned()
        })
    }

    /// A block follows the decision of the slot before it in its thread.
    fn why_nothing_to_follow(&self) -> Option<String> {
        let now = self.clock.now();
        let is_overdue = |thread: &ThreadSummary| {
            let decided = Slot::new(thread.decided_period, thread.thread);
            let next = decided.next_in_thread().and_then(Slot::next_in_thread);
            let start = next.and_then(|next| self.slot_clock.start_of(next));
            start.is_ok_and(|start| start <= now)
        };
        let threads = self.consensus.summary().threads;
        let oldest = threads.iter().map(|thread| thread.decided_period).min()?;
        threads.iter().all(is_overdue).then(|| {
            format!(
                "no thread has a decision to build on: the oldest undecided slot is of period {}, \
                 longer than a period ago",
                oldest.saturating_add(1)
            )
        })
    }

    /// Design 07, 'Durable before sent': without its signing log, a key does not vote in a thread
    /// before others have decided a slot there that began after the start.
    fn why_not_trusted(&self) -> Option<String> {
        let since = self.signing_log_since?;
        let threads = self.consensus.summary().threads;
        let held = threads.iter().filter(|thread| !self.went_on(thread, since));
        let held: Vec<_> = held.map(|thread| thread.thread.to_string()).collect();
        let place = if held.len() == threads.len() {
            "any thread".to_owned()
        } else {
            format!("threads {}", held.join(", "))
        };
        (!held.is_empty()).then(|| {
            format!(
                "the signing log is new, but the keys are not: nothing is signed in {place} \
                 until others have decided a slot there that began after {since}. If these \
                 keys have signed nothing on this chain, ever, start with `--keys-never-signed`"
            )
        })
    }

    /// Whether a slot was decided in the thread that began after the log did.
    fn went_on(&self, thread: &ThreadSummary, since: Timestamp) -> bool {
        let decided = Slot::new(thread.decided_period, thread.thread);
        let start = self.slot_clock.start_of(decided);
        start.is_ok_and(|start| start >= since)
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
            refused: self.keys.refusals(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_block_factory::mocks::{MockBlockFactory, MockConnection};
    use picot_block_factory::{AlwaysConnected, FactoryStats, StartupWait};
    use picot_clock::{ManualClock, Millis};
    use picot_consensus::ConsensusSummary;
    use picot_consensus::mocks::MockConsensus;
    use picot_endorsement_factory::mocks::MockEndorsementFactory;
    use picot_models::mocks::address;
    use picot_models::{Hash, ValidatorSet};
    use picot_selector::mocks::MockSelector;
    use picot_selector::{Missing, SelectorError};
    use picot_wallet::WalletError;
    use picot_wallet::mocks::MockWallet;
    use std::collections::BTreeMap;

    const START: Timestamp = Timestamp(1_000_000);

    /// A node of a chain that began 4 periods before the node started, whose thread 0 has decided
    /// this period.
    fn node(decided_period: u64) -> FactoryFacts {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(vec![address(1)]);
        let mut blocks = MockBlockFactory::new();
        blocks.expect_is_enabled().return_const(true);
        blocks.expect_startup().returning(|| StartupWait {
            start: START,
            delay: Millis(500),
            fresh: false,
        });
        blocks.expect_stats().returning(|| FactoryStats {
            produced: 3,
            ..FactoryStats::default()
        });
        let mut endorsements = MockEndorsementFactory::new();
        endorsements.expect_stats().returning(FactoryStats::default);
        let genesis = START.checked_sub(Millis(8_000)).unwrap();
        let stakers = ValidatorSet::new(0, &BTreeMap::from([(address(1), 1)])).unwrap();
        let mut selector = MockSelector::new();
        selector
            .expect_voting_power()
            .returning(move |_| Ok(Arc::new(stakers.clone())));
        FactoryFacts {
            selector: Arc::new(selector),
            periods_per_cycle: 16,
            connection: Arc::new(AlwaysConnected),
            clock: Arc::new(ManualClock::new(Timestamp(START.0 + 500))),
            slot_clock: SlotClock::new(genesis, Millis(2_000), 4).unwrap(),
            signing_log_since: None,
            consensus: Arc::new(consensus(decided_period, None)),
            wallet: Arc::new(wallet),
            keys: Arc::new(Refusing(vec![])),
            blocks: Arc::new(blocks),
            endorsements: Arc::new(endorsements),
        }
    }

    fn consensus(decided_period: u64, behind: Option<BehindReason>) -> MockConsensus {
        let mut consensus = MockConsensus::new();
        consensus
            .expect_summary()
            .returning(move || ConsensusSummary {
                threads: vec![ThreadSummary {
                    thread: 0,
                    decided_period,
                    latest_block: (Hash([0; 32]).into(), 0),
                    open: None,
                }],
                behind,
                decided_slots: 0,
                missed_slots: 0,
                bad_signatures: 0,
                faults: 0,
            });
        consensus
    }

    #[test]
    fn a_node_waits_as_long_as_its_consensus_listens() {
        let until = Timestamp(START.0 + 700);
        let listening = consensus(4, Some(BehindReason::StartupWait { until }));
        let waiting = FactoryFacts {
            consensus: Arc::new(listening),
            ..node(4)
        }
        .facts();
        assert!(!waiting.producing);
        let reason = waiting.not_producing.unwrap();
        assert!(reason.contains(&format!("until {until}")), "{reason}");
    }

    #[test]
    fn a_node_with_keys_produces_once_its_start_up_wait_is_over() {
        let waiting = FactoryFacts {
            clock: Arc::new(ManualClock::new(Timestamp(START.0 + 499))),
            ..node(4)
        }
        .facts();
        assert!(!waiting.producing && waiting.not_producing.unwrap().starts_with("waiting until"));
        let producing = node(4).facts();
        assert!(producing.producing && producing.not_producing.is_none());
        assert_eq!(producing.blocks_produced, 3);
    }

    #[test]
    fn a_node_that_is_cut_off_says_so() {
        let mut connection = MockConnection::new();
        let cut_off = "none of 3 peers is connected";
        connection
            .expect_cut_off()
            .returning(|| Some(cut_off.to_owned()));
        let facts = FactoryFacts {
            connection: Arc::new(connection),
            ..node(4)
        }
        .facts();
        assert!(!facts.producing);
        let reason = facts.not_producing.unwrap();
        assert_eq!(reason, format!("nobody would hear of it: {cut_off}"));
    }

    #[test]
    fn a_node_without_keys_or_switched_off_says_why_it_does_not_produce() {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(vec![]);
        let without_keys = FactoryFacts {
            wallet: Arc::new(wallet),
            ..node(4)
        };
        let reason = without_keys.facts().not_producing.unwrap();
        assert!(reason.contains("no key"), "{reason}");
        let mut blocks = MockBlockFactory::new();
        blocks.expect_is_enabled().return_const(false);
        blocks.expect_stats().returning(FactoryStats::default);
        let switched_off = FactoryFacts {
            blocks: Arc::new(blocks),
            ..node(4)
        };
        let reason = switched_off.facts().not_producing.unwrap();
        assert!(reason.contains("switched off"), "{reason}");
    }

    /// Refuses the keys of these addresses, for the reason that they were seen.
    struct Refusing(Vec<picot_models::Address>);

    impl KeyControl for Refusing {
        fn is_locked(&self) -> bool {
            false
        }
        fn addresses(&self) -> Vec<picot_models::Address> {
            vec![]
        }
        fn refusals(&self) -> BTreeMap<picot_models::Address, String> {
            let refusals = self.0.iter();
            refusals
                .map(|address| (*address, "seen".to_owned()))
                .collect()
        }
        fn add(&self, _: &str) -> Result<picot_models::Address, WalletError> {
            Err(WalletError::Locked)
        }
        fn generate(&self) -> Result<picot_models::Address, WalletError> {
            Err(WalletError::Locked)
        }
        fn remove(&self, _: &picot_models::Address) -> Result<(), WalletError> {
            Err(WalletError::Locked)
        }
        fn clear_refusal(&self, _: &picot_models::Address) -> Result<bool, WalletError> {
            Err(WalletError::Locked)
        }
    }

    #[test]
    fn a_node_whose_keys_are_in_use_elsewhere_says_so() {
        let refusing = |addresses| FactoryFacts {
            keys: Arc::new(Refusing(addresses)),
            ..node(4)
        };
        let facts = refusing(vec![address(1)]).facts();
        assert_eq!(facts.refused[&address(1)], "seen");
        let reason = facts.not_producing.unwrap();
        assert!(reason.contains("in use elsewhere (seen)"), "{reason}");
        // Another one, which this node does not have.
        assert!(refusing(vec![address(2)]).facts().producing);
    }

    #[test]
    fn a_node_whose_keys_have_no_rolls_says_so() {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().return_const(vec![address(2)]);
        let without_rolls = FactoryFacts {
            wallet: Arc::new(wallet),
            ..node(4)
        };
        let reason = without_rolls.facts().not_producing.unwrap();
        assert!(
            reason.contains("no key of the wallet has a roll"),
            "{reason}"
        );
        assert_eq!(without_rolls.own_power(), Some(0));
        assert_eq!(node(4).own_power(), Some(1));
    }

    const fn not_ready(cycle: u64) -> SelectorError {
        SelectorError::NotReady {
            cycle,
            missing: Missing::feed_of(cycle),
        }
    }

    #[test]
    fn without_the_draws_of_the_cycle_nobody_knows_what_counts_and_another_part_says_so() {
        let mut selector = MockSelector::new();
        selector
            .expect_voting_power()
            .returning(|cycle| Err(not_ready(cycle)));
        let without_draws = FactoryFacts {
            selector: Arc::new(selector),
            ..node(4)
        };
        assert_eq!(without_draws.own_power(), None);
        assert!(without_draws.facts().producing);
    }

    #[test]
    fn a_node_without_decisions_to_build_on_says_so() {
        let stuck = node(2).facts();
        assert!(!stuck.producing);
        let reason = stuck.not_producing.unwrap();
        assert!(reason.contains("is of period 3"), "{reason}");
        assert!(
            node(3).facts().producing,
            "the slot of period 4 has just begun"
        );
    }

    #[test]
    fn a_node_that_is_started_before_its_chain_says_when_that_begins() {
        let early = FactoryFacts {
            clock: Arc::new(ManualClock::new(Timestamp(1))),
            ..node(0)
        };
        let reason = early.facts().not_producing.unwrap();
        assert!(
            reason.contains("the chain begins at 1970-01-01"),
            "{reason}"
        );
    }

    #[test]
    fn a_node_that_lost_its_signing_log_says_so_until_others_have_gone_on() {
        let facts = |decided_period| {
            FactoryFacts {
                signing_log_since: Some(START),
                ..node(decided_period)
            }
            .facts()
        };
        let held = facts(3);
        assert!(!held.producing);
        let reason = held.not_producing.unwrap();
        assert!(reason.contains("--keys-never-signed"), "{reason}");
        assert!(facts(4).producing);
    }
}
