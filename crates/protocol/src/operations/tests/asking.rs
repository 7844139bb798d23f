//! Asking, and what comes of it.

use super::{Node, WAIT, config, prefixes, sorted};
use crate::Fault;
use crate::operations::Operations;
use crate::operations::test_kit::{TestPool, chain, forged, large, transfers};
use crate::packet::Prefix;
use picot_clock::Millis;
use picot_consensus::Peer;
use picot_pool::{Pool, PoolError};
use std::sync::Arc;

#[test]
fn what_is_announced_and_lacked_is_asked_for_of_the_first_who_announced_it() {
    let mut node = Node::of(2);
    let operations = transfers(5);
    node.submit(&operations[..1]);
    node.announced(0, &operations);
    node.announced(1, &operations);
    node.announced(0, &operations);
    assert_eq!(node.questions(), [(0, sorted(&operations[1..]))]);
    node.came(0, &operations[1..]);
    assert_eq!(node.judge(), vec![Ok(()); 4]);
    node.announced(1, &operations);
    assert_eq!((node.questions(), node.faults()), (vec![], vec![]));
    assert_eq!(node.pool.pool.stats().operations(), 5);
}

#[test]
fn who_is_not_a_peer_is_neither_asked_nor_believed() {
    let mut node = Node::of(1);
    let operations = transfers(1);
    node.announced(9, &operations);
    node.came(9, &operations);
    assert_eq!((node.questions(), node.faults()), (vec![], vec![]));
    assert!(node.added.is_empty());
}

#[test]
fn who_does_not_answer_in_time_makes_room_for_the_next_of_four() {
    let mut node = Node::of(7);
    let operations = transfers(1);
    (0..7).for_each(|peer| node.announced(peer, &operations));
    let mut asked = Vec::new();
    for _ in 0..10 {
        asked.extend(node.questions().into_iter().map(|(peer, _)| peer));
        node.after(WAIT);
    }
    assert_eq!(asked, [0, 1, 2, 3, 4]);
    assert_eq!(node.faults(), []);
}

#[test]
fn what_comes_late_is_taken_and_nobody_is_blamed() {
    let mut node = Node::of(2);
    let operations = transfers(2);
    node.announced(0, &operations);
    node.announced(1, &operations);
    node.after(WAIT);
    let questions = node.questions();
    assert_eq!(
        questions.iter().map(|one| one.0).collect::<Vec<_>>(),
        [0, 1]
    );
    node.came(0, &operations[..1]);
    assert_eq!(node.judge(), [Ok(())]);
    // Both come again from the other, and one of them from the first: late as well.
    node.came(1, &operations);
    node.came(0, &operations[1..]);
    assert_eq!(node.judge(), [Ok(())]);
    assert_eq!(node.faults(), []);
    // By now everything that was asked for has come.
    node.came(0, &operations[1..]);
    assert_eq!(node.faults(), [(0, Fault::Unasked)]);
}

#[test]
fn what_comes_after_all_were_asked_in_vain_is_taken_for_a_while() {
    let mut node = Node::of(2);
    let operations = transfers(2);
    node.announced(0, &operations);
    node.after(WAIT);
    node.after(WAIT * 10);
    node.came(0, &operations[..1]);
    assert_eq!(node.judge(), [Ok(())]);
    node.after(WAIT * 10);
    assert_eq!(node.operations.stats().never_came, 1);
    // It may be announced by another, and is asked for again.
    node.questions();
    node.announced(1, &operations[1..]);
    assert_eq!(node.questions(), [(1, prefixes(&operations[1..]))]);
    assert_eq!(node.faults(), []);
}

#[test]
fn a_peer_that_keeps_sending_is_waited_for_but_not_without_end() {
    let mut node = Node::of(2);
    let operations = transfers(20);
    node.announced(0, &operations);
    node.announced(1, &operations);
    assert_eq!(node.questions().len(), 1);
    let mut asked_at = None;
    for (count, operation) in operations.iter().enumerate().take(12) {
        node.after(WAIT / 2);
        node.came(0, std::slice::from_ref(operation));
        node.judge();
        if !node.questions().is_empty() {
            asked_at.get_or_insert(count + 1);
        }
    }
    // Four times as long as one that sends nothing.
    assert_eq!(asked_at, Some(8));
}

#[test]
fn operations_that_were_not_asked_for_are_not_taken() {
    let mut node = Node::of(2);
    let operations = transfers(2);
    node.announced(0, &operations[..1]);
    node.came(1, &operations[..1]);
    assert_eq!(node.faults(), [(1, Fault::Unasked)]);
    node.came(0, &operations);
    assert_eq!(node.faults(), [(0, Fault::Unasked)]);
    assert_eq!(node.judge(), [Ok(())]);
    assert!(!node.pool.pool.contains(&operations[1].id()));
}

#[test]
fn a_bad_signature_is_the_fault_of_who_sent_it_and_the_next_is_asked() {
    let mut node = Node::of(3);
    let operations = transfers(2);
    let false_one = Arc::new(forged(&operations[0], &operations[1]));
    node.announced(0, &operations);
    node.announced(1, &operations[..1]);
    assert_eq!(node.questions(), [(0, sorted(&operations))]);
    node.came(0, &[false_one, operations[1].clone()]);
    // While the pool looks at it, a third says to have it.
    node.announced(2, &operations[..1]);
    node.judge();
    assert_eq!(node.faults(), [(0, Fault::BadItem)]);
    assert_eq!(node.questions(), [(1, prefixes(&operations[..1]))]);
    node.gone(1);
    assert_eq!(node.questions(), [(2, prefixes(&operations[..1]))]);
    node.came(2, &operations[..1]);
    assert_eq!(node.judge(), [Ok(())]);
    assert_eq!((node.questions(), node.faults()), (vec![], vec![]));
}

#[test]
fn a_bad_signature_of_the_only_one_keeps_nobody_else_out() {
    let mut node = Node::of(2);
    let operations = transfers(2);
    node.announced(0, &operations[..1]);
    node.came(0, &[Arc::new(forged(&operations[0], &operations[1]))]);
    node.judge();
    node.questions();
    node.announced(1, &operations[..1]);
    assert_eq!(node.questions(), [(1, prefixes(&operations[..1]))]);
}

#[test]
fn what_the_pool_refuses_is_nobodys_fault_and_not_fetched_again_for_a_while() {
    let mut node = Node::of(3);
    node.pool = TestPool::with_min_fee(5_000);
    let operations = transfers(1);
    node.announced(0, &operations);
    node.came(0, &operations);
    assert!(matches!(
        node.judge()[..],
        [Err(PoolError::FeeTooLow { .. })]
    ));
    node.questions();
    node.announced(1, &operations);
    assert_eq!(node.questions(), []);
    node.after(config().refused_for.0);
    node.announced(2, &operations);
    assert_eq!(node.questions(), [(2, prefixes(&operations))]);
    assert_eq!(node.faults(), []);
}

#[test]
fn what_was_executed_is_not_fetched_again() {
    let mut node = Node::of(2);
    let operations = transfers(1);
    node.pool.accounts.set_executed(operations[0].id(), true);
    node.announced(0, &operations);
    node.came(0, &operations);
    assert!(matches!(
        node.judge()[..],
        [Err(PoolError::OperationExecuted(_))]
    ));
    node.questions();
    node.announced(1, &operations);
    assert_eq!((node.questions(), node.faults()), (vec![], vec![]));
}

#[test]
fn what_was_pending_and_left_is_not_fetched_again() {
    let mut node = Node::of(1);
    let operations = transfers(1);
    node.submit(&operations);
    node.pool.finish(&operations[0]);
    node.announced(0, &operations);
    assert_eq!(node.questions(), []);
}

#[test]
fn an_operation_that_comes_otherwise_is_waited_for_no_longer() {
    let mut node = Node::of(3);
    let operations = transfers(1);
    node.announced(0, &operations);
    node.announced(1, &operations);
    node.submit(&operations);
    node.questions();
    node.after(WAIT);
    assert_eq!(node.operations.members.asked().0, 0);
    // Those who announced it are not told, and who was asked may answer.
    let told: Vec<u64> = node.sent().into_iter().map(|(peer, _)| peer.0).collect();
    assert_eq!(told, [2]);
    node.came(0, &operations);
    assert_eq!((node.faults(), node.added.len()), (vec![], 0));
}

#[test]
fn what_a_peer_was_asked_for_is_asked_of_others_when_it_is_gone() {
    let mut node = Node::of(2);
    let operations = transfers(3);
    node.announced(0, &operations);
    node.announced(1, &operations[1..]);
    node.questions();
    node.gone(0);
    assert_eq!(node.questions(), [(1, sorted(&operations[1..]))]);
    // What nobody else has is forgotten, to the last trace.
    node.came(1, &operations[1..]);
    node.judge();
    assert!(node.operations.wanted.is_empty() && node.operations.deadlines.is_empty());
    assert_eq!(node.operations.members.asked().0, 0);
}

#[test]
fn a_peer_in_the_place_of_another_has_not_what_that_one_had() {
    let mut node = Node::of(1);
    let operations = transfers(1);
    node.announced(0, &operations);
    node.came(0, &operations);
    node.gone(0);
    node.operations.connected(Peer(1));
    node.judge();
    node.after(30);
    let told: Vec<u64> = node
        .sent()
        .into_iter()
        .skip(1)
        .map(|(peer, _)| peer.0)
        .collect();
    assert_eq!(told, [1]);
}

fn count(questions: &[(u64, Vec<Prefix>)], of: u64) -> usize {
    let of_peer = questions.iter().filter(|(peer, _)| *peer == of);
    of_peer.map(|(_, prefixes)| prefixes.len()).sum()
}

#[test]
fn more_than_may_be_asked_for_waits_until_answers_come() {
    let mut small = config();
    (small.asked, small.asked_per_peer) = (5, 3);
    let mut node = Node::with(small);
    (0..3).for_each(|peer| node.operations.connected(Peer(peer)));
    let operations = transfers(12);
    node.announced(0, &operations[..6]);
    node.announced(1, &operations[6..]);
    let questions = node.questions();
    assert_eq!((count(&questions, 0), count(&questions, 1)), (3, 2));
    let mut left: Vec<_> = questions;
    let mut came = 0;
    // One packet at a time: never more than five are waited for.
    while let Some((peer, asked)) = left.pop() {
        let some: Vec<_> = operations
            .iter()
            .filter(|one| asked.contains(&Prefix::of(&one.id())))
            .cloned()
            .collect();
        came += some.len();
        node.came(peer, &some);
        node.judge();
        left.extend(node.questions());
        let waited_for: usize = left.iter().map(|(_, asked)| asked.len()).sum();
        assert!(waited_for <= 5);
        assert!(count(&left, 0) <= 3 && count(&left, 1) <= 3);
    }
    assert_eq!(came, 12);
    assert_eq!(node.faults(), []);
}

#[test]
fn large_operations_are_asked_for_in_small_numbers() {
    let mut node = Node::of(1);
    let operations: Vec<_> = (0..40).map(|number| large(number, 300_000)).collect();
    node.announced(0, &operations);
    let mut asked = node.questions();
    assert_eq!(count(&asked, 0), 40);
    // From then on it is known how large its operations are.
    node.came(0, &operations);
    node.judge();
    let more: Vec<_> = (40..80).map(|number| large(number, 300_000)).collect();
    node.announced(0, &more);
    asked = node.questions();
    let mean = node.operations.members.get(Peer(0)).unwrap().mean_bytes;
    assert!(mean > 30_000);
    assert!(count(&asked, 0) * mean <= config().asked_bytes_per_peer);
}

#[test]
fn nothing_is_asked_for_while_the_pool_has_not_answered_for_much() {
    let mut small = config();
    small.tickets = 2;
    let mut node = Node::with(small);
    node.operations.connected(Peer(0));
    let operations = transfers(5);
    for operation in &operations[..2] {
        node.announced(0, std::slice::from_ref(operation));
        node.came(0, std::slice::from_ref(operation));
    }
    node.questions();
    node.announced(0, &operations[2..]);
    assert_eq!(node.questions(), []);
    node.judge();
    assert_eq!(node.questions(), [(0, sorted(&operations[2..]))]);
}

#[test]
fn what_the_pool_never_answers_for_may_be_fetched_again() {
    let mut node = Node::of(2);
    let operations = transfers(1);
    node.announced(0, &operations);
    node.came(0, &operations);
    let lost = std::mem::take(&mut node.added);
    node.questions();
    node.announced(1, &operations);
    assert_eq!(node.questions(), []);
    node.after(config().ticket_wait.0);
    assert_eq!(node.operations.stats().unjudged, 1);
    node.announced(1, &operations);
    assert_eq!(node.questions(), [(1, prefixes(&operations))]);
    // An answer after all changes nothing.
    node.step(|it, _, out| it.on_added(picot_clock::Timestamp(0), lost[0].0, &[Ok(())], out));
    node.came(1, &operations);
    assert_eq!(node.judge(), [Ok(())]);
}

#[test]
fn what_waits_longest_is_dropped_and_one_peer_cannot_fill_the_queue() {
    let mut small = config();
    (small.asked, small.wanted, small.wanted_per_peer) = (1, 8, 6);
    let mut node = Node::with(small);
    (0..2).for_each(|peer| node.operations.connected(Peer(peer)));
    let operations = transfers(20);
    node.announced(0, &operations[..10]);
    assert_eq!(node.operations.stats().dropped, 4);
    assert_eq!(node.operations.wanted.len(), 6);
    node.announced(1, &operations[10..14]);
    assert_eq!(node.operations.stats().dropped, 6);
    assert_eq!(node.operations.wanted.len(), 8);
    assert_eq!(node.operations.waiting.len(), 7);
    for new in &operations[10..14] {
        assert!(node.operations.wanted.contains_key(&Prefix::of(&new.id())));
    }
}

#[test]
fn what_was_asked_for_in_vain_is_dropped_before_what_waits() {
    let mut small = config();
    (small.asked, small.wanted) = (3, 6);
    let mut node = Node::with(small);
    (0..2).for_each(|peer| node.operations.connected(Peer(peer)));
    let operations = transfers(9);
    node.announced(0, &operations[..3]);
    node.after(WAIT);
    node.announced(1, &operations[3..]);
    let wanted = &node.operations.wanted;
    assert_eq!((wanted.len(), node.operations.stats().dropped), (6, 3));
    for new in &operations[3..] {
        assert!(wanted.contains_key(&Prefix::of(&new.id())));
    }
}

#[test]
fn a_busy_peer_is_given_a_second_at_least() {
    let operations = transfers(1);
    for (wait, expected) in [(100, 1_000), (3_000, 3_000)] {
        let mut node = Node::of(0);
        node.operations = Operations::new(chain(), Millis(wait));
        (0..2).for_each(|peer| node.operations.connected(Peer(peer)));
        (0..2).for_each(|peer| node.announced(peer, &operations));
        let asked = node.questions();
        node.after(expected - 1);
        assert_eq!((asked.len(), node.questions().len()), (1, 0));
        node.after(1);
        assert_eq!(node.questions().len(), 1);
    }
}

#[test]
fn those_who_announce_and_do_not_deliver_hold_nobody_up() {
    let mut small = config();
    small.asked_per_peer = 2;
    let mut node = Node::with(small);
    (0..2).for_each(|peer| node.operations.connected(Peer(peer)));
    let invented = transfers(700);
    let real = super::super::test_kit::transfers_from(10_000, 2);
    node.announced(0, &invented);
    node.announced(0, &real);
    node.questions();
    node.announced(1, &real);
    for _ in 0..4 {
        node.step(|_, _, _| {});
    }
    assert_eq!(count(&node.questions(), 1), 2);
}
