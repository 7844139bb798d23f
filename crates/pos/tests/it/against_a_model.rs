//! Random histories against a second, plain implementation: equal at every slot, ahead of the final
//! state and in it, and after a restart.

use crate::kit::Stakes;
use crate::model::{Counts, Model};
use picot_models::{Amount, mocks};
use picot_pos::{CycleInfo, PosFinalState, ProductionStats, RollRegistry};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

const STAKERS: [(u64, u64); 4] = [(0, 4), (1, 1), (2, 7), (3, 3)];
/// One more than there are stakers at the start.
const ADDRESSES: u64 = 5;
const BALANCE: u64 = 120;

#[derive(Debug, Clone)]
enum Event {
    Buy(u64, u64),
    Sell(u64, u64),
    Slash(u64),
    Count(u64, usize),
}

#[derive(Debug, Clone)]
struct SlotPlan {
    events: Vec<Event>,
    bit: bool,
    /// How many slots become final after it, if there are so many.
    settle: usize,
}

fn slot_plan() -> impl Strategy<Value = SlotPlan> {
    let who = || 0..ADDRESSES;
    let event = prop_oneof![
        3 => (who(), 0..6_u64).prop_map(|(who, count)| Event::Buy(who, count)),
        3 => (who(), 0..6_u64).prop_map(|(who, count)| Event::Sell(who, count)),
        1 => who().prop_map(Event::Slash),
        4 => (who(), 0..4_usize).prop_map(|(who, which)| Event::Count(who, which)),
    ];
    (
        prop::collection::vec(event, 0..4),
        any::<bool>(),
        0..3_usize,
    )
        .prop_map(|(events, bit, settle)| SlotPlan {
            events,
            bit,
            settle,
        })
}

fn new_model(stakes: &Stakes) -> Model {
    let genesis: BTreeMap<u64, u64> = STAKERS.into_iter().collect();
    Model {
        cycle: 0,
        balances: (0..ADDRESSES).map(|who| (who, BALANCE)).collect(),
        rolls: genesis.clone(),
        lots: Vec::new(),
        counts: BTreeMap::new(),
        bits: BTreeMap::from([(0, vec![true; 2])]),
        ends: BTreeMap::new(),
        genesis,
        slashed: 0,
        price: 10,
        credit_cycles: stakes.config.deferred_credit_cycles,
    }
}

/// The coins of the implementation: it says what moves, its user keeps the balances.
type Balances = BTreeMap<u64, u64>;

fn act(
    registry: &mut RollRegistry<'_>,
    total: &mut u64,
    event: &Event,
    balances: &mut Balances,
) -> bool {
    match *event {
        Event::Buy(who, count) => {
            let balance = balances.entry(who).or_insert(0);
            match registry.buy(mocks::address(who), count, Amount::from_nanos(*balance)) {
                Ok(purchase) => {
                    *balance -= purchase.cost.as_nanos();
                    *total += count;
                    true
                }
                Err(_) => false,
            }
        }
        Event::Sell(who, count) => {
            let sold = registry.sell(mocks::address(who), count, *total).is_ok();
            *total -= if sold { count } else { 0 };
            sold
        }
        Event::Slash(who) => {
            *total -= registry.slash(mocks::address(who), *total).unwrap().rolls;
            true
        }
        Event::Count(who, which) => {
            let who = mocks::address(who);
            match which {
                0 => registry.record_block(who),
                1 => registry.record_missed_block(who),
                _ => registry.record_endorsement(who, which == 2),
            }
            true
        }
    }
}

fn act_in_model(model: &mut Model, event: &Event) -> bool {
    match *event {
        Event::Buy(who, count) => model.buy(who, count),
        Event::Sell(who, count) => model.sell(who, count),
        Event::Slash(who) => {
            model.slash(who, 2);
            true
        }
        Event::Count(who, which) => {
            model.count(who, which);
            true
        }
    }
}

fn counts(stats: &ProductionStats) -> Counts {
    [
        stats.block_success_count,
        stats.block_failure_count,
        stats.endorsement_success_count,
        stats.endorsement_failure_count,
    ]
}

fn nanos(credits: BTreeMap<u64, Amount>) -> BTreeMap<u64, u64> {
    credits
        .into_iter()
        .map(|(cycle, coins)| (cycle, coins.as_nanos()))
        .collect()
}

/// What the next slot would find is what the model has.
fn check_ahead(stakes: &Stakes, model: &Model) {
    for who in 0..ADDRESSES {
        let address = mocks::address(who);
        stakes.read(|registry| {
            let rolls = model.rolls.get(&who).copied().unwrap_or(0);
            assert_eq!(registry.rolls(&address), rolls, "rolls of {who}");
            let credits = nanos(registry.deferred_credits(&address));
            assert_eq!(credits, model.credits_of(who), "credits of {who}");
            for cycle in model.cycle.saturating_sub(1)..=model.cycle {
                let expected = model.counts.get(&(cycle, who)).copied().unwrap_or_default();
                assert_eq!(
                    counts(&registry.stats(cycle, &address)),
                    expected,
                    "counts of {who}"
                );
            }
        });
    }
    assert_eq!(stakes.total_rolls, model.total_rolls());
}

/// The final state is what the model had at that slot.
fn check_final(stakes: &Stakes, model: &Model) {
    let state = &stakes.state;
    let addresses: BTreeMap<_, _> = (0..ADDRESSES)
        .map(|who| (mocks::address(who), who))
        .collect();
    let by_number = |rolls: &BTreeMap<_, u64>| -> BTreeMap<u64, u64> {
        rolls
            .iter()
            .map(|(address, rolls)| (addresses[address], *rolls))
            .collect()
    };
    assert_eq!(by_number(&state.roll_counts()), model.rolls);
    for who in 0..ADDRESSES {
        assert_eq!(
            nanos(state.deferred_credits(&mocks::address(who))),
            model.credits_of(who)
        );
    }
    let oldest = model.cycle.saturating_sub(stakes.config.kept_cycles);
    let known = state.known_cycles();
    assert_eq!(known.first(), Some(&oldest));
    assert!(
        known.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "contiguous: {known:?}"
    );
    for cycle in oldest..=model.cycle {
        let info: Arc<CycleInfo> = state.cycle_info(cycle).unwrap();
        let bits: Vec<bool> = info.rng_seed.iter().by_vals().collect();
        assert_eq!(bits, model.bits.get(&cycle).cloned().unwrap_or_default());
        assert_eq!(info.complete, cycle < model.cycle);
        if let Some(rolls) = model.ends.get(&cycle) {
            assert_eq!(
                by_number(&info.roll_counts),
                *rolls,
                "snapshot of cycle {cycle}"
            );
        }
        let found: BTreeMap<_, _> = info
            .production_stats
            .iter()
            .map(|(address, stats)| ((cycle, addresses[address]), counts(stats)))
            .collect();
        let range = (cycle, 0)..=(cycle, u64::MAX);
        let expected: BTreeMap<_, _> = model
            .counts
            .range(range)
            .map(|(key, counts)| (*key, *counts))
            .collect();
        assert_eq!(found, expected);
    }
    assert_eq!(
        stakes.loaded().cycle_history(),
        state.cycle_history(),
        "after a restart"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn equal_to_the_model_at_every_slot(plans in prop::collection::vec(slot_plan(), 1..120)) {
        let mut stakes = Stakes::small(&STAKERS);
        let mut model = new_model(&stakes);
        let mut balances = model.balances.clone();
        let coins = model.all_coins();
        // What the model had after each slot that is not final yet.
        let mut past = VecDeque::new();
        for plan in plans {
            let ends = stakes.config.ends_cycle(stakes.next_slot()).unwrap();
            let end = stakes.slot(plan.bit, |registry, total| {
                for event in &plan.events {
                    let done = act(registry, total, event, &mut balances);
                    assert_eq!(done, act_in_model(&mut model, event), "{event:?}");
                }
            });
            for (address, coins) in end.map(|end| end.reimbursed).unwrap_or_default() {
                let mut who = 0..ADDRESSES;
                let who = who.find(|who| mocks::address(*who) == address).unwrap();
                *balances.entry(who).or_insert(0) += coins.as_nanos();
            }
            model.end_slot(plan.bit, ends);
            prop_assert_eq!(&balances, &model.balances);
            prop_assert_eq!(model.all_coins(), coins, "conservation");
            check_ahead(&stakes, &model);
            past.push_back((stakes.ahead.back().unwrap().0, model.clone()));
            // No further ahead than a cycle.
            let settle = plan.settle.max(past.len().saturating_sub(5));
            stakes.settle(settle);
            while past.front().is_some_and(|(slot, _)| *slot <= stakes.state.last_final_slot()) {
                let (slot, then) = past.pop_front().unwrap();
                if slot == stakes.state.last_final_slot() {
                    check_final(&stakes, &then);
                }
            }
            check_ahead(&stakes, &model);
        }
    }
}
