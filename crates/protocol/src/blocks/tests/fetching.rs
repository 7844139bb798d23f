//! How a block is fetched.

use super::{Node, WAIT, block_of, envelope_of, len, places, short_of};
use crate::operations::test_kit::{chain, transfers};
use crate::packet::{Packet, SharedMessage};
use picot_consensus::{Message, Peer, Request};
use picot_models::Header;
use picot_models::SignedHeader;
use picot_models::mocks::key;
use picot_serialization::Encode;
use std::sync::Arc;

fn candidate(block: &picot_models::Block, short: bool) -> Packet {
    Packet::Candidate {
        header: block.header.envelope().clone(),
        operations: short.then(|| short_of(&block.operations)),
    }
}

#[test]
fn a_block_whose_operations_are_pending_costs_its_header_and_eight_bytes_for_each() {
    let operations = transfers(1_000);
    let block = block_of(1, &operations);
    let mut server = Node::new();
    server.blocks.hold(block.clone());
    let short = server.blocks.short(&block.id()).unwrap();
    assert_eq!(short, short_of(&operations));
    let mut node = Node::new();
    node.pool.add(&operations);
    node.candidate(5, &block, Some(&short));
    node.ask(block.id(), Some(5), &[6, 7]);
    assert_eq!(node.finished(&block), Some(5));
    assert_eq!((node.sent(), node.verify()), (vec![], 0));
    // In all: two bytes of a packet and an option, two for the length.
    let cost = len(&candidate(&block, true));
    let header = block.header.encoded_len();
    assert_eq!(cost, header + 8 * 1_000 + 4);
    assert_eq!(len(&candidate(&block, false)), header + 2);
}

#[test]
fn of_a_block_only_the_operations_that_are_lacked_cross_the_link() {
    let operations = transfers(1_000);
    let block = block_of(1, &operations);
    let mut server = Node::new();
    server.blocks.hold(block.clone());
    let mut node = Node::new();
    let (missing, pending): (Vec<_>, Vec<_>) = operations
        .iter()
        .cloned()
        .enumerate()
        .partition(|(place, _)| place % 100 == 7);
    let pending: Vec<_> = pending.into_iter().map(|(_, one)| one).collect();
    node.pool.add(&pending);
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[]);
    let request = node.sent();
    assert_eq!(request.len(), 1);
    assert_eq!(
        request[0],
        (5, places(block.id(), (0..10).map(|place| place * 100 + 7)))
    );
    server.receive(Peer(1), &request[0].1);
    let answer = server.sent();
    assert_eq!(answer.len(), 1);
    node.receive(Peer(5), &answer[0].1);
    assert_eq!(node.verify(), 10);
    assert_eq!(node.finished(&block), Some(5));
    let own: usize = missing.iter().map(|(_, one)| one.encoded_len()).sum();
    let cost = len(&request[0].1) + len(&answer[0].1);
    assert!(
        cost <= own + (1 + 32 + 1 + 2 * 10) + (1 + 32 + 1),
        "{cost} bytes for {own}"
    );
    assert_eq!((node.faults(), server.faults()), (vec![], vec![]));
}

#[test]
fn an_empty_block_needs_nothing() {
    let block = block_of(1, &[]);
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.ask(block.id(), None, &[]);
    assert_eq!(node.finished(&block), Some(5));
    assert_eq!(node.sent(), []);
    assert_eq!(node.blocks.next_wake(), None);
}

#[test]
fn without_a_short_list_the_ids_are_asked_for_of_who_announced_the_block() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations[1..3]);
    node.candidate(5, &block, None);
    node.ask(block.id(), None, &[1, 2]);
    assert_eq!(node.sent(), [(5, Packet::GetBlock(block.id()))]);
    node.ids(5, &block);
    assert_eq!(node.sent(), [(5, places(block.id(), [0, 3]))]);
    node.operations(
        5,
        block.id(),
        &[operations[0].clone(), operations[3].clone()],
    );
    assert_eq!(node.verify(), 2);
    assert_eq!(node.finished(&block), Some(5));
}

#[test]
fn the_rest_of_a_partial_answer_is_asked_for_again() {
    let operations = transfers(5);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[]);
    assert_eq!(node.sent(), [(5, places(block.id(), 0..5))]);
    node.operations(5, block.id(), &operations[..3]);
    assert_eq!(node.sent(), [(5, places(block.id(), 3..5))]);
    node.operations(5, block.id(), &operations[3..]);
    assert_eq!(node.verify(), 5);
    assert_eq!(node.finished(&block), Some(5));
    assert_eq!(node.faults(), []);
}

#[test]
fn a_block_of_which_no_header_is_known_is_asked_for_whole() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations[..1]);
    node.ask(block.id(), Some(3), &[]);
    let request = Request::Body { id: block.id() };
    let question = Packet::Consensus(SharedMessage(Arc::new(Message::Ask(request))));
    assert_eq!(node.sent(), [(3, question)]);
    node.body(3, &envelope_of(&block));
    // What is pending is verified already.
    assert_eq!(node.verify(), 3);
    assert_eq!(node.finished(&block), Some(3));
    assert_eq!(node.faults(), []);
}

#[test]
fn a_header_that_comes_while_the_whole_block_is_asked_for_makes_it_compact() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations);
    node.ask(block.id(), Some(3), &[]);
    node.sent();
    node.candidate(4, &block, Some(&short_of(&operations)));
    assert_eq!(node.finished(&block), Some(4));
    // The answer is of no more use, and nobody's fault.
    node.body(3, &envelope_of(&block));
    assert_eq!((node.finished(&block), node.faults()), (None, vec![]));
}

#[test]
fn an_archive_may_answer_a_question_for_ids_by_the_whole_block() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.ask(block.id(), Some(5), &[]);
    node.body(5, &envelope_of(&block));
    assert_eq!(node.verify(), 3);
    assert_eq!(node.finished(&block), Some(5));
}

#[test]
fn who_does_not_answer_or_does_not_have_it_makes_room_for_the_next() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.candidate(6, &block, None);
    node.ask(block.id(), Some(6), &[7]);
    let mut asked: Vec<u64> = node.sent().into_iter().map(|(peer, _)| peer).collect();
    node.after(WAIT);
    asked.extend(node.sent().into_iter().map(|(peer, _)| peer));
    node.receive(Peer(5), &Packet::NotHeld(block.id()));
    asked.extend(node.sent().into_iter().map(|(peer, _)| peer));
    assert_eq!(asked, [6, 5, 7]);
    // What comes late is taken, and nobody else is waited for.
    node.ids(6, &block);
    assert_eq!(node.sent(), [(6, places(block.id(), 0..2))]);
    node.receive(Peer(7), &Packet::NotHeld(block.id()));
    assert_eq!(node.sent(), []);
    assert_eq!(node.faults(), []);
}

#[test]
fn a_block_that_is_asked_for_twice_is_fetched_once_and_goes_on_with_what_it_has() {
    let operations = transfers(4);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[]);
    node.sent();
    node.ask(block.id(), Some(5), &[]);
    assert_eq!(node.sent(), []);
    node.operations(5, block.id(), &operations[..2]);
    assert_eq!(node.sent().len(), 1);
    node.after(WAIT);
    // Nobody is left, until consensus asks again.
    assert_eq!(node.sent(), []);
    node.ask(block.id(), Some(6), &[]);
    assert_eq!(node.sent(), [(6, places(block.id(), 2..4))]);
    node.operations(6, block.id(), &operations[2..]);
    assert_eq!(node.verify(), 4);
    assert_eq!(node.finished(&block), Some(5));
}

#[test]
fn the_questions_to_a_peer_that_is_gone_go_to_others() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(5, &block, Some(&short_of(&operations)));
    node.candidate(6, &block, None);
    node.ask(block.id(), Some(5), &[]);
    node.sent();
    node.gone(5);
    assert_eq!(node.sent(), [(6, places(block.id(), 0..2))]);
    node.gone(6);
    assert_eq!(node.sent(), []);
}

#[test]
fn two_pending_operations_of_one_prefix_do_not_end_the_fetch() {
    // As a pool that finds none, or the wrong one: what is found does not hash right.
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations);
    let mut short = short_of(&operations);
    short.0.swap(0, 1);
    node.candidate(5, &block, Some(&short));
    node.ask(block.id(), Some(5), &[]);
    assert_eq!(node.sent(), [(5, Packet::GetBlock(block.id()))]);
    node.ids(5, &block);
    assert_eq!(node.finished(&block), Some(5));
}

#[test]
fn a_held_block_is_given_by_its_ids_and_places() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    let now = node.now;
    assert!(!node.step(|it, _, out| it.on_get_block(now, Peer(1), block.id(), out)));
    assert_eq!(node.sent(), []);
    node.receive(Peer(1), &places(block.id(), [0]));
    assert_eq!(node.sent(), [(1, Packet::NotHeld(block.id()))]);
    node.blocks.hold(block.clone());
    assert!(node.step(|it, _, out| it.on_get_block(now, Peer(1), block.id(), out)));
    let ids = operations.iter().map(|one| one.id()).collect();
    let answer = Packet::BlockIds {
        id: block.id(),
        operations: ids,
    };
    assert_eq!(node.sent(), [(1, answer)]);
    node.receive(Peer(1), &places(block.id(), [0, 2]));
    let operations = [&operations[0], &operations[2]]
        .map(|one| one.envelope().clone())
        .to_vec();
    let answer = Packet::BlockOperations {
        id: block.id(),
        operations,
    };
    assert_eq!(node.sent(), [(1, answer)]);
}

#[test]
fn a_block_that_is_held_here_is_not_fetched() {
    let block = block_of(1, &transfers(2));
    let mut node = Node::new();
    node.candidate(5, &block, None);
    node.ask(block.id(), Some(5), &[]);
    node.sent();
    node.blocks.hold(block.clone());
    assert_eq!(node.blocks.next_wake(), None);
    node.ids(5, &block);
    node.candidate(5, &block, None);
    assert_eq!(node.sent(), []);
    node.ask(block.id(), None, &[8]);
    assert_eq!(node.finished(&block), Some(8));
    assert_eq!((node.sent(), node.faults()), (vec![], vec![]));
}

#[test]
fn a_header_that_was_announced_first_with_a_bad_signature_keeps_the_true_one_out_in_no_way() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let mut bad = block.clone();
    let mut envelope = block.header.envelope().clone();
    envelope.signature = *operations[0].signature();
    bad.header = Arc::new(envelope.identify(&chain()));
    assert_eq!(bad.id(), block.id());
    for also_later in [false, true] {
        let mut node = Node::new();
        node.pool.add(&operations);
        node.candidate(4, &bad, Some(&short_of(&operations)));
        node.candidate(5, &block, Some(&short_of(&operations)));
        if also_later {
            node.candidate(4, &bad, Some(&short_of(&operations)));
        }
        node.ask(block.id(), Some(5), &[]);
        assert_eq!(node.finished(&block), Some(5));
    }
    // Alone it is as if there was none.
    let mut node = Node::new();
    node.candidate(4, &bad, Some(&short_of(&operations)));
    node.ask(block.id(), Some(5), &[]);
    assert!(matches!(node.sent()[..], [(5, Packet::Consensus(_))]));
}

#[test]
fn a_header_whose_count_is_not_that_of_its_short_list_is_fetched_by_ids() {
    let operations = transfers(3);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.pool.add(&operations);
    node.candidate(5, &block, Some(&short_of(&operations[..2])));
    node.ask(block.id(), Some(5), &[]);
    assert_eq!(node.sent(), [(5, Packet::GetBlock(block.id()))]);
}

#[test]
fn a_header_that_counts_wrongly_is_never_fetched() {
    let operations = transfers(2);
    let block = block_of(1, &operations);
    let header = Header {
        operation_count: 3,
        ..block.header.content().clone()
    };
    let mut wrong = block.clone();
    wrong.header = Arc::new(SignedHeader::sign(header, &key(1), &chain()));
    let mut node = Node::new();
    node.candidate(5, &wrong, None);
    node.ask(wrong.id(), Some(5), &[]);
    node.sent();
    node.ids(5, &wrong);
    assert_eq!(node.finished(&wrong), None);
    assert_eq!(node.faults(), [(5, crate::Fault::WrongBlock)]);
}
