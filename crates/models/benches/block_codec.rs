//! Decoding and re-encoding a block of 10,000 transfers, beside hashing and verifying it.
#![allow(
    missing_docs,
    reason = "the macros of criterion write undocumented functions"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use picot_crypto::verify_batch;
use picot_models::mocks::{address, block, chain_id, key, transfer};
use picot_models::{BlockEnvelope, Slot};
use picot_serialization::{Encode, decode_exact};
use std::hint::black_box;

const OPERATIONS: u64 = 10_000;

fn block_bytes() -> Vec<u8> {
    let chain = chain_id(1);
    let operations = (0..OPERATIONS)
        .map(|number| {
            transfer(
                &key(number % 1_000),
                address(number),
                number,
                10,
                100,
                &chain,
            )
        })
        .collect();
    block(&key(1), Slot::new(6, 2), vec![], operations, &chain).to_bytes()
}

fn hash_and_verify(envelope: BlockEnvelope) -> bool {
    let block = envelope.identify(&chain_id(1));
    let entries: Vec<_> = block
        .operations
        .iter()
        .map(|operation| operation.batch_entry())
        .collect();
    block.matches_header() && verify_batch(&entries).is_ok()
}

fn block_codec(criterion: &mut Criterion) {
    let bytes = block_bytes();
    let mut group = criterion.benchmark_group("block_codec");
    group.sample_size(10);
    group.bench_function("decode_encode_10000", |bencher| {
        bencher.iter(|| {
            decode_exact::<BlockEnvelope>(black_box(&bytes)).map(|block| block.to_bytes())
        });
    });
    let Ok(envelope) = decode_exact::<BlockEnvelope>(&bytes) else {
        return;
    };
    group.bench_function("hash_and_verify_10000", |bencher| {
        bencher.iter(|| hash_and_verify(black_box(envelope.clone())));
    });
    group.finish();
}

criterion_group!(benches, block_codec);
criterion_main!(benches);
