//! What draws cost, next to one hash; and how long a cycle takes to prepare.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use picot_crypto::Context;
use picot_models::{Address, ChainParams, Hash, Slot};
use picot_selector::{Config, Selector, StakeSelector};

const SEED: Hash = Hash([42; 32]);

/// A ranking of 8 and 16 endorsers, and no cache, so that each call draws.
fn config() -> Config {
    Config {
        max_ranked_producers: 8,
        cached_draws: 0,
        ..Config::from_params(&ChainParams::production())
    }
}

/// Between 1 and 1,000 rolls each.
fn unequal_rolls(stakers: u64) -> Arc<BTreeMap<Address, u64>> {
    let address = |staker: u64| Address::Key(Context::Test.hash(&staker.to_le_bytes()));
    let rolls = |staker: u64| 1 + staker * staker % 1_000;
    Arc::new(
        (0..stakers)
            .map(|staker| (address(staker), rolls(staker)))
            .collect(),
    )
}

fn draws_of_slot(criterion: &mut Criterion) {
    let selector = StakeSelector::new(config()).unwrap();
    let rolls = unequal_rolls(10_000);
    selector.feed_cycle(0, rolls, SEED).unwrap();
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

fn whole_rankings(criterion: &mut Criterion) {
    let config = Config::from_params(&ChainParams::production());
    let uncached = Config {
        cached_draws: 0,
        cached_ranking_places: 0,
        ..config.clone()
    };
    let rolls = unequal_rolls(1_000);
    let last = *rolls.keys().next_back().unwrap();
    let mut group = criterion.benchmark_group("selector");
    for (name, config) in [("rank_in_1000_cached", config), ("rank_in_1000", uncached)] {
        let selector = StakeSelector::new(config).unwrap();
        selector.feed_cycle(0, rolls.clone(), SEED).unwrap();
        let mut slots = (0..32).map(|thread| Slot::new(1, thread)).cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                selector
                    .producer_rank(slots.next().unwrap(), black_box(&last))
                    .unwrap()
            });
        });
    }
    group.finish();
}

fn prepare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selector");
    group.sample_size(10);
    for stakers in [10_000, 1_000_000] {
        let rolls = unequal_rolls(stakers);
        group.bench_function(format!("prepare_{stakers}"), |bencher| {
            bencher.iter_batched(
                || StakeSelector::new(config()).unwrap(),
                |selector| {
                    selector.feed_cycle(0, rolls.clone(), SEED).unwrap();
                    selector
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, draws_of_slot, whole_rankings, prepare);
criterion_main!(benches);
