//! Who does not read slows down only what it does not read.

use crate::common::{Node, config, node_id, pair};
use picot_network::{Config, Event, Frame, Link, Network, SendError};
use std::sync::Arc;

/// Sends on lane 2 until nothing more is taken, though lane 0 flows; how many frames were taken.
fn fill(one: &Node, to_other: Link, other: &mut Node, frame: &Arc<[u8]>) -> usize {
    let (mut taken, mut refusals) = (0, 0);
    while refusals < 50 {
        match one.send(to_other, 2, Arc::clone(frame)) {
            Ok(()) => (taken, refusals) = (taken + 1, 0),
            Err(SendError::Full) => refusals += 1,
            Err(error) => panic!("{error}"),
        }
        // An answered question on another lane is the measure of time.
        if refusals > 0 {
            one.send_all(to_other, 0, b"still there?".to_vec());
            assert_eq!(other.frame(0).bytes, b"still there?");
        }
    }
    taken
}

#[test]
fn a_slow_reader_makes_the_sender_full_within_the_bounds_and_other_lanes_flow() {
    let (one, to_other, mut other, _) = pair(1, 2);
    let frame: Arc<[u8]> = vec![9; 10_000].into();
    let taken = fill(&one, to_other, &mut other, &frame);
    let (lane, window) = (config().lanes[2], config().window_bytes);
    let most = lane.unread_bytes + lane.unsent_bytes + window;
    assert!(taken * frame.len() <= most, "{taken} frames");
    let held = other.count(|event| matches!(event, Event::Frame(frame) if frame.lane == 2));
    assert!(held * frame.len() <= lane.unread_bytes, "{held} frames");
    assert!(one.links()[0].lanes[2].unsent_bytes <= lane.unsent_bytes);
    for _ in 0..taken {
        assert_eq!(other.frame(2).bytes.len(), 10_000);
    }
    one.send_all(to_other, 2, b"again".to_vec());
    assert_eq!(other.frame(2).bytes, b"again");
}

#[test]
fn small_frames_are_bounded_too() {
    let (one, to_other, mut other, _) = pair(1, 2);
    let taken = fill(&one, to_other, &mut other, &Vec::new().into());
    let held = other.count(|event| matches!(event, Event::Frame(frame) if frame.lane == 2));
    let lane = config().lanes[2];
    assert!(held <= lane.unread_bytes / 256, "{held} frames are held");
    assert!(taken > held);
}

#[test]
fn a_frame_gives_its_room_back_when_it_is_dropped_and_not_before() {
    let (one, to_other, mut other, _) = pair(1, 2);
    let mut held: Vec<Frame> = Vec::new();
    for _ in 0..2 {
        one.send_all(to_other, 2, vec![1; 1_000_000]);
        held.push(other.frame(2));
    }
    one.send_all(to_other, 2, vec![2; 1_000_000]);
    for _ in 0..50 {
        one.send_all(to_other, 0, vec![0]);
        other.frame(0);
    }
    assert_eq!(other.count(|event| matches!(event, Event::Frame(_))), 0);
    held.pop();
    assert_eq!(other.frame(2).bytes, vec![2; 1_000_000]);
}

#[test]
fn a_link_is_read_at_a_rate_and_the_urgent_lane_comes_first() {
    let settings = Config {
        read_bytes_per_second: 1,
        read_burst_bytes: 120_000,
        ..config()
    };
    let mut other = Node::start(2, settings);
    let mut one = Node::with_peers(1, &[other.address()]);
    let to_other = one.connected(node_id(2));
    other.connected(node_id(1));
    one.send_all(to_other, 2, vec![1; 500_000]);
    for number in 0..100 {
        one.send_all(to_other, 0, vec![number]);
        assert_eq!(other.frame(0).bytes, [number]);
    }
    assert_eq!(other.count(|event| matches!(event, Event::Frame(_))), 0);
}

#[test]
fn long_frames_of_all_peers_together_are_bounded_and_short_ones_flow() {
    let mut settings = config();
    settings.lanes[2].unread_bytes = 65_536;
    // For the rest of one frame.
    settings.long_frames_bytes = 1_000_000;
    let mut one = Node::start(1, settings);
    let [mut first, mut second] = [2, 3].map(|seed| Node::with_peers(seed, &[one.address()]));
    let links = [&mut first, &mut second].map(|node| node.connected(node_id(1)));
    let from_second = {
        one.connected(node_id(2));
        one.connected(node_id(3))
    };
    first.send_all(links[0], 2, vec![1; 1_000_000]);
    let held = one.frame(2);
    assert_eq!(held.bytes, vec![1; 1_000_000]);
    second.send_all(links[1], 2, vec![2; 1_000_000]);
    for _ in 0..50 {
        second.send_all(links[1], 0, vec![0]);
        assert_eq!(one.frame(0).link, from_second);
    }
    assert_eq!(one.count(|event| matches!(event, Event::Frame(_))), 0);
    drop(held);
    assert_eq!(one.frame(2).bytes, vec![2; 1_000_000]);
}
