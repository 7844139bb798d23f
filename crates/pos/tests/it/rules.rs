//! One test for each rule of design 06.

use crate::kit::{Stakes, small_params};
use picot_models::{Address, Amount, Slot, mocks};
use picot_pos::{PosFinalState, RollRefusal, RollRegistry};
use picot_selector::mocks::MockSelector;
use picot_selector::{Config as SelectorConfig, Selector, StakeSelector};
use std::collections::BTreeMap;
use std::sync::Arc;

const RICH: Amount = Amount::from_nanos(1_000_000);

fn buy(stakes: &mut Stakes, number: u64, count: u64) {
    stakes.slot(false, |registry, total| {
        registry.buy(mocks::address(number), count, RICH).unwrap();
        *total += count;
    });
}

fn sell(stakes: &mut Stakes, number: u64, count: u64) {
    stakes.slot(false, |registry, total| {
        registry
            .sell(mocks::address(number), count, *total)
            .unwrap();
        *total -= count;
    });
}

#[test]
fn a_purchase_costs_the_price_of_each_roll() {
    let stakes = Stakes::small(&[(1, 5)]);
    stakes.read(|registry| {
        let purchase = registry
            .buy(mocks::address(2), 3, Amount::from_nanos(30))
            .unwrap();
        assert_eq!(
            (purchase.cost.as_nanos(), purchase.cancelled.as_nanos()),
            (30, 0)
        );
        assert_eq!(registry.rolls(&mocks::address(2)), 3);
    });
}

#[test]
fn a_purchase_that_cannot_be_paid_changes_nothing_at_all() {
    let stakes = Stakes::small(&[(1, 5), (2, 5)]);
    stakes.read(|registry| {
        let (owner, low) = (mocks::address(2), Amount::from_nanos(9));
        registry.sell(owner, 2, 10).unwrap();
        let before = registry.deferred_credits(&owner);
        assert_eq!(registry.buy(owner, 3, low), Err(RollRefusal::BalanceTooLow));
        assert_eq!(registry.rolls(&owner), 3);
        assert_eq!(registry.deferred_credits(&owner), before);
        // Exactly what was sold costs nothing.
        assert_eq!(
            registry.buy(owner, 2, Amount::ZERO).unwrap().cost,
            Amount::ZERO
        );
    });
}

#[test]
fn sales_of_the_same_cycle_are_cancelled_before_anything_is_paid() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    sell(&mut stakes, 2, 3);
    let purchase = stakes.read(|registry| registry.buy(mocks::address(2), 4, RICH).unwrap());
    assert_eq!(
        (purchase.cost.as_nanos(), purchase.cancelled.as_nanos()),
        (10, 30)
    );
    stakes.pass_cycle(0);
    let purchase = stakes.read(|registry| registry.buy(mocks::address(2), 4, RICH).unwrap());
    assert_eq!(
        (purchase.cost.as_nanos(), purchase.cancelled.as_nanos()),
        (40, 0)
    );
}

#[test]
fn buying_then_selling_is_not_the_same_as_selling_then_buying() {
    let stakes = Stakes::small(&[(1, 5), (2, 5)]);
    let owner = mocks::address(2);
    let coming = |registry: &RollRegistry<'_>| registry.deferred_credits(&owner);
    let (bought_first, cost) = stakes.read(|registry| {
        let cost = registry.buy(owner, 2, RICH).unwrap().cost;
        registry.sell(owner, 2, 12).unwrap();
        (coming(registry), cost.as_nanos())
    });
    assert_eq!(
        (bought_first, cost),
        (BTreeMap::from([(3, Amount::from_nanos(20))]), 20)
    );
    let (sold_first, cost) = stakes.read(|registry| {
        registry.sell(owner, 2, 10).unwrap();
        let cost = registry.buy(owner, 2, RICH).unwrap().cost;
        (coming(registry), cost.as_nanos())
    });
    assert_eq!((sold_first, cost), (BTreeMap::new(), 0));
}

#[test]
fn a_sale_leaves_at_once_and_is_credited_at_the_end_of_the_third_cycle_after() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    stakes.pass_cycle(0);
    sell(&mut stakes, 2, 4);
    assert_eq!((stakes.rolls(2), stakes.credits(2)), (1, vec![(4, 40)]));
    let credited = stakes.pass_cycle(5);
    let expected = BTreeMap::from([(mocks::address(2), Amount::from_nanos(40))]);
    assert_eq!(credited[&4], expected);
    assert!(
        credited
            .iter()
            .all(|(cycle, credited)| *cycle == 4 || credited.is_empty())
    );
    assert_eq!(stakes.credits(2), []);
}

#[test]
fn more_than_owned_or_nothing_cannot_be_sold() {
    let stakes = Stakes::small(&[(1, 5), (2, 5)]);
    stakes.read(|registry| {
        let owner = mocks::address(2);
        assert_eq!(
            registry.sell(owner, 6, 10),
            Err(RollRefusal::NotEnoughRolls)
        );
        assert_eq!(registry.sell(owner, 0, 10), Err(RollRefusal::NoRolls));
        assert_eq!(registry.buy(owner, 0, RICH), Err(RollRefusal::NoRolls));
        assert_eq!(
            registry.buy(owner, u64::MAX, RICH),
            Err(RollRefusal::Overflow)
        );
        assert_eq!(registry.rolls(&owner), 5);
    });
}

#[test]
fn the_last_roll_of_the_network_cannot_be_sold() {
    let stakes = Stakes::small(&[(1, 5)]);
    stakes.read(|registry| {
        assert_eq!(
            registry.sell(mocks::address(1), 5, 5),
            Err(RollRefusal::LastRoll)
        );
        assert!(registry.sell(mocks::address(1), 4, 5).is_ok());
    });
}

/// As many stakers as there may be, who are three.
fn crowded(stakers: &[(u64, u64)]) -> Stakes {
    let mut stakes = Stakes::small(stakers);
    Arc::make_mut(&mut stakes.config).max_stakers = 3;
    stakes
}

#[test]
fn nobody_becomes_a_staker_while_there_are_as_many_as_a_certificate_can_name() {
    let stakes = crowded(&[(1, 5), (2, 5), (3, 1)]);
    stakes.read(|registry| {
        let (newcomer, staker) = (mocks::address(4), mocks::address(3));
        let full = Err(RollRefusal::TooManyStakers);
        assert_eq!(registry.buy(newcomer, 1, RICH), full);
        assert_eq!(registry.rolls(&newcomer), 0);
        assert!(registry.buy(staker, 2, RICH).is_ok(), "more of the same");
        registry.sell(staker, 3, 13).unwrap();
        assert!(registry.buy(newcomer, 1, RICH).is_ok(), "a place is free");
        assert_eq!(
            registry.buy(staker, 1, RICH),
            full,
            "a cancelled sale does not bring a place back"
        );
    });
}

#[test]
fn stakers_ahead_of_the_final_state_take_places_too() {
    let mut stakes = crowded(&[(1, 5), (2, 5)]);
    buy(&mut stakes, 3, 1);
    let full = stakes.read(|registry| registry.buy(mocks::address(4), 1, RICH));
    assert_eq!(full, Err(RollRefusal::TooManyStakers));
    sell(&mut stakes, 2, 5);
    buy(&mut stakes, 4, 1);
    stakes.settle(usize::MAX);
    assert_eq!(stakes.state.roll_counts().len(), 3);
    let full = stakes.read(|registry| registry.buy(mocks::address(2), 1, RICH));
    assert_eq!(full, Err(RollRefusal::TooManyStakers));
}

#[test]
fn a_chain_has_no_more_stakers_than_a_certificate_can_name() {
    let genesis = mocks::genesis_with(small_params(), &[(1, 1)]);
    let config = picot_pos::Config::new(&genesis).unwrap();
    assert_eq!(config.max_stakers, picot_models::limits::MAX_VALIDATORS);
}

#[test]
fn a_fault_is_paid_from_credits_soonest_due_first_and_then_from_rolls() {
    let mut stakes = Stakes::small(&[(1, 9), (2, 9)]);
    sell(&mut stakes, 2, 1);
    stakes.pass_cycle(0);
    sell(&mut stakes, 2, 2);
    assert_eq!(stakes.credits(2), [(3, 10), (4, 20)]);
    let slash = |stakes: &mut Stakes| {
        stakes.slot(false, |registry, total| {
            *total -= registry.slash(mocks::address(2), *total).unwrap().rolls;
        });
        (stakes.credits(2), stakes.rolls(2))
    };
    assert_eq!(slash(&mut stakes), (vec![(4, 10)], 6));
    assert_eq!(slash(&mut stakes), (vec![], 5));
    assert_eq!(slash(&mut stakes), (vec![], 3));
    assert_eq!(slash(&mut stakes), (vec![], 1));
    assert_eq!(slash(&mut stakes), (vec![], 0));
    assert_eq!(
        slash(&mut stakes),
        (vec![], 0),
        "there is nothing left to take"
    );
}

/// What a staker does in a cycle, and whether its rolls are sold at the end of it.
fn is_deactivated(min_draws: u64, [done, missed, carried, absent]: [u64; 4]) -> bool {
    let mut params = small_params();
    params.min_draws_for_deactivation = min_draws;
    let mut stakes = Stakes::new(&mocks::genesis_with(params, &[(1, 5), (2, 5)]));
    let judged = mocks::address(2);
    stakes.slot(false, |registry, _| {
        (0..done).for_each(|_| registry.record_block(judged));
        (0..missed).for_each(|_| registry.record_missed_block(judged));
        (0..carried).for_each(|_| registry.record_endorsement(judged, true));
        (0..absent).for_each(|_| registry.record_endorsement(judged, false));
    });
    stakes.pass_cycle(0);
    assert_eq!(stakes.rolls(1), 5);
    stakes.rolls(2) == 0
}

#[test]
fn who_misses_more_than_seven_tenths_of_blocks_or_endorsements_is_sold() {
    assert!(!is_deactivated(1, [3, 7, 0, 0]), "exactly the rate");
    assert!(is_deactivated(1, [2, 7, 0, 0]));
    assert!(!is_deactivated(1, [0, 0, 3, 7]));
    assert!(is_deactivated(1, [0, 0, 2, 7]));
    assert!(is_deactivated(1, [9, 0, 0, 1]), "either is enough");
    assert!(!is_deactivated(1, [1, 0, 0, 0]));
}

#[test]
fn who_was_drawn_too_seldom_is_not_judged() {
    assert!(
        !is_deactivated(3, [0, 2, 0, 2]),
        "blocks and endorsements are not added up"
    );
    assert!(is_deactivated(3, [0, 3, 0, 0]));
    assert!(is_deactivated(3, [0, 0, 0, 3]));
}

#[test]
fn an_implicit_sale_is_of_the_active_rolls_and_adds_to_what_is_coming() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    buy(&mut stakes, 2, 4);
    sell(&mut stakes, 2, 1);
    stakes.slot(false, |registry, _| {
        registry.record_missed_block(mocks::address(2))
    });
    stakes.pass_cycle(0);
    assert_eq!(stakes.rolls(2), 3, "five were active, eight owned");
    assert_eq!(stakes.credits(2), [(3, 60)]);
}

#[test]
fn an_implicit_sale_is_of_what_is_still_owned() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    sell(&mut stakes, 2, 4);
    stakes.slot(false, |registry, _| {
        registry.record_missed_block(mocks::address(2))
    });
    stakes.pass_cycle(0);
    assert_eq!((stakes.rolls(2), stakes.credits(2)), (0, vec![(3, 50)]));
}

#[test]
fn the_last_stake_never_vanishes() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    stakes.slot(false, |registry, _| {
        registry.record_missed_block(mocks::address(1));
        registry.record_missed_block(mocks::address(2));
    });
    let mut end = None;
    while end.is_none() {
        end = stakes.slot(false, |_, _| ());
    }
    let end = end.unwrap();
    assert!(end.kept_last_stake);
    assert!(end.implicitly_sold.is_empty());
    assert_eq!((stakes.rolls(1), stakes.rolls(2)), (5, 5));
}

#[test]
fn the_first_cycles_draw_from_the_genesis_and_later_ones_from_snapshots() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    let genesis = mocks::genesis_with(small_params(), &[(1, 5), (2, 5)]);
    for cycle in 0..3 {
        let (rolls, seed) = stakes.state.snapshot_for_draws(cycle).unwrap();
        assert_eq!(
            (&*rolls, seed),
            (&genesis.roll_counts(), genesis.seed(cycle))
        );
    }
    buy(&mut stakes, 1, 1);
    stakes.pass_cycle(0);
    assert_eq!(
        stakes.state.snapshot_for_draws(3),
        None,
        "cycle 1 has no seed yet"
    );
    stakes.pass_cycle(1);
    let (rolls, seed) = stakes.state.snapshot_for_draws(3).unwrap();
    assert_eq!(rolls[&mocks::address(1)], 6);
    assert_eq!(seed, stakes.state.cycle_info(1).unwrap().seed());
}

#[test]
fn the_selector_is_fed_each_cycle_as_soon_as_it_can_be() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    let config = SelectorConfig::from_params(&small_params());
    let running = StakeSelector::new(config.clone()).unwrap();
    stakes.state.feed_all(&running).unwrap();
    assert_eq!(running.ready_cycles(), [0, 1, 2]);
    for cycle in 0..12 {
        buy(&mut stakes, 1, 1);
        stakes.pass_cycle(cycle);
        stakes.state.feed_after(cycle, &running).unwrap();
        assert_eq!(running.ready_cycles().last(), Some(&(cycle + 2).max(2)));
        // A node that starts now knows what matters from here on, and the same.
        let started = StakeSelector::new(config.clone()).unwrap();
        stakes.state.feed_all(&started).unwrap();
        let oldest = stakes.config.oldest_draws(cycle + 1);
        assert_eq!(started.ready_cycles().first(), Some(&oldest));
        for known in started.ready_cycles() {
            assert_eq!(started.seed(known), running.seed(known));
            assert_eq!(started.voting_power(known), running.voting_power(known));
        }
    }
}

#[test]
fn a_selector_that_refuses_is_an_error() {
    use picot_selector::SelectorError;
    let stakes = Stakes::small(&[(1, 5)]);
    let mut selector = MockSelector::new();
    selector
        .expect_feed_cycle()
        .returning(|cycle, _, _| Err(SelectorError::Contradiction { cycle }));
    let error = stakes.state.feed_all(&selector).unwrap_err();
    assert_eq!(error.to_string(), "the selector does not take cycle 0");
}

#[test]
fn five_complete_cycles_are_kept() {
    let mut stakes = Stakes::small(&[(1, 5)]);
    stakes.pass_cycle(8);
    assert_eq!(stakes.state.known_cycles(), [4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_snapshot_is_shared_as_long_as_no_roll_moves() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    stakes.pass_cycle(2);
    let rolls =
        |stakes: &Stakes, cycle| stakes.state.cycle_info(cycle).unwrap().roll_counts.clone();
    assert!(Arc::ptr_eq(&rolls(&stakes, 0), &rolls(&stakes, 3)));
    sell(&mut stakes, 1, 1);
    stakes.settle(1);
    assert!(!Arc::ptr_eq(&rolls(&stakes, 2), &rolls(&stakes, 3)));
}

#[test]
fn slots_are_settled_in_order_and_each_with_its_bits() {
    let mut stakes = Stakes::small(&[(1, 5)]);
    let bit = |count| picot_pos::PosChanges {
        seed_bits: vec![true; count],
        ..picot_pos::PosChanges::new()
    };
    let state = &mut stakes.state;
    for (slot, bits) in [
        (Slot::new(0, 1), 1),
        (Slot::new(1, 1), 1),
        (Slot::new(1, 0), 0),
        (Slot::new(1, 0), 2),
        // Beyond the cycle.
        (Slot::new(3, 0), 5),
    ] {
        assert!(
            state.settle_slot(slot, &bit(bits)).is_err(),
            "{slot} with {bits} bits"
        );
    }
    assert_eq!(state.last_final_slot(), Slot::new(0, 1));
    state.settle_slot(Slot::new(1, 1), &bit(2)).unwrap();
    state.settle_slot(Slot::new(2, 1), &bit(2)).unwrap();
    assert!(state.cycle_info(0).unwrap().complete);
}

#[test]
fn an_end_of_a_cycle_that_leaves_credits_behind_is_refused() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    sell(&mut stakes, 2, 3);
    stakes.pass_cycle(2);
    let changes = picot_pos::PosChanges {
        seed_bits: vec![true; 6],
        ..picot_pos::PosChanges::new()
    };
    let end = Slot::new(11, 1);
    let error = stakes.state.settle_slot(end, &changes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the end of cycle 3 leaves deferred credits that come due with it"
    );
    let mut paid = changes;
    paid.deferred_credits
        .insert((3, mocks::address(2)), Amount::ZERO);
    stakes.state.settle_slot(end, &paid).unwrap();
    assert!(stakes.state.deferred_credits_of_cycle(3).is_empty());
}

#[test]
fn what_is_known_of_a_cycle_is_shared_with_who_reads_it() {
    let mut stakes = Stakes::small(&[(1, 5), (2, 5)]);
    let count = |registry: &mut RollRegistry<'_>, _: &mut u64| {
        registry.record_block(mocks::address(1));
    };
    stakes.slot(false, count);
    stakes.settle(1);
    let (one, other) = (stakes.state.cycle_info(0), stakes.state.cycle_info(0));
    let stats =
        |info: &Option<Arc<picot_pos::CycleInfo>>| info.as_ref().unwrap().production_stats.clone();
    assert!(Arc::ptr_eq(&stats(&one), &stats(&other)));
    stakes.slot(false, count);
    stakes.settle(1);
    let before = stats(&one)[&mocks::address(1)];
    assert_eq!(
        before.block_success_count, 1,
        "who read it keeps what it read"
    );
    let now = stakes.state.stats(0, &mocks::address(1));
    assert_eq!(now.block_success_count, 2);
}

#[test]
fn the_seed_of_a_cycle_depends_on_the_cycle_and_each_bit() {
    let mut info = picot_pos::CycleInfo::new(4);
    let mut seeds = vec![info.seed()];
    for bit in [false, false, true] {
        info.rng_seed.push(bit);
        seeds.push(info.seed());
    }
    info.rng_seed.set(0, true);
    seeds.push(info.seed());
    info.cycle = 5;
    seeds.push(info.seed());
    let distinct: std::collections::BTreeSet<_> = seeds.iter().collect();
    assert_eq!(distinct.len(), seeds.len());
}

#[test]
fn a_hundred_thousand_stakers() {
    let mut genesis = mocks::genesis_with(small_params(), &[]);
    genesis.stakers = (0..100_000_u64)
        .map(|number| picot_models::GenesisStaker {
            address: picot_selector::mocks::staker(number),
            rolls: 1 + number % 7,
        })
        .collect();
    let mut stakes = Stakes::new(&genesis);
    let seller: Address = picot_selector::mocks::staker(5);
    stakes.slot(true, |registry, total| {
        registry.sell(seller, 2, *total).unwrap();
        *total -= 2;
        for number in 0..1_000 {
            registry.record_missed_block(picot_selector::mocks::staker(number));
        }
    });
    stakes.pass_cycle(1);
    let sold: u64 = (0..1_000).map(|number| 1 + number % 7).sum();
    let all: u64 = genesis.roll_counts().values().sum();
    assert_eq!(stakes.total_rolls, all - sold);
    assert_eq!(stakes.state.roll_counts().len(), 99_000);
    assert_eq!(
        stakes.loaded().cycle_history(),
        stakes.state.cycle_history()
    );
}

#[test]
fn the_coming_draws_are_those_of_the_running_cycle_and_the_two_after_it() {
    let mut stakes = Stakes::small(&[(1, 10), (2, 10)]);
    for cycle in 0..6 {
        let [first, second, third] = stakes.state.coming_draws().unwrap();
        let cycles = [first.cycle, second.cycle, third.cycle];
        assert_eq!(cycles, [cycle, cycle + 1, cycle + 2]);
        for draws in [&first, &second] {
            let known = stakes.state.snapshot_for_draws(draws.cycle).unwrap();
            assert_eq!(
                (Arc::clone(&draws.rolls), draws.seed),
                (known.0, Some(known.1))
            );
        }
        // What the third draws from is complete, but for the seed, which the running cycle makes.
        assert_eq!(third.seed.is_some(), cycle == 0);
        assert_eq!(third.rolls.values().sum::<u64>(), 20);
        stakes.pass_cycle(cycle);
        let later = stakes.state.coming_draws().unwrap();
        assert_eq!(later[0], second);
        assert_eq!(later[1].rolls, third.rolls);
        assert!(later[1].seed.is_some());
    }
}

#[test]
fn what_was_slashed_of_a_credit_is_not_paid_out() {
    let mut stakes = Stakes::small(&[(1, 9), (2, 9)]);
    sell(&mut stakes, 2, 3);
    stakes.slot(false, |registry, total| {
        *total -= registry.slash(mocks::address(2), *total).unwrap().rolls;
    });
    assert_eq!((stakes.credits(2), stakes.rolls(2)), (vec![(3, 10)], 6));
    let credited = stakes.pass_cycle(3);
    let expected = BTreeMap::from([(mocks::address(2), Amount::from_nanos(10))]);
    assert_eq!(credited[&3], expected);
}

#[test]
fn a_coming_cycle_is_known_as_long_as_coins_come_due_in_it() {
    let mut stakes = Stakes::small(&[(1, 9), (2, 9)]);
    let cycles = |stakes: &Stakes| -> Vec<u64> {
        let history = stakes.state.cycle_history().iter();
        history.map(|info| info.cycle).collect()
    };
    sell(&mut stakes, 2, 3);
    assert_eq!(cycles(&stakes), [0], "ahead of the final state nothing is");
    stakes.settle(1);
    assert_eq!(
        cycles(&stakes),
        [3, 2, 1, 0],
        "contiguous, the newest first"
    );
    let coming = stakes.state.cycle_info(3).unwrap();
    assert!(!coming.complete && coming.last_final_slot.is_none());
    assert!(coming.roll_counts.is_empty());
    buy(&mut stakes, 2, 3);
    stakes.settle(1);
    assert_eq!(cycles(&stakes), [0]);
}
