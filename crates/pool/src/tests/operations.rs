//! Order, batches, limits, time and balances of pending operations.

use super::*;
use crate::mocks::MockAccountView;
use picot_models::{Amount, OperationKind, mocks::operation};
use picot_serialization::Encode;
use std::sync::OnceLock;

fn add_all(world: &World, operations: &[&SignedOperation]) {
    for operation in operations {
        assert_eq!(world.add(operation), Ok(()));
    }
}

#[test]
fn a_batch_is_best_first_whatever_the_arrival() {
    let operations: Vec<_> = [3, 1, 2, 2, 5]
        .into_iter()
        .zip(0..)
        .map(|(fee, n)| World::new().transfer(&sender(n), 1, fee))
        .collect();
    let mut expected: Vec<_> = operations.iter().collect();
    // All of one size and gas, so by fee and then by id.
    expected.sort_by_key(|operation| (std::cmp::Reverse(operation.content().fee), operation.id()));
    let expected: Vec<_> = expected.iter().map(|operation| operation.id()).collect();

    let (forth, back) = (World::new(), World::new());
    add_all(&forth, &operations.iter().collect::<Vec<_>>());
    add_all(&back, &operations.iter().rev().collect::<Vec<_>>());
    assert_eq!(forth.batch(1), expected);
    assert_eq!(back.batch(1), expected);
}

#[test]
fn a_batch_holds_operations_of_its_thread_only() {
    let world = World::new();
    let ours = world.transfer(&sender(1), 1, 1);
    let theirs = world.transfer(&key_in_thread(2, 4, 1), 1, 1);
    add_all(&world, &[&ours, &theirs]);
    let batch = |thread| {
        ids(&world
            .pool
            .batch(Slot::new(1, thread), 1 << 40, 1 << 40, &BTreeSet::new()))
    };
    assert_eq!(batch(0), [ours.id()]);
    assert_eq!(batch(2), [theirs.id()]);
    assert!(batch(1).is_empty());
    assert!(batch(200).is_empty(), "no such thread");
}

#[test]
fn a_batch_leaves_out_what_is_excluded() {
    let world = World::new();
    let operations: Vec<_> = (0..4)
        .map(|n| world.transfer(&sender(n), 1, 10 - n))
        .collect();
    add_all(&world, &operations.iter().collect::<Vec<_>>());
    let excluded = BTreeSet::from([operations[0].id(), operations[2].id()]);
    let batch = world
        .pool
        .batch(Slot::new(1, 0), 1 << 40, 1 << 40, &excluded);
    assert_eq!(ids(&batch), [operations[1].id(), operations[3].id()]);
}

#[test]
fn a_batch_fits_together_in_what_remains() {
    let world = World::new();
    let operations: Vec<_> = (0..4)
        .map(|n| world.transfer(&sender(n), 1, 10 - n))
        .collect();
    add_all(&world, &operations.iter().collect::<Vec<_>>());
    let size = operations[0].encoded_len() as u64;
    let gas = world.params.transfer_gas;
    let count = |gas, space| {
        let excluded = BTreeSet::new();
        world
            .pool
            .batch(Slot::new(1, 0), gas, space, &excluded)
            .len()
    };
    assert_eq!(count(2 * gas, 100 * size), 2);
    assert_eq!(count(2 * gas - 1, 100 * size), 1);
    assert_eq!(count(100 * gas, 3 * size), 3);
    assert_eq!(count(100 * gas, 3 * size - 1), 2);
    assert_eq!(count(0, 0), 0);
}

#[test]
fn a_batch_goes_on_after_what_does_not_fit() {
    let world = World::with_contracts();
    let kind = OperationKind::Deploy {
        bytecode: vec![0; 10_000],
        max_gas: 1,
        max_coins: Amount::ZERO,
        datastore: Vec::new(),
    };
    let large = operation(&sender(1), kind, 1_000_000, 50, &world.chain);
    let small = world.transfer(&sender(2), 1, 1);
    add_all(&world, &[&large, &small]);
    assert_eq!(world.batch(1), [large.id(), small.id()]);
    let batch = world
        .pool
        .batch(Slot::new(1, 0), 1 << 40, 9_000, &BTreeSet::new());
    assert_eq!(ids(&batch), [small.id()]);
}

#[test]
fn a_batch_is_bounded_in_what_it_returns_and_in_what_it_passes_over() {
    let world = World::with_config(Config {
        max_batch_operations: 2,
        max_batch_skips: 3,
        contracts: true,
        ..Config::default()
    });
    let deploy = |n: u64| {
        let kind = OperationKind::Deploy {
            bytecode: vec![0; 1_000],
            max_gas: 1,
            max_coins: Amount::ZERO,
            datastore: Vec::new(),
        };
        operation(&sender(n), kind, 1_000_000, 50, &world.chain)
    };
    let small: Vec<_> = (0..3)
        .map(|n| world.transfer(&sender(n), 1, 3 - n))
        .collect();
    add_all(&world, &small.iter().collect::<Vec<_>>());
    assert_eq!(
        world.batch(1),
        [small[0].id(), small[1].id()],
        "two at most"
    );

    let with_room_for_small = || {
        let excluded = BTreeSet::new();
        world
            .pool
            .batch(Slot::new(1, 0), 1 << 40, 900, &excluded)
            .len()
    };
    let large: Vec<_> = (0..4).map(deploy).collect();
    add_all(&world, &large[..3].iter().collect::<Vec<_>>());
    assert_eq!(with_room_for_small(), 2, "passes over three");
    add_all(&world, &[&large[3]]);
    assert_eq!(with_room_for_small(), 0, "gives up at the fourth");
    let excluded: BTreeSet<_> = large.iter().map(SignedOperation::id).collect();
    let batch = world.pool.batch(Slot::new(1, 0), 1 << 40, 900, &excluded);
    assert_eq!(batch.len(), 2, "what is excluded does not count");
}

#[test]
fn an_operation_waits_for_its_first_period() {
    let world = World::new();
    let early = world.transfer_until(&sender(1), 1, 100, 105);
    let valid = world.transfer_until(&sender(2), 1, 1, 100);
    add_all(&world, &[&early, &valid]);
    assert_eq!(world.pool.stats().threads[0].not_yet_valid, 1);
    assert_eq!(world.batch(4), [valid.id()]);
    world.pool.notify_slot(Slot::new(4, 3));
    assert_eq!(world.pool.stats().threads[0].not_yet_valid, 1);
    // The factory may be told of a slot before the pool.
    assert_eq!(world.batch(5), [early.id(), valid.id()]);
    world.check_invariants();
    assert_eq!(
        world.batch(4),
        [valid.id()],
        "and an earlier slot is still answered rightly"
    );
    world.pool.notify_slot(Slot::new(5, 0));
    assert_eq!(world.pool.stats().threads[0].not_yet_valid, 0);
    world.check_invariants();
}

#[test]
fn expired_operations_leave_as_time_passes() {
    let world = World::new();
    let operations: Vec<_> = (0..6)
        .map(|n| world.transfer_until(&sender(n), 1, 1, 10 + n / 2))
        .collect();
    add_all(&world, &operations.iter().collect::<Vec<_>>());
    world.pool.notify_slot(Slot::new(12, 0));
    world.check_invariants();
    let stats = world.pool.stats().threads[0];
    assert_eq!((stats.operations, stats.expired), (2, 4));
    world.pool.notify_slot(Slot::new(3, 0));
    assert_eq!(
        world.pool.stats().threads[0],
        stats,
        "time does not go back"
    );
    world.pool.notify_slot(Slot::new(1_000_000, 0));
    world.check_invariants();
    assert_eq!(world.pool.stats().operations(), 0);
    assert_eq!(world.pool.stats().bytes(), 0);
}

#[test]
fn a_final_slot_tells_the_time_too() {
    let world = World::new();
    add_all(&world, &[&world.transfer_until(&sender(1), 1, 1, 10)]);
    world.pool.notify_final(Slot::new(11, 3), &[]);
    assert_eq!(world.pool.stats().operations(), 0);
    add_all(&world, &[&world.transfer_until(&sender(1), 1, 1, 121)]);
}

#[test]
fn in_a_full_thread_the_worst_leaves_for_a_better_one_only() {
    let world = World::with_config(Config {
        max_operations_per_thread: 3,
        max_operations_per_sender: 3,
        ..Config::default()
    });
    let [a, b, c, worse, better] = [(1, 30), (2, 20), (3, 10), (4, 9), (5, 25)]
        .map(|(n, fee)| world.transfer(&sender(n), 1, fee));
    add_all(&world, &[&a, &b, &c]);
    let full = PoolError::ThreadFull {
        id: worse.id(),
        thread: 0,
    };
    assert_eq!(world.add(&worse), Err(full));
    assert_eq!(world.add(&better), Ok(()));
    assert_eq!(world.batch(1), [a.id(), better.id(), b.id()]);
    assert_eq!(world.pool.stats().threads[0].evicted, 1);
}

#[test]
fn what_a_better_one_of_the_same_call_evicts_is_refused_and_not_announced() {
    let world = World::with_config(Config {
        max_operations_per_thread: 1,
        max_operations_per_sender: 1,
        ..Config::default()
    });
    let worse = Arc::new(world.transfer(&sender(1), 1, 1));
    let better = Arc::new(world.transfer(&sender(2), 1, 2));
    let results = world
        .pool
        .add_operations(vec![worse.clone(), better.clone()]);
    let full = PoolError::ThreadFull {
        id: worse.id(),
        thread: 0,
    };
    assert_eq!(results, [Err(full), Ok(())]);
    assert_eq!(world.network.take().operations, [better]);
}

#[test]
fn several_worse_ones_leave_for_a_large_better_one_or_none_does() {
    let template = World::new();
    let size = template.transfer(&sender(1), 1, 200).encoded_len() as u64;
    let world = World::with_config(Config {
        max_bytes_per_thread: 4 * size,
        contracts: true,
        ..Config::default()
    });
    let large = |fee| {
        let kind = OperationKind::Deploy {
            bytecode: vec![0; usize::try_from(2 * size).unwrap()],
            max_gas: 1,
            max_coins: Amount::ZERO,
            datastore: Vec::new(),
        };
        operation(&sender(9), kind, fee, 50, &world.chain)
    };
    let small: Vec<_> = (0..4)
        .map(|n| world.transfer(&sender(n), 1, 100 * (n + 2)))
        .collect();
    add_all(&world, &small.iter().collect::<Vec<_>>());

    // It needs the room of three, and is better than two of them.
    let middling = large(1_000);
    let full = PoolError::ThreadFull {
        id: middling.id(),
        thread: 0,
    };
    assert_eq!(world.add(&middling), Err(full));
    assert_eq!(world.pool.stats().operations(), 4, "nobody left");

    let best = large(5_000);
    assert_eq!(world.add(&best), Ok(()));
    assert_eq!(world.batch(1), [best.id(), small[3].id()]);
}

#[test]
fn those_that_wait_are_evicted_like_those_that_are_ready() {
    let world = World::with_config(Config {
        max_operations_per_thread: 2,
        max_operations_per_sender: 2,
        ..Config::default()
    });
    let ready = world.transfer_until(&sender(1), 1, 20, 50);
    let waiting = world.transfer_until(&sender(2), 1, 10, 105);
    let better = world.transfer_until(&sender(3), 1, 15, 50);
    add_all(&world, &[&ready, &waiting, &better]);
    assert!(!world.pool.contains(&waiting.id()));
    assert_eq!(world.batch(1), [ready.id(), better.id()]);
}

#[test]
fn a_sender_with_all_it_may_have_gives_up_its_own_worst_for_a_better_one_only() {
    let world = World::with_config(Config {
        max_operations_per_sender: 2,
        ..Config::default()
    });
    let busy = sender(1);
    world.accounts.set_balance(address_of(&busy), 1_000);
    let other = world.transfer(&sender(2), 1, 1);
    let [a, b, worse, better] = [30, 20, 10, 25].map(|fee| world.transfer(&busy, 400, fee));
    add_all(&world, &[&other, &a, &b]);
    let full = PoolError::SenderFull {
        id: worse.id(),
        sender: Box::new(address_of(&busy)),
        max: 2,
    };
    assert_eq!(world.add(&worse), Err(full));
    // The balance covers it because the one that leaves no longer counts.
    assert_eq!(world.add(&better), Ok(()));
    assert_eq!(world.batch(1), [a.id(), better.id(), other.id()]);
}

#[test]
fn a_falling_balance_leaves_the_best_that_it_covers() {
    let world = World::new();
    let poor = sender(1);
    let [best, middling, cheap] =
        [(500, 30), (400, 20), (50, 10)].map(|(amount, fee)| world.transfer(&poor, amount, fee));
    let other = world.transfer(&sender(2), 1, 1);
    add_all(&world, &[&best, &middling, &cheap, &other]);
    world.accounts.set_balance(address_of(&poor), 600);
    world.pool.notify_balances(&[address_of(&poor)]);
    world.check_invariants();
    assert_eq!(world.batch(1), [best.id(), cheap.id(), other.id()]);
    world.accounts.set_balance(address_of(&poor), 0);
    world.pool.notify_balances(&[address_of(&poor)]);
    world.check_invariants();
    assert_eq!(world.batch(1), [other.id()]);
}

#[test]
fn only_senders_whose_balance_changed_are_checked_again() {
    let world = World::new();
    let (changed, other) = (sender(1), sender(2));
    let mut accounts = MockAccountView::new();
    let watched = address_of(&other);
    accounts.expect_candidate_rolls().returning(|_| 0);
    accounts.expect_is_executed().returning(|_, _| false);
    accounts
        .expect_candidate_balance()
        .withf(move |address| *address == watched)
        // Twice when its operation comes in, and never again.
        .times(2)
        .returning(|_| Amount::MAX);
    let watched = address_of(&changed);
    accounts
        .expect_candidate_balance()
        .withf(move |address| *address == watched)
        .times(3)
        .returning(|_| Amount::MAX);
    let pool = world.pool_over(Arc::new(accounts));
    let operations = [&changed, &other].map(|key| Arc::new(world.transfer(key, 1, 1)));
    assert_eq!(pool.add_operations(operations.to_vec()), [Ok(()), Ok(())]);
    pool.notify_balances(&[address_of(&changed), address_of(&sender(3))]);
}

#[test]
fn final_operations_leave_and_their_senders_are_checked_again() {
    let world = World::new();
    let poor = sender(1);
    let [done, covered, uncovered] =
        [(10, 3), (20, 2), (30, 1)].map(|(amount, fee)| world.transfer(&poor, amount, fee));
    add_all(&world, &[&done, &covered, &uncovered]);
    world.accounts.set_balance(address_of(&poor), 25);
    world.accounts.set_executed(done.id(), true);
    world.pool.notify_final(Slot::new(1, 0), &[done.id()]);
    world.check_invariants();
    assert_eq!(world.batch(2), [covered.id()]);
    assert!(!world.pool.contains(&done.id()));
    // Once more, and for what was never here, is all the same.
    world.pool.notify_final(Slot::new(1, 0), &[done.id()]);
    world.pool.notify_final(Slot::new(1, 200), &[done.id()]);
}

#[test]
fn what_the_candidate_state_includes_stays_but_does_not_weigh_on_the_balance_twice() {
    let world = World::new();
    let (spender, account) = (sender(1), address_of(&sender(1)));
    world.accounts.set_balance(account, 100);
    let included = world.transfer(&spender, 60, 0);
    add_all(&world, &[&included]);
    // A candidate block includes it: 40 are left.
    world.accounts.set_balance(account, 40);
    world.accounts.set_executed(included.id(), true);
    let next = world.transfer(&spender, 40, 0);
    assert_eq!(world.add(&next), Ok(()), "though nobody told the pool yet");
    world.pool.notify_balances(&[account]);
    assert!(
        world.pool.contains(&included.id()),
        "its block may still lose"
    );

    // The block loses: both are open again, and the balance covers both.
    world.accounts.set_balance(account, 100);
    world.accounts.set_executed(included.id(), false);
    world.pool.notify_balances(&[account]);
    world.check_invariants();
    assert_eq!(world.batch(1).len(), 2);
    let more = world.transfer(&spender, 1, 0);
    assert!(matches!(
        world.add(&more),
        Err(PoolError::BalanceTooLow { needed: 101, .. })
    ));
}

#[test]
fn operations_of_lost_candidates_come_back_without_being_announced() {
    let world = World::new();
    let (spender, account) = (sender(1), address_of(&sender(1)));
    let lost = Arc::new(world.transfer(&spender, 60, 0));
    let expired = Arc::new(world.transfer_until(&spender, 60, 0, 3));
    world.pool.notify_slot(Slot::new(5, 0));
    // The candidate state still includes the block that lost.
    world.accounts.set_balance(account, 10);
    world.accounts.set_executed(lost.id(), true);
    world.pool.offer_again(vec![lost.clone(), expired]);
    world.check_invariants();
    assert_eq!(world.batch(5), [lost.id()]);
    world.accounts.set_executed(lost.id(), false);
    world.accounts.set_balance(account, 70);
    world.pool.notify_balances(&[account]);
    assert_eq!(world.batch(5), [lost.id()]);
    assert!(world.network.take().operations.is_empty());
}

#[test]
fn accounts_that_change_while_an_operation_comes_in_are_not_missed() {
    let world = World::new();
    let transfer = Arc::new(world.transfer(&sender(1), 60, 0));
    let mut balances = vec![
        Amount::ZERO,
        Amount::ZERO,
        Amount::ZERO,
        Amount::from_nanos(60),
    ];
    let mut accounts = MockAccountView::new();
    accounts.expect_is_executed().returning(|_, _| false);
    accounts
        .expect_candidate_balance()
        .returning(move |_| balances.pop().unwrap());
    let pool = world.pool_over(Arc::new(accounts));
    let results = pool.add_operations(vec![transfer.clone()]);
    assert!(matches!(
        results[..],
        [Err(PoolError::BalanceTooLow { needed: 60, .. })]
    ));
    assert!(!pool.contains(&transfer.id()));

    let mut executed = vec![true, false];
    let mut accounts = MockAccountView::new();
    accounts
        .expect_candidate_balance()
        .returning(|_| Amount::MAX);
    accounts
        .expect_is_executed()
        .returning(move |_, _| executed.pop().unwrap());
    let pool = world.pool_over(Arc::new(accounts));
    let results = pool.add_operations(vec![transfer.clone()]);
    assert_eq!(results, [Err(PoolError::OperationExecuted(transfer.id()))]);
    assert!(!pool.contains(&transfer.id()));
}

/// Accounts that ask the pool back, which would hang if it held a lock.
#[derive(Default)]
struct Curious {
    pool: OnceLock<std::sync::Weak<SharedPool>>,
}

impl Curious {
    fn ask(&self) {
        let pool = self.pool.get().and_then(std::sync::Weak::upgrade).unwrap();
        assert_eq!(pool.stats().threads.len(), 4);
    }
}

impl AccountView for Curious {
    fn candidate_balance(&self, _address: &Address) -> Amount {
        self.ask();
        Amount::MAX
    }

    fn is_executed(&self, _id: &OperationId, _thread: u8) -> bool {
        self.ask();
        false
    }

    fn candidate_rolls(&self, _address: &Address) -> u64 {
        self.ask();
        5
    }
}

#[test]
fn no_lock_is_held_while_accounts_are_asked() {
    let world = World::new();
    let accounts = Arc::new(Curious::default());
    let pool = Arc::new(world.pool_over(accounts.clone()));
    accounts.pool.set(Arc::downgrade(&pool)).unwrap();
    let first = Arc::new(world.transfer(&sender(1), 1, 1));
    let kind = OperationKind::RollSell { roll_count: 1 };
    let second = Arc::new(operation(&sender(1), kind, 1, 50, &world.chain));
    let results = pool.add_operations(vec![first.clone(), second]);
    assert_eq!(results, [Ok(()), Ok(())]);
    pool.notify_balances(&[address_of(&sender(1))]);
    pool.notify_final(Slot::new(1, 0), &[first.id()]);
    pool.offer_again(vec![first]);
    assert_eq!(pool.stats().operations(), 2);
}

#[test]
fn the_pool_is_shared_between_threads() {
    let world = World::new();
    let operations: Vec<_> = (0..40)
        .map(|n| Arc::new(world.transfer(&key(n), 1, n)))
        .collect();
    std::thread::scope(|scope| {
        for share in operations.chunks(10) {
            let pool = &world.pool;
            scope.spawn(move || {
                for operation in share {
                    assert_eq!(pool.add_operations(vec![operation.clone()]), [Ok(())]);
                    let slot = Slot::new(1, 0);
                    let _ = pool.batch(slot, 1 << 40, 1 << 40, &BTreeSet::new());
                    pool.notify_balances(&[operation.signer_address()]);
                }
            });
        }
    });
    world.check_invariants();
    assert_eq!(world.pool.stats().operations(), 40);
}

/// Accounts that do not answer as long as somebody holds the gate.
struct Stuck {
    gate: parking_lot::RwLock<()>,
    asked: std::sync::mpsc::SyncSender<()>,
}

impl Stuck {
    fn wait<T>(&self, answer: T) -> T {
        let _ = self.asked.try_send(());
        let _open = self.gate.read();
        answer
    }
}

impl AccountView for Stuck {
    fn candidate_balance(&self, _address: &Address) -> Amount {
        self.wait(Amount::MAX)
    }

    fn is_executed(&self, _id: &OperationId, _thread: u8) -> bool {
        self.wait(false)
    }

    fn candidate_rolls(&self, _address: &Address) -> u64 {
        self.wait(0)
    }

    fn is_punished(&self, _fault: &picot_models::FaultKey) -> bool {
        self.wait(false)
    }
}

#[test]
fn every_question_is_answered_while_execution_answers_nothing() {
    let world = World::new();
    let (asked, is_asked) = std::sync::mpsc::sync_channel(1);
    let accounts = Arc::new(Stuck {
        gate: parking_lot::RwLock::new(()),
        asked,
    });
    let pool = world.pool_over(accounts.clone());
    let held = Arc::new(world.transfer(&sender(1), 1, 1));
    assert_eq!(pool.add_operations(vec![held.clone()]), [Ok(())]);
    let fault = denunciations::headers(&world, &staker(0), Slot::new(1, 0));
    assert_eq!(pool.add_denunciations(vec![fault.clone()]), [Ok(())]);
    let changes: [&(dyn Fn() + Sync); 5] = [
        &|| drop(pool.add_operations(vec![Arc::new(world.transfer(&sender(2), 1, 1))])),
        &|| {
            drop(pool.add_denunciations(vec![denunciations::headers(
                &world,
                &staker(1),
                Slot::new(1, 0),
            )]))
        },
        &|| pool.notify_balances(&[address_of(&sender(1))]),
        &|| pool.notify_final(Slot::new(1, 0), &[]),
        &|| pool.offer_again(vec![Arc::new(world.transfer(&sender(3), 1, 1))]),
    ];
    for change in changes {
        while is_asked.try_recv().is_ok() {}
        let shut = accounts.gate.write();
        std::thread::scope(|scope| {
            scope.spawn(change);
            is_asked.recv().unwrap();
            let slot = Slot::new(2, 0);
            pool.notify_slot(slot);
            let none = BTreeSet::new();
            assert!(!pool.batch(slot, 1 << 40, 1 << 40, &none).is_empty());
            let block = picot_models::BlockId::from_hash(picot_models::Hash([1; 32]));
            assert!(!pool.endorsements_for(&block, Slot::new(1, 0)).is_empty());
            assert!(pool.denunciations_for(slot).contains(&fault));
            assert!(pool.contains(&held.id()));
            assert_eq!(pool.get(&held.id()), Some(held.clone()));
            assert_eq!(pool.holds(&[held.id()]), [true]);
            let prefix = crate::prefix_of(&held.id());
            assert_eq!(pool.operations_by_prefix(&[prefix]), [Some(held.clone())]);
            assert!(pool.stats().operations() > 0);
            drop(shut);
        });
    }
}
