//! Draws have the distribution of the rolls. Seeds are fixed, so that a test that passes once
//! passes always.

#![allow(clippy::float_arithmetic, reason = "statistics, in a test")]

use std::collections::BTreeMap;

use picot_crypto::{Context, Hasher};
use picot_models::{Address, Slot};

use super::*;
use crate::{
    mocks::{seed, staker},
    stream::DrawStream,
};

/// Checks that `count` of `trials` is within 4 standard deviations of the share `p`.
fn check_share(count: u64, trials: u64, p: f64, what: &str) {
    let (count, trials) = (count as f64, trials as f64);
    let deviations = (count - trials * p) / (trials * p * (1.0 - p)).sqrt();
    assert!(
        deviations.abs() <= 4.0,
        "{what}: {count} of {trials}, {deviations} deviations"
    );
}

/// Checks a chi-squared figure against its mean and 4 standard deviations.
fn check_chi_squared(chi_squared: f64, degrees_of_freedom: f64) {
    let bound = 4.0 * (2.0 * degrees_of_freedom).sqrt();
    assert!(
        (chi_squared - degrees_of_freedom).abs() <= bound,
        "{chi_squared}"
    );
}

/// Slots of cycle 0, one after the other.
fn slots(count: u64) -> impl Iterator<Item = Slot> {
    (0..count).map(|period| Slot::new(period, 0))
}

/// One cycle that is long enough, and no caches.
fn wide(max_ranked_producers: u32, endorsement_count: u32) -> Config {
    Config {
        periods_per_cycle: u64::MAX,
        cached_draws: 0,
        max_ranked_producers,
        endorsement_count,
        ..config()
    }
}

#[test]
fn of_a_million_endorser_draws_each_address_has_its_share() {
    let counts: Vec<u64> = (0..60).map(|number| 1 + number * number).collect();
    let total: u64 = counts.iter().sum();
    let selector = selector_with(wide(1, 1_000), &counts);
    let mut drawn = BTreeMap::<Address, u64>::new();
    for slot in slots(1_000) {
        for endorser in &selector.draws(slot).unwrap().endorsers {
            *drawn.entry(*endorser).or_default() += 1;
        }
    }
    for (number, rolls) in (0..).zip(counts) {
        let count = drawn.get(&staker(number)).copied().unwrap_or(0);
        let share = rolls as f64 / total as f64;
        check_share(count, 1_000_000, share, &format!("staker {number}"));
    }
}

#[test]
fn at_each_index_each_address_has_its_share() {
    let counts = [1, 2, 3, 4];
    let selector = selector_with(wide(1, 8), &counts);
    let mut drawn = BTreeMap::<(usize, Address), u64>::new();
    for slot in slots(20_000) {
        for place in selector
            .draws(slot)
            .unwrap()
            .endorsers
            .iter()
            .copied()
            .enumerate()
        {
            *drawn.entry(place).or_default() += 1;
        }
    }
    for index in 0..8 {
        for (number, rolls) in (0..).zip(counts) {
            let count = drawn[&(index, staker(number))];
            check_share(
                count,
                20_000,
                rolls as f64 / 10.0,
                &format!("{number} at {index}"),
            );
        }
    }
}

/// Counts the first two places of rankings.
fn first_two(counts: &[u64], trials: u64) -> BTreeMap<(Address, Address), u64> {
    let selector = selector_with(wide(counts.len() as u32, 0), counts);
    let mut drawn = BTreeMap::new();
    for slot in slots(trials) {
        let producers = selector.draws(slot).unwrap().producers.clone();
        *drawn.entry((producers[0], producers[1])).or_default() += 1;
    }
    drawn
}

#[test]
fn the_first_two_places_have_their_exact_probabilities() {
    for counts in [&[1, 2, 3, 10][..], &[1, 1, 1], &[5, 1], &[40, 1, 1, 2, 6]] {
        let trials = 40_000;
        let total: u64 = counts.iter().sum();
        let drawn = first_two(counts, trials);
        for (first, first_rolls) in counts.iter().enumerate() {
            for (second, second_rolls) in counts.iter().enumerate() {
                if first == second {
                    continue;
                }
                let p = *first_rolls as f64 / total as f64 * *second_rolls as f64
                    / (total - first_rolls) as f64;
                let pair = (staker(first as u64), staker(second as u64));
                let count = drawn.get(&pair).copied().unwrap_or(0);
                check_share(
                    count,
                    trials,
                    p,
                    &format!("{first}, {second} of {counts:?}"),
                );
            }
        }
    }
}

#[test]
fn places_after_the_allowed_repeats_have_their_exact_probabilities() {
    // Everybody but the first is ranked from the rolls that are left.
    let (counts, trials) = ([1 << 50, 1, 2, 3], 40_000);
    let drawn = first_two(&counts, trials);
    for (second, rolls) in (1..).zip([1, 2, 3]) {
        let count = drawn[&(staker(0), staker(second))];
        check_share(
            count,
            trials,
            f64::from(rolls) / 6.0,
            &format!("second is {second}"),
        );
    }
}

#[test]
fn the_producers_share_is_its_roll_share_over_slots() {
    let counts = [1, 10, 100, 1_000];
    let selector = selector_with(wide(1, 0), &counts);
    let mut drawn = BTreeMap::<Address, u64>::new();
    for slot in slots(100_000) {
        *drawn
            .entry(*selector.draws(slot).unwrap().producer().unwrap())
            .or_default() += 1;
    }
    for (number, rolls) in (0..).zip(counts) {
        let count = drawn.get(&staker(number)).copied().unwrap_or(0);
        check_share(
            count,
            100_000,
            rolls as f64 / 1_111.0,
            &format!("staker {number}"),
        );
    }
}

fn stream(slot: Slot) -> DrawStream {
    let mut seeded = Hasher::new(Context::Draw);
    seeded.update(seed(0).as_bytes());
    DrawStream::new(&seeded, slot)
}

#[test]
fn chi_squared_over_the_bits_of_draws() {
    let draws = 100_000;
    let mut ones = [0_u64; 32];
    let mut slots = slots(draws / 10);
    for _ in 0..draws / 10 {
        let stream = stream(slots.next().unwrap());
        let (mut endorsers, mut producers) = (stream.endorsers(), stream.producers());
        for lane in [&mut endorsers, &mut producers] {
            for _ in 0..5 {
                let number = lane.next_below(1 << 32);
                for (bit, ones) in ones.iter_mut().enumerate() {
                    *ones += number >> bit & 1;
                }
            }
        }
    }
    let expected = draws as f64 / 2.0;
    let chi_squared = ones
        .map(|ones| (ones as f64 - expected).powi(2) / (expected / 2.0))
        .iter()
        .sum();
    check_chi_squared(chi_squared, 32.0);
}

#[test]
fn chi_squared_over_equal_stakers_and_over_pairs_of_neighbouring_draws() {
    let mut pairs = vec![0_u64; 256];
    let mut singles = vec![0_u64; 256];
    for slot in slots(10_000) {
        let mut draws = stream(slot).endorsers();
        for _ in 0..10 {
            singles[draws.next_below(256) as usize] += 1;
            let pair = draws.next_below(16) * 16 + draws.next_below(16);
            pairs[pair as usize] += 1;
        }
    }
    for counts in [singles, pairs] {
        let expected = 100_000.0 / 256.0;
        let terms = counts
            .iter()
            .map(|count| (*count as f64 - expected).powi(2) / expected);
        check_chi_squared(terms.sum(), 255.0);
    }
}
