//! Peers that break the rules.

use crate::common::{Node, config, is_connected, logged, node_id, pair, until};
use picot_network::{Config, LaneConfig, Network};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_frame_over_the_limit_ends_the_link_with_the_reason() {
    let mut one = Node::with_peers(1, &[]);
    let mut settings = Config {
        peers: vec![one.address()],
        ..config()
    };
    settings.lanes[0] = LaneConfig {
        max_frame_bytes: 200_000,
        unread_bytes: 400_000,
        unsent_bytes: 400_000,
    };
    let mut other = Node::start(2, settings);
    let (to_other, to_one) = (one.connected(node_id(2)), other.connected(node_id(1)));
    other.send_all(to_one, 0, vec![0; 65_537]);
    let reason = one.disconnected(to_other);
    assert_eq!(
        reason,
        "it sent a frame of 65537 bytes on lane 0, over the limit of 65536"
    );
    other.disconnected(to_one);
}

#[test]
fn another_protocol_is_recognised_and_both_logs_say_so() {
    let mut one = Node::with_peers(1, &[]);
    let settings = Config {
        peers: vec![one.address()],
        protocol: "/other/1".into(),
        redial_min: Duration::from_secs(5),
        redial_max: Duration::from_secs(5),
        ..config()
    };
    let mut other = Node::start(2, settings);
    for seed in [1, 2] {
        let node = node_id(seed).to_string();
        logged(&[&node, "connection given up", "it speaks"]);
    }
    assert_eq!(one.count(is_connected) + other.count(is_connected), 0);
}

#[test]
fn other_lanes_are_another_protocol() {
    let mut one = Node::with_peers(1, &[]);
    let mut settings = Config {
        peers: vec![one.address()],
        ..config()
    };
    settings.handshake_timeout = Duration::from_millis(300);
    settings.lanes.push(settings.lanes[0]);
    let mut other = Node::start(2, settings);
    for seed in [1, 2] {
        let node = node_id(seed).to_string();
        logged(&[&node, "connection given up", "lanes"]);
    }
    assert_eq!(one.count(is_connected) + other.count(is_connected), 0);
}

/// Whether the other side has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut bytes = [0; 1_024];
    match stream.read(&mut bytes) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn garbage_instead_of_a_handshake_is_closed_and_links_go_on() {
    let (one, to_other, mut other, _) = pair(1, 2);
    for garbage in [
        vec![0; 5_000],
        vec![0xff; 5_000],
        b"GET / HTTP/1.1\r\n\r\n".repeat(100),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", one.port())).unwrap();
        let _ = stream.write_all(&garbage);
        until("the connection to be closed", || is_closed(&mut stream));
        one.send_all(to_other, 0, b"fine".to_vec());
        assert_eq!(other.frame(0).bytes, b"fine");
    }
    // What libp2p begins with, and then garbage where Noise should be.
    let mut stream = TcpStream::connect(("127.0.0.1", one.port())).unwrap();
    stream
        .write_all(b"\x13/multistream/1.0.0\n\x07/noise\n")
        .unwrap();
    let _ = stream.write_all(&[0x01; 3_000]);
    until("the connection to be closed", || is_closed(&mut stream));
    assert_eq!(one.links().len(), 1);
    logged(&["handshake failed", "127.0.0.1"]);
}

#[test]
fn who_says_nothing_is_closed_after_the_time_of_a_handshake() {
    let settings = Config {
        handshake_timeout: Duration::from_millis(200),
        ..config()
    };
    let node = Node::start(1, settings);
    let mut stream = TcpStream::connect(("127.0.0.1", node.port())).unwrap();
    until("the connection to be closed", || is_closed(&mut stream));
}
