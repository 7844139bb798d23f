//! Final and candidate state, and the active history (design 05, 'Execution').

use crate::kit::{Chain, small_genesis, small_params};
use picot_execution::{Config, DecidedSlots, ExecutionError, Level, OperationOutcome};
use picot_models::{Amount, Block, Slot, mocks};
use picot_pool::AccountView;

fn candidate(chain: &Chain, number: u64) -> u64 {
    let balance = chain
        .reader()
        .balance(Level::Candidate, &mocks::address(number))
        .unwrap();
    balance.map_or(0, Amount::as_nanos)
}

fn no_rewards() -> Chain {
    let mut params = small_params();
    params.block_reward = Amount::ZERO;
    Chain::new(small_genesis(params, &[(1, 10), (2, 10)]))
}

/// A block at (period, 0) that moves coins from 1 to 2.
fn moves(chain: &Chain, period: u64, amount: u64) -> Block {
    let transfer = chain.transfer(1, 2, amount, 0);
    chain.block(Slot::new(period, 0), vec![transfer])
}

#[test]
fn candidates_change_the_candidate_state_alone() {
    let mut chain = no_rewards();
    let block = moves(&chain, 1, 100);
    let operation = block.operations[0].clone();
    let applied = chain.core.apply(vec![], vec![block]);
    assert!(applied.final_slots.is_empty());
    assert!(applied.touched.contains(&mocks::address(1)));
    assert_eq!((chain.balance(1), candidate(&chain, 1)), (1_000, 900));
    assert_eq!((chain.balance(2), candidate(&chain, 2)), (1_000, 1_100));
    let status = chain
        .reader()
        .operation_status(&operation.id())
        .unwrap()
        .unwrap();
    assert_eq!(
        (status.level, status.outcome),
        (Level::Candidate, OperationOutcome::Succeeded)
    );
    assert!(
        chain
            .reader()
            .executed_operations(0)
            .unwrap()
            .contains(&operation.id())
    );
    assert!(chain.reader().is_executed(&operation.id(), 0));
    assert!(!chain.reader().is_executed(&operation.id(), 1));
    assert_eq!(
        chain
            .reader()
            .candidate_balance(&mocks::address(1))
            .as_nanos(),
        900
    );
    assert_eq!(chain.reader().candidate_rolls(&mocks::address(1)), 10);
    let summary = chain.reader().summary();
    assert_eq!(summary.last_final_slot, Slot::new(0, 0));
    assert_eq!(summary.candidate_slot, Slot::new(1, 0));
}

#[test]
fn a_candidate_that_is_decided_is_applied_as_it_is() {
    let mut chain = no_rewards();
    let block = moves(&chain, 1, 100);
    chain.core.apply(vec![], vec![block.clone()]);
    let applied = chain.decide_block(block.clone());
    assert!(
        applied.touched.is_empty(),
        "nothing changes at the candidate level"
    );
    assert!(applied.lost_operations.is_empty());
    assert_eq!(applied.final_slots.len(), 1);
    assert_eq!(applied.final_slots[0].block, Some(block.id()));
    assert_eq!((chain.balance(1), candidate(&chain, 1)), (900, 900));
    let id = block.operations[0].id();
    let status = chain.reader().operation_status(&id).unwrap().unwrap();
    assert_eq!(status.level, Level::Final);
}

#[test]
fn another_block_than_the_candidate_undoes_it_and_its_operations_are_lost() {
    let mut chain = no_rewards();
    let (one, other) = (moves(&chain, 1, 100), moves(&chain, 1, 50));
    chain.core.apply(vec![], vec![one.clone()]);
    let applied = chain.decide_block(other);
    let lost: Vec<_> = applied
        .lost_operations
        .iter()
        .map(|lost| lost.id())
        .collect();
    assert_eq!(lost, [one.operations[0].id()]);
    assert!(applied.touched.contains(&mocks::address(2)));
    assert_eq!((chain.balance(1), candidate(&chain, 1)), (950, 950));
    assert_eq!(chain.reader().operation_status(&lost[0]).unwrap(), None);
}

#[test]
fn a_miss_undoes_a_candidate() {
    let mut chain = no_rewards();
    let block = moves(&chain, 1, 100);
    chain.core.apply(vec![], vec![block]);
    let applied = chain.miss();
    assert_eq!(applied.lost_operations.len(), 1);
    assert_eq!(candidate(&chain, 1), 1_000);
}

#[test]
fn operations_that_the_new_candidate_carries_too_are_not_lost() {
    let mut chain = no_rewards();
    let transfer = chain.transfer(1, 2, 100, 0);
    let one = chain.block(Slot::new(1, 0), vec![transfer.clone()]);
    let other = chain.block(Slot::new(1, 0), vec![transfer, chain.transfer(2, 1, 7, 0)]);
    chain.core.apply(vec![], vec![one]);
    let applied = chain.core.apply(vec![], vec![other]);
    assert!(applied.lost_operations.is_empty());
    assert_eq!(candidate(&chain, 1), 907);
}

#[test]
fn only_outputs_from_the_changed_slot_on_are_dropped() {
    let mut chain = no_rewards();
    let first = moves(&chain, 1, 100);
    let (second, instead) = (moves(&chain, 2, 10), moves(&chain, 2, 20));
    let third = moves(&chain, 3, 1);
    chain
        .core
        .apply(vec![], vec![first.clone(), second.clone(), third.clone()]);
    assert_eq!(candidate(&chain, 1), 1_000 - 111);
    let candidates = vec![first.clone(), instead, third.clone()];
    let applied = chain.core.apply(vec![], candidates.clone());
    assert_eq!(candidate(&chain, 1), 1_000 - 121);
    assert_eq!(applied.lost_operations.len(), 1);
    let applied = chain.core.apply(vec![], candidates);
    assert!(applied.touched.is_empty() && applied.lost_operations.is_empty());
    chain.core.apply(vec![], vec![first]);
    assert_eq!(candidate(&chain, 1), 900);
    chain.core.apply(vec![], vec![]);
    assert_eq!(candidate(&chain, 1), 1_000);
}

#[test]
fn a_slot_without_a_candidate_counts_as_a_miss_until_it_has_one() {
    let mut chain = no_rewards();
    let (second, third) = (moves(&chain, 2, 10), moves(&chain, 3, 1));
    chain.core.apply(vec![], vec![third.clone()]);
    assert_eq!(candidate(&chain, 1), 999);
    chain
        .core
        .apply(vec![], vec![second.clone(), third.clone()]);
    assert_eq!(candidate(&chain, 1), 989);
    // Decided as they were executed, hole included: nothing is executed again.
    let slot = Slot::new(1, 0);
    let decided = vec![
        DecidedSlots::miss(slot, 1),
        DecidedSlots::block(second),
        DecidedSlots::block(third),
    ];
    let applied = chain.decide(decided);
    assert!(applied.touched.is_empty());
    assert_eq!(chain.balance(1), 989);
}

#[test]
fn candidates_ahead_stay_when_a_slot_before_them_is_decided_as_it_was() {
    let mut chain = no_rewards();
    let (first, second) = (moves(&chain, 1, 100), moves(&chain, 2, 10));
    chain
        .core
        .apply(vec![], vec![first.clone(), second.clone()]);
    let applied = chain
        .core
        .apply(vec![DecidedSlots::block(first)], vec![second]);
    assert!(applied.failure.is_none());
    assert!(applied.touched.is_empty());
    assert_eq!((chain.balance(1), candidate(&chain, 1)), (900, 890));
}

#[test]
fn decided_slots_of_threads_are_joined_in_slot_order() {
    let mut params = small_params();
    params.thread_count = 2;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    let blocks: Vec<_> = [(1, 0), (1, 1), (2, 0), (2, 1)]
        .map(|(period, thread)| chain.block(Slot::new(period, thread), vec![]))
        .into();
    let ahead = [3, 1].map(|index: usize| blocks[index].clone());
    // Thread 1 is decided two periods ahead of thread 0.
    let applied = chain
        .core
        .apply(vec![DecidedSlots::block(ahead[1].clone())], vec![]);
    assert!(applied.final_slots.is_empty());
    let applied = chain
        .core
        .apply(vec![DecidedSlots::block(ahead[0].clone())], vec![]);
    assert!(applied.final_slots.is_empty());
    let summary = chain.reader().summary();
    assert_eq!(
        (summary.waiting_decided, summary.candidate_slot),
        (2, Slot::new(2, 1))
    );
    let decided = vec![
        DecidedSlots::block(blocks[0].clone()),
        DecidedSlots::block(blocks[2].clone()),
    ];
    let applied = chain.decide(decided);
    let ids: Vec<_> = applied
        .final_slots
        .iter()
        .map(|output| output.block)
        .collect();
    assert_eq!(
        ids,
        blocks
            .iter()
            .map(|block| Some(block.id()))
            .collect::<Vec<_>>()
    );
    assert_eq!(chain.reader().summary().waiting_decided, 0);
}

#[test]
fn an_address_that_never_existed_has_nothing_at_any_level() {
    let mut chain = no_rewards();
    let block = moves(&chain, 1, 100);
    chain.core.apply(vec![], vec![block]);
    let (reader, nobody) = (chain.reader(), mocks::address(99));
    for level in [Level::Final, Level::Candidate] {
        assert_eq!(reader.balance(level, &nobody).unwrap(), None);
        assert_eq!(reader.rolls(level, &nobody).unwrap(), 0);
        assert!(reader.deferred_credits(level, &nobody).unwrap().is_empty());
        assert_eq!(reader.datastore(level, &nobody, b"key").unwrap(), None);
    }
    assert_eq!(reader.candidate_balance(&nobody), Amount::ZERO);
}

#[test]
fn the_history_rolls_back_to_any_slot() {
    let mut chain = no_rewards();
    let blocks: Vec<_> = (1..=6)
        .map(|period| moves(&chain, period, 1 << period))
        .collect();
    let moved = |count: u64| (1..=count).map(|period| 1 << period).sum::<u64>();
    for kept in (0..=6_u64).chain([6, 0, 3, 5, 1]) {
        let count = usize::try_from(kept).unwrap();
        chain.core.apply(vec![], blocks[..count].to_vec());
        assert_eq!(candidate(&chain, 1), 1_000 - moved(kept), "{kept} are kept");
        assert_eq!(chain.balance(1), 1_000);
        for (period, block) in (1_u64..).zip(&blocks) {
            let status = chain.reader().operation_status(&block.operations[0].id());
            assert_eq!(status.unwrap().is_some(), period <= kept);
        }
    }
}

#[test]
fn speculation_is_bounded() {
    let mut params = small_params();
    params.periods_per_cycle = 64;
    let genesis = small_genesis(params, &[(1, 10), (2, 10)]);
    let config = Config {
        max_candidate_slots: 3,
        ..Config::default()
    };
    let mut chain = Chain::with_config(genesis, config);
    let blocks = (1..=6)
        .map(|period| chain.block(Slot::new(period, 0), vec![]))
        .collect();
    chain.core.apply(vec![], blocks);
    assert_eq!(chain.reader().summary().candidate_slot, Slot::new(3, 0));
}

#[test]
fn candidates_of_a_cycle_without_draws_wait() {
    let mut chain = no_rewards();
    let slot = Slot::new(13, 0);
    let block = mocks::block(&mocks::key(1), slot, vec![], vec![], &chain.chain_id);
    let applied = chain.core.apply(vec![], vec![block]);
    assert!(applied.failure.is_none());
    assert_eq!(chain.reader().summary().candidate_slot, Slot::new(11, 0));
}

#[test]
fn a_decided_slot_whose_draws_are_still_prepared_waits_and_goes_on_later() {
    use picot_execution::ExecutionCore;
    use picot_selector::{Missing, Selector, SelectorError, mocks::MockSelector};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
    let other = Chain::new(genesis.clone());
    let (ready, real) = (Arc::new(AtomicBool::new(false)), other.selector.clone());
    let mut selector = MockSelector::new();
    selector.expect_feed_cycle().returning(|_, _, _| Ok(()));
    selector.expect_draws().returning({
        let ready = ready.clone();
        move |slot| match (ready.load(Ordering::SeqCst), slot.period) {
            (false, 2..) => Err(SelectorError::NotReady {
                cycle: 0,
                missing: Missing::Table,
            }),
            _ => real.draws(slot),
        }
    });
    let store = Arc::new(picot_ledger::MemoryStateStore::new());
    let config = Config::default();
    let mut core = ExecutionCore::open(store, &genesis, Arc::new(selector), config).unwrap();
    let applied = core.apply(vec![DecidedSlots::miss(Slot::new(1, 0), 3)], vec![]);
    assert_eq!(applied.waits_for_draws, Some(Slot::new(2, 0)));
    assert!(applied.failure.is_none());
    assert_eq!(
        core.last_final_slot(),
        Slot::new(1, 0),
        "what could be done is done"
    );
    ready.store(true, Ordering::SeqCst);
    let applied = core.resume(vec![]);
    assert_eq!(applied.waits_for_draws, None);
    assert_eq!(core.last_final_slot(), Slot::new(3, 0));
}

#[test]
fn a_candidate_that_cannot_be_executed_stops_nobody_and_is_tried_again() {
    use picot_execution::ExecutionCore;
    use picot_selector::{Selector, SelectorError, mocks::MockSelector};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
    let other = Chain::new(genesis.clone());
    let (fails, real) = (Arc::new(AtomicBool::new(true)), other.selector.clone());
    let mut selector = MockSelector::new();
    selector.expect_feed_cycle().returning(|_, _, _| Ok(()));
    selector.expect_draws().returning({
        let fails = fails.clone();
        move |slot| match (fails.load(Ordering::SeqCst), slot.period) {
            (true, 2) => Err(SelectorError::EmptyRanking { slot }),
            _ => real.draws(slot),
        }
    });
    let store = Arc::new(picot_ledger::MemoryStateStore::new());
    let config = Config::default();
    let mut core = ExecutionCore::open(store, &genesis, Arc::new(selector), config).unwrap();
    let candidates = vec![moves(&other, 1, 100), moves(&other, 3, 10)];
    let applied = core.apply(vec![], candidates.clone());
    let (slot, error) = applied.failed_candidate.unwrap();
    assert!(matches!(error, ExecutionError::Draws { .. }), "{error}");
    assert_eq!(slot, Slot::new(2, 0));
    assert!(applied.failure.is_none());
    assert_eq!(core.reader().summary().candidate_slot, Slot::new(1, 0));
    // Final slots go on meanwhile.
    let applied = core.apply(
        vec![DecidedSlots::block(candidates[0].clone())],
        candidates.clone(),
    );
    assert_eq!(applied.final_slots.len(), 1);
    assert!(applied.failed_candidate.is_some() && applied.failure.is_none());
    fails.store(false, Ordering::SeqCst);
    let applied = core.apply(vec![], candidates);
    assert!(applied.failed_candidate.is_none());
    assert_eq!(core.reader().summary().candidate_slot, Slot::new(3, 0));
}

#[test]
fn a_gap_in_a_thread_is_an_error_and_execution_stops() {
    let mut chain = no_rewards();
    let applied = chain
        .core
        .apply(vec![DecidedSlots::miss(Slot::new(2, 0), 2)], vec![]);
    assert!(matches!(
        applied.failure,
        Some(ExecutionError::OutOfOrder { .. })
    ));
    let applied = chain.core.apply(vec![], vec![]);
    assert!(matches!(applied.failure, Some(ExecutionError::Stopped(_))));
}
