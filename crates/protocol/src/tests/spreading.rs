//! How messages of consensus spread.

use super::support::*;
use crate::{CheckpointWord, Input, Output, Packet, SharedMessage};
use picot_checkpoint::CheckpointMessage;
use picot_clock::Timestamp;
use picot_consensus::{Message, Peer, Request};
use picot_models::mocks::key;
use picot_models::{
    Ballot, Block, BlockEnvelope, Certificate, Endorsement, Outcome, Signed, Slot, ThreadDigest,
    ValidatorSet, Value, Vote,
};
use picot_pool::PoolError;
use picot_serialization::Encode;
use std::sync::Arc;

/// What was sent from one to another that carries this message.
fn times_sent(net: &Net, from: usize, to: usize, message: &Message) -> usize {
    let is_it = |packet: &Packet| matches!(packet, Packet::Consensus(it) if *it.0 == *message);
    let sent = net.carried.iter();
    sent.filter(|(at, receiver, frame)| (*at, *receiver) == (from, to) && is_it(frame.packet()))
        .count()
}

fn relay(net: &mut Net, at: usize, from: usize, message: &Arc<Message>) {
    let message = Arc::clone(message);
    let from = Peer(from as u64);
    net.input(at, Input::Relay { from, message });
}

#[test]
fn what_this_node_signs_goes_to_all_its_peers() {
    let mut net = Net::mesh(4);
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    for at in 1..4 {
        assert_eq!(net.heard(at, &message), 1);
        assert_eq!(net.done[at].heard[0].0, Peer(0));
    }
}

#[test]
fn where_all_are_connected_to_all_nothing_is_passed_on() {
    let mut net = Net::mesh(4);
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    for at in 1..4 {
        relay(&mut net, at, 0, &message);
    }
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (1, 0)] {
        assert_eq!(times_sent(&net, from, to, &message), 0);
    }
}

#[test]
fn who_is_not_connected_to_the_sender_hears_from_those_who_are() {
    let mut net = Net::new(3, &[(0, 1), (1, 2)]);
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    relay(&mut net, 1, 0, &message);
    assert_eq!(net.heard(2, &message), 1);
    relay(&mut net, 1, 0, &message);
    assert_eq!(times_sent(&net, 1, 2, &message), 1, "once");
    assert_eq!(times_sent(&net, 1, 0, &message), 0, "not back");
}

#[test]
fn a_vote_with_a_bad_signature_is_not_passed_on_and_its_sender_is_punished() {
    let mut net = Net::new(3, &[(0, 1), (1, 2)]);
    let (Message::Vote(good), Message::Vote(other)) = (&*vote(1, 1), &*vote(1, 2)) else {
        unreachable!("they are votes");
    };
    let mut forged = good.clone();
    forged.signature = other.signature;
    let forged = Arc::new(Message::Vote(forged));
    net.input(0, Input::Broadcast(forged.clone()));
    relay(&mut net, 1, 0, &forged);
    assert_eq!(net.heard(2, &forged), 0);
    let penalised: Vec<bool> = net.cores[1]
        .peers(net.now)
        .iter()
        .map(|it| it.penalty > 0)
        .collect();
    assert_eq!(penalised, [true, false]);
}

#[test]
fn what_the_sender_did_not_bring_is_named_in_a_while_and_asked_for() {
    let mut net = Net::mesh(3);
    net.cut = vec![(0, 2)];
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    relay(&mut net, 1, 0, &message);
    assert_eq!(net.heard(2, &message), 0, "node 0 is connected to node 2");
    net.run_for(1_000);
    assert_eq!(net.heard(2, &message), 1);
    assert_eq!(net.done[2].heard[0].0, Peer(1));
}

#[test]
fn what_is_about_a_decided_slot_is_not_named() {
    for decided_first in [true, false] {
        let mut net = Net::mesh(3);
        net.cut = vec![(0, 2)];
        let (over, open) = (vote(1, 1), vote(1, 2));
        let progress = || Input::Progress {
            decided: vec![1, 0],
            serves_from: 0,
        };
        if decided_first {
            net.input(1, progress());
        }
        for message in [&over, &open] {
            net.input(0, Input::Broadcast(Arc::clone(message)));
            relay(&mut net, 1, 0, message);
        }
        if !decided_first {
            net.input(1, progress());
        }
        net.run_for(1_000);
        assert_eq!((net.heard(2, &over), net.heard(2, &open)), (0, 1));
    }
}

#[test]
fn a_message_waits_for_half_of_the_time_at_least_before_it_is_named() {
    let mut net = Net::mesh(3);
    net.cut = vec![(0, 2)];
    let (early, late) = (vote(1, 1), vote(2, 1));
    net.input(0, Input::Broadcast(Arc::clone(&early)));
    relay(&mut net, 1, 0, &early);
    net.run_for(400);
    net.input(0, Input::Broadcast(Arc::clone(&late)));
    relay(&mut net, 1, 0, &late);
    net.run_for(100);
    assert_eq!((net.heard(2, &early), net.heard(2, &late)), (1, 0));
    net.run_for(100);
    assert_eq!(net.heard(2, &late), 0);
    net.run_for(50);
    assert_eq!(net.heard(2, &late), 1);
}

#[test]
fn after_a_step_back_of_the_clock_nothing_waits_for_it_and_nothing_is_due_for_ever() {
    for (before_ms, back_ms) in [(450, 300), (0, 3_600_000)] {
        let mut net = Net::mesh(3);
        net.cut = vec![(0, 2)];
        let messages = [vote(1, 1), vote(2, 1), vote(1, 2)];
        let say = |net: &mut Net, message: &Arc<Message>| {
            net.input(0, Input::Broadcast(Arc::clone(message)));
            relay(net, 1, 0, message);
        };
        say(&mut net, &messages[0]);
        net.run_for(before_ms);
        say(&mut net, &messages[1]);
        net.now = Timestamp(net.now.0 - back_ms);
        say(&mut net, &messages[2]);
        for _ in 0..30 {
            net.run_for(50);
            let wakes = net.cores[1].wake_at();
            assert!(wakes.is_none_or(|at| at > net.now), "{wakes:?}");
        }
        for message in &messages {
            assert_eq!(net.heard(2, message), 1);
        }
    }
}

#[test]
fn each_node_names_a_message_to_four_of_many_peers_and_not_all_to_the_same() {
    let mut net = Net::mesh(24);
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    for at in 1..24 {
        relay(&mut net, at, 0, &message);
    }
    net.carried.clear();
    net.run_for(1_000);
    let named = |pair: fn(&(usize, usize)) -> usize| {
        let mut counts = [0; 24];
        for (from, to, frame) in &net.carried {
            if matches!(frame.packet(), Packet::Have(_)) {
                counts[pair(&(*from, *to))] += 1;
            }
        }
        counts
    };
    // Who was named it by a peer names it to that peer no more.
    let names = named(|(from, _)| *from);
    assert!(
        names[1..].iter().all(|times| (3..=4).contains(times)),
        "{names:?}"
    );
    let told = named(|(_, to)| *to);
    let never = told[1..].iter().filter(|times| **times == 0).count();
    assert!(never <= 2, "{told:?}");
}

#[test]
fn however_many_peers_there_are_each_is_told_names_in_its_turn() {
    // With 37 and 74 peers a fixed step through the places could always lead to the same ones.
    for peers in [5, 37, 64, 74] {
        let links = (1..=peers).map(|peer| (0, peer));
        // Whom the sender is connected to, nothing is sent at once.
        let of_sender = (2..=peers).map(|peer| (1, peer));
        let links: Vec<_> = links.chain(of_sender).collect();
        let mut net = Net::new(peers + 1, &links);
        let turns = peers.div_ceil(crate::GossipConfig::default().named);
        let mut told = vec![0; peers + 1];
        for turn in 1..=turns {
            relay(&mut net, 0, 1, &vote(1, turn as u64));
            net.run_for(600);
            for (from, to, frame) in net.carried.drain(..) {
                if from == 0 && matches!(frame.packet(), Packet::Have(_)) {
                    told[to] += 1;
                }
            }
        }
        assert!(
            told[2..].iter().all(|times| (1..=2).contains(times)),
            "of {peers}: {told:?}"
        );
    }
}

#[test]
fn a_vote_costs_a_link_at_most_one_and_a_half_times_its_bytes() {
    let mut net = Net::mesh(4);
    let votes: Vec<_> = (0..40).map(|period| vote(1, period + 1)).collect();
    let quiet: usize = {
        let mut idle = Net::mesh(4);
        idle.run_for(3_000);
        idle.bytes_between(1, 2)
    };
    for (number, message) in votes.iter().enumerate() {
        let signer = number % 4;
        net.input(signer, Input::Broadcast(message.clone()));
        for at in (0..4).filter(|at| *at != signer) {
            relay(&mut net, at, signer, message);
        }
        if number % 8 == 0 {
            net.run_for(50);
        }
    }
    net.run_for(2_000);
    for at in 0..4 {
        for (number, message) in votes.iter().enumerate() {
            assert_eq!(net.heard(at, message), usize::from(number % 4 != at));
        }
    }
    let own: usize = votes.iter().map(|message| message.encoded_len()).sum();
    for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        // Every vote is of use to every node, so each link could carry each once.
        let bytes = net.bytes_between(one, other).saturating_sub(quiet);
        assert!(
            bytes * 2 <= own * 3,
            "{bytes} bytes for {own} between {one} and {other}"
        );
    }
}

#[test]
fn what_nearly_everybody_has_is_told_to_a_few() {
    let mut net = Net::mesh(12);
    let message = vote(1, 1);
    net.input(0, Input::Tell(message.clone()));
    let told = (1..12).filter(|at| net.heard(*at, &message) > 0).count();
    assert_eq!(told, crate::GossipConfig::default().told);
}

#[test]
fn what_is_said_again_goes_again_to_those_who_did_not_bring_it() {
    let mut net = Net::mesh(3);
    let message = vote(1, 1);
    net.input(0, Input::Broadcast(message.clone()));
    net.say(1, 0, Packet::Consensus(SharedMessage(message.clone())));
    net.input(0, Input::Broadcast(message.clone()));
    assert_eq!(
        times_sent(&net, 0, 1, &message),
        1,
        "node 1 has shown that it has it"
    );
    assert_eq!(times_sent(&net, 0, 2, &message), 2);
}

#[test]
fn the_operations_go_along_with_the_header_of_the_best_ranked_producer_alone() {
    for (producer, along) in [(1, true), (2, false)] {
        let mut net = Net::mesh(2);
        let block = block_of(producer, 3);
        net.input(0, Input::Held(block.clone()));
        let header = block.header.envelope().clone();
        net.input(0, Input::Broadcast(Arc::new(Message::Candidate(header))));
        let sent = net
            .carried
            .iter()
            .find_map(|(_, _, frame)| match frame.packet() {
                Packet::Candidate { operations, .. } => Some(operations.clone()),
                _ => None,
            });
        let sent = sent.expect("a candidate was sent");
        assert_eq!(sent.map(|it| it.0.len()), along.then_some(3));
    }
}

#[test]
fn a_block_that_a_peer_holds_is_fetched_and_its_signatures_are_verified() {
    let mut net = Net::mesh(2);
    let block = block_of(1, 3);
    net.input(0, Input::Held(block.clone()));
    let header = block.header.envelope().clone();
    net.input(0, Input::Broadcast(Arc::new(Message::Candidate(header))));
    let request = Request::Body { id: block.id() };
    net.input(
        1,
        Input::Ask {
            to: Some(Peer(0)),
            request,
        },
    );
    let ticket = net.done[1].outputs.iter().find_map(|output| match output {
        Output::Verify { ticket, operations } if operations.len() == 3 => Some(*ticket),
        _ => None,
    });
    let bodies = |net: &Net| {
        let heard = net.done[1].heard.iter();
        heard
            .filter(|(_, message)| matches!(**message, Message::Body(_)))
            .count()
    };
    assert_eq!(bodies(&net), 0, "not before they are verified");
    let ticket = ticket.expect("its operations are to be verified");
    net.input(
        1,
        Input::Verified {
            ticket,
            bad: Vec::new(),
        },
    );
    assert_eq!(bodies(&net), 1);
}

/// A decision for a block, as a node that is behind gets it.
fn outcome(block: &Block) -> Arc<Message> {
    let votes = [1, 2].map(|validator| {
        let content = Vote {
            version: 1,
            slot: block.slot(),
            round: 0,
            thread_digest: ThreadDigest::genesis(&chain(), 0),
            ballot: Ballot::Finalise {
                value: Value::Block { id: block.id() },
            },
        };
        Signed::sign(content, &key(validator), &chain())
    });
    let validators = ValidatorSet::new(0, &genesis().roll_counts()).unwrap();
    let certificate = Certificate::from_votes(&votes, &validators).unwrap();
    let operations = block.operations.iter();
    Arc::new(Message::Outcome {
        outcome: Outcome::new(certificate).unwrap(),
        block: Some(BlockEnvelope {
            header: block.header.envelope().clone(),
            operations: operations.map(|one| one.envelope().clone()).collect(),
        }),
    })
}

#[test]
fn an_outcome_is_heard_once_the_operations_of_its_block_are_verified_and_bad_ones_are_its_senders_fault()
 {
    let message = outcome(&block_of(1, 2));
    for (bad, is_heard) in [(vec![], 1), (vec![1], 0)] {
        let mut net = Net::mesh(2);
        net.say(1, 0, Packet::Consensus(SharedMessage(message.clone())));
        assert_eq!(net.heard(0, &message), 0, "not before");
        let Some(Output::Verify { ticket, operations }) = net.done[0].outputs.pop() else {
            panic!("its operations are to be verified");
        };
        assert_eq!(operations.len(), 2);
        net.input(0, Input::Verified { ticket, bad });
        assert_eq!(net.heard(0, &message), is_heard);
        let penalty = net.cores[0].peers(net.now)[0].penalty;
        assert_eq!(penalty == 0, is_heard == 1);
    }
    let mut net = Net::mesh(2);
    let empty = outcome(&block_of(1, 0));
    net.say(1, 0, Packet::Consensus(SharedMessage(empty.clone())));
    assert_eq!(net.heard(0, &empty), 1, "there is nothing to verify");
}

#[test]
fn consensus_is_told_who_is_ahead_and_asks_those_who_can_answer() {
    let mut net = Net::mesh(3);
    let decided = vec![7, 0, 0, 0];
    net.input(
        1,
        Input::Progress {
            decided,
            serves_from: 1,
        },
    );
    net.run_for(2_000);
    let told = net.done[0].outputs.iter().find_map(|output| match output {
        Output::DecidedElsewhere { peer, slots } => Some((*peer, slots.clone())),
        _ => None,
    });
    assert_eq!(told, Some((Peer(1), vec![Slot::new(7, 0)])));
    net.carried.clear();
    for period in [3, 4] {
        let request = Request::Outcomes { thread: 0, period };
        net.input(0, Input::Ask { to: None, request });
    }
    let asked: Vec<usize> = net.carried.iter().map(|(_, to, _)| *to).collect();
    assert_eq!(asked, [1, 1], "node 2 has not decided them");
}

#[test]
fn endorsements_go_to_all_once_the_pool_has_taken_them_in() {
    let mut net = Net::new(3, &[(0, 1), (1, 2)]);
    let endorsement = Endorsement {
        slot: Slot::new(1, 0),
        index: 0,
        block: block_of(1, 0).id(),
    };
    let endorsement = Arc::new(Signed::sign(endorsement, &key(1), &chain()));
    net.input(0, Input::NewEndorsements(vec![Arc::clone(&endorsement)]));
    let to_pool = |net: &Net, at: usize| {
        let outputs = net.done[at].outputs.iter();
        outputs
            .filter(|it| matches!(it, Output::AddEndorsements { .. }))
            .count()
    };
    assert_eq!(
        (to_pool(&net, 1), to_pool(&net, 2)),
        (1, 0),
        "not before it is judged"
    );
    net.input(1, Input::NewEndorsements(vec![endorsement]));
    assert_eq!(
        (to_pool(&net, 0), to_pool(&net, 2)),
        (0, 1),
        "not back, but on"
    );
}

#[test]
fn who_sends_items_that_are_provably_bad_is_punished_and_for_want_of_knowledge_nobody_is() {
    let mut net = Net::mesh(2);
    let id = picot_models::EndorsementId::from_hash(node(9));
    let judged = |error| Input::Judged {
        from: Peer(1),
        results: vec![Ok(()), Err(error)],
    };
    net.input(0, judged(PoolError::EndorsementHeld(id)));
    assert_eq!(net.cores[0].peers(net.now)[0].penalty, 0);
    net.input(0, judged(PoolError::EndorsementSignature(id)));
    assert!(net.cores[0].peers(net.now)[0].penalty > 0);
}

#[test]
fn messages_about_checkpoints_go_to_whom_they_are_for_and_arrive_with_who_sent_them() {
    let mut net = Net::mesh(4);
    let message = |period| {
        let after = Slot::new(period, 0);
        Arc::new(CheckpointMessage::GetSteps { after })
    };
    let heard = |net: &mut Net, at: usize| -> Vec<(Peer, Arc<CheckpointMessage>)> {
        let outputs = std::mem::take(&mut net.done[at].outputs).into_iter();
        outputs
            .filter_map(|output| match output {
                Output::Checkpoint { from, message } => Some((from, message)),
                _ => None,
            })
            .collect()
    };
    let word = CheckpointWord::Broadcast(message(1));
    net.input(0, Input::Checkpoint(word));
    for at in 1..4 {
        assert_eq!(heard(&mut net, at), [(Peer(0), message(1))]);
    }
    let (to, from) = (Peer(2), Peer(1));
    let word = CheckpointWord::Send {
        to,
        message: message(2),
    };
    net.input(0, Input::Checkpoint(word));
    assert_eq!(heard(&mut net, 2), [(Peer(0), message(2))]);
    // Who sent it does not get it back; the others of a mesh had it from there.
    let word = CheckpointWord::Relay {
        from,
        message: message(3),
    };
    net.input(0, Input::Checkpoint(word));
    assert_eq!(heard(&mut net, 1), []);
    // A question goes to one, another one each time.
    let mut asked = std::collections::BTreeSet::new();
    for period in 4..7 {
        let word = CheckpointWord::Ask(message(period));
        net.input(0, Input::Checkpoint(word));
        let all: Vec<usize> = (1..4)
            .filter(|at| !heard(&mut net, *at).is_empty())
            .collect();
        assert_eq!(all.len(), 1);
        asked.extend(all);
    }
    assert_eq!(asked.len(), 3);
}

#[test]
fn questions_for_states_and_parts_of_them_go_to_one_peer_as_they_are() {
    let mut net = Net::mesh(3);
    let told = |net: &mut Net, at: usize| -> Vec<(Peer, Packet)> {
        let outputs = std::mem::take(&mut net.done[at].outputs).into_iter();
        let state = |output| match output {
            Output::State { from, frame } => Some((from, frame.packet().clone())),
            _ => None,
        };
        outputs.filter_map(state).collect()
    };
    for packet in [Packet::GetState(vec![1]), Packet::State(vec![2; 1_000])] {
        let to = Peer(1);
        let sent = packet.clone();
        net.input(0, Input::State { to, packet });
        assert_eq!(told(&mut net, 1), [(Peer(0), sent)]);
        assert_eq!(told(&mut net, 2), [], "nobody passes it on");
    }
}

#[test]
fn who_lies_about_a_state_is_banned_at_once_and_gone_for_whoever_receives_it() {
    let mut net = Net::mesh(2);
    net.input(0, Input::BlameState(Peer(1)));
    let outputs = &net.done[0].outputs;
    let fault = crate::Fault::WrongState;
    let blamed =
        |output: &Output| matches!(output, Output::Penalty { fault: it, .. } if *it == fault);
    assert!(outputs.iter().any(blamed), "{outputs:?}");
    let gone = |output: &Output| matches!(output, Output::Gone(peer) if *peer == Peer(1));
    assert_eq!(outputs.iter().filter(|output| gone(output)).count(), 1);
    assert!(net.cores[0].peers(net.now).is_empty());
}
