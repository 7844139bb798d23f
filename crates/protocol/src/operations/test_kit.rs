//! Pools and operations for the tests of what passes between nodes.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use picot_models::mocks::{address, chain_id, key, operation, transfer};
use picot_models::{Amount, ChainId, ChainParams, OperationKind, SignedOperation, Slot};
use picot_pool::mocks::{FixedAccounts, RecordedPropagation};
use picot_pool::{Config, Pool, PoolError, SharedPool};
use picot_selector::mocks::MockSelector;
use std::sync::Arc;

pub(crate) type Shared = Arc<SignedOperation>;

pub(crate) fn chain() -> ChainId {
    chain_id(7)
}

/// So many different transfers, of a few senders.
pub(crate) fn transfers(count: u64) -> Vec<Shared> {
    transfers_from(0, count)
}

pub(crate) fn transfers_from(from: u64, count: u64) -> Vec<Shared> {
    (from..from.saturating_add(count))
        .map(|number| {
            let sender = key(number % 16);
            Arc::new(transfer(
                &sender,
                address(1),
                number + 1,
                1_000,
                50,
                &chain(),
            ))
        })
        .collect()
}

/// An operation with so many bytes of parameters.
pub(crate) fn large(number: u64, bytes: usize) -> Shared {
    let kind = OperationKind::Call {
        contract: address(1),
        function: "f".to_owned(),
        parameter: vec![1; bytes],
        max_gas: 1,
        coins: Amount::from_nanos(number),
    };
    Arc::new(operation(&key(number), kind, 1_000, 50, &chain()))
}

/// The same operation with the signature of another.
pub(crate) fn forged(operation: &SignedOperation, other: &SignedOperation) -> SignedOperation {
    let mut envelope = operation.envelope().clone();
    envelope.signature = *other.signature();
    let forged = envelope.identify(&chain());
    assert_eq!(forged.id(), operation.id());
    forged
}

/// A real pool, which takes operations of contracts, too.
pub(crate) struct TestPool {
    pub(crate) pool: SharedPool,
    pub(crate) accounts: Arc<FixedAccounts>,
    network: Arc<RecordedPropagation>,
}

impl TestPool {
    pub(crate) fn new() -> Self {
        Self::with_min_fee(0)
    }

    pub(crate) fn with_min_fee(nanos: u64) -> Self {
        let accounts = Arc::new(FixedAccounts::with_default_balance(1 << 60));
        let network = Arc::new(RecordedPropagation::default());
        let config = Config {
            contracts: true,
            min_fee: Amount::from_nanos(nanos),
            max_operations_per_sender: 100_000,
            ..Config::default()
        };
        let pool = SharedPool::new(
            config,
            chain(),
            ChainParams::dev(),
            Arc::new(MockSelector::new()),
            accounts.clone(),
            network.clone(),
        );
        Self {
            pool: pool.unwrap(),
            accounts,
            network,
        }
    }

    /// Adds operations, and gives the results and those that are new.
    pub(crate) fn add(&self, operations: &[Shared]) -> (Vec<Result<(), PoolError>>, Vec<Shared>) {
        let results = self.pool.add_operations(operations.to_vec());
        (results, self.network.take().operations)
    }

    /// An operation is executed in a final slot.
    pub(crate) fn finish(&self, operation: &SignedOperation) {
        let thread = operation
            .signer_address()
            .thread(ChainParams::dev().thread_count);
        self.pool
            .notify_final(Slot::new(1, thread), &[operation.id()]);
        assert!(!self.pool.contains(&operation.id()));
    }
}
