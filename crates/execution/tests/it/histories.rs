//! Random histories: whatever the way to a state, the state is the same, and coins are conserved.

use crate::kit::{Chain, key_of, small_genesis, small_params, two_votes};
use picot_execution::{Config, DecidedSlots, recompute_state_hash, reexecute};
use picot_models::{Amount, Block, OperationKind, SignedOperation, Slot, mocks};
use picot_selector::Selector;
use proptest::prelude::*;

/// What is to happen at one slot.
#[derive(Debug, Clone)]
enum Step {
    Miss,
    Block {
        /// Place in the producer ranking.
        rank: usize,
        /// Which of the two endorsements are carried.
        endorsements: [bool; 2],
        operations: Vec<(u64, Order)>,
        /// Who is denounced, for so many periods ago.
        denounced: Vec<(u64, u64)>,
    },
}

#[derive(Debug, Clone)]
enum Order {
    Transfer(u64, u64),
    Buy(u64),
    Sell(u64),
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        3 => (1..12_u64, 0..400_u64).prop_map(|(to, amount)| Order::Transfer(to, amount)),
        1 => (0..5_u64).prop_map(Order::Buy),
        1 => (0..8_u64).prop_map(Order::Sell),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let block = (
        0..4_usize,
        any::<[bool; 2]>(),
        prop::collection::vec((1..6_u64, order()), 0..4),
        prop_oneof![
            4 => Just(vec![]),
            1 => prop::collection::vec((1..6_u64, 0..12_u64), 1..3),
        ],
    );
    prop_oneof![
        1 => Just(Step::Miss),
        3 => block.prop_map(|(rank, endorsements, operations, denounced)| Step::Block {
            rank,
            endorsements,
            operations,
            denounced,
        }),
    ]
}

fn genesis() -> picot_models::Genesis {
    let mut params = small_params();
    params.thread_count = 2;
    small_genesis(params, &[(1, 5), (2, 3), (3, 1), (4, 7)])
}

/// The block of a step, as the chain stands; `None` for a miss.
fn block_of(chain: &Chain, slot: Slot, step: &Step, last: &[Option<Block>]) -> Option<Block> {
    let Step::Block {
        rank,
        endorsements,
        operations,
        denounced,
    } = step
    else {
        return None;
    };
    let ranking = chain.selector.producer_ranking(slot, usize::MAX).unwrap();
    let producer = key_of(&ranking[rank % ranking.len()]);
    let operations: Vec<SignedOperation> = operations
        .iter()
        .map(|(sender, order)| {
            let kind = match *order {
                Order::Transfer(to, amount) => OperationKind::Transfer {
                    recipient: mocks::address(to),
                    amount: Amount::from_nanos(amount),
                },
                Order::Buy(roll_count) => OperationKind::RollBuy { roll_count },
                Order::Sell(roll_count) => OperationKind::RollSell { roll_count },
            };
            // The fee makes each one different.
            chain.operation(&mocks::key(*sender), slot.period % 7, kind)
        })
        .collect();
    let indices: Vec<_> = (0..2).filter(|index| endorsements[*index]).collect();
    let parent = last[usize::from(slot.thread)].as_ref();
    let endorsements = parent.map(|parent| chain.endorse(parent, &indices));
    let endorsements = endorsements.unwrap_or_default();
    let denounce = |&(who, ago): &(u64, u64)| {
        let of = Slot::new(slot.period.saturating_sub(ago), slot.thread);
        two_votes(chain, &mocks::key(who), of)
    };
    let denounced = denounced.iter().map(denounce).collect();
    Some(chain.full_block(slot, &producer, operations, &endorsements, denounced))
}

/// Runs steps one slot at a time, and checks the coins after each.
fn run(steps: &[Step]) -> Chain {
    let mut chain = Chain::new(genesis());
    let mut last = vec![None, None];
    for step in steps {
        let slot = chain.next_slot();
        match block_of(&chain, slot, step, &last) {
            Some(block) => {
                last[usize::from(slot.thread)] = Some(block.clone());
                chain.decide(vec![DecidedSlots::block(block)]);
            }
            None => {
                chain.decide(vec![DecidedSlots::miss(slot, slot.period)]);
            }
        }
    }
    chain
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_state_hash_is_that_of_all_pairs_and_of_executing_again(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let chain = run(&steps);
        let hash = chain.reader().summary().state_hash;
        prop_assert_eq!(recompute_state_hash(&*chain.store).unwrap(), hash);
        prop_assert_eq!(reexecute(&chain.genesis, chain.history.clone()).unwrap(), hash);
    }

    #[test]
    fn speculation_and_grouping_do_not_change_the_state(
        steps in prop::collection::vec(step(), 1..60),
        groups in prop::collection::vec((1..6_usize, 0..6_usize), 60),
        threads_apart in any::<bool>(),
        max_commit_slots in 1..9_usize,
    ) {
        let slow = run(&steps);
        let config = Config { max_commit_slots, ..Config::default() };
        let mut quick = Chain::with_config(genesis(), config);
        let mut left = slow.history.as_slice();
        for (count, ahead) in groups {
            let (decided, rest) = left.split_at(count.min(left.len()));
            let mut decided = decided.to_vec();
            if threads_apart {
                // Within a thread in order, but thread 1 first.
                decided.sort_by_key(|decided| (1 - decided.slot.thread, decided.slot.period));
            }
            let candidates = rest.iter().take(ahead).filter_map(|decided| decided.block.clone());
            let applied = quick.core.apply(decided, candidates.collect());
            prop_assert!(applied.failure.is_none());
            left = rest;
        }
        let applied = quick.core.apply(left.to_vec(), vec![]);
        prop_assert!(applied.failure.is_none());
        prop_assert_eq!(quick.reader().summary(), slow.reader().summary());
        prop_assert_eq!(
            recompute_state_hash(&*quick.store).unwrap(),
            slow.reader().summary().state_hash
        );
    }

    #[test]
    fn wrong_candidates_leave_no_trace(
        steps in prop::collection::vec(step(), 1..40),
        wrong in prop::collection::vec(step(), 40),
    ) {
        let right = run(&steps);
        let mut chain = Chain::new(genesis());
        for (decided, wrong) in right.history.iter().zip(&wrong) {
            let slot = chain.next_slot();
            let after = slot.next(2).unwrap();
            let candidates: Vec<_> = [slot, after]
                .iter()
                .filter_map(|slot| block_of(&chain, *slot, wrong, &[None, None]))
                .collect();
            let applied = chain.core.apply(vec![], candidates.clone());
            prop_assert!(applied.failure.is_none());
            let applied = chain.core.apply(vec![decided.clone()], candidates);
            prop_assert!(applied.failure.is_none());
        }
        chain.core.apply(vec![], vec![]);
        prop_assert_eq!(chain.reader().summary(), right.reader().summary());
    }
}
