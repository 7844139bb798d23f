//! Memory and work are bounded whatever comes in (design 07, 'Bounds and cost').

use super::support::*;
use crate::mocks::Kit;
use crate::{Input, Message, Output, Request};
use picot_models::mocks::{address, key};
use picot_models::{Ballot, ChainParams, Outcome, Signed, SignedHeader, Slot, Value};

#[test]
fn own_votes_are_never_verified_and_others_only_when_they_can_make_a_quorum() {
    let mut kit = at_slot_1();
    say(&mut kit, 1, 0, notarise(MISS));
    assert_eq!(verified(&kit), 0);
    say(&mut kit, 2, 0, notarise(MISS));
    assert_eq!(verified(&kit), 0);
    say(&mut kit, 3, 0, notarise(MISS));
    assert_eq!(verified(&kit), 3, "together");
    say(&mut kit, 3, 0, notarise(MISS));
    kit.inject(
        1,
        0,
        Message::Certificate(certificate(&kit, 0, notarise(MISS))),
    );
    assert_eq!(verified(&kit), 3, "nothing twice, nothing that is known");
}

#[test]
fn what_is_not_needed_is_never_verified() {
    let mut kit = at_slot_1();
    kit.run_for(crate::Timers::new(&kit.genesis.params).candidate_wait().0);
    say(&mut kit, 1, 0, notarise(MISS));
    say(&mut kit, 2, 0, notarise(MISS));
    assert_eq!(verified(&kit), 2, "with the own vote a quorum");
    say(&mut kit, 3, 0, notarise(MISS));
    assert_eq!(verified(&kit), 2);
}

#[test]
fn strangers_far_slots_and_far_rounds_are_dropped_unverified() {
    let mut kit = at_slot_1();
    let chain = kit.genesis.chain_id();
    let template = signed_vote(&kit, 1, S1, 0, Ballot::Nullify)
        .content()
        .clone();
    for number in 0..500_u32 {
        let stranger = key(1_000 + u64::from(number));
        let vote = Signed::sign(template.clone(), &stranger, &chain);
        kit.inject(1, 0, Message::Vote(vote.into_envelope()));
        let far_round = picot_models::Vote {
            round: 100 + number,
            ..template.clone()
        };
        let vote = Signed::sign(far_round, &kit.key(1), &chain);
        kit.inject(1, 0, Message::Vote(vote.into_envelope()));
        let far_slot = picot_models::Vote {
            slot: Slot::new(1_000 + u64::from(number), 0),
            ..template.clone()
        };
        let vote = Signed::sign(far_slot, &kit.key(1), &chain);
        kit.inject(1, 0, Message::Vote(vote.into_envelope()));
    }
    assert_eq!(verified(&kit), 0);
    assert!(kit.nodes[0].engine.as_ref().unwrap().held_slots() <= 3);
}

#[test]
fn a_slot_of_an_unknown_thread_or_of_the_genesis_is_refused() {
    let mut kit = at_slot_1();
    let template = signed_vote(&kit, 1, S1, 0, Ballot::Nullify)
        .content()
        .clone();
    for slot in [Slot::new(1, 63), Slot::new(0, 0), Slot::new(u64::MAX, 255)] {
        let vote = picot_models::Vote {
            slot,
            ..template.clone()
        };
        let vote = Signed::sign(vote, &kit.key(1), &kit.genesis.chain_id());
        kit.inject(1, 0, Message::Vote(vote.into_envelope()));
    }
    assert_eq!(kit.nodes[0].blamed.len(), 3);
    for request in [
        Request::Outcomes {
            thread: 255,
            period: 0,
        },
        Request::Outcomes {
            thread: 0,
            period: u64::MAX,
        },
        Request::Body {
            id: block_of(&kit, 1, Vec::new()).id(),
        },
    ] {
        kit.inject(1, 0, Message::Ask(request));
    }
}

#[test]
fn headers_of_who_is_not_entitled_are_dropped_unverified() {
    let mut kit = at_slot_1();
    let stranger = picot_models::mocks::block(
        &key(77),
        S1,
        kit.genesis.block_ids(),
        Vec::new(),
        &kit.genesis.chain_id(),
    );
    show(&mut kit, 1, &stranger);
    assert_eq!(verified(&kit), 0);
    assert!(kit.nodes[0].blamed.is_empty());
}

#[test]
fn a_flood_of_headers_of_one_producer_is_held_twice_at_most() {
    let mut kit = at_slot_1();
    let chain = kit.genesis.chain_id();
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    for amount in 1..200 {
        let transfer = picot_models::mocks::transfer(&sender, address(9), amount, 1, 5, &chain);
        let block = block_of(&kit, 2, vec![transfer]);
        show_header(&mut kit, 1, &block);
    }
    assert!(verified(&kit) <= 4);
    assert_eq!(kit.nodes[0].evidence.len(), 1);
}

#[test]
fn a_miss_past_the_cycle_is_no_value() {
    let mut kit = at_slot_1();
    say_all(&mut kit, 0, finalise(Value::Miss { through: 1_000 }));
    say_all(&mut kit, 1, finalise(Value::Miss { through: 0 }));
    assert_eq!(kit.nodes[0].decided_value(S1), None);
    assert_eq!(verified(&kit), 0);
}

#[test]
fn early_votes_of_the_next_slots_are_held_and_count_when_they_open() {
    let mut kit = alone_of_four();
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(
        kit.nodes[0].decided_value(S1),
        None,
        "its time has not come"
    );
    kit.run_for(kit.t0_ms());
    assert_eq!(kit.nodes[0].decided_value(S1), Some(MISS));
}

#[test]
fn a_false_claim_to_be_ahead_costs_a_few_questions_and_nothing_else() {
    let mut kit = at_slot_1();
    kit.run_for(kit.t0_ms() * 20);
    let template = signed_vote(&kit, 1, S1, 0, Ballot::Nullify)
        .content()
        .clone();
    let later = picot_models::Vote {
        slot: Slot::new(15, 0),
        ..template
    };
    let later = Signed::sign(later, &kit.key(1), &kit.genesis.chain_id());
    kit.inject(1, 0, Message::Vote(later.into_envelope()));
    let behind = kit.behind(0);
    assert!(matches!(behind, Some(crate::BehindReason::Outcomes { .. })));
    kit.run_for(kit.t0_ms() * 2);
    let behind = kit.behind(0);
    assert!(matches!(
        behind,
        Some(crate::BehindReason::Undecided { .. })
    ));
}

/// Node 0 of four alone, not drawn, as slot 1/0 of two threads opens.
fn at_slot_1_of_two_threads() -> Kit {
    let chains = (1_000_000..).map(|size| ChainParams {
        thread_count: 2,
        max_block_size_bytes: size,
        ..ChainParams::dev()
    });
    let mut kits = chains.map(|params| Kit::with_params(params, &[1, 1, 1, 1]));
    let mut kit = kits.find(|kit| kit.ranked(S1, 0) != 0).unwrap();
    (1..4).for_each(|node| kit.crash(node));
    kit.nodes[0].produces = false;
    kit.run_for(kit.t0_ms());
    kit
}

#[test]
fn a_parent_of_another_thread_is_looked_up_once_and_not_without_end() {
    let mut kit = at_slot_1_of_two_threads();
    let producer = kit.ranked(S1, 0);
    let mut header = block_of(&kit, producer, Vec::new())
        .header
        .content()
        .clone();
    let genesis = header.parents[0];
    header.parents[1] = genesis;
    let header = SignedHeader::sign(header, &kit.key(producer), &kit.genesis.chain_id());
    let now = kit.now;
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let message = std::sync::Arc::new(Message::Candidate(header.into_envelope()));
    let asked = engine.step(
        now,
        Input::Message {
            from: peer(1),
            message,
        },
    );
    let lookups = |outputs: &[Output]| {
        let of_block = outputs.iter();
        of_block
            .filter(|output| matches!(output, Output::Resolve(id) if *id == genesis))
            .count()
    };
    assert_eq!(lookups(&asked), 1);
    let slot = Some(Slot::new(0, 0));
    let after = engine.step(now, Input::Resolved { id: genesis, slot });
    assert_eq!(lookups(&after), 0);
}

#[test]
fn an_outcome_of_a_slot_that_nobody_can_have_decided_is_no_claim() {
    let mut kit = at_slot_1();
    let value = value(block_of(&kit, 1, Vec::new()).id());
    for period in [1_000, u64::MAX] {
        let mut far = certificate(&kit, 0, finalise(value));
        far.slot = Slot::new(period, 0);
        let outcome = Outcome::new(far).unwrap();
        let block = None;
        kit.inject(1, 0, Message::Outcome { outcome, block });
    }
    assert_eq!(kit.behind(0), None);
}

#[test]
fn a_header_that_anyone_could_have_made_up_causes_no_look_up() {
    let mut kit = at_slot_1_of_two_threads();
    let producer = kit.ranked(S1, 0);
    let block = block_of(&kit, producer, Vec::new());
    let mut header = block.header.content().clone();
    header.parents[1] = block.id();
    let signed = SignedHeader::sign(header, &kit.key(producer), &kit.genesis.chain_id());
    let mut forged = signed.into_envelope();
    forged.signature = block.header.envelope().signature;
    let now = kit.now;
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let message = std::sync::Arc::new(Message::Candidate(forged));
    let outputs = engine.step(
        now,
        Input::Message {
            from: peer(1),
            message,
        },
    );
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Resolve(_) | Output::Ask { .. }))
    );
    assert!(outputs.iter().any(|output| matches!(
        output,
        Output::Blame {
            fault: crate::PeerFault::BadSignature,
            ..
        }
    )));
}

#[test]
fn bodies_that_are_withheld_do_not_keep_the_next_one_from_being_asked_for() {
    let params = ChainParams {
        thread_count: 1,
        ..ChainParams::dev()
    };
    let mut kit = Kit::with_params(params, &[1; 6]);
    (1..6).for_each(|node| kit.crash(node));
    kit.nodes[0].produces = false;
    kit.run_for(kit.t0_ms());
    let ranked: Vec<usize> = (0..6)
        .map(|rank| kit.ranked(S1, rank))
        .filter(|node| *node != 0)
        .collect();
    let blocks: Vec<_> = ranked
        .iter()
        .map(|node| block_of(&kit, *node, Vec::new()))
        .collect();
    for block in &blocks[..4] {
        show_header(&mut kit, 1, block);
    }
    kit.run_for(crate::Timers::new(&kit.genesis.params).answer_wait().0 + 1);
    kit.inject(1, 0, Message::Body(crate::worker::envelope(&blocks[3])));
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    assert!(engine.candidate(&blocks[3].id()).is_some());
}

#[test]
fn far_outcomes_do_not_keep_near_ones_out() {
    let mut kit = at_slot_1();
    kit.sleep(kit.t0_ms() * 300);
    let unknown = value(block_of(&kit, 1, Vec::new()).id());
    for period in 100..228 {
        let mut far = certificate(&kit, 0, finalise(unknown));
        far.slot = Slot::new(period, 0);
        let outcome = Outcome::new(far).unwrap();
        let block = None;
        kit.inject(1, 0, Message::Outcome { outcome, block });
    }
    let first = certificate(&kit, 0, finalise(MISS));
    let mut second = Vec::new();
    for node in 1..4 {
        let ballot = finalise(Value::Miss { through: 2 });
        let mut vote = signed_vote(&kit, node, Slot::new(2, 0), 0, ballot)
            .content()
            .clone();
        vote.thread_digest = vote.thread_digest.after(S1, &MISS);
        second.push(Signed::sign(vote, &kit.key(node), &kit.genesis.chain_id()));
    }
    let validators = picot_selector::Selector::voting_power(kit.selector.as_ref(), 0).unwrap();
    let second = picot_models::Certificate::from_votes(&second, &validators).unwrap();
    for certificate in [second, first] {
        let outcome = Outcome::new(certificate).unwrap();
        let block = None;
        kit.inject(2, 0, Message::Outcome { outcome, block });
    }
    assert_eq!(kit.nodes[0].next_period(0), 3);
}

#[test]
fn candidates_that_cannot_be_made_durable_are_given_up_when_their_slot_is_decided() {
    let mut kit = at_slot_1();
    let here = block_of(&kit, 1, Vec::new());
    let later = picot_models::mocks::block(
        &key(2),
        Slot::new(2, 0),
        kit.genesis.block_ids(),
        Vec::new(),
        &kit.genesis.chain_id(),
    );
    let mut waiting = vec![here, later.clone()];
    let retain = |kit: &Kit, waiting: &mut Vec<_>| {
        kit.nodes[0]
            .engine
            .as_ref()
            .unwrap()
            .retain_undecided(waiting);
    };
    retain(&kit, &mut waiting);
    assert_eq!(waiting.len(), 2, "neither is decided");
    say_all(&mut kit, 0, finalise(MISS));
    retain(&kit, &mut waiting);
    assert_eq!(waiting, [later]);
}
