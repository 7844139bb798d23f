//! Whatever peers send in whatever order, what is kept is bounded, and only the true block comes out.

use super::{Node, WAIT, block_of, config, envelope_of, forged, places, short_of};
use crate::blocks::{MAX_QUESTIONS, MAX_SOURCES};
use crate::operations::test_kit::transfers;
use crate::packet::Packet;
use picot_consensus::Peer;
use picot_models::Block;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Candidate(u64, usize, Option<usize>),
    Ask(Option<u64>, usize),
    Ids(u64, usize, usize),
    Operations(u64, usize, usize, usize, bool),
    Body(u64, usize, usize),
    NotHeld(u64, usize),
    GetOperations(u64, usize, Vec<u32>),
    Hold(usize),
    Leave(u64),
    Verify,
    LoseVerify,
    Wait(u64),
}

const COUNT: usize = 5;
const LEN: usize = 6;

fn act() -> impl Strategy<Value = Act> {
    let peer = || 0_u64..4;
    let block = || 0..COUNT;
    prop_oneof![
        4 => (peer(), block(), prop::option::of(block()))
            .prop_map(|(peer, block, short)| Act::Candidate(peer, block, short)),
        4 => (prop::option::of(peer()), block()).prop_map(|(to, block)| Act::Ask(to, block)),
        3 => (peer(), block(), block()).prop_map(|(peer, of, ids)| Act::Ids(peer, of, ids)),
        6 => (peer(), block(), 0..LEN, 0..=LEN, prop::bool::weighted(0.2))
            .prop_map(|(peer, of, from, to, bad)| Act::Operations(peer, of, from, to, bad)),
        2 => (peer(), block(), block()).prop_map(|(peer, of, ids)| Act::Body(peer, of, ids)),
        1 => (peer(), block()).prop_map(|(peer, block)| Act::NotHeld(peer, block)),
        1 => (peer(), block(), prop::collection::vec(0..8_u32, 0..4))
            .prop_map(|(peer, block, places)| Act::GetOperations(peer, block, places)),
        1 => block().prop_map(Act::Hold),
        1 => peer().prop_map(Act::Leave),
        3 => Just(Act::Verify),
        1 => Just(Act::LoseVerify),
        2 => (0..2 * WAIT).prop_map(Act::Wait),
    ]
}

fn check(node: &mut Node, blocks: &[Block]) {
    let config = &node.blocks.config;
    assert!(node.blocks.fetches.len() <= config.fetches);
    let bytes = node.blocks.fetches.values().map(|fetch| fetch.bytes);
    assert!(bytes.sum::<usize>() <= config.fetched_bytes);
    for fetch in node.blocks.fetches.values() {
        assert!(fetch.sources.len() <= MAX_SOURCES + 1);
        assert!(fetch.questions.len() <= MAX_QUESTIONS);
        assert!(fetch.waits_until.is_none() || !fetch.questions.is_empty());
    }
    for (_, body) in std::mem::take(&mut node.bodies) {
        assert!(blocks.iter().any(|block| envelope_of(block) == body));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_peers_do_only_true_blocks_come_out_and_what_is_kept_is_bounded_and_ends(
        acts in prop::collection::vec(act(), 1..120),
        (fetches, fetched_bytes) in (1_usize..4, 200_usize..3_000),
        pending in prop::collection::vec(any::<bool>(), LEN),
    ) {
        let all = transfers(LEN as u64);
        // The same operations in other orders, and fewer of them: lists that are nearly right.
        let blocks: Vec<Block> = (0..COUNT)
            .map(|number| {
                let mut operations = all.clone();
                operations.rotate_left(number);
                operations.truncate(LEN - number % 2);
                block_of(1 + number as u64, &operations)
            })
            .collect();
        let mut small = config();
        (small.fetches, small.fetched_bytes) = (fetches, fetched_bytes);
        let mut node = Node::with(small);
        let is_pending = all.iter().zip(&pending).filter(|(_, is_pending)| **is_pending);
        let held: Vec<_> = is_pending.map(|(one, _)| one.clone()).collect();
        node.pool.add(&held);
        for act in acts {
            match act {
                Act::Candidate(from, of, short) => {
                    let short = short.map(|short| short_of(&blocks[short].operations));
                    node.candidate(from, &blocks[of], short.as_ref());
                }
                Act::Ask(to, of) => node.ask(blocks[of].id(), to, &[0, 1, 2, 3]),
                Act::Ids(from, of, ids) => {
                    let operations = blocks[ids].operations.iter().map(|one| one.id()).collect();
                    let id = blocks[of].id();
                    node.receive(Peer(from), &Packet::BlockIds { id, operations });
                }
                Act::Operations(from, of, start, end, is_bad) => {
                    let operations = &blocks[of].operations;
                    let end = end.min(operations.len());
                    let mut some = operations[start.min(end)..end].to_vec();
                    if is_bad && some.len() > 1 {
                        some[0] = forged(&some[0], &some[1]);
                    }
                    node.operations(from, blocks[of].id(), &some);
                }
                Act::Body(from, of, operations) => {
                    let mut body = envelope_of(&blocks[of]);
                    body.operations = envelope_of(&blocks[operations]).operations;
                    node.body(from, &body);
                }
                Act::NotHeld(from, of) => node.receive(Peer(from), &Packet::NotHeld(blocks[of].id())),
                Act::GetOperations(from, of, wanted) => {
                    node.receive(Peer(from), &places(blocks[of].id(), wanted));
                }
                Act::Hold(of) => node.blocks.hold(blocks[of].clone()),
                Act::Leave(peer) => node.gone(peer),
                Act::Verify => drop(node.verify()),
                Act::LoseVerify => node.verify.clear(),
                Act::Wait(millis) => node.after(millis),
            }
            check(&mut node, &blocks);
        }
        // Left alone, it comes to rest.
        for _ in 0..1_000 {
            let Some(at) = node.blocks.next_wake() else {
                break;
            };
            node.after(at.0.saturating_sub(node.now.0));
            check(&mut node, &blocks);
        }
        prop_assert_eq!(node.blocks.next_wake(), None);
        prop_assert!(node.blocks.fetches.is_empty());
    }
}
