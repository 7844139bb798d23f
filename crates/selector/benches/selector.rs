//! What draws cost, next to one hash; and how long a cycle takes to prepare.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use picot_crypto::Context;
use picot_models::{ChainParams, Slot};
use picot_selector::{
    Config, Selector, StakeSelector,
    mocks::{rolls, seed},
};

/// A ranking of 8 and 16 endorsers, and no cache, so that each call draws.
fn config() -> Config {
    Config {
        max_ranked_producers: 8,
        cached_draws: 0,
        ..Config::from_params(&ChainParams::production())
    }
}

/// Between 1 and 1,000 rolls each.
fn unequal_rolls(stakers: u64) -> impl Iterator<Item = u64> {
    (0..stakers).map(|staker| 1 + staker * staker % 1_000)
}

fn draws_of_slot(criterion: &mut Criterion) {
    let selector = StakeSelector::new(config()).unwrap();
    let rolls = rolls(unequal_rolls(10_000));
    selector.feed_cycle(0, rolls, seed(0)).unwrap();
    let mut group = criterion.benchmark_group("selector");
    let mut slots = (0..4_096)
        .map(|slot| Slot::new(slot / 32, (slot % 32) as u8))
        .cycle();
    group.bench_function("draws_of_slot", |bencher| {
        bencher.iter(|| selector.draws(black_box(slots.next().unwrap())).unwrap());
    });
    group.bench_function("blake3_64_bytes", |bencher| {
        let input = [7; 64];
        bencher.iter(|| Context::Test.hash(black_box(&input)));
    });
    group.finish();
}

fn prepare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selector");
    group.sample_size(10);
    for stakers in [10_000, 1_000_000] {
        let rolls = rolls(unequal_rolls(stakers));
        group.bench_function(format!("prepare_{stakers}"), |bencher| {
            bencher.iter_batched(
                || StakeSelector::new(config()).unwrap(),
                |selector| {
                    selector.feed_cycle(0, rolls.clone(), seed(0)).unwrap();
                    selector
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, draws_of_slot, prepare);
criterion_main!(benches);
