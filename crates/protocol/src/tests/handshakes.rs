//! Who is talked to.

use super::support::*;
use crate::{Farewell, Fault, Hello, Input, Output, Packet, Status};
use picot_consensus::{Peer, PeerFault};
use picot_models::mocks::chain_id;

fn farewell(net: &Net, at: usize) -> Option<&Farewell> {
    net.done[at].farewells.last().map(|(_, reason)| reason)
}

#[test]
fn two_nodes_of_one_chain_introduce_themselves() {
    let net = Net::mesh(2);
    assert_eq!(net.cores[0].ready_peers(), 1);
    assert_eq!(net.cores[1].ready_peers(), 1);
    let peers = net.cores[0].peers(net.now);
    assert!(peers[0].ready && peers[0].agent.starts_with("picot/"));
}

#[test]
fn a_node_of_another_chain_is_sent_away_and_both_know_why() {
    let mut net = Net::new(1, &[]);
    stranger(&mut net, 0, 7);
    net.say(7, 0, hello(chain_id(9)));
    let theirs = chain_id(9);
    assert_eq!(farewell(&net, 0), Some(&Farewell::OtherChain { theirs }));
    let ours = net.carried.iter().any(|(_, to, frame)| {
        *to == 7 && matches!(frame.packet(), Packet::Hello(hello) if hello.chain_id == chain())
    });
    assert!(ours, "the other side can tell as well");
    assert_eq!(net.cores[0].ready_peers(), 0);
}

#[test]
fn a_node_of_another_version_is_sent_away() {
    let mut net = Net::new(1, &[]);
    stranger(&mut net, 0, 7);
    let hello = Hello {
        version: 99,
        chain_id: chain(),
        agent: String::new(),
    };
    net.say(7, 0, Packet::Hello(hello));
    assert_eq!(
        farewell(&net, 0),
        Some(&Farewell::OtherVersion { theirs: 99 })
    );
}

#[test]
fn nothing_is_heard_of_who_has_not_introduced_itself() {
    let mut net = Net::new(1, &[]);
    stranger(&mut net, 0, 7);
    let message = vote(1, 1);
    net.say(
        7,
        0,
        Packet::Consensus(crate::SharedMessage(message.clone())),
    );
    assert_eq!(net.heard(0, &message), 0);
    assert_eq!(farewell(&net, 0), Some(&Farewell::NotIntroduced));
}

#[test]
fn who_is_banned_is_not_disconnected_besides() {
    let mut net = Net::new(1, &[]);
    for _ in 0..3 {
        stranger(&mut net, 0, 7);
        net.say(7, 0, Packet::Have(Vec::new()));
    }
    let reasons = net.done[0].farewells.iter().map(|(_, reason)| reason);
    let last = Fault::OutOfTurn;
    let expected = [
        Farewell::NotIntroduced,
        Farewell::NotIntroduced,
        Farewell::Penalties { last },
    ];
    assert!(reasons.eq(&expected), "{:?}", net.done[0].farewells);
}

#[test]
fn who_says_nothing_is_sent_away_in_a_while() {
    let mut net = Net::new(1, &[]);
    stranger(&mut net, 0, 7);
    net.run_for(60_000);
    assert_eq!(farewell(&net, 0), Some(&Farewell::NoHandshake));
}

#[test]
fn a_node_does_not_talk_to_itself() {
    let mut net = Net::new(1, &[]);
    let connected = Input::Connected {
        peer: Peer(5),
        node: node(0),
        address: None,
        outbound: true,
        reserved: false,
    };
    net.input(0, connected);
    assert_eq!(farewell(&net, 0), Some(&Farewell::Ourselves));
}

#[test]
fn whoever_sends_what_is_provably_bad_is_banned_and_nobody_else() {
    let mut net = Net::mesh(3);
    for _ in 0..3 {
        let fault = PeerFault::BadCertificate;
        let blame = Input::Blame {
            peer: Peer(1),
            fault,
        };
        net.input(0, blame);
    }
    let last = Fault::Consensus(PeerFault::BadCertificate);
    assert_eq!(
        net.done[0].farewells.len(),
        1,
        "{:?}",
        net.done[0].farewells
    );
    assert_eq!(
        net.done[0].farewells[0],
        (Peer(1), Farewell::Penalties { last })
    );
    assert_eq!(net.cores[0].ready_peers(), 1);
}

#[test]
fn bytes_that_are_no_packet_and_packets_on_the_wrong_lane_are_punished() {
    let mut net = Net::mesh(2);
    for _ in 0..3 {
        net.input(0, Input::Unreadable { from: Peer(1) });
    }
    let last = Fault::Unreadable;
    assert_eq!(farewell(&net, 0), Some(&Farewell::Penalties { last }));
}

#[test]
fn a_status_of_another_number_of_threads_is_punished_and_believed_by_nobody() {
    let mut net = Net::mesh(2);
    let status = Status {
        sent_at_ms: 1,
        echo: None,
        decided: vec![9],
        serves_from: 0,
    };
    net.say(1, 0, Packet::Status(status));
    assert!(net.cores[0].peers(net.now)[0].penalty > 0);
    let is_told = |output: &Output| matches!(output, Output::DecidedElsewhere { .. });
    assert!(!net.done[0].outputs.iter().any(is_told));
}
