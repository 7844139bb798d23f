//! Lives of stakers on whole nodes (issue 4): what they have, and how often they are drawn, is what
//! design 03 and 06 say. One life has all its numbers worked out by hand; others are chosen by seeds
//! and compared with a plain model.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test ends where its world breaks, and says what it was"
)]

use picot_execution::OperationOutcome;
use picot_models::{Amount, DenunciationKind, FaultKey, OperationKind, ProposalPolicy, Slot};
use picot_simulator::staking::{
    NEWCOMERS, Rules, STAKERS, SlotRecord, StakeRecord, StakerCycle, StakingReport, audit,
    staking_config, staking_scenario,
};
use picot_simulator::{
    Absence, Away, Behaviour, Invariant, Order, Planted, Run, Scenario, SimConfig, Spell,
    run_scenario,
};
use std::collections::BTreeMap;

const COIN: u64 = 1_000_000_000;
const PERIODS: u64 = 4;
const PERIOD_US: u64 = 2_000_000;
const CYCLE_US: u64 = PERIODS * PERIOD_US;

/// Runs it, and ends the test if an invariant is broken.
fn check(config: &SimConfig, scenario: &Scenario) -> StakeRecord {
    let run = run_scenario(config, scenario).unwrap();
    if let Some(violation) = &run.violation {
        for line in run.last_events.iter().chain(&run.lanes) {
            eprintln!("{line}");
        }
        panic!("seed {}: {violation}", run.seed);
    }
    run.stakes.unwrap()
}

fn report(record: &StakeRecord) -> StakingReport {
    audit(record, Rules::default()).unwrap()
}

/// Stakers with these rolls over so many cycles of four periods and two threads.
fn config(rolls: &[u64], cycles: u64) -> SimConfig {
    let mut config = staking_config(1, cycles, PERIODS);
    config.rolls = rolls.to_vec();
    config.verify_signatures = false;
    config
}

/// So many microseconds after the start of a cycle.
const fn in_cycle(cycle: u64, after_us: u64) -> u64 {
    cycle * CYCLE_US + after_us
}

fn buy(staker: usize, cycle: u64, roll_count: u64) -> Order {
    Order {
        at_us: in_cycle(cycle, 1_500_000),
        staker,
        kind: OperationKind::RollBuy { roll_count },
    }
}

fn sell(staker: usize, cycle: u64, roll_count: u64) -> Order {
    Order {
        at_us: in_cycle(cycle, 100_000),
        staker,
        kind: OperationKind::RollSell { roll_count },
    }
}

/// Away from a cycle on to just before another: from just after the last block of the cycle before,
/// whose endorsements are counted in the cycle.
const fn away(node: usize, from: u64, to: u64, how: Away) -> Absence {
    Absence {
        node,
        from_us: in_cycle(from, 0) - PERIOD_US / 2 + 50_000,
        to_us: in_cycle(to, 0) - 50_000,
        how,
    }
}

/// What the nodes had after the last slot of a cycle.
fn end_of(record: &StakeRecord, cycle: u64) -> &SlotRecord {
    let last = Slot::new((cycle + 1) * PERIODS - 1, 1);
    record.slots.iter().find(|one| one.slot == last).unwrap()
}

fn rolls_at_end(record: &StakeRecord, cycle: u64, staker: usize) -> u64 {
    let rolls = &end_of(record, cycle).state.as_ref().unwrap().rolls;
    let rolls = rolls.get(&SimConfig::address(staker));
    rolls.copied().unwrap_or(0)
}

/// Coins that a staker has coming, by the cycle at whose end they do.
fn coming_at_end(record: &StakeRecord, cycle: u64, staker: usize) -> Vec<(u64, u64)> {
    let credits = &end_of(record, cycle).state.as_ref().unwrap().credits;
    let own = credits
        .iter()
        .filter(|((_, owner), _)| *owner == SimConfig::address(staker));
    own.map(|((due, _), coins)| (*due, coins.as_nanos() / COIN))
        .collect()
}

fn weight(record: &StakeRecord, cycle: u64, staker: usize) -> u64 {
    let weight = record.powers[&cycle].get(&SimConfig::address(staker));
    weight.copied().unwrap_or(0)
}

/// Places in the rankings and endorser draws of a cycle that fall to a staker.
fn places(record: &StakeRecord, cycle: u64, staker: usize) -> usize {
    let address = SimConfig::address(staker);
    let of_cycle = record
        .slots
        .iter()
        .filter(|one| one.slot.period / PERIODS == cycle);
    let all = of_cycle.flat_map(|one| one.producers.iter().chain(&one.endorsers));
    all.filter(|one| **one == address).count()
}

fn check_conservation(record: &StakeRecord) {
    let supply = record.genesis.supply().unwrap().as_nanos();
    let mut seen = 0;
    for state in record.slots.iter().filter_map(|slot| slot.state.as_ref()) {
        let balances: u64 = state
            .balances
            .values()
            .flatten()
            .map(|one| one.as_nanos())
            .sum();
        let credits: u64 = state.credits.values().map(|one| one.as_nanos()).sum();
        let rolls: u64 = state.rolls.values().sum();
        let totals = &state.totals;
        let out = totals.burnt.as_nanos() + totals.slashed.as_nanos();
        assert_eq!(
            balances + credits + rolls * 100 * COIN + out,
            supply + totals.minted.as_nanos()
        );
        seen += 1;
    }
    assert_eq!(seen, record.slots.len(), "in every slot");
}

/// The planned life: staker 0 buys, 1 sells and takes back a part, 2 is off and comes back, 3 sells
/// one roll and then votes twice in some slots, 4 does not produce for a cycle, 5 sells more than it
/// has, and 6 does nothing.
fn planned() -> (SimConfig, Scenario) {
    let mut config = config(&[10, 20, 30, 20, 30, 40, 50], 16);
    // So many that nobody with a seventh of the stake has none in a cycle.
    config.params.endorsement_count = 16;
    config.byzantine = vec![(3, Behaviour::TwoVotes)];
    let mut scenario = Scenario::new(&config);
    scenario.orders = vec![
        buy(0, 2, 5),
        sell(1, 3, 4),
        buy(1, 3, 1),
        sell(3, 5, 1),
        sell(5, 5, 41),
        buy(4, 8, 30),
        buy(2, 9, 12),
    ];
    scenario.absences = vec![away(2, 4, 8, Away::Off), away(4, 7, 8, Away::NotProducing)];
    scenario.spells = vec![Spell {
        validator: 3,
        from_us: in_cycle(6, 0) + PERIOD_US / 4,
        to_us: in_cycle(6, 0) + PERIOD_US * 5 / 2,
    }];
    (config, scenario)
}

/// Faults that blocks denounce, each with the first slot that does.
fn denounced(record: &StakeRecord) -> BTreeMap<FaultKey, Slot> {
    let mut faults = BTreeMap::new();
    for slot in &record.slots {
        let headers = slot.block.iter().map(|block| block.header.content());
        for denunciation in headers.flat_map(|header| &header.denunciations) {
            let first = faults.entry(denunciation.fault_key());
            first.or_insert(slot.slot);
        }
    }
    faults
}

/// By cycle: the rolls of stakers 0 to 6 at its end, if 3 was punished for so many faults, at least
/// one, in cycle 6.
fn planned_rolls(cycle: u64, faults: u64) -> [u64; 7] {
    match cycle {
        0 | 1 => [10, 20, 30, 20, 30, 40, 50],
        // 0 bought five.
        2 => [15, 20, 30, 20, 30, 40, 50],
        // 1 sold four and took one back.
        3 => [15, 17, 30, 20, 30, 40, 50],
        // 2 was off the whole cycle.
        4 => [15, 17, 0, 20, 30, 40, 50],
        // 3 sold one.
        5 => [15, 17, 0, 19, 30, 40, 50],
        // 3 paid for its first fault with what it had coming, for the others with rolls.
        6 => [15, 17, 0, 20 - faults, 30, 40, 50],
        // 4 did not produce.
        7 => [15, 17, 0, 20 - faults, 0, 40, 50],
        // 4 bought its rolls again.
        8 => [15, 17, 0, 20 - faults, 30, 40, 50],
        // 2 is back and bought twelve.
        _ => [15, 17, 12, 20 - faults, 30, 40, 50],
    }
}

#[test]
fn a_planned_life_has_at_every_cycle_the_rolls_weights_and_credits_worked_out_by_hand() {
    let (config, scenario) = planned();
    let record = check(&config, &scenario);
    let faults = u64::try_from(denounced(&record).len()).unwrap();
    for cycle in 0..16 {
        let rolls = [0, 1, 2, 3, 4, 5, 6].map(|one| rolls_at_end(&record, cycle, one));
        assert_eq!(
            rolls,
            planned_rolls(cycle, faults),
            "at the end of cycle {cycle}"
        );
        // Drawn with three cycles later; the first three cycles draw with the genesis.
        let weights = [0, 1, 2, 3, 4, 5, 6].map(|one| weight(&record, cycle, one));
        let drawing = planned_rolls(cycle.saturating_sub(3), faults);
        assert_eq!(weights, drawing, "in cycle {cycle}");
        let coming = |staker| coming_at_end(&record, cycle, staker);
        let expected = |is_coming: bool, due, coins| match is_coming {
            true => vec![(due, coins)],
            false => vec![],
        };
        // Three rolls of 1, sold in cycle 3 and not taken back.
        assert_eq!(
            coming(1),
            expected((3..6).contains(&cycle), 6, 300),
            "1 at {cycle}"
        );
        assert_eq!(
            coming(2),
            expected((4..7).contains(&cycle), 7, 3_000),
            "2 at {cycle}"
        );
        // The first fault of cycle 6 cost the roll that was sold in cycle 5.
        assert_eq!(coming(3), expected(cycle == 5, 8, 100), "3 at {cycle}");
        // Bought in the cycle after the sale: that takes nothing back.
        assert_eq!(
            coming(4),
            expected((7..10).contains(&cycle), 10, 3_000),
            "4 at {cycle}"
        );
    }
    let last = end_of(&record, 15).state.as_ref().unwrap();
    assert_eq!(last.totals.slashed.as_nanos(), faults * 100 * COIN);
    check_conservation(&record);
}

#[test]
fn in_a_planned_life_draws_end_and_begin_again_three_cycles_after_the_rolls() {
    let (config, scenario) = planned();
    let record = check(&config, &scenario);
    for cycle in 0..16 {
        // 2 lost its rolls at the end of cycle 4, and bought in cycle 9; 4 had none at the end of 7.
        let has_2 = !(7..12).contains(&cycle);
        assert_eq!(places(&record, cycle, 2) > 0, has_2, "2 in cycle {cycle}");
        assert_eq!(
            places(&record, cycle, 4) > 0,
            cycle != 10,
            "4 in cycle {cycle}"
        );
    }
}

#[test]
fn in_a_planned_life_faults_are_denounced_in_blocks_and_cost_once_deferred_credits_first() {
    let (config, scenario) = planned();
    let record = check(&config, &scenario);
    let denounced = denounced(&record);
    assert!(denounced.len() >= 2, "{denounced:?}");
    for (fault, slot) in &denounced {
        assert_eq!(fault.address, SimConfig::address(3));
        assert_eq!(fault.kind, DenunciationKind::Votes);
        // Within a period of the fault.
        assert!(
            *slot > fault.slot && slot.period <= fault.slot.period + 1,
            "{slot}"
        );
    }
    let report = report(&record);
    let faults = u64::try_from(denounced.len()).unwrap();
    for cycle in &report.cycles {
        let StakerCycle {
            faults: punished,
            slashed_credits,
            slashed_rolls,
            reimbursed,
            ..
        } = cycle.of(&SimConfig::address(3));
        let is_paid = cycle.cycle == 6;
        let expected = if is_paid {
            (faults, 100, faults - 1)
        } else {
            (0, 0, 0)
        };
        assert_eq!((punished, slashed_credits / COIN, slashed_rolls), expected);
        assert_eq!(reimbursed, 0, "what was slashed does not come");
        assert_eq!(
            cycle.sum(|one| one.faults),
            punished,
            "nobody else is punished"
        );
    }
}

#[test]
fn what_nobody_can_do_gets_into_no_block_and_all_else_does_and_succeeds() {
    let (config, scenario) = planned();
    let record = check(&config, &scenario);
    let blocks = record.slots.iter().filter_map(|slot| slot.block.as_ref());
    let operations = blocks.flat_map(|block| &block.operations);
    let senders: Vec<_> = operations.map(|one| one.signer_address()).collect();
    let expected = [0, 1, 1, 3, 4, 2].map(SimConfig::address);
    assert_eq!(senders, expected);
    let outcomes = record.slots.iter().flat_map(|slot| &slot.outcomes);
    assert!(
        outcomes
            .clone()
            .all(|one| *one == OperationOutcome::Succeeded)
    );
    assert_eq!(outcomes.count(), expected.len());
}

/// Nobody makes a block in cycle 1.
fn all_stop(orders: Vec<Order>) -> StakeRecord {
    let mut config = config(&[10, 10, 10], 8);
    config.params.proposal_policy = ProposalPolicy::All;
    let mut scenario = Scenario::new(&config);
    scenario.orders = orders;
    scenario.absences = vec![
        away(0, 1, 2, Away::NotProducing),
        away(1, 1, 2, Away::NotProducing),
        away(2, 1, 2, Away::NotProducing),
    ];
    let record = check(&config, &scenario);
    let of_cycle = record
        .slots
        .iter()
        .filter(|one| one.slot.period / PERIODS == 1);
    assert!(of_cycle.clone().all(|slot| slot.block.is_none()));
    // Each was drawn, so that each would lose its stake.
    for staker in 0..3 {
        let address = SimConfig::address(staker);
        let is_first = |slot: &SlotRecord| slot.producers.first() == Some(&address);
        assert!(of_cycle.clone().any(is_first), "staker {staker}");
    }
    record
}

#[test]
fn when_all_stop_the_last_stake_does_not_vanish() {
    let record = all_stop(vec![]);
    assert!(end_of(&record, 1).kept_last_stake);
    for cycle in 0..8 {
        let rolls = [0, 1, 2].map(|one| rolls_at_end(&record, cycle, one));
        assert_eq!(rolls, [10; 3]);
    }
}

#[test]
fn when_all_stop_and_one_has_bought_since_only_that_is_left() {
    // Eleven rolls, of which ten are active in cycle 1.
    let record = all_stop(vec![buy(0, 0, 1)]);
    assert!(!end_of(&record, 1).kept_last_stake);
    let rolls = [0, 1, 2].map(|one| rolls_at_end(&record, 1, one));
    assert_eq!(rolls, [1, 0, 0]);
    assert_eq!([0, 1, 2].map(|one| weight(&record, 4, one)), [1, 0, 0]);
    for cycle in 4..8 {
        assert_eq!(places(&record, cycle, 1) + places(&record, cycle, 2), 0);
    }
}

/// A seeded life of twenty stakers.
fn seeded(seed: u64, cycles: u64) -> (SimConfig, Scenario) {
    let mut config = staking_config(seed, cycles, PERIODS);
    config.verify_signatures = false;
    let scenario = staking_scenario(&config);
    (config, scenario)
}

/// What a life of twenty stakers shows (issue 4): who stops loses its draws, who comes back has them
/// again, and all of it three cycles after the rolls.
#[derive(Debug, Default)]
struct Shown {
    lost: u64,
    returned: u64,
    sold: u64,
    bought: u64,
    taken_back: u64,
    faults: u64,
    slashed_credits: u64,
    slashed_rolls: u64,
}

impl Shown {
    fn of(report: &StakingReport) -> Self {
        let mut shown = Self::default();
        let addresses = report.addresses();
        for (number, cycle) in report.cycles.iter().enumerate() {
            shown.sold += cycle.sum(|one| one.sold);
            shown.bought += cycle.sum(|one| one.bought);
            shown.taken_back += cycle.sum(|one| one.taken_back);
            shown.faults += cycle.sum(|one| one.faults);
            shown.slashed_credits += cycle.sum(|one| one.slashed_credits);
            shown.slashed_rolls += cycle.sum(|one| one.slashed_rolls);
            let Some(drawing) = report.cycles.get(number + 3) else {
                continue;
            };
            for address in &addresses {
                let (now, then) = (cycle.of(address), drawing.of(address));
                assert_eq!(then.weight, now.rolls);
                assert!(then.weight > 0 || then.draws == 0);
                let before = number
                    .checked_sub(1)
                    .map(|last| report.cycles[last].of(address));
                let had = before.map_or(now.weight, |before| before.rolls);
                shown.lost += u64::from(now.sold_implicitly > 0 && now.rolls == 0);
                shown.returned += u64::from(number > 0 && had == 0 && now.rolls > 0);
            }
        }
        shown
    }
}

#[test]
fn fifty_cycles_of_twenty_stakers_follow_the_rules_at_every_slot() {
    let (config, scenario) = seeded(1, 50);
    let record = check(&config, &scenario);
    assert_eq!(record.slots.len(), 50 * 8 - 2);
    check_conservation(&record);
    let report = report(&record);
    assert_eq!(report.cycles.len(), 50);
    let shown = Shown::of(&report);
    eprintln!("{shown:?}");
    assert!(shown.lost >= 5 && shown.returned >= 5, "{shown:?}");
    assert!(
        shown.bought >= 50 && shown.sold >= 20 && shown.taken_back >= 3,
        "{shown:?}"
    );
    assert!(
        shown.slashed_credits > 0 && shown.slashed_rolls > 0,
        "{shown:?}"
    );
    // By each staker's own stake; and over all of them no share is far from it.
    for address in report.addresses() {
        let luck = report.luck(&address);
        assert!(luck.is_plausible(), "{address}: {luck:?}");
    }
}

#[test]
fn where_the_drawn_producer_alone_proposes_a_staker_that_stopped_misses_its_slots() {
    let (config, scenario) = seeded(2, 20);
    assert_eq!(config.params.proposal_policy, ProposalPolicy::Drawn);
    let record = check(&config, &scenario);
    check_conservation(&record);
    let shown = Shown::of(&report(&record));
    assert!(shown.lost > 0 && shown.returned > 0, "{shown:?}");
    let slot_us = PERIOD_US / 2;
    let mut missed = 0;
    for slot in record.slots.iter().filter(|slot| slot.block.is_none()) {
        // A node that comes back waits for a period before it signs.
        let start_us = slot.slot.period * PERIOD_US + u64::from(slot.slot.thread) * slot_us;
        let is_away = |absence: &Absence| {
            slot.producers.first() == Some(&SimConfig::address(absence.node))
                && absence.from_us <= start_us
                && start_us <= absence.to_us + 2 * PERIOD_US
        };
        let is_nobody = (STAKERS..STAKERS + NEWCOMERS)
            .any(|one| slot.producers.first() == Some(&SimConfig::address(one)));
        let is_explained = scenario.absences.iter().any(is_away) || is_nobody;
        assert!(
            is_explained,
            "{} is a miss and its producer was there",
            slot.slot
        );
        missed += 1;
    }
    assert!(missed > 0);
}

#[test]
fn where_everybody_proposes_another_seed_leads_another_life_by_the_same_rules() {
    let (config, scenario) = seeded(3, 12);
    assert_eq!(config.params.proposal_policy, ProposalPolicy::All);
    let record = check(&config, &scenario);
    check_conservation(&record);
    assert!(report(&record).cycles.iter().all(|cycle| cycle.misses == 0));
}

/// The rules are compared with a record at all: with others, the first difference is told.
fn failure(rules: Rules) -> String {
    let (config, scenario) = planned();
    let record = check(&config, &scenario);
    audit(&record, rules).unwrap_err().to_string()
}

#[test]
fn another_lag_of_the_draws_is_found_at_the_first_cycle_in_which_it_shows() {
    // The purchase of cycle 2 is drawn with from cycle 5 on.
    for (draw_lag, cycle) in [(2, 4), (4, 5)] {
        let text = failure(Rules {
            draw_lag,
            ..Rules::default()
        });
        let expected = format!("the weights of the draws of cycle {cycle}");
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn a_fault_that_is_paid_from_rolls_first_is_found() {
    let text = failure(Rules {
        credits_first: false,
        ..Rules::default()
    });
    assert!(text.contains("rolls: the nodes have"), "{text}");
}

#[test]
fn a_coin_too_many_is_found() {
    let (config, scenario) = planned();
    let mut record = check(&config, &scenario);
    let state = record.slots[70].state.as_mut().unwrap();
    let balance = state.balances.get_mut(&SimConfig::address(6)).unwrap();
    *balance = balance.unwrap().checked_add(Amount::from_nanos(1));
    let failure = audit(&record, Rules::default()).unwrap_err();
    assert_eq!(failure.slot, record.slots[70].slot);
    assert!(failure.what.contains("balances"), "{failure}");
}

fn broken(planted: Planted) -> Run {
    let (config, mut scenario) = planned();
    scenario.planted = Some(planted);
    run_scenario(&config, &scenario).unwrap()
}

#[test]
fn nodes_that_forget_to_slash_are_found() {
    let violation = broken(Planted::ForgetSlash).violation.unwrap();
    assert_eq!(violation.invariant, Invariant::Stakes, "{violation}");
    assert!(violation.detail.contains("deferred credits"), "{violation}");
}

#[test]
fn a_node_that_comes_back_with_other_draws_is_found_in_a_life_too() {
    let violation = broken(Planted::WrongDraws).violation.unwrap();
    let expected = [Invariant::EqualDraws, Invariant::EqualStates];
    assert!(expected.contains(&violation.invariant), "{violation}");
}

/// Late cycles: the outcomes of many cycles, each decided by other validators than the one before.
/// Who these are the node learns as it executes, a few cycles ahead of what it follows.
#[test]
fn a_node_that_was_off_for_many_cycles_follows_with_the_validators_that_it_learns() {
    const LATE: usize = 6;
    let mut config = config(&[20, 22, 24, 26, 28, 30, 20], 18);
    config.params.endorsement_count = 16;
    let mut scenario = Scenario::new(&config);
    scenario.absences = vec![away(LATE, 3, 13, Away::Off)];
    for cycle in 2..13 {
        let (buyer, seller) = (cycle % 6, (cycle + 3) % 6);
        let staker = |number: u64| usize::try_from(number).unwrap();
        scenario
            .orders
            .push(buy(staker(buyer), cycle, 1 + cycle % 3));
        scenario
            .orders
            .push(sell(staker(seller), cycle, 1 + cycle % 2));
    }
    scenario.orders.push(buy(LATE, 13, 5));
    scenario.orders.sort_by_key(|order| order.at_us);
    let record = check(&config, &scenario);
    let changes = (4..16).filter(|cycle| record.powers[cycle] != record.powers[&(cycle - 1)]);
    assert!(
        changes.count() >= 10,
        "the validators change in most cycles"
    );
    assert_eq!(weight(&record, 12, LATE), 0, "it lost its stake meanwhile");
    assert_eq!(weight(&record, 16, LATE), 5);
    let late = SimConfig::address(LATE);
    let producers = |first: u64, last: u64| {
        let slots = record.slots.iter();
        slots
            .filter(|slot| (first..=last).contains(&(slot.slot.period / PERIODS)))
            .filter_map(|slot| slot.block.as_ref())
            .filter(|block| block.header.signer_address() == late)
            .count()
    };
    assert!(producers(1, 2) > 0);
    assert_eq!(producers(3, 15), 0);
    let drawn_first = record.slots.iter().any(|slot| {
        (16..=17).contains(&(slot.slot.period / PERIODS)) && slot.producers.first() == Some(&late)
    });
    assert_eq!(
        drawn_first,
        producers(16, 17) > 0,
        "what it is drawn for it makes"
    );
    check_conservation(&record);
}
