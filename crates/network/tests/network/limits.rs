//! Limits of connections, with others' connections going on.

use crate::common::{Node, config, logged, node_id};
use picot_network::{Config, Network};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

/// How many of the connections the other side has left open.
fn open(streams: &mut [TcpStream]) -> usize {
    let still = streams.iter_mut().map(|stream| {
        let read = stream.read(&mut [0; 64]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    still.filter(|open| *open).count()
}

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", node.port())).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

#[test]
fn of_200_connections_from_one_address_few_stay_and_the_others_links_go_on() {
    let mut settings = config();
    settings.limits.max_per_address = 5;
    let mut one = Node::start(1, settings);
    let mut other = Node::with_peers(2, &[one.address()]);
    let (to_other, to_one) = (one.connected(node_id(2)), other.connected(node_id(1)));
    let mut streams: Vec<_> = (0..200).map(|_| connect(&one)).collect();
    while open(&mut streams) > 4 {
        one.send_all(to_other, 0, b"ping".to_vec());
        assert_eq!(other.frame(0).bytes, b"ping");
        other.send_all(to_one, 0, b"pong".to_vec());
        assert_eq!(one.frame(0).bytes, b"pong");
    }
    assert_eq!(open(&mut streams), 4, "the link is the fifth");
    logged(&[
        "connection refused",
        "127.0.0.1",
        "enough connections with its address",
    ]);
    drop(streams);
    let mut third = Node::with_peers(3, &[one.address()]);
    third.connected(node_id(1));
    one.connected(node_id(3));
    assert_eq!(one.links().len(), 2);
}

#[test]
fn connections_that_come_too_often_are_refused() {
    let mut settings = config();
    settings.limits.new_per_second = 1;
    settings.limits.new_burst = 10;
    let one = Node::start(1, settings);
    let mut streams: Vec<_> = (0..50).map(|_| connect(&one)).collect();
    while open(&mut streams) > 20 {
        std::thread::yield_now();
    }
    logged(&["connection refused", "connects too often"]);
}

#[test]
fn a_reserved_peer_has_room_where_others_have_none() {
    let mut settings = config();
    settings.limits.max_inbound = 1;
    // Nobody listens there: only the other can connect.
    let elsewhere = "/ip4/127.0.0.1/tcp/9"
        .parse::<picot_network::Address>()
        .unwrap();
    settings.reserved = vec![elsewhere.with_node(node_id(3))];
    let mut one = Node::start(1, settings);
    let mut first = Node::with_peers(2, &[one.address()]);
    first.connected(node_id(1));
    let _refused = Node::with_peers(4, &[one.address()]);
    logged(&["connection refused", "no room"]);
    let mut reserved = Node::with_peers(3, &[one.address()]);
    reserved.connected(node_id(1));
    one.connected(node_id(3));
    let info = one.links();
    assert_eq!(info.len(), 2);
    assert!(
        info.iter()
            .all(|info| info.reserved == (info.node == node_id(3)))
    );
}

#[test]
fn no_more_peers_are_dialled_than_wanted() {
    let peers: Vec<_> = (10..14).map(|seed| Node::with_peers(seed, &[])).collect();
    let mut settings = Config {
        peers: peers.iter().map(Node::address).collect(),
        ..config()
    };
    settings.limits.target_outbound = 2;
    let mut one = Node::start(1, settings);
    let first = one.connected(node_id(10));
    one.connected(node_id(11));
    assert_eq!(one.links().len(), 2);
    one.disconnect(first, "another, please");
    one.disconnected(first);
    let next = one.wait("another peer", |event| match event {
        picot_network::Event::Connected { node, .. } => Some(*node),
        _ => None,
    });
    assert!(one.links().len() <= 2, "{next} is one more than wanted");
}

#[test]
fn a_machine_that_does_not_answer_is_given_up_in_time() {
    let mut settings = config();
    settings.handshake_timeout = Duration::from_millis(200);
    // It accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    settings.peers = vec![picot_network::Address::tcp(address.ip(), address.port())];
    let one = Node::start(1, settings);
    logged(&["dialling failed"]);
    assert!(one.links().is_empty());
}
