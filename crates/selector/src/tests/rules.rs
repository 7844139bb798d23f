//! Each rule of the selector under its own name: what is known of cycles, draws, rankings, power.

use std::{collections::BTreeSet, sync::Arc};

use picot_clock::{ClockError, SlotRange};
use picot_crypto::Context;
use picot_models::{Address, ChainParams, Slot, limits::MAX_VALIDATORS, mocks::genesis};
use picot_serialization::Encode;
use proptest::prelude::*;

use super::*;
use crate::{
    AddressDraw, MAX_REPEATED_DRAWS, Missing, SelectorError,
    mocks::{FixedSelector, MockSelector, rolls, seed, staker},
};

const SLOT: Slot = Slot::new(3, 2);

fn slots() -> impl Iterator<Item = Slot> {
    SlotRange::new(Slot::GENESIS, Slot::new(16, 0), 4)
        .unwrap()
        .iter()
}

// What is known of cycles.

#[test]
fn a_cycle_that_was_not_fed_is_not_ready_and_says_what_is_missing() {
    let selector = selector(&[1]);
    let error = selector.draws(Slot::new(7 * 16, 0)).unwrap_err();
    let missing = Missing::Snapshots {
        rolls_of: 4,
        seed_of: 5,
    };
    assert_eq!(error, SelectorError::NotReady { cycle: 7, missing });
    assert!(error.is_not_known_yet());
    assert_eq!(
        error.to_string(),
        "the draws of cycle 7 are not known yet: the roll counts of cycle 4 and the seed of cycle 5 were not fed"
    );
}

#[test]
fn the_first_three_cycles_miss_what_the_genesis_gives() {
    let selector = StakeSelector::new(config()).unwrap();
    for cycle in 0..3 {
        let missing = Missing::Genesis;
        let expected = SelectorError::NotReady { cycle, missing };
        assert_eq!(selector.voting_power(cycle), Err(expected.clone()));
        assert_eq!(selector.seed(cycle), Err(expected));
    }
    assert!(matches!(
        Missing::feed_of(3),
        Missing::Snapshots {
            rolls_of: 0,
            seed_of: 1
        }
    ));
}

#[test]
fn a_fed_cycle_is_not_ready_until_its_table_is() {
    let selector = StakeSelector::new(config()).unwrap();
    let feed = selector.accept(0, rolls([1]), seed(0)).unwrap().unwrap();
    let missing = Missing::Table;
    let expected = SelectorError::NotReady { cycle: 0, missing };
    assert_eq!(selector.draws(SLOT), Err(expected));
    assert!(selector.ready_cycles().is_empty());
    selector.prepare(&feed);
    assert!(selector.draws(SLOT).is_ok());
    assert_eq!(selector.ready_cycles(), [0]);
}

#[test]
fn a_pruned_cycle_says_so_and_is_not_taken_again() {
    let selector = StakeSelector::new(Config {
        kept_cycles: 2,
        ..config()
    })
    .unwrap();
    for cycle in 3..7 {
        selector.feed_cycle(cycle, rolls([1]), seed(cycle)).unwrap();
    }
    assert_eq!(selector.ready_cycles(), [5, 6]);
    let pruned = SelectorError::Pruned {
        cycle: 4,
        oldest: 5,
    };
    assert_eq!(selector.draws(Slot::new(4 * 16, 0)), Err(pruned.clone()));
    assert_eq!(
        selector.feed_cycle(4, rolls([1]), seed(4)),
        Err(pruned.clone())
    );
    assert!(!pruned.is_not_known_yet());
    assert_eq!(
        pruned.to_string(),
        "the draws of cycle 4 are not kept any more: the oldest that are kept are of cycle 5"
    );
}

#[test]
fn only_the_newest_cycles_are_kept_in_whatever_order_they_come() {
    let selector = StakeSelector::new(Config {
        kept_cycles: 3,
        ..config()
    })
    .unwrap();
    for cycle in [9, 7, 12, 8, 13] {
        selector.feed_cycle(cycle, rolls([1]), seed(cycle)).ok();
    }
    assert_eq!(selector.ready_cycles(), [9, 12, 13]);
    let missing = Missing::feed_of(11);
    let not_ready = SelectorError::NotReady { cycle: 11, missing };
    assert_eq!(selector.seed(11), Err(not_ready));
}

#[test]
fn a_cycle_that_is_pruned_while_it_is_prepared_does_not_come_back() {
    let selector = StakeSelector::new(Config {
        kept_cycles: 1,
        ..config()
    })
    .unwrap();
    let feed = selector.accept(0, rolls([1]), seed(0)).unwrap().unwrap();
    selector.feed_cycle(1, rolls([1]), seed(1)).unwrap();
    selector.prepare(&feed);
    assert_eq!(selector.ready_cycles(), [1]);
}

#[test]
fn feeding_the_same_again_changes_nothing() {
    let selector = selector(&[1, 0, 2]);
    let before = selector.draws(SLOT).unwrap();
    for same in [rolls([1, 0, 2]), rolls([1, 0, 2, 0])] {
        assert_eq!(selector.feed_cycle(0, same, seed(0)), Ok(()));
    }
    assert!(Arc::ptr_eq(&before, &selector.draws(SLOT).unwrap()));
}

#[test]
fn feeding_something_else_is_an_error_and_the_first_stays() {
    let contradiction = Err(SelectorError::Contradiction { cycle: 0 });
    let selector = StakeSelector::new(config()).unwrap();
    let feed = selector.accept(0, rolls([1, 2]), seed(0)).unwrap().unwrap();
    // Before it is prepared, and after.
    for _ in 0..2 {
        assert_eq!(
            selector.feed_cycle(0, rolls([2, 1]), seed(0)),
            contradiction
        );
        assert_eq!(
            selector.feed_cycle(0, rolls([1, 2]), seed(1)),
            contradiction
        );
        assert_eq!(selector.feed_cycle(0, rolls([1, 2]), seed(0)), Ok(()));
        selector.prepare(&feed);
    }
    assert_eq!(selector.seed(0), Ok(seed(0)));
    assert_eq!(selector.voting_power(0).unwrap().power_of(&staker(1)), 2);
}

#[test]
fn roll_counts_that_nobody_can_be_drawn_from_are_refused() {
    let selector = StakeSelector::new(config()).unwrap();
    let no_rolls = Err(SelectorError::NoRolls { cycle: 5 });
    assert_eq!(selector.feed_cycle(5, rolls([]), seed(5)), no_rolls);
    assert_eq!(selector.feed_cycle(5, rolls([0, 0]), seed(5)), no_rolls);
    let too_many = Err(SelectorError::TooManyRolls { cycle: 5 });
    assert_eq!(
        selector.feed_cycle(5, rolls([u64::MAX, 1]), seed(5)),
        too_many
    );
    assert!(selector.feed_cycle(5, rolls([1]), seed(5)).is_ok());
}

#[test]
fn each_cycle_draws_from_its_own_roll_counts_and_seed() {
    let selector = selector(&[1, 1]);
    selector.feed_cycle(1, rolls([0, 0, 1]), seed(1)).unwrap();
    let last_of_0 = selector.draws(Slot::new(15, 3)).unwrap();
    let first_of_1 = selector.draws(Slot::new(16, 0)).unwrap();
    assert!(!last_of_0.producers.contains(&staker(2)));
    assert_eq!(first_of_1.producers, [staker(2)]);
}

#[test]
fn a_slot_of_a_thread_that_the_chain_lacks_is_an_error() {
    let error = selector(&[1]).draws(Slot::new(0, 4)).unwrap_err();
    let expected = ClockError::ThreadOutOfRange {
        slot: Slot::new(0, 4),
        thread_count: 4,
    };
    assert_eq!(error, SelectorError::Slot(expected));
}

// Draws.

#[test]
fn draws_do_not_depend_on_what_was_asked_before() {
    let counts = [5, 1, 9, 2, 2, 30];
    let (one, other) = (selector(&counts), selector(&counts));
    let ascending: Vec<_> = slots().map(|slot| one.draws(slot).unwrap()).collect();
    let all: Vec<_> = slots().collect();
    let mut descending: Vec<_> = all
        .iter()
        .rev()
        .map(|slot| other.draws(*slot).unwrap())
        .collect();
    descending.reverse();
    assert_eq!(ascending, descending);
}

#[test]
fn draws_do_not_depend_on_the_caches() {
    let counts: Vec<_> = (1..=40).collect();
    let without = Config {
        cached_draws: 0,
        cached_ranking_places: 0,
        ..config()
    };
    let (with, without) = (selector(&counts), selector_with(without, &counts));
    for slot in slots().chain(slots()) {
        assert_eq!(with.draws(slot), without.draws(slot));
        assert_eq!(
            with.producer_ranking(slot, 99),
            without.producer_ranking(slot, 99)
        );
        assert_eq!(with.coordinator(slot, 39), without.coordinator(slot, 39));
    }
}

#[test]
fn a_slot_is_drawn_once_while_it_is_cached() {
    let selector = selector(&[1, 2, 3]);
    assert!(Arc::ptr_eq(
        &selector.draws(SLOT).unwrap(),
        &selector.draws(SLOT).unwrap()
    ));
}

#[test]
fn another_slot_or_seed_gives_other_draws() {
    let counts = [1; 1_000];
    let selector = selector(&counts);
    selector.feed_cycle(1, rolls(counts), seed(1)).unwrap();
    let draws: BTreeSet<_> = slots()
        .chain(slots().map(|slot| Slot::new(slot.period + 16, slot.thread)))
        .map(|slot| selector.draws(slot).unwrap().producers.clone())
        .collect();
    assert_eq!(draws.len(), 128);

    let other = StakeSelector::new(config()).unwrap();
    other.feed_cycle(0, rolls(counts), seed(9)).unwrap();
    assert_ne!(other.draws(SLOT), selector.draws(SLOT));
}

#[test]
fn endorsers_are_drawn_independently_for_each_index() {
    let counts = [3, 1, 1];
    let few = selector(&counts);
    let many = selector_with(
        Config {
            endorsement_count: 40,
            ..config()
        },
        &counts,
    );
    let draws = many.draws(SLOT).unwrap();
    assert_eq!(
        draws.endorsers.len(),
        40,
        "one for each index, of three stakers"
    );
    assert_eq!(few.draws(SLOT).unwrap().endorsers, draws.endorsers[..4]);
    let indices: usize = (0..3)
        .map(|number| draws.endorser_indices(&staker(number)).len())
        .sum();
    assert_eq!(indices, 40);
}

#[test]
fn producers_do_not_depend_on_how_many_endorsers_there_are() {
    let counts: Vec<_> = (1..50).collect();
    let none = selector_with(
        Config {
            endorsement_count: 0,
            ..config()
        },
        &counts,
    );
    let draws = none.draws(SLOT).unwrap();
    assert!(draws.endorsers.is_empty());
    assert_eq!(
        draws.producers,
        selector(&counts).draws(SLOT).unwrap().producers
    );
}

// The producer ranking.

#[test]
fn rank_0_is_the_drawn_producer_and_the_ranking_names_nobody_twice() {
    let selector = selector(&[1, 100, 3, 40, 5, 6, 7]);
    for slot in slots() {
        let ranking = selector.producer_ranking(slot, usize::MAX).unwrap();
        let draws = selector.draws(slot).unwrap();
        assert_eq!(ranking.first(), draws.producer());
        assert_eq!(ranking.iter().collect::<BTreeSet<_>>().len(), 7);
        assert_eq!(ranking.len(), 7);
    }
}

#[test]
fn sampling_stops_after_max_ranked_producers() {
    for max_ranked_producers in [1, 8, 99, 100, 101] {
        let selector = selector_with(
            Config {
                max_ranked_producers,
                ..config()
            },
            &[2; 100],
        );
        let expected = max_ranked_producers.min(100) as usize;
        assert_eq!(selector.draws(SLOT).unwrap().producers.len(), expected);
        assert_eq!(
            selector.producer_ranking(SLOT, usize::MAX).unwrap().len(),
            100
        );
    }
}

#[test]
fn the_drawn_places_are_the_same_however_many_of_them_there_are() {
    let counts = [1, 1_000_000, 2, 50_000, 3, 4, 5, 6];
    let all = selector(&counts);
    for max_ranked_producers in 1..8 {
        let fewer = selector_with(
            Config {
                max_ranked_producers,
                ..config()
            },
            &counts,
        );
        for slot in slots() {
            let drawn = fewer.draws(slot).unwrap().producers.clone();
            assert_eq!(all.producer_ranking(slot, drawn.len()), Ok(drawn));
        }
    }
}

#[test]
fn a_single_staker_is_the_whole_ranking() {
    let selector = selector(&[1_000_000]);
    let draws = selector.draws(SLOT).unwrap();
    assert_eq!(draws.producers, [staker(0)]);
    assert_eq!(draws.endorsers, [staker(0); 4]);
    assert_eq!(selector.coordinator(SLOT, 77), Ok(staker(0)));
}

#[test]
fn a_staker_with_nearly_all_rolls_does_not_hinder_the_others_from_being_ranked() {
    let mut counts = vec![1; 500];
    counts[17] = u64::MAX - 499;
    let selector = selector_with(
        Config {
            max_ranked_producers: 500,
            ..config()
        },
        &counts,
    );
    for slot in slots() {
        let producers = selector.draws(slot).unwrap().producers.clone();
        assert_eq!(producers[0], staker(17));
        assert_eq!(producers.iter().collect::<BTreeSet<_>>().len(), 500);
    }
}

#[test]
fn after_the_allowed_repeats_a_draw_falls_on_the_rolls_that_are_left() {
    // The first draw and all repeats meet the staker with nearly all rolls; the next draw falls on
    // the single roll that is left, whatever it is.
    assert_eq!(MAX_REPEATED_DRAWS, 16);
    let counts = [1 << 60, 1];
    for slot in slots() {
        let producers = selector(&counts).draws(slot).unwrap().producers.clone();
        assert_eq!(producers, [staker(0), staker(1)]);
    }
}

#[test]
fn the_tail_is_in_the_order_of_its_hashes() {
    let selector = selector_with(
        Config {
            max_ranked_producers: 5,
            ..config()
        },
        &[3; 60],
    );
    let ranking = selector.producer_ranking(SLOT, usize::MAX).unwrap();
    let hash = |address: &Address| {
        Context::RankTail.hash(&[seed(0).0.to_vec(), SLOT.to_bytes(), address.to_bytes()].concat())
    };
    assert!(ranking[5..].is_sorted_by_key(hash));
    assert!(
        !ranking[5..].is_sorted(),
        "another order than that of addresses"
    );
    assert_eq!(ranking.iter().collect::<BTreeSet<_>>().len(), 60);
}

#[test]
fn the_rank_of_an_address_is_its_place_in_the_ranking() {
    let selector = selector_with(
        Config {
            max_ranked_producers: 5,
            ..config()
        },
        &[3; 60],
    );
    for slot in slots().take(8) {
        let ranking = selector.producer_ranking(slot, usize::MAX).unwrap();
        for (rank, address) in (0..).zip(&ranking) {
            assert_eq!(selector.producer_rank(slot, address), Ok(Some(rank)));
        }
        for count in [0, 1, 5, 6, 59, 60] {
            assert_eq!(
                selector.producer_ranking(slot, count).unwrap(),
                ranking[..count]
            );
        }
    }
}

#[test]
fn an_address_without_rolls_has_no_rank() {
    let selector = selector(&[1, 0]);
    assert_eq!(selector.producer_rank(SLOT, &staker(1)), Ok(None));
    assert_eq!(selector.producer_rank(SLOT, &staker(99)), Ok(None));
    assert_eq!(selector.producer_ranking(SLOT, 9).unwrap(), [staker(0)]);
}

#[test]
fn the_coordinator_of_a_round_is_rank_round_mod_n_of_the_whole_ranking() {
    let config = Config {
        max_ranked_producers: 3,
        ..config()
    };
    let selector = selector_with(config, &[2; 10]);
    let ranking = selector.producer_ranking(SLOT, usize::MAX).unwrap();
    let mut other = MockSelector::new();
    let answer = ranking.clone();
    other
        .expect_producer_ranking()
        .returning(move |_, _| Ok(answer.clone()));
    for round in (0..25).chain([u32::MAX]) {
        let expected = ranking[round as usize % 10];
        assert_eq!(selector.coordinator(SLOT, round), Ok(expected));
        assert_eq!(
            other.coordinator(SLOT, round),
            Ok(expected),
            "as provided by the trait"
        );
    }
}

// Validators.

#[test]
fn the_power_of_a_validator_is_its_rolls() {
    let set = selector(&[7, 0, 5]).voting_power(0).unwrap();
    assert_eq!((set.cycle(), set.len(), set.total_power()), (0, 2, 12));
    let powers = [0, 1, 2].map(|number| set.power_of(&staker(number)));
    assert_eq!(powers, [7, 0, 5]);
}

#[test]
fn who_loses_its_rolls_vanishes_from_later_cycles_only() {
    let selector = selector(&[7, 5]);
    selector.feed_cycle(1, rolls([7, 0]), seed(1)).unwrap();
    assert_eq!(selector.voting_power(0).unwrap().power_of(&staker(1)), 5);
    assert_eq!(selector.voting_power(1).unwrap().power_of(&staker(1)), 0);
}

#[test]
fn more_stakers_than_a_certificate_can_name_are_drawn_but_are_no_validator_set() {
    let selector = StakeSelector::new(config()).unwrap();
    let stakers = rolls(std::iter::repeat_n(1, MAX_VALIDATORS + 1));
    selector.feed_cycle(0, stakers, seed(0)).unwrap();
    assert_eq!(selector.draws(SLOT).unwrap().producers.len(), 32);
    assert!(matches!(
        selector.voting_power(0),
        Err(SelectorError::Validators(_))
    ));
}

// Slots of an address.

#[test]
fn the_slots_of_an_address_are_those_whose_draws_name_it() {
    let config = Config {
        max_ranked_producers: 3,
        ..config()
    };
    let selector = selector_with(config, &[5, 1, 9, 2, 2, 30]);
    let range = SlotRange::new(Slot::new(2, 1), Slot::new(15, 3), 4).unwrap();
    for number in 0..7 {
        let address = staker(number);
        let expected: Vec<_> = range
            .iter()
            .map(|slot| {
                let draws = selector.draws(slot).unwrap();
                AddressDraw {
                    slot,
                    producer_rank: draws.drawn_rank(&address),
                    endorser_indices: draws.endorser_indices(&address),
                }
            })
            .filter(|draw| draw.producer_rank.is_some() || !draw.endorser_indices.is_empty())
            .collect();
        assert_eq!(
            expected.is_empty(),
            number == 6,
            "who has no rolls is never drawn"
        );
        assert_eq!(selector.slots_of(&address, range), Ok(expected));
    }
}

#[test]
fn a_range_that_is_too_long_or_leaves_the_known_cycles_is_an_error() {
    let selector = selector_with(
        Config {
            max_range_slots: 64,
            ..config()
        },
        &[1],
    );
    let range = |from, to| SlotRange::new(Slot::new(from, 0), Slot::new(to, 0), 4).unwrap();
    assert_eq!(
        selector.slots_of(&staker(0), range(0, 16)).unwrap().len(),
        64
    );
    let too_long = SelectorError::RangeTooLong { slots: 68, max: 64 };
    assert_eq!(selector.slots_of(&staker(0), range(0, 17)), Err(too_long));
    let missing = Missing::Genesis;
    let not_ready = SelectorError::NotReady { cycle: 1, missing };
    assert_eq!(selector.slots_of(&staker(0), range(10, 17)), Err(not_ready));
}

// Settings, mocks.

#[test]
fn the_settings_follow_the_chain_parameters_and_name_the_wrong_field() {
    let params = ChainParams::production();
    let config = Config::from_params(&params);
    let expected = Config {
        thread_count: 32,
        periods_per_cycle: 128,
        endorsement_count: 16,
        max_ranked_producers: 32,
        kept_cycles: 8,
        cached_draws: 1_024,
        cached_ranking_places: 1_048_576,
        max_range_slots: 65_536,
    };
    assert_eq!(config, expected);
    assert_eq!(config.validate(), Ok(()));
    let mut patient = params;
    patient.denunciation_expire_periods = 128 * 20 + 1;
    assert_eq!(Config::from_params(&patient).kept_cycles, 25);
    for (wrong, field) in [
        (
            Config {
                thread_count: 0,
                ..config.clone()
            },
            "thread_count",
        ),
        (
            Config {
                periods_per_cycle: 0,
                ..config.clone()
            },
            "periods_per_cycle",
        ),
        (
            Config {
                endorsement_count: 1_025,
                ..config.clone()
            },
            "endorsement_count",
        ),
        (
            Config {
                max_ranked_producers: 0,
                ..config.clone()
            },
            "max_ranked_producers",
        ),
        (
            Config {
                kept_cycles: 0,
                ..config.clone()
            },
            "kept_cycles",
        ),
        (
            Config {
                max_range_slots: 0,
                ..config.clone()
            },
            "max_range_slots",
        ),
    ] {
        let error = StakeSelector::new(wrong).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
}

#[test]
fn the_fixed_selector_draws_really_in_any_cycle() {
    let genesis = genesis(&[(1, 10), (2, 20), (3, 30)]);
    let fixed = FixedSelector::of_genesis(&genesis).unwrap();
    let slot = Slot::new(1_000_000, 3);
    assert_eq!(fixed.draws(slot).unwrap().producers.len(), 3);
    assert_eq!(fixed.voting_power(9).unwrap().total_power(), 60);
    assert_eq!(fixed.draws(Slot::new(1, 0)).unwrap().endorsers.len(), 4);
    let range = SlotRange::new(Slot::new(15, 0), Slot::new(17, 0), 4).unwrap();
    let first = *fixed.draws(Slot::new(15, 0)).unwrap().producer().unwrap();
    assert!(!fixed.slots_of(&first, range).unwrap().is_empty());
}

#[test]
fn the_mock_answers_as_it_is_told() {
    let mut mock = MockSelector::new();
    let error = SelectorError::NotReady {
        cycle: 1,
        missing: Missing::Table,
    };
    mock.expect_draws().return_const(Err(error.clone()));
    let selector: Arc<dyn Selector> = Arc::new(mock);
    assert_eq!(selector.draws(SLOT), Err(error));
}

proptest! {
    #[test]
    fn every_ranking_is_an_order_of_all_stakers(
        counts in prop::collection::vec(
            prop_oneof![0..4_u64, 1..1_000_u64, Just(1_u64 << 50)], 1..40,
        ),
        max_ranked_producers in 1..45_u32,
        period in 0..16_u64,
    ) {
        let stakers: BTreeSet<_> = (0..)
            .zip(&counts)
            .filter(|(_, rolls)| **rolls > 0)
            .map(|(number, _)| staker(number))
            .collect();
        prop_assume!(!stakers.is_empty());
        let selector = selector_with(Config { max_ranked_producers, ..config() }, &counts);
        let slot = Slot::new(period, 1);
        let ranking = selector.producer_ranking(slot, usize::MAX).unwrap();
        prop_assert_eq!(ranking.len(), stakers.len());
        let draws = selector.draws(slot).unwrap();
        prop_assert!(ranking.starts_with(&draws.producers));
        prop_assert!(draws.endorsers.iter().all(|endorser| stakers.contains(endorser)));
        prop_assert_eq!(ranking.into_iter().collect::<BTreeSet<_>>(), stakers);
    }
}
