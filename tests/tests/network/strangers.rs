//! Two nodes, and callers that do not belong to their network.

use crate::stranger::{Ears, Stranger, hello};
use picot_protocol::{PROTOCOL_VERSION, Packet};
use picot_tests::{Localnet, NodeProcess, make_genesis, new_key};

#[test]
fn two_nodes_agree_and_a_node_of_another_chain_or_version_is_told_apart_and_sent_away() {
    let mut net = Localnet::new(&[10, 10]);
    net.start(&[0, 1]);
    let at = net.node_mut(0).listens_at();
    let chain_id = net.node(0).status().chain_id;

    let mut other = node_of_another_chain(&net, &at.port().to_string());
    let other_chain = other.status().chain_id;
    assert_ne!(other_chain, chain_id);
    for (node, theirs) in [(net.node_mut(0), other_chain), (&mut other, chain_id)] {
        let reason = format!("it is a node of another chain, {theirs}");
        node.wait_for_line(&reason, |line| line.contains(&reason));
    }

    // A later version of the messages.
    let later = Stranger::call(1, at, Ears::Open).connected();
    later.say(&hello(PROTOCOL_VERSION + 1, chain_id));
    let told = later.hear("told the node's version", |packet| match packet {
        Packet::Hello(hello) => Some(hello.version),
        _ => None,
    });
    assert_eq!(told, PROTOCOL_VERSION);
    later.wait_for_end();
    let reason = format!("it speaks version {} of the protocol", PROTOCOL_VERSION + 1);
    net.node_mut(0)
        .wait_for_line(&reason, |line| line.contains(&reason));

    // Another protocol of the transport.
    let foreign = Stranger::call_as(2, at, Ears::Open, "/picot/9");
    let name = foreign.name.clone();
    net.node_mut(0).wait_for_line("what it speaks", |line| {
        line.contains(&name) && line.contains("it speaks")
    });

    net.wait_for_more(&[0, 1], 8);
    net.transfer(0);
    net.transfer(1);
    // The others call again and again, but are never introduced.
    let peers = net.node(0).peers().peers;
    let introduced = peers.iter().filter(|peer| peer.agent.is_some());
    assert_eq!(introduced.count(), 1, "{peers:?}");
    net.check_agreement();
    net.stop_and_check();
}

/// It logs what operators see who ask for nothing.
fn node_of_another_chain(net: &Localnet, port: &str) -> NodeProcess {
    let directory = net.directory();
    let (data, genesis) = (directory.join("other"), directory.join("other.json"));
    let passphrase = directory.join("passphrase");
    let address = new_key(&data, &passphrase);
    make_genesis(&genesis, "other", &[(&address, &10)]);
    let peer = format!("/ip4/127.0.0.1/tcp/{port}");
    NodeProcess::start(
        &data,
        &[
            "--genesis",
            genesis.to_str().unwrap(),
            "--passphrase-file",
            passphrase.to_str().unwrap(),
            "--listen",
            "/ip4/127.0.0.1/tcp/0",
            "--peer",
            &peer,
            "--no-discovery",
        ],
    )
}
