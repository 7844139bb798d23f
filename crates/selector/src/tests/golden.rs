//! Draws that must never change: another value here is another chain.

use picot_crypto::{Context, Hasher};
use picot_models::{Address, Slot};
use picot_serialization::Encode;

use super::*;
use crate::mocks::{rolls, staker};

/// Ten stakers with 1, 2, 4, … 512 rolls.
fn golden() -> StakeSelector {
    let config = Config {
        max_ranked_producers: 6,
        endorsement_count: 8,
        ..config()
    };
    let powers: Vec<u64> = (0..10).map(|bit| 1 << bit).collect();
    selector_with(config, &powers)
}

fn numbers(addresses: &[Address]) -> Vec<u64> {
    let number = |address: &Address| (0..10).find(|number| staker(*number) == *address).unwrap();
    addresses.iter().map(number).collect()
}

#[test]
fn golden_draws_of_three_slots() {
    let selector = golden();
    let drawn: Vec<_> = [Slot::new(0, 0), Slot::new(7, 2), Slot::new(15, 3)]
        .iter()
        .map(|slot| {
            let draws = selector.draws(*slot).unwrap();
            let ranking = selector.producer_ranking(*slot, 10).unwrap();
            (numbers(&ranking), numbers(&draws.endorsers))
        })
        .collect();
    let expected = [
        ([6, 9, 8, 7, 4, 5, 0, 3, 1, 2], [9, 8, 8, 7, 7, 8, 8, 9]),
        ([8, 9, 7, 3, 6, 5, 2, 4, 1, 0], [8, 9, 9, 9, 5, 6, 7, 8]),
        ([9, 8, 6, 7, 5, 4, 1, 2, 3, 0], [9, 9, 8, 9, 8, 7, 9, 7]),
    ]
    .map(|(ranking, endorsers)| (ranking.to_vec(), endorsers.to_vec()));
    assert_eq!(drawn, expected);
}

#[test]
fn golden_hash_of_a_whole_cycle() {
    let selector = golden();
    let mut hasher = Hasher::new(Context::Test);
    for period in 0..16 {
        for thread in 0..4 {
            let slot = Slot::new(period, thread);
            let ranking = selector.producer_ranking(slot, 10).unwrap();
            let draws = selector.draws(slot).unwrap();
            for address in ranking.iter().chain(&draws.endorsers) {
                hasher.update(&address.to_bytes());
            }
        }
    }
    let expected = "d398d61a369ff3d65590930e5c41aa65ce4747b59e65b703094fbd8962e2a164";
    assert_eq!(hasher.finalize().to_string(), expected);
}

#[test]
fn golden_draws_from_rolls_that_fill_64_bits() {
    // One word in four is refused.
    let selector = StakeSelector::new(config()).unwrap();
    let rolls = rolls([1 << 61; 6]);
    selector.feed_cycle(0, rolls, mocks::seed(0)).unwrap();
    let draws = selector.draws(Slot::new(1, 1)).unwrap();
    assert_eq!(numbers(&draws.producers), [0, 5, 3, 2, 4, 1]);
    assert_eq!(numbers(&draws.endorsers), [3, 5, 2, 1]);
}
