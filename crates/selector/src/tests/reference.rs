//! A second implementation, as plain as the definition, compared bit for bit.

use std::collections::BTreeMap;

use picot_models::{Address, Hash, Slot};
use picot_serialization::Encode;
use proptest::prelude::*;

use super::*;
use crate::mocks::{rolls, seed};

/// Draws of one lane: `lane` is the first byte in the output, `next` the draw that comes next.
struct Lane {
    output: blake3::OutputReader,
    lane: u64,
    next: u64,
}

impl Lane {
    fn new(seed: Hash, slot: Slot, lane: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("picot 1 draw");
        hasher.update(&seed.0);
        hasher.update(&slot.to_bytes());
        let output = hasher.finalize_xof();
        Self {
            output,
            lane,
            next: 0,
        }
    }

    fn next_below(&mut self, bound: u64) -> u64 {
        let mut position = self.lane + 8 * self.next;
        self.next += 1;
        loop {
            let mut word = [0; 8];
            self.output.set_position(position);
            self.output.fill(&mut word);
            let product = u128::from(u64::from_le_bytes(word)) * u128::from(bound);
            if product % (1 << 64) >= (1 << 64) % u128::from(bound) {
                return (product >> 64) as u64;
            }
            position += 1 << 32;
        }
    }
}

fn total(rolls: &BTreeMap<Address, u64>) -> u64 {
    rolls.values().sum()
}

fn owner(rolls: &BTreeMap<Address, u64>, mut roll: u64) -> Address {
    for (address, count) in rolls {
        if roll < *count {
            return *address;
        }
        roll -= count;
    }
    panic!("no such roll");
}

fn producers(rolls: &BTreeMap<Address, u64>, seed: Hash, slot: Slot, max: usize) -> Vec<Address> {
    let mut lane = Lane::new(seed, slot, 1 << 31);
    let mut left = rolls.clone();
    let mut ranking = Vec::new();
    let mut repeats = 0;
    while ranking.len() < max && !left.is_empty() {
        let from = if repeats < 16 { rolls } else { &left };
        let address = owner(from, lane.next_below(total(from)));
        if left.remove(&address).is_some() {
            ranking.push(address);
        } else {
            repeats += 1;
        }
    }
    // The tail.
    let mut tail: Vec<_> = left
        .keys()
        .map(|address| {
            let mut hasher = blake3::Hasher::new_derive_key("picot 1 rank tail");
            hasher.update(&seed.0);
            hasher.update(&slot.to_bytes());
            hasher.update(&address.to_bytes());
            (*hasher.finalize().as_bytes(), *address)
        })
        .collect();
    tail.sort();
    ranking.extend(tail.into_iter().map(|(_, address)| address));
    ranking
}

fn endorsers(rolls: &BTreeMap<Address, u64>, seed: Hash, slot: Slot, count: u32) -> Vec<Address> {
    let mut lane = Lane::new(seed, slot, 0);
    (0..count)
        .map(|_| owner(rolls, lane.next_below(total(rolls))))
        .collect()
}

fn stakes() -> impl Strategy<Value = Vec<u64>> {
    let stake = prop_oneof![1..5_u64, 1..10_000_u64, 1..1_u64 << 40];
    prop_oneof![
        prop::collection::vec(stake, 1..100),
        // Sums of nearly 64 bits: many words are refused.
        prop::collection::vec((1_u64 << 60)..(1 << 61), 2..8),
        // One against all others: repeats.
        (1_u64..1 << 50, prop::collection::vec(1..4_u64, 1..60)).prop_map(|(whale, small)| [
            small,
            vec![whale]
        ]
        .concat()),
    ]
}

proptest! {
    #[test]
    fn two_implementations_agree_bit_for_bit(
        counts in stakes(),
        cycle in 0..1_000_u64,
        period in 0..16_u64,
        thread in 0..4_u8,
        max_ranked_producers in 1..70_u32,
        endorsement_count in 0..40_u32,
    ) {
        let config = Config { max_ranked_producers, endorsement_count, ..config() };
        let slot = Slot::new(cycle * config.periods_per_cycle + period, thread);
        let (rolls, seed) = (rolls(counts), seed(cycle));
        let selector = StakeSelector::new(config).unwrap();
        selector.feed_cycle(cycle, rolls.clone(), seed).unwrap();

        let draws = selector.draws(slot).unwrap();
        let ranking = producers(&rolls, seed, slot, max_ranked_producers as usize);
        prop_assert!(ranking.starts_with(&draws.producers));
        prop_assert_eq!(draws.producers.len(), rolls.len().min(max_ranked_producers as usize));
        prop_assert_eq!(selector.producer_ranking(slot, usize::MAX), Ok(ranking));
        prop_assert_eq!(&draws.endorsers, &endorsers(&rolls, seed, slot, endorsement_count));
    }
}

#[test]
fn two_implementations_agree_on_every_slot_of_a_cycle_of_a_large_network() {
    let rolls = rolls((0..2_000).map(|number| 1 + number * number % 1_000));
    let config = Config::from_params(&ChainParams::production());
    let selector = StakeSelector::new(config).unwrap();
    selector.feed_cycle(5, rolls.clone(), seed(5)).unwrap();
    for period in (640..768).step_by(16) {
        for thread in 0..32 {
            let slot = Slot::new(period, thread);
            let draws = selector.draws(slot).unwrap();
            let mut drawn = producers(&rolls, seed(5), slot, 32);
            drawn.truncate(32);
            assert_eq!(draws.producers, drawn);
            assert_eq!(draws.endorsers, endorsers(&rolls, seed(5), slot, 16));
        }
    }
}
