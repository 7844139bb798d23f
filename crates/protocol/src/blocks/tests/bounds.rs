//! What is kept at most.

use super::{Node, WAIT, block_of, config, places, short_of};
use crate::operations::test_kit::{large, transfers};
use crate::packet::Packet;
use picot_consensus::Peer;
use picot_models::BlockId;
use picot_serialization::Encode;

#[test]
fn the_latest_blocks_are_held_by_count_and_bytes() {
    let mut few = config();
    few.held = 3;
    let mut node = Node::with(few.clone());
    let blocks: Vec<_> = (1..6)
        .map(|period| block_of(period, &transfers(2)))
        .collect();
    for block in &blocks {
        node.blocks.hold(block.clone());
        node.blocks.hold(block.clone());
    }
    let held = |node: &Node| {
        blocks
            .iter()
            .filter(|one| node.blocks.short(&one.id()).is_some())
            .count()
    };
    assert_eq!(held(&node), 3);
    assert!(node.blocks.short(&blocks[4].id()).is_some());
    few.held_bytes = blocks[0].encoded_len() * 2;
    let mut node = Node::with(few.clone());
    blocks
        .iter()
        .for_each(|block| node.blocks.hold(block.clone()));
    assert_eq!(held(&node), 2);
    few.held_bytes = 1;
    let mut node = Node::with(few);
    blocks
        .iter()
        .for_each(|block| node.blocks.hold(block.clone()));
    assert_eq!(held(&node), 1);
}

#[test]
fn an_answer_has_at_most_so_many_bytes_and_one_operation_at_least() {
    let operations: Vec<_> = (0..4).map(|number| large(number, 300_000)).collect();
    let block = block_of(1, &operations);
    let mut small = config();
    for (bytes, expected) in [(1, 1), (650_000, 2), (1 << 20, 3)] {
        small.answer_bytes = bytes;
        let mut node = Node::with(small.clone());
        node.blocks.hold(block.clone());
        node.receive(Peer(1), &places(block.id(), 0..4));
        match &node.sent()[..] {
            [(1, Packet::BlockOperations { operations, .. })] => {
                assert_eq!(operations.len(), expected);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_one_peer_announces_pushes_out_nothing_that_others_did() {
    let mut few = config();
    few.announced_per_peer = 4;
    let mut node = Node::with(few);
    let blocks: Vec<_> = (1..20)
        .map(|period| block_of(period, &transfers(1)))
        .collect();
    node.candidate(1, &blocks[0], None);
    for block in &blocks[1..] {
        node.candidate(2, block, None);
    }
    let known =
        |node: &Node, block: &picot_models::Block| node.blocks.announced.get(&block.id()).is_some();
    assert!(known(&node, &blocks[0]) && !known(&node, &blocks[1]) && known(&node, &blocks[18]));
    assert_eq!(node.blocks.announced.len_and_bytes().0, 5);
    // Short lists count.
    let mut few = config();
    few.announced_bytes_per_peer = 3_000;
    let mut node = Node::with(few.clone());
    for block in &blocks {
        node.candidate(2, block, Some(&short_of(&transfers(100))));
    }
    assert!(node.blocks.announced.len_and_bytes().1 <= 3_000);
    // Over the bound of all, who has the most loses its oldest.
    few.announced_bytes = 2_500;
    let mut node = Node::with(few);
    node.candidate(1, &blocks[0], None);
    for block in &blocks[1..] {
        node.candidate(2, block, Some(&short_of(&transfers(100))));
    }
    assert!(known(&node, &blocks[0]));
    assert!(node.blocks.announced.len_and_bytes().1 <= 2_500);
    // Nothing is left of who is gone but what others announced, too.
    node.candidate(1, &blocks[18], None);
    node.gone(2);
    assert!(known(&node, &blocks[18]));
    node.gone(1);
    assert_eq!(node.blocks.announced.len_and_bytes(), (0, 0));
}

#[test]
fn so_many_blocks_are_fetched_at_once_and_what_waits_for_nothing_goes_first() {
    let mut few = config();
    few.fetches = 2;
    let mut node = Node::with(few);
    let ids: Vec<BlockId> = (1..5).map(|period| block_of(period, &[]).id()).collect();
    let left = |node: &Node| -> Vec<bool> {
        ids.iter()
            .map(|id| node.blocks.fetches.contains_key(id))
            .collect()
    };
    node.ask(ids[0], Some(1), &[]);
    node.ask(ids[1], None, &[]);
    node.ask(ids[2], Some(1), &[]);
    assert_eq!(left(&node), [true, false, true, false]);
    node.ask(ids[3], Some(1), &[]);
    assert_eq!(left(&node), [false, false, true, true]);
    // Its answer is nobody's fault.
    node.receive(Peer(1), &Packet::NotHeld(ids[0]));
    assert_eq!(node.faults(), []);
}

#[test]
fn a_fetch_that_nobody_asks_for_any_more_ends() {
    let block = block_of(1, &transfers(1));
    let mut node = Node::new();
    node.ask(block.id(), Some(1), &[]);
    node.after(WAIT);
    node.after(config().fetch_life.0 - WAIT - 1);
    assert_eq!(node.blocks.fetches.len(), 1);
    let end = node.blocks.next_wake().unwrap();
    node.after(end.0 - node.now.0);
    assert_eq!(
        (node.blocks.fetches.len(), node.blocks.next_wake()),
        (0, None)
    );
}

#[test]
fn the_bytes_of_unfinished_blocks_are_bounded() {
    let mut small = config();
    (small.fetch_bytes, small.fetched_bytes) = (1_500, 2_000);
    let mut node = Node::with(small);
    let operations = transfers(20);
    let (one, other) = (block_of(1, &operations), block_of(2, &operations));
    let short = short_of(&operations);
    let held = |node: &Node| -> Vec<bool> {
        [&one, &other]
            .map(|it| node.blocks.fetches.contains_key(&it.id()))
            .to_vec()
    };
    for block in [&one, &other] {
        node.candidate(1, block, Some(&short));
        node.ask(block.id(), Some(1), &[]);
        node.operations(1, block.id(), &operations[..8]);
    }
    // The two together had too much: the older one is given up.
    assert_eq!(held(&node), [false, true]);
    node.operations(1, other.id(), &operations[8..]);
    assert_eq!(held(&node), [false, false]);
    assert_eq!(node.faults(), []);
}

#[test]
fn the_verifier_is_asked_again_a_few_times() {
    let operations = transfers(1);
    let block = block_of(1, &operations);
    let mut node = Node::new();
    node.candidate(1, &block, Some(&short_of(&operations)));
    node.ask(block.id(), Some(1), &[]);
    node.operations(1, block.id(), &operations);
    for _ in 0..2 {
        assert_eq!(node.verify.len(), 1);
        node.verify.clear();
        node.after(config().verify_wait.0);
    }
    assert_eq!((node.verify(), node.finished(&block)), (1, Some(1)));
    assert_eq!(node.blocks.fetches.len(), 0);
}
