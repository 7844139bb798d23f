//! Batches from small and large pools, and taking operations in, beside what verifying costs.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use picot_crypto::{BatchEntry, Context, verify_batch};
use picot_models::mocks::{address, chain_id, key_in_thread, transfer};
use picot_models::{
    Address, Amount, ChainParams, Envelope, Operation, OperationId, OperationKind, PublicKey,
    Signature, SignedOperation, Slot,
};
use picot_pool::{AccountView, Config, NoPropagation, Pool, SharedPool, prefix_of};
use picot_selector::mocks::MockSelector;

const SLOT: Slot = Slot {
    period: 1,
    thread: 0,
};

/// Everyone has all coins.
struct Rich;

impl AccountView for Rich {
    fn candidate_balance(&self, _address: &Address) -> Amount {
        Amount::MAX
    }

    fn is_executed(&self, _id: &OperationId, _thread: u8) -> bool {
        false
    }

    fn candidate_rolls(&self, _address: &Address) -> u64 {
        0
    }
}

/// With one thread, so that every sender is in it.
fn empty_pool() -> SharedPool {
    pool_with_threads(1)
}

fn pool_with_threads(thread_count: u8) -> SharedPool {
    let config = Config {
        max_operations_per_thread: 2_000_000,
        max_bytes_per_thread: u64::MAX,
        ..Config::default()
    };
    let params = ChainParams {
        thread_count,
        ..ChainParams::dev()
    };
    SharedPool::new(
        config,
        chain_id(1),
        params,
        Arc::new(MockSelector::new()),
        Arc::new(Rich),
        Arc::new(NoPropagation),
    )
    .unwrap()
}

/// Transfers with many senders and fees and without signatures, which `offer_again` does not ask
/// for.
fn unsigned(count: u32) -> impl Iterator<Item = Arc<SignedOperation>> {
    let recipient = address(1);
    (0..count).map(move |number| {
        let bytes = Context::Test.hash(&number.to_le_bytes()).0;
        let fee = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]));
        let content = Operation {
            fee: Amount::from_nanos(fee),
            expire_period: 50,
            kind: OperationKind::Transfer {
                recipient,
                amount: Amount::from_nanos(1),
            },
        };
        let envelope = Envelope {
            content,
            signer: PublicKey(bytes),
            signature: Signature([0; 64]),
        };
        Arc::new(envelope.identify(&chain_id(1)))
    })
}

fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("pool");
    group.throughput(Throughput::Elements(1_024));
    for count in [10_000, 1_000_000] {
        let pool = empty_pool();
        let operations: Vec<_> = unsigned(count).collect();
        for share in operations.chunks(10_000) {
            pool.offer_again(share.to_vec());
        }
        assert_eq!(pool.stats().operations(), operations.len());
        // What a factory excludes after some rounds: a part of the best.
        let first = pool.batch(SLOT, u64::MAX, u64::MAX, &BTreeSet::new());
        let excluded = first
            .iter()
            .step_by(4)
            .map(|operation| operation.id())
            .collect();
        group.bench_function(format!("batch_1024_of_{count}"), |b| {
            b.iter(|| {
                let batch = pool.batch(SLOT, u64::MAX, u64::MAX, black_box(&excluded));
                assert_eq!(batch.len(), 1_024);
                batch
            });
        });
    }
    group.finish();
}

/// What a node asks when a block comes compact: 10,000 operations by the beginning of their ids.
fn lookups(c: &mut Criterion) {
    let mut group = c.benchmark_group("pool");
    group.sample_size(10);
    group.throughput(Throughput::Elements(10_000));
    for threads in [1, 32] {
        let pool = pool_with_threads(threads);
        let operations: Vec<_> = unsigned(1_000_000).collect();
        for share in operations.chunks(10_000) {
            pool.offer_again(share.to_vec());
        }
        assert_eq!(pool.stats().operations(), operations.len());
        let asked = operations.iter().step_by(100);
        let ids: Vec<_> = asked.map(|operation| operation.id()).collect();
        let prefixes: Vec<_> = ids.iter().map(prefix_of).collect();
        let name = format!("prefixes_10000_of_1000000_in_{threads}_threads");
        group.bench_function(name, |b| {
            b.iter(|| {
                let found = pool.operations_by_prefix(black_box(&prefixes));
                assert!(found.iter().all(Option::is_some));
                found
            });
        });
        group.bench_function(
            format!("holds_10000_of_1000000_in_{threads}_threads"),
            |b| {
                b.iter(|| {
                    let held = pool.holds(black_box(&ids));
                    assert!(held.iter().all(|&held| held));
                    held
                });
            },
        );
    }
    group.finish();
}

fn additions(c: &mut Criterion) {
    let key = |number| key_in_thread(0, 1, 1 + number);
    let recipient = address(1);
    let operations: Vec<_> = (0..1_024)
        .map(|number| transfer(&key(number), recipient, 1, number, 50, &chain_id(1)))
        .map(Arc::new)
        .collect();
    let entries: Vec<BatchEntry> = operations
        .iter()
        .map(|operation| operation.batch_entry())
        .collect();
    let mut group = c.benchmark_group("pool");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1_024));
    group.bench_function("verify_batch_1024", |b| {
        b.iter(|| verify_batch(black_box(&entries)).unwrap());
    });
    group.bench_function("add_operations_1024", |b| {
        b.iter_batched(
            // Fresh ones: a signature that was found valid is not verified again.
            || (empty_pool(), operations.iter().map(fresh).collect()),
            |(pool, operations)| {
                let results = pool.add_operations(operations);
                assert!(results.iter().all(Result::is_ok));
                pool
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn fresh(operation: &Arc<SignedOperation>) -> Arc<SignedOperation> {
    Arc::new(operation.envelope().clone().identify(&chain_id(1)))
}

criterion_group!(benches, batches, lookups, additions);
criterion_main!(benches);
