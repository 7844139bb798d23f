//! A small chain to execute slots on.

use picot_execution::{
    Applied, Config, DecidedSlots, ExecutionCore, ExecutionReader, Level, OperationOutcome, Totals,
};
use picot_ledger::keys::{self, KeyKind};
use picot_ledger::{MemoryStateStore, StateStore, for_each_pair};
use picot_models::{
    Address, Amount, Ballot, Block, ChainId, ChainParams, Denunciation, Endorsement, Envelope,
    Genesis, Hash, Header, Operation, OperationKind, SecretKey, Signed, SignedEndorsement,
    SignedOperation, Slot, ThreadDigest, Value, Vote, mocks, operations_hash,
};
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use picot_serialization::decode_exact;
use std::sync::Arc;

/// One thread, a cycle of four periods, a roll of 100 nano-coins, and small costs: so that figures
/// in tests can be followed by eye.
pub(crate) fn small_params() -> ChainParams {
    let mut params = ChainParams::dev();
    params.thread_count = 1;
    params.periods_per_cycle = 4;
    params.checkpoint_interval_periods = 2;
    params.operation_validity_periods = 10;
    params.denunciation_expire_periods = 8;
    params.endorsement_count = 2;
    params.roll_price = Amount::from_nanos(100);
    params.block_reward = Amount::from_nanos(90);
    params.new_entry_cost = Amount::from_nanos(10);
    params
}

/// A genesis of these stakers (key number, rolls), each with 1000 nano-coins.
pub(crate) fn small_genesis(params: ChainParams, stakers: &[(u64, u64)]) -> Genesis {
    let mut genesis = mocks::genesis_with(params, stakers);
    for amount in genesis.allocations.values_mut() {
        *amount = Amount::from_nanos(1_000);
    }
    genesis
}

pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    pub(crate) chain_id: ChainId,
    pub(crate) store: Arc<MemoryStateStore>,
    pub(crate) selector: Arc<StakeSelector>,
    pub(crate) core: ExecutionCore,
    /// Everything that was decided so far.
    pub(crate) history: Vec<DecidedSlots>,
    /// The last decided block, of one thread.
    last_block: Option<Block>,
}

impl Chain {
    pub(crate) fn new(genesis: Genesis) -> Self {
        Self::with_config(genesis, Config::default())
    }

    pub(crate) fn with_config(genesis: Genesis, config: Config) -> Self {
        let store = Arc::new(MemoryStateStore::new());
        Self::on_store(genesis, config, store)
    }

    pub(crate) fn on_store(genesis: Genesis, config: Config, store: Arc<MemoryStateStore>) -> Self {
        let selector = selector(&genesis);
        let core = ExecutionCore::open(store.clone(), &genesis, selector.clone(), config).unwrap();
        Self {
            chain_id: genesis.chain_id(),
            genesis,
            store,
            selector,
            core,
            history: Vec::new(),
            last_block: None,
        }
    }

    /// Two stakers with ten rolls each.
    pub(crate) fn small() -> Self {
        Self::new(small_genesis(small_params(), &[(1, 10), (2, 10)]))
    }

    pub(crate) fn reader(&self) -> ExecutionReader {
        self.core.reader()
    }

    pub(crate) fn next_slot(&self) -> Slot {
        let threads = self.genesis.params.thread_count;
        self.core.last_final_slot().next(threads).unwrap()
    }

    /// The key of the producer drawn for a slot.
    pub(crate) fn producer_at(&self, slot: Slot) -> SecretKey {
        key_of(self.selector.draws(slot).unwrap().producer().unwrap())
    }

    /// A block by the drawn producer.
    pub(crate) fn block(&self, slot: Slot, operations: Vec<SignedOperation>) -> Block {
        mocks::block(
            &self.producer_at(slot),
            slot,
            vec![],
            operations,
            &self.chain_id,
        )
    }

    /// A block with whatever a header can carry.
    pub(crate) fn full_block(
        &self,
        slot: Slot,
        producer: &SecretKey,
        operations: Vec<SignedOperation>,
        endorsements: &[SignedEndorsement],
        denunciations: Vec<Denunciation>,
    ) -> Block {
        let header = Header {
            version: 1,
            slot,
            parents: vec![],
            operations_hash: operations_hash(operations.iter().map(Signed::id)),
            operation_count: u32::try_from(operations.len()).unwrap(),
            endorsements: endorsements.iter().map(|e| e.envelope().clone()).collect(),
            denunciations,
        };
        Block {
            header: Arc::new(Signed::sign(header, producer, &self.chain_id)),
            operations: operations.into_iter().map(Arc::new).collect(),
        }
    }

    /// Endorsements of a block by the drawn endorsers of some indices.
    pub(crate) fn endorse(&self, block: &Block, indices: &[usize]) -> Vec<SignedEndorsement> {
        let draws = self.selector.draws(block.slot()).unwrap();
        let endorse = |&index: &usize| {
            let endorsement = Endorsement {
                slot: block.slot(),
                index: u32::try_from(index).unwrap(),
                block: block.id(),
            };
            Signed::sign(
                endorsement,
                &key_of(&draws.endorsers[index]),
                &self.chain_id,
            )
        };
        indices.iter().map(endorse).collect()
    }

    /// Makes things final; nothing may fail, and the coins must add up.
    pub(crate) fn decide(&mut self, decided: Vec<DecidedSlots>) -> Applied {
        self.history.extend(decided.clone());
        let applied = self.core.apply(decided, vec![]);
        assert!(applied.failure.is_none(), "{:?}", applied.failure);
        self.check_totals();
        applied
    }

    pub(crate) fn decide_block(&mut self, block: Block) -> Applied {
        self.last_block = Some(block.clone());
        self.decide(vec![DecidedSlots::block(block)])
    }

    /// Makes a block of the drawn producer final at the next slot, with all endorsements of its
    /// parent; gives what became of its operations.
    pub(crate) fn run(&mut self, operations: Vec<SignedOperation>) -> Vec<OperationOutcome> {
        let slot = self.next_slot();
        let all: Vec<_> = (0..self.selector.config().endorsement_count as usize).collect();
        let parent = self
            .last_block
            .as_ref()
            .filter(|block| block.slot().thread == slot.thread);
        let endorsements = parent
            .map(|parent| self.endorse(parent, &all))
            .unwrap_or_default();
        let producer = self.producer_at(slot);
        let block = self.full_block(slot, &producer, operations, &endorsements, vec![]);
        let applied = self.decide_block(block);
        let outcomes = applied.final_slots[0].operations.iter();
        outcomes.map(|(_, outcome)| *outcome).collect()
    }

    pub(crate) fn miss(&mut self) -> Applied {
        let slot = self.next_slot();
        self.decide(vec![DecidedSlots::miss(slot, slot.period)])
    }

    /// Blocks without operations by whoever is drawn, until the cycle has ended.
    pub(crate) fn run_to_end_of_cycle(&mut self, cycle: u64) {
        let params = &self.genesis.params;
        let (periods, threads) = (params.periods_per_cycle, params.thread_count);
        let last = Slot::last_of_cycle(cycle, periods, threads).unwrap();
        while self.core.last_final_slot() < last {
            self.run(vec![]);
        }
    }

    pub(crate) fn balance(&self, number: u64) -> u64 {
        let balance = self.reader().balance(Level::Final, &mocks::address(number));
        balance.unwrap().map_or(0, Amount::as_nanos)
    }

    pub(crate) fn rolls(&self, number: u64) -> u64 {
        self.reader()
            .rolls(Level::Final, &mocks::address(number))
            .unwrap()
    }

    /// What an address has coming, by cycle.
    pub(crate) fn credits(&self, number: u64) -> Vec<(u64, u64)> {
        let address = mocks::address(number);
        let credits = self
            .reader()
            .deferred_credits(Level::Final, &address)
            .unwrap();
        credits
            .into_iter()
            .map(|(cycle, coins)| (cycle, coins.as_nanos()))
            .collect()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.reader().summary().totals
    }

    /// Adds up the store and compares with the running totals.
    pub(crate) fn check_totals(&self) {
        let totals = self.totals();
        let sum = |kind| sum_of(&*self.store, kind);
        assert_eq!(
            sum(KeyKind::Balance),
            totals.balances.as_nanos(),
            "balances"
        );
        assert_eq!(sum(KeyKind::Rolls), totals.rolls, "rolls");
        assert_eq!(
            sum(KeyKind::DeferredCredit),
            totals.deferred_credits.as_nanos(),
            "credits"
        );
        let price = self.genesis.params.roll_price;
        assert_eq!(totals.held(price), totals.supplied(), "conservation");
    }

    /// A signed operation, valid for as long as can be.
    pub(crate) fn operation(
        &self,
        sender: &SecretKey,
        fee: u64,
        kind: OperationKind,
    ) -> SignedOperation {
        let expire = self.next_slot().period + self.genesis.params.operation_validity_periods;
        mocks::operation(sender, kind, fee, expire, &self.chain_id)
    }

    pub(crate) fn transfer(&self, from: u64, to: u64, amount: u64, fee: u64) -> SignedOperation {
        let kind = OperationKind::Transfer {
            recipient: mocks::address(to),
            amount: Amount::from_nanos(amount),
        };
        self.operation(&mocks::key(from), fee, kind)
    }

    pub(crate) fn buy(&self, number: u64, roll_count: u64) -> SignedOperation {
        self.operation(
            &mocks::key(number),
            0,
            OperationKind::RollBuy { roll_count },
        )
    }

    pub(crate) fn sell(&self, number: u64, roll_count: u64) -> SignedOperation {
        self.operation(
            &mocks::key(number),
            0,
            OperationKind::RollSell { roll_count },
        )
    }
}

pub(crate) fn selector(genesis: &Genesis) -> Arc<StakeSelector> {
    Arc::new(StakeSelector::new(SelectorConfig::from_params(&genesis.params)).unwrap())
}

/// The key of an address that was made of a small number.
pub(crate) fn key_of(address: &Address) -> SecretKey {
    let mut numbers = 0..1_000;
    let number = numbers.find(|number| mocks::address(*number) == *address);
    mocks::key(number.expect("an address of a small number"))
}

pub(crate) fn plain(fee: u64, kind: OperationKind) -> Operation {
    Operation {
        fee: Amount::from_nanos(fee),
        expire_period: 1,
        kind,
    }
}

/// A vote of round 0.
pub(crate) fn vote(chain: &Chain, key: &SecretKey, slot: Slot, ballot: Ballot) -> Envelope<Vote> {
    let vote = Vote {
        version: 1,
        slot,
        round: 0,
        thread_digest: ThreadDigest {
            hash: Hash([0; 32]),
        },
        ballot,
    };
    Signed::sign(vote, key, &chain.chain_id).into_envelope()
}

/// Two votes that contradict each other.
pub(crate) fn two_votes(chain: &Chain, key: &SecretKey, slot: Slot) -> Denunciation {
    let value = Value::Miss {
        through: slot.period,
    };
    let finalise = vote(chain, key, slot, Ballot::Finalise { value });
    Denunciation::of_votes(vote(chain, key, slot, Ballot::Nullify), finalise)
}

fn sum_of(store: &dyn StateStore, kind: KeyKind) -> u64 {
    let mut sum = 0;
    for_each_pair(store, &kind.prefix(), |key, value| {
        assert!(keys::strip(kind, key).is_some());
        sum += decode_exact::<u64>(value).unwrap();
        Ok::<_, picot_ledger::LedgerError>(())
    })
    .unwrap();
    sum
}
