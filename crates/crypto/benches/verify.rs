//! Verification: this crate's predicate, alone and in batches, against dalek's single check.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use picot_crypto::{
    BatchEntry, Context, KeyCache, SecretKey, verify_batch, verify_batch_sequential,
    verify_batch_with_keys,
};

/// Signatures by as many keys.
fn entries(count: u32) -> Vec<BatchEntry> {
    let entry = |index: u32| {
        let message = Context::Test.hash(&index.to_le_bytes());
        let secret_key = SecretKey::from_seed(message.0);
        BatchEntry {
            message,
            public_key: secret_key.public_key(),
            signature: secret_key.sign(&message),
        }
    };
    (0..count).map(entry).collect()
}

fn verify(c: &mut Criterion) {
    let many = entries(1_024);
    let few = entries(64);
    let mut group = c.benchmark_group("crypto");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1_024));
    // From bytes, as in `batch_1024`.
    group.bench_function("dalek_single_1024", |b| {
        b.iter(|| {
            for entry in black_box(&many) {
                let key = VerifyingKey::from_bytes(&entry.public_key.0).unwrap();
                let signature = Signature::from_bytes(&entry.signature.0);
                key.verify(&entry.message.0, &signature).unwrap();
            }
        });
    });
    // With keys decompressed before, as in `batch_1024_known_keys`.
    let known: Vec<_> = many
        .iter()
        .map(|entry| {
            (
                entry,
                VerifyingKey::from_bytes(&entry.public_key.0).unwrap(),
            )
        })
        .collect();
    group.bench_function("dalek_single_1024_known_keys", |b| {
        b.iter(|| {
            for (entry, key) in black_box(&known) {
                let signature = Signature::from_bytes(&entry.signature.0);
                key.verify(&entry.message.0, &signature).unwrap();
            }
        });
    });
    group.bench_function("zip215_single_1024", |b| {
        b.iter(|| {
            for entry in black_box(&many) {
                entry
                    .public_key
                    .verify(&entry.message, &entry.signature)
                    .unwrap();
            }
        });
    });
    group.bench_function("batch_1024", |b| {
        b.iter(|| verify_batch(black_box(&many)).unwrap())
    });
    group.bench_function("batch_1024_sequential", |b| {
        b.iter(|| verify_batch_sequential(black_box(&many)).unwrap());
    });
    let mut cache = KeyCache::new(4_096);
    for entry in &many {
        cache.get_or_insert(&entry.public_key).unwrap();
    }
    group.bench_function("batch_1024_known_keys", |b| {
        b.iter(|| verify_batch_with_keys(black_box(&many), |key| cache.get(key)).unwrap());
    });
    let mut spoiled = many.clone();
    spoiled.get_mut(700).unwrap().message = Context::Test.hash(b"another message");
    group.bench_function("batch_1024_one_bad", |b| {
        b.iter(|| verify_batch(black_box(&spoiled)).unwrap_err());
    });
    group.throughput(Throughput::Elements(64));
    group.bench_function("batch_64", |b| {
        b.iter(|| verify_batch(black_box(&few)).unwrap())
    });
    group.finish();
}

fn hash(c: &mut Criterion) {
    let mut group = c.benchmark_group("hash");
    let short = [7; 64];
    group.bench_function("derive_key_64_bytes", |b| {
        b.iter(|| blake3::derive_key(Context::OperationId.text(), black_box(&short)));
    });
    group.bench_function("context_64_bytes", |b| {
        b.iter(|| Context::OperationId.hash(black_box(&short)));
    });
    group.finish();
}

criterion_group!(benches, verify, hash);
criterion_main!(benches);
