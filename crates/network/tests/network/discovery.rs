//! Peers of peers.

use crate::common::{Node, config, node_id};
use picot_network::{Address, Config, Network};

fn seeking(seed: u8, peers: &[Address]) -> Node {
    let settings = Config {
        discovery: true,
        peers: peers.to_vec(),
        ..config()
    };
    Node::start(seed, settings)
}

#[test]
fn a_peer_of_a_peer_is_found() {
    let mut third = seeking(3, &[]);
    let mut second = seeking(2, &[third.address()]);
    second.connected(node_id(3));
    let mut first = seeking(1, &[second.address()]);
    first.connected(node_id(2));
    first.connected(node_id(3));
    third.connected(node_id(1));
}

#[test]
fn a_chain_of_peers_finds_itself() {
    let mut nodes = vec![seeking(1, &[])];
    for seed in 2..=6 {
        let before = nodes[nodes.len() - 1].address();
        nodes.push(seeking(seed, &[before]));
    }
    let mut last = nodes.pop().unwrap();
    for seed in 1..=5 {
        last.connected(node_id(seed));
    }
}

#[test]
fn who_does_not_seek_finds_nobody_and_is_not_found() {
    let middle = seeking(2, &[]);
    let mut quiet = Node::with_peers(1, &[middle.address()]);
    quiet.connected(node_id(2));
    let mut third = seeking(3, &[middle.address()]);
    let mut fourth = seeking(4, &[middle.address()]);
    // By then, searches have gone round.
    third.connected(node_id(4));
    fourth.connected(node_id(3));
    assert_eq!(quiet.links().len(), 1);
    assert!(middle.links().len() >= 3);
}

#[test]
fn searches_of_different_chains_do_not_mix() {
    let middle = seeking(2, &[]);
    let settings = Config {
        discovery: true,
        network_tag: "another".into(),
        peers: vec![middle.address()],
        ..config()
    };
    let mut foreign = Node::start(1, settings);
    foreign.connected(node_id(2));
    let mut third = seeking(3, &[middle.address()]);
    let mut fourth = seeking(4, &[middle.address()]);
    third.connected(node_id(4));
    fourth.connected(node_id(3));
    assert_eq!(foreign.links().len(), 1);
}

#[test]
fn addresses_of_private_ranges_are_not_spread_on_a_public_network() {
    let public = |seed, peers: &[Address]| {
        Node::start(
            seed,
            Config {
                discovery: true,
                public: true,
                peers: peers.to_vec(),
                ..config()
            },
        )
    };
    let middle = public(2, &[]);
    let mut one = public(1, &[middle.address()]);
    let mut third = public(3, &[middle.address()]);
    one.connected(node_id(2));
    third.connected(node_id(2));
    // A private network beside it finds itself meanwhile.
    let hub = seeking(5, &[]);
    let mut left = seeking(6, &[hub.address()]);
    let _right = seeking(7, &[hub.address()]);
    left.connected(node_id(7));
    assert_eq!((one.links().len(), third.links().len()), (1, 1));
}
