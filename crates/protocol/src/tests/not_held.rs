//! What a node does not hold it says, and whoever asked goes on to another at once.

use super::support::*;
use crate::packet::SharedMessage;
use crate::{Fault, Input, Output, Packet};
use picot_consensus::{Message, Peer, PeerFault, Request};
use std::sync::Arc;

fn body(id: picot_models::BlockId) -> Request {
    Request::Body { id }
}

#[test]
fn a_block_that_neither_the_protocol_nor_consensus_holds_is_answered_and_another_peer_is_asked() {
    let mut net = Net::mesh(3);
    let id = block_of(1, 1).id();
    let ask = Input::Ask {
        to: Some(Peer(1)),
        request: body(id),
    };
    net.input(0, ask);
    let question = Message::Ask(body(id));
    assert_eq!(net.heard(1, &question), 1, "consensus may have it");
    assert_eq!(net.heard(2, &question), 0, "one at a time");
    net.carried.clear();
    let answer = Input::Send {
        to: Peer(0),
        message: Arc::new(Message::NotHeld(body(id))),
    };
    net.input(1, answer);
    let of_it = net.carried.iter().map(|(from, to, frame)| {
        let is_answer = *frame.packet() == Packet::NotHeld(id);
        (*from, *to, is_answer)
    });
    assert_eq!(of_it.take(1).collect::<Vec<_>>(), [(1, 0, true)]);
    assert_eq!(net.heard(2, &question), 1, "at once, without any wait");
}

#[test]
fn outcomes_that_are_not_held_are_told_to_consensus() {
    let mut net = Net::mesh(2);
    let request = Request::Outcomes {
        thread: 1,
        period: 7,
    };
    let message = Message::NotHeld(request);
    let answer = Input::Send {
        to: Peer(0),
        message: Arc::new(message.clone()),
    };
    net.input(1, answer);
    assert_eq!(net.heard(0, &message), 1);
    assert!(net.done[0].farewells.is_empty());
}

#[test]
fn a_refusal_of_a_block_has_a_packet_of_its_own_and_no_other_form() {
    let mut net = Net::mesh(2);
    let message = Arc::new(Message::NotHeld(body(block_of(1, 1).id())));
    net.say(1, 0, Packet::Consensus(SharedMessage(Arc::clone(&message))));
    assert_eq!(net.heard(0, &message), 0);
    let blamed = net.done[0].outputs.iter().any(|output| {
        matches!(
            output,
            Output::Penalty {
                fault: Fault::Consensus(PeerFault::Malformed),
                ..
            }
        )
    });
    assert!(blamed, "{:?}", net.done[0].outputs);
}
