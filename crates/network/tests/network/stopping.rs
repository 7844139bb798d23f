//! Starting and stopping.

use crate::common::{NOW, Node, config, identity, is_connected, is_disconnected, node_id, pair};
use picot_clock::ManualClock;
use picot_network::{Config, Event, Network, NetworkError, start};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn a_node_that_stops_ends_its_links_once_and_its_peers_hear_of_it() {
    let (mut one, to_other, mut other, to_one) = pair(1, 2);
    let mut third = Node::with_peers(3, &[one.address()]);
    let from_third = third.connected(node_id(1));
    one.connected(node_id(3));
    one.send_all(to_other, 2, vec![0; 1_000_000]);
    let events = one.stop();
    let ends = events.iter().filter(|event| is_disconnected(event)).count();
    assert_eq!(ends, 2);
    let last = events
        .iter()
        .rposition(|event| matches!(event, Event::Disconnected { link, .. } if *link == to_other));
    let after = events[last.unwrap() + 1..]
        .iter()
        .filter(|event| match event {
            Event::Frame(frame) => frame.link == to_other,
            Event::Written { link, .. } | Event::Disconnected { link, .. } => *link == to_other,
            Event::Connected { .. } => false,
        });
    assert_eq!(after.count(), 0, "nothing is told of a link after its end");
    other.disconnected(to_one);
    third.disconnected(from_third);
}

#[test]
fn a_node_stops_while_a_peer_reads_nothing_and_lanes_are_full() {
    let (one, to_other, other, _) = pair(1, 2);
    while one.send(to_other, 2, vec![0; 100_000].into()).is_ok() {}
    assert_eq!(
        one.stop()
            .iter()
            .filter(|event| is_disconnected(event))
            .count(),
        1
    );
    drop(other);
}

#[test]
fn a_receiver_that_never_returns_does_not_keep_a_node_from_stopping() {
    let blocked = Arc::new(AtomicBool::new(false));
    let release = Arc::new(AtomicBool::new(false));
    let (is_blocked, released) = (Arc::clone(&blocked), Arc::clone(&release));
    let clock = Arc::new(ManualClock::new(NOW));
    let other = Node::with_peers(2, &[]);
    let settings = Config {
        peers: vec![other.address()],
        ..config()
    };
    let stuck = start(identity(1), settings, clock, move |event| {
        if is_connected(&event) {
            is_blocked.store(true, Ordering::SeqCst);
            while !released.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    crate::common::until("the receiver to block", || blocked.load(Ordering::SeqCst));
    // Returns, though the receiver does not.
    drop(stuck);
    assert!(!release.load(Ordering::SeqCst));
    release.store(true, Ordering::SeqCst);
}

#[test]
fn two_nodes_cannot_listen_on_one_port() {
    let one = Node::with_peers(1, &[]);
    let settings = Config {
        listen: vec![one.address().without_node()],
        ..config()
    };
    let clock = Arc::new(ManualClock::new(NOW));
    let error = start(identity(2), settings, clock, |_| {}).err().unwrap();
    assert!(matches!(&error, NetworkError::Listen { .. }), "{error}");
    assert!(
        error.to_string().contains(&one.port().to_string()),
        "{error}"
    );
}

#[test]
fn wrong_settings_start_nothing() {
    let clock = Arc::new(ManualClock::new(NOW));
    let settings = Config {
        worker_threads: 0,
        ..config()
    };
    let error = start(identity(1), settings, clock, |_| {}).err().unwrap();
    assert!(matches!(error, NetworkError::Config(_)));
}
