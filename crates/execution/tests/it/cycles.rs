//! Cycle ends (design 06), as execution does them.

use crate::kit::{Chain, key_of, small_genesis, small_params};
use picot_execution::{DecidedSlots, Level};
use picot_models::{Amount, Slot, mocks};
use picot_selector::{Selector, SelectorError};

#[test]
fn a_sellers_coins_come_at_the_end_of_the_third_cycle_after() {
    let mut chain = Chain::small();
    chain.run(vec![chain.sell(2, 4)]);
    chain.run_to_end_of_cycle(2);
    assert_eq!(chain.credits(2), [(3, 400)]);
    while chain.next_slot() < Slot::new(15, 0) {
        chain.run(vec![]);
    }
    let (before, minted) = (
        chain.balance(1) + chain.balance(2),
        chain.totals().minted.as_nanos(),
    );
    chain.run(vec![]);
    assert_eq!(chain.core.last_final_slot(), Slot::new(15, 0));
    let minted = chain.totals().minted.as_nanos() - minted;
    assert_eq!(chain.balance(1) + chain.balance(2), before + minted + 400);
    assert_eq!(chain.credits(2), []);
}

#[test]
fn draws_of_a_cycle_are_from_the_rolls_three_and_the_seed_two_cycles_before() {
    let mut chain = Chain::small();
    chain.run(vec![chain.buy(1, 5)]);
    let drawn = |chain: &Chain, cycle| {
        let power = chain.selector.voting_power(cycle)?;
        Ok::<_, SelectorError>(power.power_of(&mocks::address(1)))
    };
    for cycle in 0..3 {
        assert_eq!(
            drawn(&chain, cycle),
            Ok(10),
            "cycle {cycle} draws from the genesis"
        );
        assert_eq!(chain.selector.seed(cycle), Ok(chain.genesis.seed(cycle)));
    }
    assert!(drawn(&chain, 3).unwrap_err().is_not_known_yet());
    chain.run_to_end_of_cycle(0);
    assert!(
        drawn(&chain, 3).is_err(),
        "the seed of cycle 1 is not known yet"
    );
    chain.run(vec![chain.buy(1, 2)]);
    chain.run_to_end_of_cycle(1);
    assert_eq!(drawn(&chain, 3), Ok(15));
    assert_eq!(
        chain.selector.seed(3),
        Ok(chain.reader().cycle_info(1).unwrap().seed())
    );
    chain.run_to_end_of_cycle(2);
    assert_eq!(drawn(&chain, 4), Ok(17));
}

#[test]
fn a_staker_that_stops_producing_loses_its_rolls_and_then_its_draws() {
    let mut chain = Chain::small();
    // Only staker 1 produces: what staker 2 is drawn for is a miss.
    while chain.next_slot().period < 4 {
        let slot = chain.next_slot();
        if chain.producer_at(slot).public_key() == mocks::key(1).public_key() {
            chain.run(vec![]);
        } else {
            chain.miss();
        }
    }
    let info = chain.reader().cycle_info(0).unwrap();
    let missed = info.production_stats[&mocks::address(2)];
    assert!(
        missed.block_failure_count > 0,
        "the seed of this test draws staker 2"
    );
    assert_eq!((chain.rolls(1), chain.rolls(2)), (10, 0));
    assert_eq!(chain.credits(2), [(3, 1_000)]);
    while chain.next_slot().period < 8 {
        let slot = chain.next_slot();
        let block = chain.full_block(slot, &mocks::key(1), vec![], &[], vec![]);
        chain.decide_block(block);
    }
    let power = chain.selector.voting_power(3).unwrap();
    assert_eq!(power.power_of(&mocks::address(2)), 0);
}

#[test]
fn rolls_bought_since_the_draws_are_not_sold_implicitly() {
    let mut chain = Chain::small();
    chain.run(vec![chain.buy(2, 3)]);
    while chain.next_slot().period < 4 {
        let slot = chain.next_slot();
        let block = chain.full_block(slot, &mocks::key(1), vec![], &[], vec![]);
        let is_drawn = chain.producer_at(slot).public_key() == mocks::key(1).public_key();
        if is_drawn {
            chain.decide_block(block);
        } else {
            chain.miss();
        }
    }
    let info = chain.reader().cycle_info(0).unwrap();
    let stats = info.production_stats[&mocks::address(2)];
    let rate = chain.genesis.params.max_block_miss_rate;
    let misses_much = rate.is_exceeded_by(stats.block_failure_count, stats.block_draws())
        || rate.is_exceeded_by(stats.endorsement_failure_count, stats.endorsement_draws());
    assert!(misses_much, "the seed of this test draws staker 2");
    assert_eq!(chain.rolls(2), 3);
}

#[test]
fn the_last_stake_never_vanishes_in_a_cycle_without_any_block() {
    let mut chain = Chain::small();
    for cycle in 0..40 {
        while chain.next_slot().period < (cycle + 1) * 4 {
            chain.miss();
        }
        // A staker that was not drawn at all in a cycle keeps its rolls in any case.
        assert!(chain.rolls(1) + chain.rolls(2) >= 10, "after cycle {cycle}");
        assert!(chain.selector.draws(chain.next_slot()).is_ok());
    }
}

#[test]
fn one_staker_alone_goes_on_whatever_it_misses() {
    let mut chain = Chain::new(small_genesis(small_params(), &[(1, 1)]));
    for period in 1..40 {
        if period % 7 == 0 {
            chain.run(vec![]);
        } else {
            chain.miss();
        }
    }
    assert_eq!(chain.rolls(1), 1);
}

#[test]
fn five_complete_cycles_are_kept() {
    let mut chain = Chain::small();
    chain.run_to_end_of_cycle(9);
    assert_eq!(chain.reader().known_cycles(), [5, 6, 7, 8, 9, 10]);
    assert!(chain.reader().cycle_info(4).is_none());
    let info = chain.reader().cycle_info(9).unwrap();
    assert!(info.complete);
    assert_eq!(info.rng_seed.len(), 4);
    assert_eq!(info.last_final_slot, Some(Slot::new(39, 0)));
}

#[test]
fn a_day_of_missed_slots_is_executed_at_once() {
    let mut genesis = mocks::genesis(&[(1, 100), (2, 100)]);
    genesis.params.new_entry_cost = Amount::ZERO;
    let mut chain = Chain::new(genesis);
    let params = chain.genesis.params.clone();
    let cycles = 20;
    // What consensus decides after a long sleep: each thread's misses, a cycle at a time.
    for cycle in 0..cycles {
        let first = (cycle * params.periods_per_cycle).max(1);
        let through = (cycle + 1) * params.periods_per_cycle - 1;
        let miss = |thread| DecidedSlots::miss(Slot::new(first, thread), through);
        let applied = chain.decide((0..params.thread_count).map(miss).collect());
        assert_eq!(applied.waits_for_draws, None);
        let ended = applied.final_slots.last().unwrap();
        let ended_cycle = ended.ended_cycle.unwrap();
        assert_eq!(ended_cycle.cycle, cycle);
        assert!(ended_cycle.kept_last_stake);
        assert!(ended.state_hash.is_some());
    }
    assert_eq!(chain.core.last_final_slot(), Slot::new(cycles * 16 - 1, 3));
}

#[test]
fn a_cycle_can_end_ahead_of_its_decision() {
    let mut chain = Chain::small();
    chain.run(vec![chain.sell(2, 4)]);
    chain.run_to_end_of_cycle(2);
    let blocks: Vec<_> = (12..=16)
        .map(|period| chain.block(Slot::new(period, 0), vec![]))
        .collect();
    let balance = |chain: &Chain, level| {
        let address = mocks::address(2);
        chain
            .reader()
            .balance(level, &address)
            .unwrap()
            .unwrap()
            .as_nanos()
    };
    let before = balance(&chain, Level::Final);
    chain.core.apply(vec![], blocks.clone());
    assert_eq!(chain.reader().summary().candidate_slot, Slot::new(16, 0));
    let ahead = balance(&chain, Level::Candidate);
    assert!(ahead >= before + 400, "the credit of cycle 3 is there");
    let coming = chain
        .reader()
        .deferred_credits(Level::Candidate, &mocks::address(2))
        .unwrap();
    assert!(coming.is_empty());
    assert_eq!(balance(&chain, Level::Final), before);
    chain.decide(blocks.into_iter().map(DecidedSlots::block).collect());
    assert_eq!(balance(&chain, Level::Final), ahead);
}

#[test]
fn the_kit_knows_its_stakers() {
    let chain = Chain::small();
    let slot = Slot::new(1, 0);
    let drawn = chain.selector.draws(slot).unwrap().producers.clone();
    assert!(
        drawn
            .iter()
            .all(|address| key_of(address).public_key() != mocks::key(3).public_key())
    );
}

#[test]
fn what_happens_in_the_last_slot_of_a_cycle_is_of_that_cycle() {
    let mut chain = Chain::small();
    while chain.next_slot() < Slot::new(3, 0) {
        chain.run(vec![]);
    }
    let applied_before = chain.totals();
    chain.run(vec![chain.sell(2, 4)]);
    assert_eq!(chain.credits(2), [(3, 400)], "sold in cycle 0");
    assert_eq!(chain.totals().rolls, applied_before.rolls - 4);
    let info = chain.reader().cycle_info(0).unwrap();
    assert!(info.complete);
    assert_eq!(
        info.roll_counts[&mocks::address(2)],
        6,
        "and in its snapshot"
    );
    chain.run(vec![chain.buy(2, 1)]);
    assert_eq!(
        chain.credits(2),
        [(3, 400)],
        "no sale of cycle 1 is cancelled"
    );
}
