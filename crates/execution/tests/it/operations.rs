//! What operations do (design 05, the table and step 3).

use crate::kit::{Chain, plain, small_genesis, small_params};
use picot_execution::{FailureReason, Level, OperationOutcome};
use picot_models::{Address, Amount, OperationKind, Slot, mocks};

use OperationOutcome::{Failed, Refused, Succeeded, Unpaid};

/// Two stakers, and no rewards: balances change by operations alone.
fn chain() -> Chain {
    let mut params = small_params();
    params.block_reward = Amount::ZERO;
    Chain::new(small_genesis(params, &[(1, 10), (2, 10)]))
}

/// The number of the staker that produces the next block, and of the other one.
fn producer_and_other(chain: &Chain) -> (u64, u64) {
    let key = chain.producer_at(chain.next_slot());
    if key.public_key() == mocks::key(1).public_key() {
        (1, 2)
    } else {
        (2, 1)
    }
}

#[test]
fn a_transfer_moves_the_amount_and_the_fee_goes_to_the_producer() {
    let mut chain = chain();
    let (producer, other) = producer_and_other(&chain);
    let outcomes = chain.run(vec![chain.transfer(other, producer, 300, 7)]);
    assert_eq!(outcomes, [Succeeded]);
    assert_eq!(chain.balance(other), 1_000 - 300 - 7);
    assert_eq!(chain.balance(producer), 1_000 + 300 + 7);
    assert_eq!(chain.totals().burnt, Amount::ZERO);
}

#[test]
fn the_first_credit_of_a_new_address_costs_an_entry_which_is_burnt_from_the_amount() {
    let mut chain = chain();
    let (_, other) = producer_and_other(&chain);
    assert_eq!(
        chain.run(vec![chain.transfer(other, 77, 50, 0)]),
        [Succeeded]
    );
    assert_eq!((chain.balance(other), chain.balance(77)), (950, 40));
    assert_eq!(chain.totals().burnt.as_nanos(), 10);
    let (_, other) = producer_and_other(&chain);
    let before = chain.balance(77);
    assert_eq!(
        chain.run(vec![chain.transfer(other, 77, 50, 0)]),
        [Succeeded]
    );
    assert_eq!(
        chain.balance(77),
        before + 50,
        "the second credit costs nothing"
    );
}

#[test]
fn an_amount_below_the_cost_of_a_new_entry_fails_and_one_that_equals_it_does_not() {
    let mut chain = chain();
    let outcomes = chain.run(vec![
        chain.transfer(1, 77, 9, 0),
        chain.transfer(1, 77, 0, 0),
        chain.transfer(1, 78, 10, 0),
    ]);
    let below = Failed(FailureReason::BelowNewEntryCost);
    assert_eq!(outcomes, [below, below, Succeeded]);
    let entry = |number| {
        chain
            .reader()
            .balance(Level::Final, &mocks::address(number))
            .unwrap()
    };
    assert_eq!(entry(77), None);
    assert_eq!(entry(78), Some(Amount::ZERO));
}

#[test]
fn the_fee_of_an_operation_that_fails_is_kept_and_nothing_else_changes() {
    let mut chain = chain();
    let (producer, other) = producer_and_other(&chain);
    let outcomes = chain.run(vec![chain.transfer(other, 77, 996, 5)]);
    assert_eq!(outcomes, [Failed(FailureReason::BalanceTooLow)]);
    assert_eq!(
        (chain.balance(other), chain.balance(producer)),
        (995, 1_005)
    );
    assert_eq!(chain.balance(77), 0);
}

#[test]
fn an_operation_whose_fee_is_not_covered_is_unpaid_and_nothing_moves() {
    let mut chain = chain();
    let outcomes = chain.run(vec![
        chain.transfer(1, 2, 0, 1_001),
        // Somebody without an entry cannot pay, not even nothing.
        chain.transfer(50, 2, 0, 0),
    ]);
    assert_eq!(outcomes, [Unpaid, Unpaid]);
    assert_eq!((chain.balance(1), chain.balance(2)), (1_000, 1_000));
}

#[test]
fn all_can_be_transferred_and_the_empty_entry_stays() {
    let mut chain = chain();
    let (_, other) = producer_and_other(&chain);
    assert_eq!(
        chain.run(vec![chain.transfer(other, 77, 990, 10)]),
        [Succeeded]
    );
    let owner = mocks::address(other);
    let entry = chain.reader().balance(Level::Final, &owner).unwrap();
    assert_eq!(entry, Some(Amount::ZERO));
}

#[test]
fn nothing_can_be_transferred_to_an_address_that_has_an_entry() {
    let mut chain = chain();
    assert_eq!(chain.run(vec![chain.transfer(1, 2, 0, 0)]), [Succeeded]);
    assert_eq!((chain.balance(1), chain.balance(2)), (1_000, 1_000));
}

#[test]
fn a_transfer_to_oneself_changes_nothing_but_the_fee_and_needs_the_coins() {
    let mut chain = chain();
    let (producer, other) = producer_and_other(&chain);
    let outcomes = chain.run(vec![
        chain.transfer(other, other, 990, 10),
        chain.transfer(other, other, 991, 0),
    ]);
    assert_eq!(outcomes, [Succeeded, Failed(FailureReason::BalanceTooLow)]);
    assert_eq!(
        (chain.balance(other), chain.balance(producer)),
        (990, 1_010)
    );
}

#[test]
fn a_producer_can_spend_the_fees_of_earlier_operations_of_its_block() {
    let mut chain = chain();
    let (producer, other) = producer_and_other(&chain);
    let outcomes = chain.run(vec![
        chain.transfer(producer, 77, 1_100, 0),
        chain.transfer(other, other, 0, 200),
        chain.transfer(producer, 77, 1_100, 1),
    ]);
    assert_eq!(
        outcomes,
        [Failed(FailureReason::BalanceTooLow), Succeeded, Succeeded]
    );
    assert_eq!(chain.balance(producer), 100);
}

#[test]
fn the_largest_amounts_fail_and_never_wrap() {
    let mut chain = chain();
    let outcomes = chain.run(vec![
        chain.transfer(1, 2, u64::MAX, 0),
        chain.transfer(1, 2, u64::MAX, 1),
        chain.transfer(1, 2, 0, u64::MAX),
        chain.buy(1, u64::MAX),
        chain.buy(1, u64::MAX / 100),
        chain.sell(1, u64::MAX),
        chain.buy(1, 0),
        chain.sell(1, 0),
    ]);
    let low = Failed(FailureReason::BalanceTooLow);
    let overflow = Failed(FailureReason::Overflow);
    let (many, none) = (
        Failed(FailureReason::NotEnoughRolls),
        Failed(FailureReason::NoRolls),
    );
    assert_eq!(
        outcomes,
        [low, low, Unpaid, overflow, low, many, none, none]
    );
}

#[test]
fn a_chain_whose_coins_fill_the_number_mints_nothing_and_moves_them() {
    let mut genesis = small_genesis(small_params(), &[(1, 10), (2, 10)]);
    let almost_all = u64::MAX - 2_000 - 1_000;
    genesis
        .allocations
        .insert(mocks::address(1), Amount::from_nanos(almost_all));
    let mut chain = Chain::new(genesis);
    assert_eq!(
        chain.run(vec![chain.transfer(1, 2, almost_all, 0)]),
        [Succeeded]
    );
    assert_eq!(chain.balance(2), almost_all + 1_000);
    assert_eq!(chain.totals().minted, Amount::ZERO);
}

#[test]
fn contracts_cannot_be_deployed_called_or_paid_until_there_is_an_engine() {
    let mut chain = chain();
    let contract = Address::of_contract(&mocks::address(1), Slot::new(1, 0), 0);
    let deploy = OperationKind::Deploy {
        bytecode: vec![1],
        max_gas: 1,
        max_coins: Amount::from_nanos(1),
        datastore: vec![],
    };
    let call = OperationKind::Call {
        contract,
        function: "main".to_owned(),
        parameter: vec![],
        max_gas: 1,
        coins: Amount::from_nanos(1),
    };
    let pay = OperationKind::Transfer {
        recipient: contract,
        amount: Amount::from_nanos(100),
    };
    let (producer, other) = producer_and_other(&chain);
    let key = mocks::key(other);
    let operations = [deploy, call, pay].map(|kind| chain.operation(&key, 3, kind));
    let none = Failed(FailureReason::NoContractEngine);
    let outcomes = chain.run(operations.to_vec());
    assert_eq!(
        outcomes,
        [none, none, Failed(FailureReason::RecipientRefuses)]
    );
    assert_eq!(
        (chain.balance(other), chain.balance(producer)),
        (991, 1_009)
    );
}

#[test]
fn rolls_are_bought_at_their_price_and_sold_for_a_deferred_credit() {
    let mut chain = chain();
    assert_eq!(
        chain.run(vec![chain.buy(1, 3), chain.sell(2, 4)]),
        [Succeeded, Succeeded]
    );
    assert_eq!((chain.balance(1), chain.rolls(1)), (700, 13));
    assert_eq!(
        (chain.balance(2), chain.rolls(2)),
        (1_000, 6),
        "no coins yet"
    );
    assert_eq!(chain.credits(2), [(3, 400)]);
}

#[test]
fn a_purchase_cancels_sales_of_the_same_cycle_first() {
    let mut chain = chain();
    chain.run(vec![chain.sell(2, 4), chain.buy(2, 3)]);
    assert_eq!(
        (chain.balance(2), chain.rolls(2)),
        (1_000, 9),
        "no coins move"
    );
    assert_eq!(chain.credits(2), [(3, 100)]);
    chain.run(vec![chain.buy(2, 3)]);
    assert_eq!(
        (chain.balance(2), chain.rolls(2)),
        (800, 12),
        "two are paid for"
    );
    assert_eq!(chain.credits(2), []);
}

#[test]
fn a_purchase_that_is_too_dear_cancels_nothing() {
    let mut chain = chain();
    chain.run(vec![chain.sell(2, 4), chain.buy(2, 15)]);
    assert_eq!((chain.balance(2), chain.rolls(2)), (1_000, 6));
    assert_eq!(chain.credits(2), [(3, 400)]);
}

#[test]
fn a_sale_of_an_earlier_cycle_is_not_cancelled() {
    let mut chain = chain();
    chain.run(vec![chain.sell(2, 4)]);
    chain.run_to_end_of_cycle(0);
    let before = chain.balance(2);
    chain.run(vec![chain.buy(2, 1)]);
    assert_eq!((chain.balance(2), chain.rolls(2)), (before - 100, 7));
    assert_eq!(chain.credits(2), [(3, 400)]);
}

#[test]
fn more_rolls_than_owned_cannot_be_sold() {
    let mut chain = chain();
    let outcomes = chain.run(vec![chain.sell(1, 11), chain.sell(1, 10), chain.sell(1, 1)]);
    let many = Failed(FailureReason::NotEnoughRolls);
    assert_eq!(outcomes, [many, Succeeded, many]);
}

#[test]
fn the_last_roll_of_the_network_cannot_be_sold() {
    let mut chain = chain();
    let outcomes = chain.run(vec![chain.sell(1, 10), chain.sell(2, 10), chain.sell(2, 9)]);
    assert_eq!(
        outcomes,
        [Succeeded, Failed(FailureReason::LastRoll), Succeeded]
    );
}

#[test]
fn an_operation_never_runs_twice() {
    let mut chain = chain();
    let operation = chain.transfer(1, 2, 100, 0);
    let outcomes = chain.run(vec![operation.clone(), operation.clone()]);
    assert_eq!(outcomes, [Succeeded, Refused]);
    assert_eq!(chain.run(vec![operation.clone()]), [Refused]);
    let status = chain
        .reader()
        .operation_status(&operation.id())
        .unwrap()
        .unwrap();
    assert_eq!(
        (status.slot, status.outcome),
        (Slot::new(1, 0), Succeeded),
        "the first time"
    );
}

#[test]
fn an_operation_outside_its_window_does_not_run() {
    let mut chain = chain();
    let (key, to) = (mocks::key(1), mocks::address(2));
    let expired = mocks::transfer(&key, to, 100, 0, 0, &chain.chain_id);
    let early = mocks::transfer(&key, to, 100, 0, 12, &chain.chain_id);
    let at_the_end = mocks::transfer(&key, to, 100, 0, 1, &chain.chain_id);
    let outcomes = chain.run(vec![expired, early, at_the_end]);
    assert_eq!(outcomes, [Refused, Refused, Succeeded]);
}

#[test]
fn an_operation_of_another_thread_does_not_run() {
    let mut params = small_params();
    params.thread_count = 2;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    let of = |thread| {
        (0..)
            .find(|n| mocks::address(*n).thread(2) == thread)
            .unwrap()
    };
    let ids = [
        chain.transfer(of(0), 2, 0, 0),
        chain.transfer(of(1), 2, 0, 0),
    ];
    assert_eq!(chain.next_slot(), Slot::new(1, 0));
    let outcomes = chain.run(ids.to_vec());
    assert_ne!(outcomes[0], Refused);
    assert_eq!(outcomes[1], Refused);
}

#[test]
fn records_of_operations_go_once_they_have_expired_and_as_long_again_has_passed() {
    let mut chain = chain();
    let operation = chain.transfer(1, 2, 100, 0);
    chain.run(vec![operation.clone()]);
    let is_known = |chain: &Chain| {
        chain
            .reader()
            .operation_status(&operation.id())
            .unwrap()
            .is_some()
    };
    let validity = chain.genesis.params.operation_validity_periods;
    while chain.core.last_final_slot().period < 1 + 2 * validity {
        chain.run(vec![]);
        assert!(is_known(&chain), "{:?}", chain.core);
        let is_listed = chain
            .reader()
            .executed_operations(0)
            .unwrap()
            .contains(&operation.id());
        assert_eq!(
            is_listed,
            chain.core.last_final_slot().period <= 1 + validity
        );
    }
    chain.run(vec![]);
    assert!(!is_known(&chain));
}

#[test]
fn a_simulation_tells_what_would_happen_and_keeps_nothing() {
    let chain = chain();
    let transfer = OperationKind::Transfer {
        recipient: mocks::address(77),
        amount: Amount::from_nanos(100),
    };
    let hash = chain.reader().summary().state_hash;
    let done = chain
        .reader()
        .simulate(&plain(5, transfer), &mocks::address(1))
        .unwrap();
    assert_eq!(done.outcome, Succeeded);
    assert_eq!(done.gas_used, chain.genesis.params.transfer_gas);
    assert_eq!(done.burnt.as_nanos(), 10);
    let nanos = Amount::from_nanos;
    let mut expected = vec![
        (mocks::address(1), Some(nanos(1_000)), nanos(895)),
        (mocks::address(77), None, nanos(90)),
    ];
    expected.sort();
    assert_eq!(done.balances, expected);
    assert_eq!(done.rolls, (10, 10));

    let buy = OperationKind::RollBuy { roll_count: 2 };
    let done = chain
        .reader()
        .simulate(&plain(0, buy), &mocks::address(1))
        .unwrap();
    assert_eq!(done.rolls, (10, 12));

    let sell = OperationKind::RollSell { roll_count: 11 };
    let done = chain
        .reader()
        .simulate(&plain(0, sell), &mocks::address(1))
        .unwrap();
    assert_eq!(done.outcome, Failed(FailureReason::NotEnoughRolls));
    assert_eq!((chain.balance(1), chain.rolls(1)), (1_000, 10));
    assert_eq!(chain.reader().summary().state_hash, hash);
}

#[test]
fn a_simulation_is_of_the_candidate_state() {
    let mut chain = chain();
    let slot = chain.next_slot();
    let ahead = chain.block(slot, vec![chain.transfer(1, 2, 400, 0)]);
    chain.core.apply(vec![], vec![ahead]);
    let transfer = |amount| OperationKind::Transfer {
        recipient: mocks::address(2),
        amount: Amount::from_nanos(amount),
    };
    let outcome = |amount, sender| {
        let done = chain
            .reader()
            .simulate(&plain(0, transfer(amount)), &mocks::address(sender));
        done.unwrap().outcome
    };
    let left = chain
        .reader()
        .balance(Level::Candidate, &mocks::address(1))
        .unwrap()
        .unwrap()
        .as_nanos();
    assert_eq!(outcome(left, 1), Succeeded);
    assert_eq!(outcome(left + 1, 1), Failed(FailureReason::BalanceTooLow));
    assert_eq!(outcome(1, 2), Succeeded, "to oneself");
}

#[test]
fn an_unpaid_operation_is_recorded_and_does_not_run_when_coins_come() {
    let mut chain = chain();
    let unpaid = chain.transfer(1, 2, 0, 1_001);
    assert_eq!(chain.run(vec![unpaid.clone()]), [Unpaid]);
    chain.run(vec![chain.transfer(2, 1, 500, 0)]);
    assert!(chain.balance(1) >= 1_500);
    assert_eq!(chain.run(vec![unpaid.clone()]), [Refused]);
    let status = chain.reader().operation_status(&unpaid.id()).unwrap();
    let status = status.unwrap();
    assert_eq!((status.slot, status.outcome), (Slot::new(1, 0), Unpaid));
}

#[test]
fn the_reward_of_a_block_cannot_be_spent_in_it() {
    let mut chain = Chain::small();
    let (producer, other) = producer_and_other(&chain);
    let outcomes = chain.run(vec![chain.transfer(producer, other, 1_001, 0)]);
    assert_eq!(outcomes, [Failed(FailureReason::BalanceTooLow)]);
    assert_eq!(chain.balance(producer), 1_030, "it comes after operations");
}
