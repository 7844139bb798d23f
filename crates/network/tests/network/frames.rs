//! What is sent arrives.

use crate::common::{Node, config, node_id, pair, until};
use crate::proxy::Proxy;
use picot_network::{Event, Link, Network, SendError};

fn content(lane: u8, number: u32) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 3_000).unwrap();
    let mut bytes = vec![lane; length];
    bytes.extend(number.to_le_bytes());
    bytes
}

#[test]
fn frames_of_all_lanes_arrive_both_ways_in_order() {
    let (mut one, to_other, mut other, to_one) = pair(1, 2);
    for number in 0..200 {
        for lane in 0..3 {
            one.send_all(to_other, lane, content(lane, number));
            other.send_all(to_one, lane, content(lane, number + 1_000));
        }
    }
    for number in 0..200 {
        for lane in 0..3 {
            let frame = other.frame(lane);
            assert_eq!((frame.link, &frame.bytes), (to_one, &content(lane, number)));
            let frame = one.frame(lane);
            assert_eq!(
                (frame.link, &frame.bytes),
                (to_other, &content(lane, number + 1_000))
            );
        }
    }
}

#[test]
fn the_smallest_and_the_largest_frames_arrive() {
    let (one, to_other, mut other, _) = pair(1, 2);
    for bytes in [0, 1, 65_536, 0, 65_535] {
        one.send_all(to_other, 0, vec![7; bytes]);
        assert_eq!(other.frame(0).bytes, vec![7; bytes]);
    }
    one.send_all(to_other, 2, (0..=255).cycle().take(1_048_576).collect());
    let expected: Vec<u8> = (0..=255).cycle().take(1_048_576).collect();
    assert!(other.frame(2).bytes == expected);
}

#[test]
fn every_frame_is_told_to_be_written_once() {
    let (mut one, to_other, mut other, _) = pair(1, 2);
    for _ in 0..500 {
        one.send_all(to_other, 1, vec![0; 100]);
    }
    for _ in 0..500 {
        other.frame(1);
    }
    let (mut frames, mut bytes) = (0, 0);
    while frames < 500 {
        let told = one.wait("a write", |event| match event {
            Event::Written {
                link,
                lane: 1,
                frames,
                bytes,
            } if *link == to_other => Some((*frames, *bytes)),
            _ => None,
        });
        frames += told.0;
        bytes += told.1;
    }
    assert_eq!((frames, bytes), (500, 50_000));
    assert_eq!(one.links()[0].lanes[1].unsent_bytes, 0);
}

/// Bytes on the wire for each of some frames of 150 bytes, about a vote; `together` at once.
fn wire_bytes(together: usize) -> u64 {
    let mut other = Node::with_peers(2, &[]);
    let proxy = Proxy::to(other.port());
    let mut one = Node::with_peers(1, &[proxy.address()]);
    let to_other = one.connected(node_id(2));
    other.connected(node_id(1));
    // Identification and the first ping are over.
    until("an agent and a round trip", || {
        let known = |node: &Node| {
            let info = &node.links()[0];
            info.agent.is_some() && info.round_trip.is_some()
        };
        known(&one) && known(&other)
    });
    let before = proxy.passed_bytes();
    for _ in 0..20 {
        for _ in 0..together {
            one.send_all(to_other, 0, vec![7; 150]);
        }
        for _ in 0..together {
            other.frame(0);
        }
    }
    (proxy.passed_bytes() - before) / (20 * u64::try_from(together).unwrap())
}

#[test]
fn a_vote_costs_at_most_half_its_bytes_more_and_many_together_less() {
    let alone = wire_bytes(1);
    assert!((154..=200).contains(&alone), "{alone} bytes");
    let together = wire_bytes(100);
    assert!((154..=alone).contains(&together), "{together} bytes");
}

#[test]
fn what_cannot_be_sent_says_why() {
    let (mut one, to_other, other, _) = pair(1, 2);
    let frame = |bytes| vec![0; bytes].into();
    assert_eq!(one.send(to_other, 3, frame(1)), Err(SendError::NoLane(3)));
    let too_large = SendError::TooLarge {
        length: 65_537,
        limit: 65_536,
    };
    assert_eq!(one.send(to_other, 0, frame(65_537)), Err(too_large));
    assert_eq!(one.send(Link(999), 0, frame(1)), Err(SendError::Gone));
    drop(other);
    one.disconnected(to_other);
    assert_eq!(one.send(to_other, 0, frame(1)), Err(SendError::Gone));
}

#[test]
fn a_link_tells_who_where_and_how_much() {
    let mut one = Node::with_peers(1, &[]);
    let mut settings = config();
    settings.peers = vec![one.address()];
    settings.agent = "test/1".into();
    settings.ping_interval = std::time::Duration::from_millis(10);
    let mut other = Node::start(2, settings);
    let (to_other, to_one) = (one.connected(node_id(2)), other.connected(node_id(1)));
    one.send_all(to_other, 1, vec![0; 1_000]);
    other.frame(1);
    until("agent and traffic", || {
        let info = &one.links()[0];
        info.agent.as_deref() == Some("test/1") && info.lanes[1].written_bytes == 1_000
    });
    let (of_one, of_other) = (one.links().remove(0), other.links().remove(0));
    assert_eq!(
        (of_one.link, of_one.node, of_one.outbound),
        (to_other, node_id(2), false)
    );
    assert_eq!(
        (of_other.link, of_other.node, of_other.outbound),
        (to_one, node_id(1), true)
    );
    assert_eq!(of_other.address, one.address());
    assert_eq!(of_other.lanes[1].received_bytes, 1_000);
    assert!(!of_one.reserved && of_one.since == crate::common::NOW);
    until("a round trip", || other.links()[0].round_trip.is_some());
}

#[test]
fn the_listen_address_has_the_real_port() {
    let mut settings = config();
    settings.external = vec!["/ip4/203.0.113.1/tcp/31244".parse().unwrap()];
    let node = Node::start(1, settings.clone());
    let local = node.local();
    assert_eq!(local.node, node_id(1));
    assert_eq!(local.listen.len(), 1);
    assert_ne!(local.listen[0].port(), Some(0));
    assert_eq!(local.external, settings.external);
}
