//! How many headers of a slot are held under the policy `all`, and which (design 07, 'Bounds and
//! cost').

use super::support::*;
use crate::mocks::Kit;
use crate::worker::envelope;
use crate::{Message, PeerFault};
use picot_models::mocks::{false_carry, key};
use picot_models::{Block, DenunciationKind, Hash, Outcome, SignedHeader, Slot};
use std::sync::Arc;

/// Headers that are held of others.
const HELD: usize = 64;

/// Node 0 of 100 alone, as slot 1/0 opens, with the others by rank.
fn one_of_a_hundred() -> (Kit, Vec<usize>) {
    let mut kit = Kit::new(&[1; 100]);
    (1..100).for_each(|node| kit.crash(node));
    kit.nodes[0].produces = false;
    kit.run_for(kit.t0_ms());
    let ranked = (0..100).map(|rank| kit.ranked(S1, rank));
    let others = ranked.filter(|node| *node != 0).collect();
    (kit, others)
}

fn held(kit: &Kit) -> usize {
    kit.nodes[0].engine.as_ref().unwrap().held_headers(S1).0
}

fn is_held(kit: &mut Kit, block: &Block) -> bool {
    kit.inject(1, 0, Message::Body(envelope(block)));
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    engine.candidate(&block.id()).is_some()
}

fn forged(kit: &Kit, block: &Block) -> Message {
    let mut header = block.header.envelope().clone();
    header.signature = kit.key(1).sign(&Hash([9; 32]));
    Message::Candidate(header)
}

#[test]
fn of_many_headers_the_best_are_held_in_whichever_order_they_come() {
    for worst_first in [false, true] {
        let (mut kit, mut others) = one_of_a_hundred();
        let best = block_of(&kit, others[0], Vec::new());
        if worst_first {
            others.reverse();
        }
        for node in others {
            let block = block_of(&kit, node, Vec::new());
            show_header(&mut kit, node, &block);
            assert!(held(&kit) <= HELD);
        }
        assert_eq!(held(&kit), HELD);
        assert!(is_held(&mut kit, &best));
        assert_eq!(kit.nodes[0].blamed, []);
    }
}

#[test]
fn what_is_worse_than_a_complete_candidate_takes_no_place_and_no_verification() {
    let (mut kit, others) = one_of_a_hundred();
    let best = block_of(&kit, others[0], Vec::new());
    show(&mut kit, 1, &best);
    for node in &others[1..] {
        let block = block_of(&kit, *node, Vec::new());
        show_header(&mut kit, *node, &block);
    }
    assert_eq!(held(&kit), HELD + 1, "the best one is chosen");
    assert_eq!(verified(&kit), 1, "the best one's");
}

#[test]
fn headers_that_anyone_could_have_made_up_keep_nobody_out() {
    let (mut kit, others) = one_of_a_hundred();
    let now = kit.now;
    let last = block_of(&kit, others[98], Vec::new());
    let mut inputs: Vec<crate::Input> = others[..98]
        .iter()
        .map(|node| crate::Input::Message {
            from: peer(7),
            message: Arc::new(forged(&kit, &block_of(&kit, *node, Vec::new()))),
        })
        .collect();
    let message = Arc::new(Message::Candidate(last.header.envelope().clone()));
    inputs.push(crate::Input::Message {
        from: peer(8),
        message,
    });
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let outputs = engine.step_all(now, inputs);
    let blamed = outputs.iter().filter(|output| {
        matches!(output, crate::Output::Blame { peer: it, fault: PeerFault::BadSignature } if *it == peer(7))
    });
    assert!(blamed.count() >= HELD);
    assert!(is_held(&mut kit, &last));
}

#[test]
fn a_second_header_of_a_producer_whose_first_is_not_held_is_evidence() {
    let (mut kit, others) = one_of_a_hundred();
    let best = block_of(&kit, others[0], Vec::new());
    show(&mut kit, 1, &best);
    for node in &others[1..] {
        let block = block_of(&kit, *node, Vec::new());
        show_header(&mut kit, *node, &block);
    }
    let liar = others[98];
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    let to = picot_models::mocks::address(9);
    let chain = kit.genesis.chain_id();
    let transfer = picot_models::mocks::transfer(&sender, to, 1, 1, 5, &chain);
    let second = block_of(&kit, liar, vec![transfer]);
    let message = forged(&kit, &second);
    kit.inject(7, 0, message);
    assert_eq!(kit.nodes[0].blamed, [(peer(7), PeerFault::BadSignature)]);
    assert!(kit.nodes[0].evidence.is_empty());
    for _ in 0..3 {
        show_header(&mut kit, 5, &second);
    }
    let kinds: Vec<_> = kit.nodes[0].evidence.iter().map(|it| it.kind()).collect();
    assert_eq!(kinds, [DenunciationKind::Headers]);
    let validators = picot_selector::Selector::voting_power(kit.selector.as_ref(), 0).unwrap();
    let proof = &kit.nodes[0].evidence[0];
    proof.verify(&chain, &validators).unwrap();
}

#[test]
fn headers_are_bounded_in_bytes_too() {
    let (mut kit, others) = one_of_a_hundred();
    let mut largest = 0;
    for node in &others[..40] {
        let mut header = block_of(&kit, *node, Vec::new()).header.content().clone();
        let fault = Slot::new(0, 0);
        header.denunciations = vec![false_carry(&key(9), fault, 5_000)];
        let signed = SignedHeader::sign(header, &kit.key(*node), &kit.genesis.chain_id());
        kit.inject(5, 0, Message::Candidate(signed.into_envelope()));
        let (_, bytes) = kit.nodes[0].engine.as_ref().unwrap().held_headers(S1);
        largest = largest.max(bytes);
    }
    assert!(largest > 2 << 20 && largest <= 4 << 20, "{largest}");
}

#[test]
fn blocks_that_were_only_made_up_do_not_keep_the_decided_one_from_being_asked_for() {
    let mut kit = at_slot_1();
    let decided = block_of(&kit, 1, Vec::new());
    let made_up = (1_000..1_100).map(|number| {
        let producer = key(number);
        let parents = kit.genesis.block_ids();
        let chain = kit.genesis.chain_id();
        picot_models::mocks::block(&producer, S1, parents, Vec::new(), &chain).id()
    });
    // Each in its own round, notarised: a proof that it is needed.
    for (round, id) in (0..).zip(made_up.collect::<Vec<_>>()) {
        let notarised = certificate(&kit, round, notarise(value(id)));
        kit.inject(2, 0, Message::Certificate(notarised));
    }
    let outcome = certificate(&kit, 200, finalise(value(decided.id())));
    let outcome = Outcome::new(outcome).unwrap();
    let block = None;
    kit.inject(2, 0, Message::Outcome { outcome, block });
    kit.inject(2, 0, Message::Body(envelope(&decided)));
    assert_eq!(
        kit.nodes[0].decided_value(S1),
        Some(value(decided.id())),
        "its body was asked for"
    );
}
