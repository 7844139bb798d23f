//! A block of 10,000 transfers from few and many pending ones, beside what any way of making it must
//! do at least.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::unimplemented,
    reason = "a benchmark"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::Receiver;
use parking_lot::Mutex;
use picot_block_factory::{
    AlwaysConnected, Asking, BlockProducer, Collaborators, Config, Event, MemoryHistory, SkipReason,
};
use picot_clock::{ManualClock, Millis, Slot, Tick, Timestamp};
use picot_consensus::{BestParents, mocks::MockConsensus};
use picot_crypto::Context;
use picot_execution::{
    DecidedSlots, Execution, ExecutionError, ExecutionSummary, Level, OperationStatus, Simulation,
    SlotOutput, Totals,
};
use picot_models::mocks::{address, chain_id, key};
use picot_models::{
    Address, Amount, Block, ChainParams, Envelope, Hash, Operation, OperationId, OperationKind,
    PublicKey, Signature, SignedOperation,
};
use picot_pool::{AccountView, NoPropagation, Pool, SharedPool};
use picot_pos::CycleInfo;
use picot_selector::mocks::MockSelector;
use picot_serialization::Encode;
use picot_storage::mocks::MockStorage;
use picot_wallet::mocks::MockWallet;

/// Operations of a block.
const BLOCK: u32 = 10_000;
/// Accounts of the chain, whatever is pending.
const ACCOUNTS: u32 = 1_000_000;
const GENESIS: Timestamp = Timestamp(1_000_000);

/// Balances in a plain map.
struct Accounts(BTreeMap<Address, Amount>);

impl AccountView for Accounts {
    fn candidate_balance(&self, address: &Address) -> Amount {
        self.0.get(address).copied().unwrap_or_default()
    }

    fn is_executed(&self, _id: &OperationId, _thread: u8) -> bool {
        false
    }

    fn candidate_rolls(&self, _address: &Address) -> u64 {
        0
    }
}

impl Execution for Accounts {
    fn update(&self, _: Vec<DecidedSlots>, _: Vec<Block>) -> Result<(), ExecutionError> {
        unimplemented!()
    }
    fn balance(&self, _: Level, address: &Address) -> Result<Option<Amount>, ExecutionError> {
        Ok(self.0.get(address).copied())
    }
    fn rolls(&self, _: Level, _: &Address) -> Result<u64, ExecutionError> {
        unimplemented!()
    }
    fn deferred_credits(
        &self,
        _: Level,
        _: &Address,
    ) -> Result<BTreeMap<u64, Amount>, ExecutionError> {
        unimplemented!()
    }
    fn datastore(
        &self,
        _: Level,
        _: &Address,
        _: &[u8],
    ) -> Result<Option<Vec<u8>>, ExecutionError> {
        unimplemented!()
    }
    fn executed_operations(&self, _: u8) -> Result<BTreeSet<OperationId>, ExecutionError> {
        Ok(BTreeSet::new())
    }
    fn operation_status(&self, _: &OperationId) -> Result<Option<OperationStatus>, ExecutionError> {
        unimplemented!()
    }
    fn simulate(&self, _: &Operation, _: &Address) -> Result<Simulation, ExecutionError> {
        unimplemented!()
    }
    fn summary(&self) -> ExecutionSummary {
        ExecutionSummary {
            last_final_slot: Slot::new(u64::MAX, 0),
            state_hash: Hash([0; 32]),
            totals: Totals::default(),
            cycle: 0,
            candidate_slot: Slot::GENESIS,
            waiting_decided: 0,
            stopped: None,
        }
    }
    fn subscribe(&self) -> Receiver<Arc<SlotOutput>> {
        unimplemented!()
    }
    fn stakers(&self) -> Arc<BTreeMap<Address, u64>> {
        unimplemented!()
    }
    fn cycle_info(&self, _: u64) -> Option<Arc<CycleInfo>> {
        unimplemented!()
    }
    fn known_cycles(&self) -> Vec<u64> {
        unimplemented!()
    }
}

/// One thread, so that every sender is in it; room for the block, and time for it.
fn params() -> ChainParams {
    ChainParams {
        thread_count: 1,
        t0_ms: 10_000,
        max_block_production_ms: 5_000,
        max_operations_per_block: BLOCK,
        max_block_size_bytes: 10_000_000,
        operation_validity_periods: 65_536,
        proposal_policy: picot_models::ProposalPolicy::Drawn,
        ..ChainParams::production()
    }
}

/// A number that is spread like a key.
fn spread(number: u32) -> [u8; 32] {
    Context::Test.hash(&number.to_le_bytes()).0
}

/// A transfer without a signature, which a factory does not look at.
fn unsigned(number: u32) -> Arc<SignedOperation> {
    let bytes = spread(number);
    let fee = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    let content = Operation {
        fee: Amount::from_nanos(fee.into()),
        expire_period: 65_536,
        kind: OperationKind::Transfer {
            recipient: address(1),
            amount: Amount::from_nanos(1),
        },
    };
    let envelope = Envelope {
        content,
        signer: PublicKey(bytes),
        signature: Signature([0; 64]),
    };
    Arc::new(envelope.identify(&chain_id(1)))
}

fn pool_of(pending: u32, accounts: &Arc<Accounts>) -> Arc<SharedPool> {
    let config = picot_pool::Config {
        max_operations_per_thread: 2_000_000,
        max_bytes_per_thread: u64::MAX,
        // As a node sets it: a block at once.
        max_batch_operations: BLOCK as usize,
        ..picot_pool::Config::default()
    };
    let pool = SharedPool::new(
        config,
        chain_id(1),
        params(),
        Arc::new(MockSelector::new()),
        Arc::clone(accounts) as _,
        Arc::new(NoPropagation),
    );
    let pool = pool.unwrap();
    let all: Vec<_> = (0..pending).map(unsigned).collect();
    for share in all.chunks(10_000) {
        pool.offer_again(share.to_vec());
    }
    assert_eq!(pool.stats().operations(), all.len());
    Arc::new(pool)
}

/// A factory as in a node, whose other parts answer at once.
struct Factory {
    producer: BlockProducer,
    clock: ManualClock,
    blocks: Arc<Mutex<Option<Block>>>,
    period: u64,
}

impl Factory {
    fn new(pool: Arc<SharedPool>, accounts: &Arc<Accounts>) -> Self {
        let mut wallet = MockWallet::new();
        wallet.expect_addresses().returning(|| vec![address(1)]);
        wallet
            .expect_public_key()
            .returning(|_| Some(key(1).public_key()));
        wallet.expect_sign_claimed().returning(|requests| {
            let signed = requests.iter().map(|one| Ok(key(1).sign(&one.id)));
            signed.collect()
        });
        let mut selector = MockSelector::new();
        selector
            .expect_producer_rank()
            .returning(|_, _| Ok(Some(0)));
        let blocks = Arc::new(Mutex::new(None));
        let place = Arc::clone(&blocks);
        let mut consensus = MockConsensus::new();
        consensus.expect_best_parents().returning(|_, _| {
            Ok(BestParents {
                parents: vec![(Hash([1; 32]).into(), 0)],
            })
        });
        consensus.expect_register_block().returning(move |block| {
            *place.lock() = Some(block);
            Ok(())
        });
        let mut storage = MockStorage::new();
        storage.expect_put_block().returning(|_| ());
        let clock = ManualClock::new(GENESIS);
        let config = Config {
            chain_id: chain_id(1),
            params: params(),
            genesis_timestamp: GENESIS,
            start: GENESIS,
            startup_delay: Millis::ZERO,
            fresh: true,
            enabled: true,
            asking: Asking::OnHelperThread,
        };
        let parts = Collaborators {
            clock: Arc::new(clock.clone()),
            selector: Arc::new(selector),
            wallet: Arc::new(wallet),
            consensus: Arc::new(consensus),
            pool,
            execution: Arc::clone(accounts) as _,
            storage: Arc::new(storage),
            connection: Arc::new(AlwaysConnected),
            history: Arc::new(MemoryHistory::new(10)),
        };
        Self {
            producer: BlockProducer::new(&config, &parts).unwrap(),
            clock,
            blocks,
            period: 0,
        }
    }

    /// The block of the next slot, from the tick to its registration.
    fn next_block(&mut self) -> Block {
        self.period += 1;
        let start = GENESIS.checked_add(Millis(self.period * params().t0_ms));
        self.clock.set(start.unwrap());
        let tick = Tick {
            slot: Slot::new(self.period, 0),
            skipped: None,
        };
        let told = self.producer.step(tick);
        let busy = |event: &Event| matches!(event, Event::Skipped(skip) if skip.reason == SkipReason::ConsensusBehind);
        assert!(!told.iter().any(|entry| busy(&entry.event)), "{told:?}");
        let block = self.blocks.lock().take().unwrap();
        assert_eq!(block.operations.len(), BLOCK as usize, "{told:?}");
        block
    }
}

/// Copies and hashes the bytes of a block's operations, and checks their senders' balances.
fn floor(bytes: &[u8], spends: &[(Address, Amount)], accounts: &Accounts) -> Hash {
    let copy = bytes.to_vec();
    let covered = spends
        .iter()
        .filter(|(sender, spend)| accounts.0.get(sender).is_some_and(|held| held >= spend));
    assert_eq!(covered.count(), spends.len());
    Context::Test.hash(black_box(&copy))
}

fn assembly(c: &mut Criterion) {
    let rich = Amount::from_nanos(1_000_000_000_000);
    let account = |number| (Address::of_key(&PublicKey(spread(number))), rich);
    let accounts = Arc::new(Accounts((0..ACCOUNTS).map(account).collect()));
    let mut group = c.benchmark_group("block_assembly");
    group.sample_size(30);
    group.throughput(Throughput::Elements(BLOCK.into()));
    for pending in [BLOCK, 1_000_000] {
        let mut factory = Factory::new(pool_of(pending, &accounts), &accounts);
        let block = factory.next_block();
        group.bench_function(format!("block_of_10000_from_{pending}"), |b| {
            b.iter(|| factory.next_block());
        });
        let mut bytes = Vec::new();
        for operation in &block.operations {
            operation.encode(&mut bytes);
        }
        let spend = |operation: &Arc<SignedOperation>| {
            let spend = operation.content().max_spend(&params()).unwrap();
            (operation.signer_address(), spend)
        };
        let spends: Vec<_> = block.operations.iter().map(spend).collect();
        group.bench_function(format!("copy_hash_check_of_{pending}"), |b| {
            b.iter(|| floor(black_box(&bytes), black_box(&spends), &accounts));
        });
    }
    group.finish();
}

criterion_group!(benches, assembly);
criterion_main!(benches);
