//! Announcing and sending.

use super::{Node, config, envelopes, prefixes, sorted};
use crate::Fault;
use crate::operations::test_kit::{large, transfers};
use crate::packet::Packet;
use picot_consensus::Peer;
use picot_serialization::Encode;

#[test]
fn new_operations_are_announced_together_after_a_wait() {
    let mut node = Node::of(2);
    let operations = transfers(3);
    node.submit(&operations[..2]);
    node.after(20);
    node.submit(&operations[2..]);
    assert_eq!(node.sent(), []);
    let due = node.operations.next_wake().unwrap();
    node.after(due.0 - node.now.0);
    assert_eq!(due.0, 1_000_000 + 30);
    let news = || Packet::Announce(prefixes(&operations));
    assert_eq!(node.sent(), [(Peer(0), news()), (Peer(1), news())]);
    node.after(1_000);
    assert_eq!(node.sent(), []);
}

#[test]
fn many_new_operations_are_announced_at_once() {
    let mut node = Node::of(1);
    let operations = transfers(512);
    node.submit(&operations);
    assert_eq!(
        node.sent(),
        [(Peer(0), Packet::Announce(prefixes(&operations)))]
    );
}

#[test]
fn nobody_is_told_of_what_it_announced_or_sent() {
    let mut node = Node::of(3);
    let operations = transfers(2);
    node.announced(0, &operations);
    node.announced(1, &operations[..1]);
    node.came(0, &operations);
    node.judge();
    node.sent();
    node.after(30);
    let told = |which| Packet::Announce(prefixes(which));
    assert_eq!(
        node.sent(),
        [
            (Peer(1), told(&operations[1..])),
            (Peer(2), told(&operations))
        ]
    );
}

#[test]
fn who_is_connected_to_whom_it_came_from_is_told_later_and_four_at_a_time() {
    let mut node = Node::of(8);
    node.adjoin(0, &[1, 2, 3, 4, 5, 6]);
    let operations = transfers(3);
    let told = |node: &mut Node| -> Vec<u64> {
        let sent = node.sent().into_iter();
        sent.map(|(peer, packet)| {
            assert!(matches!(packet, Packet::Announce(_)));
            peer.0
        })
        .collect()
    };
    let come = |node: &mut Node, which: &[_]| {
        node.announced(0, which);
        node.came(0, which);
        node.judge();
        node.sent();
    };
    come(&mut node, &operations[..1]);
    node.after(30);
    assert_eq!(told(&mut node), [7], "who says nothing of it");
    assert_eq!(node.operations.next_wake().unwrap().0 - node.now.0, 500);
    node.after(499);
    assert!(told(&mut node).is_empty());
    // The first one has it, and 7 was told.
    node.after(1);
    assert_eq!(told(&mut node), [1, 2, 3]);
    node.asked(2, &operations[..1]);
    let body = Packet::Operations(envelopes(&operations[..1]));
    assert_eq!(node.sent(), [(Peer(2), body)]);
    come(&mut node, &operations[1..2]);
    node.after(30);
    node.announced(5, &operations[1..2]);
    node.after(500);
    assert_eq!(
        told(&mut node),
        [7, 4, 6],
        "the next four, of whom one has it"
    );
    // What is not pending any more, nobody needs to be told of.
    come(&mut node, &operations[2..]);
    node.after(30);
    node.pool.finish(&operations[2]);
    node.after(500);
    assert_eq!(told(&mut node), [7]);
}

#[test]
fn what_came_from_nobody_is_announced_to_all_whoever_is_connected() {
    let mut node = Node::of(4);
    node.adjoin(0, &[1, 2, 3]);
    let operations = transfers(1);
    node.submit(&operations);
    node.after(30);
    assert_eq!(node.sent().len(), 4);
    node.after(1_000);
    assert_eq!(node.sent(), []);
}

#[test]
fn only_what_was_announced_to_a_peer_is_sent_to_it() {
    let mut node = Node::of(2);
    let operations = transfers(3);
    node.submit(&operations[..1]);
    // Not announced yet.
    node.asked(0, &operations[..1]);
    node.after(30);
    node.sent();
    node.asked(0, &operations);
    assert_eq!(
        node.sent(),
        [(Peer(0), Packet::Operations(envelopes(&operations[..1])))]
    );
    node.asked(7, &operations);
    assert_eq!((node.sent(), node.faults()), (vec![], vec![]));
}

#[test]
fn who_asks_again_for_what_was_sent_asks_too_much() {
    let mut node = Node::of(2);
    let operations = transfers(2);
    node.submit(&operations);
    node.after(30);
    node.asked(0, &operations);
    assert_eq!(node.faults(), []);
    node.sent();
    node.asked(0, &operations[1..]);
    assert_eq!(
        (node.sent(), node.faults()),
        (vec![], vec![(0, Fault::TooMany)])
    );
    node.asked(1, &operations[1..]);
    assert_eq!((node.sent().len(), node.faults()), (1, vec![]));
}

#[test]
fn what_is_no_longer_pending_is_not_sent_and_nobody_is_blamed() {
    let mut node = Node::of(1);
    let operations = transfers(2);
    node.submit(&operations);
    node.after(30);
    node.sent();
    node.pool.finish(&operations[0]);
    node.asked(0, &operations);
    assert_eq!(
        node.sent(),
        [(Peer(0), Packet::Operations(envelopes(&operations[1..])))]
    );
    // It was not sent, so it may be asked for.
    node.asked(0, &operations[..1]);
    assert_eq!((node.sent(), node.faults()), (vec![], vec![]));
}

#[test]
fn an_answer_comes_in_packets_and_a_long_one_with_pauses() {
    let mut node = Node::of(1);
    let operations: Vec<_> = (0..20).map(|number| large(number, 100_000)).collect();
    node.submit(&operations);
    node.after(30);
    node.sent();
    node.asked(0, &operations);
    let mut came = Vec::new();
    let mut turns = 0;
    loop {
        let sent = node.sent();
        let bytes: usize = sent.iter().map(|(_, packet)| packet.encoded_len()).sum();
        assert!(
            bytes <= config().answer_bytes + 110_000,
            "{bytes} bytes at once"
        );
        for (_, packet) in sent {
            assert!(packet.encoded_len() <= config().packet_bytes + 100);
            match packet {
                Packet::Operations(some) => came.extend(some),
                other => panic!("{other:?}"),
            }
        }
        turns += 1;
        let Some(at) = node.operations.next_wake() else {
            break;
        };
        assert_eq!(at.0 - node.now.0, config().answer_pause.0);
        node.after(config().answer_pause.0);
    }
    assert_eq!(turns, 2);
    assert_eq!(came, envelopes(&operations));
    assert_eq!(node.faults(), []);
}

#[test]
fn an_operation_larger_than_a_packet_goes_alone() {
    let mut node = Node::of(1);
    let operations = [large(1, 10), large(2, 400_000), large(3, 10)];
    node.submit(&operations);
    node.after(30);
    node.sent();
    node.asked(0, &operations);
    let alone = operations.iter().map(|one| {
        (
            Peer(0),
            Packet::Operations(envelopes(std::slice::from_ref(one))),
        )
    });
    assert_eq!(node.sent(), alone.collect::<Vec<_>>());
}

#[test]
fn a_new_peer_is_told_of_what_is_pending_of_the_latest_and_of_nothing_else() {
    let mut few = config();
    few.known = 6;
    let mut node = Node::with(few);
    let operations = transfers(8);
    node.submit(&operations);
    node.after(30);
    // Two are forgotten, one is executed, and one came from the peer itself.
    node.pool.finish(&operations[2]);
    node.operations.connected(Peer(5));
    node.announced(5, &operations[3..4]);
    assert_eq!(
        node.sent(),
        [(Peer(5), Packet::Announce(prefixes(&operations[4..])))]
    );
    node.after(1_000);
    assert_eq!(node.sent(), []);
}

#[test]
fn a_new_peer_is_told_in_packets_and_what_is_new_meanwhile_once() {
    let mut node = Node::new();
    let operations = transfers(5_000);
    node.submit(&operations[..4_500]);
    node.operations.connected(Peer(1));
    node.submit(&operations[4_500..]);
    while let Some(at) = node.operations.next_wake() {
        node.after(at.0 - node.now.0);
    }
    let mut told = Vec::new();
    for (_, packet) in node.sent() {
        match packet {
            Packet::Announce(prefixes) => told.extend(prefixes),
            other => panic!("{other:?}"),
        }
    }
    told.sort_unstable();
    assert_eq!(told, sorted(&operations));
}

#[test]
fn what_is_forgotten_is_announced_to_nobody() {
    let mut few = config();
    few.known = 4;
    let mut node = Node::with(few);
    node.operations.connected(Peer(1));
    let operations = transfers(10);
    node.submit(&operations);
    node.after(30);
    assert_eq!(
        node.sent(),
        [(Peer(1), Packet::Announce(prefixes(&operations[6..])))]
    );
    assert!(node.operations.ring.len() <= 4);
}
