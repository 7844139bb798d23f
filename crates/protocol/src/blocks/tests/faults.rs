//! Who is to blame, and who is not.

use super::{Node, WAIT, block_of, envelope_of, forged, places, short_of};
use crate::Fault;
use crate::operations::test_kit::{chain, transfers, transfers_from};
use crate::packet::Packet;
use picot_consensus::{Peer, PeerFault};

#[test]
fn ids_that_do_not_hash_to_the_header_are_the_fault_of_who_sent_them() {
    let operations = transfers(3);
    let (block, other) = (
        block_of(1, &operations),
        block_of(1, &transfers_from(50, 3)),
    );
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.candidate(6, &block, None);
    node.ask(block.id(), Some(5), &[]);
    node.sent();
    let ids = other.operations.iter().map(|one| one.id()).collect();
    node.receive(
        Peer(5),
        &Packet::BlockIds {
            id: block.id(),
            operations: ids,
        },
    );
    assert_eq!(node.faults(), [(5, Fault::WrongBlock)]);
    // The next is asked, and this one never again.
    assert_eq!(node.sent(), [(6, Packet::GetBlock(block.id()))]);
    node.after(WAIT);
    node.ask(block.id(), Some(5), &[5, 7]);
    assert_eq!(node.sent(), [(7, Packet::GetBlock(block.id()))]);
}

#[test]
fn a_wrong_short_list_is_the_fault_of_who_sent_it_when_the_ids_prove_it() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations);
    let mut short = short_of(&operations);
    short.0.swap(0, 1);
    node.candidate(5, &block, Some(&short));
    node.candidate(6, &block, None);
    node.ask(block.id(), Some(6), &[]);
    assert_eq!(node.faults(), []);
    assert_eq!(node.sent(), [(6, Packet::GetBlock(block.id()))]);
    node.ids(6, &block);
    assert_eq!(node.faults(), [(5, Fault::WrongBlock)]);
    assert_eq!(node.finished(&block), Some(6));
}

#[test]
fn a_short_list_of_another_length_is_judged_by_the_ids_as_well() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations);
    node.candidate(5, &block, Some(&short_of(&operations[..2])));
    node.ask(block.id(), Some(6), &[]);
    assert_eq!(node.faults(), []);
    node.ids(6, &block);
    assert_eq!(node.faults(), [(5, Fault::WrongBlock)]);
    assert_eq!(node.finished(&block), Some(6));
}

#[test]
fn a_right_short_list_is_nobodys_fault_when_another_sends_wrong_operations() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations[..2]);
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.candidate(6, &block, None);
    node.ask(block.id(), Some(6), &[]);
    assert_eq!(node.sent(), [(6, places(block.id(), [2]))]);
    node.operations(6, block.id(), &transfers_from(90, 1));
    // It may be the list that is wrong.
    assert_eq!(node.faults(), []);
    assert_eq!(node.sent(), [(6, Packet::GetBlock(block.id()))]);
    node.receive(Peer(6), &Packet::NotHeld(block.id()));
    assert_eq!(node.sent(), [(5, Packet::GetBlock(block.id()))]);
    node.ids(5, &block);
    assert_eq!(node.faults(), [(6, Fault::WrongBlock)]);
    assert_eq!(node.sent(), [(5, places(block.id(), [2]))]);
    node.operations(5, block.id(), &operations[2..]);
    assert_eq!(node.verify(), 1);
    assert_eq!(node.finished(&block), Some(5));
}

#[test]
fn who_answers_truly_to_a_wrong_short_list_is_not_blamed_and_its_answer_is_kept() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut short = short_of(&operations);
    short.0[1] = short_of(&transfers_from(90, 1)).0[0];
    let mut node = Node::new();
    node.candidate(5, &block, Some(&short));
    node.ask(block.id(), Some(6), &[]);
    node.operations(6, block.id(), &operations);
    node.sent();
    node.ids(6, &block);
    assert_eq!(node.faults(), [(5, Fault::WrongBlock)]);
    assert_eq!(node.sent(), [(6, places(block.id(), [1]))]);
}

#[test]
fn operations_other_than_the_ids_say_are_the_fault_of_who_sent_them() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.ask(block.id(), Some(5), &[6]);
    node.ids(5, &block);
    node.sent();
    let wrong = [
        operations[0].clone(),
        operations[2].clone(),
        operations[1].clone(),
    ];
    node.operations(5, block.id(), &wrong);
    assert_eq!(node.faults(), [(5, Fault::WrongBlock)]);
    // What was right before is kept.
    assert_eq!(node.sent(), [(6, places(block.id(), 1..3))]);
}

#[test]
fn a_bad_signature_is_the_fault_of_who_sent_that_operation_and_of_nobody_else() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[6, 7]);
    node.operations(5, block.id(), &operations[..2]);
    node.receive(Peer(5), &Packet::NotHeld(block.id()));
    let asked = node.sent().pop().unwrap().0;
    let other = if asked == 6 { 7 } else { 6 };
    node.operations(
        asked,
        block.id(),
        &[
            forged(&operations[2], &operations[3]),
            operations[3].clone(),
        ],
    );
    assert_eq!(node.verify(), 4);
    assert_eq!(node.faults(), [(asked, Fault::BadItem)]);
    assert_eq!(node.finished(&block), None);
    assert_eq!(node.sent(), [(other, places(block.id(), [2]))]);
    node.operations(other, block.id(), &operations[2..3]);
    // What was good is not verified again.
    assert_eq!(node.verify(), 1);
    assert_eq!(node.finished(&block), Some(5));
    assert_eq!(node.faults(), []);
}

#[test]
fn a_bad_signature_in_a_whole_block_is_the_fault_of_who_sent_it() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut body = envelope_of(&block);
    body.operations[1] = forged(&operations[1], &operations[0]).envelope().clone();
    let mut node = Node::new();
    node.ask(block.id(), Some(3), &[4]);
    node.body(3, &body);
    assert_eq!(node.verify(), 3);
    assert_eq!(node.faults(), [(3, Fault::BadItem)]);
    assert_eq!(node.sent()[1..], [(4, places(block.id(), [1]))]);
}

#[test]
fn a_pending_operation_stands_in_for_a_badly_signed_one() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let mut body = envelope_of(&block);
    body.operations[1] = forged(&operations[1], &operations[0]).envelope().clone();
    let mut node = Node::new();
    node.pool.add(&operations);
    node.ask(block.id(), Some(3), &[]);
    node.body(3, &body);
    assert_eq!((node.verify(), node.finished(&block)), (0, Some(3)));
}

#[test]
fn a_whole_block_that_is_not_its_header_s_is_the_fault_of_who_sent_it() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut body = envelope_of(&block);
    body.operations.swap(0, 1);
    let mut node = Node::new();
    node.ask(block.id(), Some(3), &[]);
    node.body(3, &body);
    assert_eq!(node.faults(), [(3, Fault::WrongBlock)]);
    let mut node = Node::new();
    let mut body = envelope_of(&block);
    body.header.signature = *operations[0].signature();
    assert_eq!(body.header.id(&chain()), block.id());
    node.ask(block.id(), Some(3), &[]);
    node.body(3, &body);
    assert_eq!(
        node.faults(),
        [(3, Fault::Consensus(PeerFault::BadSignature))]
    );
    assert_eq!((node.verify(), node.finished(&block)), (0, None));
}

#[test]
fn answers_that_nobody_asked_for_are_blamed_and_not_taken() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, None);
    for _ in 0..2 {
        node.ids(5, &block);
        node.operations(5, block.id(), &operations);
        node.body(5, &envelope_of(&block));
        node.receive(Peer(5), &Packet::NotHeld(block.id()));
        assert_eq!(node.faults(), [(5, Fault::Unasked); 4]);
        // Nor while another is asked.
        node.ask(block.id(), Some(6), &[]);
        node.gone(5);
    }
    assert_eq!((node.verify(), node.finished(&block)), (0, None));
}

#[test]
fn one_question_has_one_answer_and_no_more_operations_than_were_asked_for() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations[..1]);
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[]);
    node.operations(5, block.id(), &operations);
    assert_eq!(node.faults(), [(5, Fault::Unasked)]);
    node.operations(5, block.id(), &operations[1..]);
    node.verify();
    assert_eq!(node.finished(&block), Some(5));
    node.operations(5, block.id(), &operations[1..]);
    assert_eq!(node.faults(), [(5, Fault::Unasked)]);
}

#[test]
fn places_must_be_ascending_and_in_the_block() {
    let block = block_of(1, &transfers(3));
    let mut node = Node::new();
    node.blocks.hold(block.clone());
    for wrong in [vec![], vec![1, 1], vec![2, 1], vec![3], vec![0, u32::MAX]] {
        node.receive(Peer(1), &places(block.id(), wrong));
        assert_eq!(node.faults(), [(1, Fault::Consensus(PeerFault::Malformed))]);
        assert_eq!(node.sent(), []);
    }
}

#[test]
fn an_answer_to_an_earlier_question_is_taken_as_that() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    for with_short in [true, false] {
        let mut node = Node::new();
        node.candidate(
            5,
            &block,
            with_short.then(|| short_of(&operations)).as_ref(),
        );
        node.ask(block.id(), Some(5), &[]);
        if !with_short {
            node.ids(5, &block);
        }
        // The first question is answered so late that two more are asked meanwhile.
        node.after(WAIT);
        node.ask(block.id(), Some(6), &[]);
        node.operations(6, block.id(), &operations[..1]);
        node.receive(Peer(6), &Packet::NotHeld(block.id()));
        node.ask(block.id(), Some(5), &[]);
        assert_eq!(node.sent().pop(), Some((5, places(block.id(), 1..4))));
        node.operations(5, block.id(), &operations[..2]);
        node.operations(5, block.id(), &operations[1..]);
        assert_eq!(node.verify(), 4);
        assert_eq!((node.finished(&block), node.faults()), (Some(5), vec![]));
    }
}
