//! Who is linked with whom: bans, reserved peers, dialling at once, restarts.

use crate::common::{
    NOW, Node, config, is_connected, is_disconnected, logged, node_id, pair, until,
};
use crate::proxy::Proxy;
use picot_clock::Millis;
use picot_network::{Address, Config, Event, Link, Network, NetworkError, NodeId};
use std::time::Duration;

fn any_connection(node: &mut Node) -> (Link, NodeId) {
    node.wait("a connection", |event| match event {
        Event::Connected { link, node, .. } => Some((*link, *node)),
        _ => None,
    })
}

#[test]
fn a_ban_ends_the_link_and_refuses_the_node_until_it_ends() {
    let (mut one, to_other, mut other, to_one) = pair(1, 2);
    let until = NOW.checked_add(Millis(60_000)).unwrap();
    one.ban(&node_id(2), None, until, "it lied");
    assert_eq!(one.disconnected(to_other), "banned: it lied");
    other.disconnected(to_one);
    logged(&[
        "connection refused",
        &node_id(2).to_string(),
        "it is banned",
    ]);
    let bans = one.bans();
    assert_eq!(
        (bans.len(), bans[0].node, bans[0].until),
        (1, node_id(2), until)
    );
    assert_eq!(one.count(is_connected), 0);
    one.clock.advance(Millis(60_000)).unwrap();
    one.connected(node_id(2));
    assert!(one.bans().is_empty());
}

#[test]
fn a_lifted_ban_holds_no_longer() {
    let (mut one, to_other, _other, _) = pair(1, 2);
    let until = NOW.checked_add(Millis(60_000)).unwrap();
    one.ban(
        &node_id(2),
        Some("127.0.0.1".parse().unwrap()),
        until,
        "it lied",
    );
    one.disconnected(to_other);
    logged(&["connection refused", "it is banned"]);
    assert!(one.unban(&node_id(2)));
    assert!(!one.unban(&node_id(2)));
    one.connected(node_id(2));
}

#[test]
fn a_banned_address_is_refused_but_the_reserved_peer_there_is_kept() {
    let mut settings = config();
    let elsewhere: Address = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
    settings.reserved = vec![elsewhere.with_node(node_id(3))];
    let mut one = Node::start(1, settings);
    let mut other = Node::with_peers(2, &[one.address()]);
    let mut reserved = Node::with_peers(3, &[one.address()]);
    let (to_other, to_reserved) = (one.connected(node_id(2)), one.connected(node_id(3)));
    other.connected(node_id(1));
    let from_reserved = reserved.connected(node_id(1));
    let until = NOW.checked_add(Millis(60_000)).unwrap();
    one.ban(
        &node_id(9),
        Some("127.0.0.1".parse().unwrap()),
        until,
        "it lied",
    );
    one.disconnected(to_other);
    logged(&["connection refused", "it is banned"]);
    one.send_all(to_reserved, 0, b"still friends".to_vec());
    assert_eq!(reserved.frame(0).bytes, b"still friends");
    reserved.disconnect(from_reserved, "for a moment");
    one.disconnected(to_reserved);
    one.connected(node_id(3));
}

#[test]
fn a_reserved_peer_is_linked_again_after_its_restart() {
    let mut other = Node::with_peers(2, &[]);
    let address = other.address();
    let mut one = Node::start(
        1,
        Config {
            reserved: vec![address.clone()],
            ..config()
        },
    );
    let first = one.connected(node_id(2));
    other.connected(node_id(1));
    assert_eq!(one.reserved(), std::slice::from_ref(&address));
    other.stop();
    one.disconnected(first);
    let listen = vec![address.without_node()];
    let mut again = Node::start(2, Config { listen, ..config() });
    again.connected(node_id(1));
    let second = one.connected(node_id(2));
    assert_ne!(first, second);
    assert!(one.links()[0].reserved);
}

#[test]
fn another_node_at_a_reserved_peers_address_is_no_link() {
    let mut other = Node::with_peers(2, &[]);
    let reserved = vec![other.address().with_node(node_id(3))];
    let mut one = Node::start(
        1,
        Config {
            reserved,
            ..config()
        },
    );
    logged(&["dialling failed", &node_id(3).to_string()]);
    assert_eq!(one.count(is_connected) + other.count(is_connected), 0);
}

#[test]
fn reserved_peers_come_and_go() {
    let mut one = Node::with_peers(1, &[]);
    let mut other = Node::with_peers(2, &[]);
    let nameless = one.add_reserved(&other.address().without_node());
    assert!(matches!(nameless, Err(NetworkError::Undialable(..))));
    one.add_reserved(&other.address()).unwrap();
    let link = one.connected(node_id(2));
    other.connected(node_id(1));
    assert!(one.links()[0].reserved);
    assert!(one.remove_reserved(&node_id(2)).unwrap());
    assert!(!one.remove_reserved(&node_id(2)).unwrap());
    assert!(!one.links()[0].reserved && one.reserved().is_empty());
    one.disconnect(link, "enough");
    assert_eq!(one.disconnected(link), "enough");
}

#[test]
fn two_that_dial_each_other_at_once_have_one_link() {
    let mut one = Node::with_peers(1, &[]);
    let mut other = Node::with_peers(2, &[]);
    one.add_reserved(&other.address()).unwrap();
    other.add_reserved(&one.address()).unwrap();
    for round in 0..20_u8 {
        let (to_other, _) = any_connection(&mut one);
        let (to_one, _) = any_connection(&mut other);
        one.send_all(to_other, 0, vec![round]);
        other.send_all(to_one, 0, vec![round]);
        assert_eq!(one.frame(0).bytes, [round]);
        assert_eq!(other.frame(0).bytes, [round]);
        assert_eq!((one.links().len(), other.links().len()), (1, 1));
        assert_eq!(one.count(is_disconnected) + other.count(is_disconnected), 0);
        one.disconnect(to_other, "next round");
        one.disconnected(to_other);
        other.disconnected(to_one);
    }
}

#[test]
fn a_link_ends_once_on_both_sides() {
    let (mut one, to_other, mut other, to_one) = pair(1, 2);
    one.disconnect(to_other, "first");
    one.disconnect(to_other, "second");
    assert_eq!(one.disconnected(to_other), "first");
    other.disconnected(to_one);
    // They are linked again, and the old link is not told of any more.
    assert_ne!(one.connected(node_id(2)), to_other);
    let old =
        |event: &Event| matches!(event, Event::Disconnected { link, .. } if *link == to_other);
    assert_eq!(one.count(old), 0);
}

#[test]
fn we_do_not_link_with_ourselves() {
    let mut one = Node::with_peers(1, &[]);
    let own = one.address().without_node();
    // The swarm knows its own listen addresses; by a name it finds out by whom it meets.
    let by_name: Address = format!("/dns4/localhost/tcp/{}", one.port())
        .parse()
        .unwrap();
    one.dial(&own).unwrap();
    one.dial(&by_name).unwrap();
    logged(&["dialling failed"]);
    assert_eq!(one.count(is_connected), 0);
}

#[test]
fn a_peer_is_found_by_name_and_dialled_by_hand() {
    let mut one = Node::with_peers(1, &[]);
    let mut other = Node::with_peers(2, &[]);
    let by_name: Address = format!("/dns4/localhost/tcp/{}", other.port())
        .parse()
        .unwrap();
    one.dial(&by_name).unwrap();
    one.connected(node_id(2));
    other.connected(node_id(1));
    assert!(one.dial(&"/ip4/0.0.0.0/tcp/1".parse().unwrap()).is_err());
}

#[test]
fn a_peer_without_a_name_is_dialled_once_while_it_is_linked() {
    let mut one = Node::with_peers(1, &[]);
    let mut other = Node::with_peers(2, &[one.address().without_node()]);
    one.connected(node_id(2));
    let link = other.connected(node_id(1));
    for number in 0..100 {
        other.send_all(link, 0, vec![number]);
        one.frame(0);
    }
    assert_eq!(one.count(is_connected) + one.count(is_disconnected), 0);
}

#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    let mut other = Node::with_peers(2, &[]);
    let proxy = Proxy::to(other.port());
    let mut one = Node::start(
        1,
        Config {
            peers: vec![proxy.address()],
            ping_interval: Duration::from_millis(20),
            ping_timeout: Duration::from_millis(500),
            ..config()
        },
    );
    let link = one.connected(node_id(2));
    other.connected(node_id(1));
    until("a round trip", || one.links()[0].round_trip.is_some());
    assert_eq!(one.count(is_disconnected), 0, "who answers is kept");
    proxy.cut();
    assert_eq!(one.disconnected(link), "it did not answer a ping in time");
}

#[test]
fn who_connects_again_replaces_its_own_dead_link() {
    // Once for each side that decides.
    for (stays, restarts) in [(1, 2), (2, 1)] {
        let settings = Config {
            handshake_timeout: Duration::from_millis(300),
            // Only who connects again shows that the link is dead.
            ping_timeout: Duration::from_secs(3_600),
            ..config()
        };
        let mut one = Node::start(stays, settings.clone());
        let proxy = Proxy::to(one.port());
        let dialling = |address| Config {
            peers: vec![address],
            ..settings.clone()
        };
        let mut before = Node::start(restarts, dialling(proxy.address()));
        before.connected(node_id(stays));
        let dead = one.connected(node_id(restarts));
        proxy.cut();
        drop(before);
        assert_eq!(one.count(is_disconnected), 0, "nobody told");
        let mut after = Node::start(restarts, dialling(one.address()));
        let told = one.wait("the end of the dead link", |event| match event {
            Event::Disconnected { link, .. } => Some(*link),
            Event::Connected { .. } => panic!("two links with one node"),
            _ => None,
        });
        assert_eq!(told, dead);
        let alive = one.connected(node_id(restarts));
        after.connected(node_id(stays));
        one.send_all(alive, 0, b"hello".to_vec());
        assert_eq!(after.frame(0).bytes, b"hello");
        assert_eq!(one.links().len(), 1);
    }
}
