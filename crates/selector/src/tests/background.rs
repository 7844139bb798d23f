//! The thread.

use std::{sync::Arc, thread, time::Duration};

use picot_models::Slot;

use super::*;
use crate::{
    BackgroundSelector, Missing, SelectorError,
    mocks::{rolls, seed},
};

/// Longer than any machine takes: tests wait for the condition.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_fed_cycle_becomes_ready_by_itself() {
    let selector = BackgroundSelector::new(config()).unwrap();
    selector.feed_cycle(0, rolls([1, 2]), seed(0)).unwrap();
    selector.wait_ready(0, LONG).unwrap();
    assert_eq!(selector.draws(Slot::GENESIS).unwrap().producers.len(), 2);
    assert_eq!(selector.ready_cycles(), [0]);
}

#[test]
fn waiting_for_a_cycle_that_nobody_feeds_ends_and_says_what_is_missing() {
    let selector = BackgroundSelector::new(config()).unwrap();
    let missing = Missing::feed_of(5);
    let expected = SelectorError::NotReady { cycle: 5, missing };
    assert_eq!(
        selector.wait_ready(5, Duration::from_millis(1)),
        Err(expected)
    );
}

#[test]
fn what_cannot_be_drawn_from_is_refused_at_once() {
    let selector = BackgroundSelector::new(config()).unwrap();
    let no_rolls = Err(SelectorError::NoRolls { cycle: 0 });
    assert_eq!(selector.feed_cycle(0, rolls([]), seed(0)), no_rolls);
    selector.feed_cycle(0, rolls([1]), seed(0)).unwrap();
    let contradiction = Err(SelectorError::Contradiction { cycle: 0 });
    assert_eq!(selector.feed_cycle(0, rolls([2]), seed(0)), contradiction);
}

#[test]
fn with_and_without_a_thread_the_draws_are_the_same() {
    let counts = [1, 2, 3, 40, 500];
    let background = BackgroundSelector::new(config()).unwrap();
    background.feed_cycle(0, rolls(counts), seed(0)).unwrap();
    background.wait_ready(0, LONG).unwrap();
    let plain = selector(&counts);
    for period in 0..16 {
        let slot = Slot::new(period, 1);
        assert_eq!(background.draws(slot), plain.draws(slot));
        assert_eq!(
            background.producer_ranking(slot, 4),
            plain.producer_ranking(slot, 4)
        );
        assert_eq!(background.coordinator(slot, 4), plain.coordinator(slot, 4));
    }
    assert_eq!(background.voting_power(0), plain.voting_power(0));
}

#[test]
fn the_thread_ends_with_the_selector_even_if_work_is_left() {
    let selector = BackgroundSelector::new(config()).unwrap();
    let rolls = rolls([3; 2_000]);
    for cycle in 0..8 {
        selector
            .feed_cycle(cycle, Arc::clone(&rolls), seed(cycle))
            .unwrap();
    }
    drop(selector);
}

#[test]
fn readers_see_each_cycle_whole_or_not_at_all_while_others_are_prepared() {
    let counts: Vec<u64> = (1..300).collect();
    let cycles = 30;
    let config = Config {
        kept_cycles: 32,
        ..config()
    };
    let plain = StakeSelector::new(config.clone()).unwrap();
    let expected: Vec<_> = (0..cycles)
        .map(|cycle| {
            plain
                .feed_cycle(cycle, rolls(counts.iter().copied()), seed(cycle))
                .unwrap();
            plain.draws(Slot::new(16 * cycle, 0)).unwrap()
        })
        .collect();
    let selector = BackgroundSelector::new(config).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for (cycle, expected) in (0..).zip(&expected) {
                    loop {
                        match selector.draws(expected.slot) {
                            Ok(draws) => break assert_eq!(&draws, expected),
                            Err(error) => assert!(error.is_not_known_yet(), "{error}"),
                        }
                        selector.wait_ready(cycle, LONG).unwrap();
                    }
                }
            });
        }
        for cycle in 0..cycles {
            selector
                .feed_cycle(cycle, rolls(counts.iter().copied()), seed(cycle))
                .unwrap();
        }
    });
}
