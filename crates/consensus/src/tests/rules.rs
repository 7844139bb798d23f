//! Rules 1 to 10 of design 07 on one engine whose peers are the test.

use super::support::*;
use crate::mocks::Kit;
use crate::rules::Backed;
use crate::{ConsensusEvent, Message, Request};
use picot_models::{Ballot, Carry, CertificateSubject, Slot, Value};

fn decided(kit: &Kit) -> Option<Value> {
    kit.nodes[0].decided_value(S1)
}

fn timers(kit: &Kit) -> crate::Timers {
    crate::Timers::new(&kit.genesis.params)
}

#[test]
fn rule_1_a_slot_opens_at_its_time_and_not_before() {
    let mut kit = alone_of_four();
    kit.run_for(kit.t0_ms() - 1);
    assert!(kit.nodes[0].events.is_empty());
    kit.run_for(1);
    assert_eq!(kit.nodes[0].events, [ConsensusEvent::Opened { slot: S1 }]);
}

#[test]
fn rule_1_a_slot_opens_only_after_the_one_before_it_is_decided() {
    let mut kit = alone_of_four();
    kit.run_for(kit.t0_ms() * 4);
    let opened = |kit: &Kit, slot| {
        kit.nodes[0]
            .events
            .contains(&ConsensusEvent::Opened { slot })
    };
    assert!(
        !opened(&kit, Slot::new(2, 0)),
        "its time has come, but 1/0 is undecided"
    );
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(decided(&kit), Some(MISS));
    assert!(opened(&kit, Slot::new(2, 0)));
}

#[test]
fn rule_1_a_candidate_that_comes_early_is_held() {
    let mut kit = alone_of_four();
    let best = kit.ranked(S1, 0);
    let block = block_of(&kit, best, Vec::new());
    show_header(&mut kit, best, &block);
    assert!(kit.nodes[0].blamed.is_empty());
    kit.run_for(kit.t0_ms());
    kit.inject(best, 0, Message::Body(crate::worker::envelope(&block)));
    assert_eq!(
        voted(&kit).first().map(|vote| vote.1),
        Some(notarise(value(block.id())))
    );
}

#[test]
fn rule_2_the_best_possible_candidate_is_chosen_at_once() {
    let mut kit = at_slot_1();
    let best = kit.ranked(S1, 0);
    let block = block_of(&kit, best, Vec::new());
    show(&mut kit, best, &block);
    assert_eq!(voted(&kit), [(0, notarise(value(block.id())))]);
}

#[test]
fn rule_2_other_candidates_wait_and_the_best_ranked_is_chosen() {
    let mut kit = at_slot_1();
    let (second, third) = (others(&kit)[1], others(&kit)[2]);
    let worse = [third, second];
    let blocks: Vec<_> = worse
        .iter()
        .map(|node| block_of(&kit, *node, Vec::new()))
        .collect();
    for (node, block) in worse.iter().zip(&blocks) {
        show(&mut kit, *node, block);
    }
    let wait = timers(&kit).candidate_wait().0;
    kit.run_for(wait - 1);
    assert!(voted(&kit).is_empty(), "rank 0 may still come");
    kit.run_for(1);
    assert_eq!(voted(&kit), [(0, notarise(value(blocks[1].id())))]);
}

#[test]
fn rule_2_with_no_candidate_a_miss_is_chosen() {
    let mut kit = at_slot_1();
    kit.run_for(timers(&kit).candidate_wait().0);
    assert_eq!(voted(&kit), [(0, notarise(MISS))]);
}

#[test]
fn rule_2_a_choice_is_never_changed() {
    let mut kit = at_slot_1();
    kit.run_for(timers(&kit).candidate_wait().0);
    let best = kit.ranked(S1, 0);
    let block = block_of(&kit, best, Vec::new());
    show(&mut kit, best, &block);
    kit.run_for(10);
    assert_eq!(voted(&kit), [(0, notarise(MISS))]);
}

#[test]
fn rule_2_a_producer_of_two_headers_ranks_behind_all_others() {
    let mut kit = at_slot_1();
    let (best, other) = (kit.ranked(S1, 0), others(&kit)[2]);
    let chain = kit.genesis.chain_id();
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    let transfer =
        picot_models::mocks::transfer(&sender, picot_models::mocks::address(9), 1, 1, 5, &chain);
    let (one, two) = (
        block_of(&kit, best, Vec::new()),
        block_of(&kit, best, vec![transfer]),
    );
    let third = block_of(&kit, other, Vec::new());
    show_header(&mut kit, best, &one);
    show_header(&mut kit, best, &two);
    assert_eq!(kit.nodes[0].evidence.len(), 1);
    show(&mut kit, best, &one);
    assert!(voted(&kit).is_empty(), "rank 0 is not unbeatable any more");
    show(&mut kit, other, &third);
    kit.run_for(timers(&kit).candidate_wait().0);
    assert_eq!(voted(&kit), [(0, notarise(value(third.id())))]);
}

#[test]
fn rule_3_the_coordinator_proposes_the_notarised_value_it_carries() {
    let mut kit = at_slot_1();
    let round = (1..5)
        .find(|round| kit.coordinator(S1, *round) == 0)
        .unwrap();
    kit.inject(
        1,
        0,
        Message::Certificate(certificate(&kit, round - 1, notarise(MISS))),
    );
    kit.run_for(timers(&kit).finality_wait().0);
    let backed = Backed {
        value: MISS,
        carry: Carry::From { round: round - 1 },
    };
    assert_eq!(proposed(&kit), [(round, backed)]);
    assert!(
        voted(&kit).contains(&(round, carried(MISS, round - 1))),
        "and votes for it"
    );
}

#[test]
fn rule_3_the_coordinator_is_free_after_nullifications_and_proposes_its_best_candidate() {
    let mut kit = at_slot_1();
    let round = (1..5)
        .find(|round| kit.coordinator(S1, *round) == 0)
        .unwrap();
    let block = block_of(&kit, others(&kit)[2], Vec::new());
    show(&mut kit, 2, &block);
    for earlier in 0..round {
        kit.inject(
            1,
            0,
            Message::Certificate(certificate(&kit, earlier, Ballot::Nullify)),
        );
    }
    assert_eq!(proposed(&kit), [(round, free(value(block.id())))]);
}

#[test]
fn rule_3_a_coordinator_without_a_candidate_proposes_a_miss() {
    let mut kit = at_slot_1();
    let round = (1..5)
        .find(|round| kit.coordinator(S1, *round) == 0)
        .unwrap();
    for earlier in 0..round {
        kit.inject(
            1,
            0,
            Message::Certificate(certificate(&kit, earlier, Ballot::Nullify)),
        );
    }
    assert_eq!(proposed(&kit), [(round, free(MISS))]);
}

/// A round after the first that another node coordinates, so that node 0 only votes.
fn foreign_round(kit: &Kit) -> u32 {
    (1..3)
        .find(|round| kit.coordinator(S1, *round) != 0)
        .unwrap()
}

#[test]
fn rule_4_a_justified_proposal_gets_the_vote() {
    let mut kit = at_slot_1();
    let round = foreign_round(&kit);
    let bundle = nullified(&kit, round);
    propose(&mut kit, round, free(MISS), bundle);
    assert!(voted(&kit).contains(&(round, notarise(MISS))));
}

#[test]
fn rule_4_a_proposal_without_its_justification_gets_no_vote() {
    let mut kit = at_slot_1();
    let round = foreign_round(&kit);
    propose(
        &mut kit,
        round,
        free(MISS),
        picot_models::Justification::default(),
    );
    kit.run_for(10);
    assert!(!voted(&kit).iter().any(|(voted, _)| *voted == round));
}

#[test]
fn rule_4_a_carried_value_must_be_the_notarised_one() {
    let mut kit = at_slot_1();
    let round = foreign_round(&kit);
    let mut bundle = nullified(&kit, round);
    let block = block_of(&kit, kit.ranked(S1, 0), Vec::new());
    bundle.notarised = Some(certificate(&kit, round - 1, notarise(MISS)));
    bundle.nullified.clear();
    show(&mut kit, 1, &block);
    let wrong = Backed {
        value: value(block.id()),
        carry: Carry::From { round: round - 1 },
    };
    propose(&mut kit, round, wrong, bundle);
    kit.run_for(timers(&kit).finality_wait().0);
    let votes = voted(&kit);
    assert!(
        !votes
            .iter()
            .any(|(voted, ballot)| *voted == round && matches!(ballot, Ballot::Notarise { .. }))
    );
}

#[test]
fn rule_4_only_the_first_proposal_of_a_coordinator_counts_and_the_second_is_evidence() {
    let mut kit = at_slot_1();
    let round = foreign_round(&kit);
    let block = block_of(&kit, others(&kit)[1], Vec::new());
    show(&mut kit, 1, &block);
    let bundle = nullified(&kit, round);
    propose(&mut kit, round, free(MISS), bundle.clone());
    propose(&mut kit, round, free(value(block.id())), bundle);
    let notarised: Vec<_> = voted(&kit)
        .into_iter()
        .filter(|(voted, _)| *voted == round)
        .collect();
    assert_eq!(notarised, [(round, notarise(MISS))]);
    assert_eq!(kit.nodes[0].evidence.len(), 1);
}

#[test]
fn rule_4_a_proposed_block_waits_for_its_body() {
    let mut kit = at_slot_1();
    let round = foreign_round(&kit);
    let block = block_of(&kit, others(&kit)[1], Vec::new());
    let bundle = nullified(&kit, round);
    propose(&mut kit, round, free(value(block.id())), bundle);
    assert!(!voted(&kit).iter().any(|(voted, _)| *voted == round));
    kit.inject(2, 0, Message::Body(crate::worker::envelope(&block)));
    assert!(voted(&kit).contains(&(round, notarise(value(block.id())))));
}

#[test]
fn rule_5_a_notarised_value_is_finalised() {
    let mut kit = at_slot_1();
    say_all(&mut kit, 0, notarise(MISS));
    assert!(voted(&kit).contains(&(0, finalise(MISS))));
}

#[test]
fn rule_5_a_notarised_block_is_finalised_only_when_it_is_held() {
    let mut kit = at_slot_1();
    let block = block_of(&kit, others(&kit)[1], Vec::new());
    say_all(&mut kit, 0, notarise(value(block.id())));
    assert!(!voted(&kit).contains(&(0, finalise(value(block.id())))));
    kit.inject(2, 0, Message::Body(crate::worker::envelope(&block)));
    assert!(voted(&kit).contains(&(0, finalise(value(block.id())))));
}

#[test]
fn rule_5_what_was_nullified_is_not_finalised() {
    let mut kit = at_slot_1();
    kit.run_for(timers(&kit).round(0).0);
    assert!(voted(&kit).contains(&(0, Ballot::Nullify)));
    say_all(&mut kit, 0, notarise(MISS));
    kit.run_for(10);
    assert!(!voted(&kit).contains(&(0, finalise(MISS))));
}

#[test]
fn rule_6_a_round_is_nullified_when_its_timer_ends() {
    let mut kit = at_slot_1();
    kit.run_for(timers(&kit).round(0).0 - 1);
    assert!(!voted(&kit).contains(&(0, Ballot::Nullify)));
    kit.run_for(1);
    assert!(voted(&kit).contains(&(0, Ballot::Nullify)));
}

#[test]
fn rule_6_a_split_vote_is_nullified_as_soon_as_no_value_can_win() {
    let mut kit = at_slot_1();
    let ids: Vec<_> = (1..4)
        .map(|node| block_of(&kit, node, Vec::new()).id())
        .collect();
    for (node, id) in (1..4).zip(&ids).take(2) {
        say(&mut kit, node, 0, notarise(value(*id)));
    }
    assert!(!voted(&kit).contains(&(0, Ballot::Nullify)));
    say(&mut kit, 3, 0, notarise(value(ids[2])));
    assert!(
        voted(&kit).contains(&(0, Ballot::Nullify)),
        "1 + 1 of 4 is no quorum"
    );
}

#[test]
fn rule_6_bad_signatures_prove_no_split() {
    let mut kit = at_slot_1();
    for node in 1..4 {
        let id = block_of(&kit, node, Vec::new()).id();
        let mut vote = signed_vote(&kit, node, S1, 0, notarise(value(id))).into_envelope();
        vote.signature = kit.key(0).sign(&picot_models::Hash([0; 32]));
        kit.inject(node, 0, Message::Vote(vote));
    }
    assert!(!voted(&kit).contains(&(0, Ballot::Nullify)));
    assert_eq!(kit.nodes[0].blamed.len(), 3);
}

#[test]
fn rule_6_what_was_finalised_is_not_nullified() {
    let mut kit = at_slot_1();
    say_all(&mut kit, 0, notarise(MISS));
    kit.run_for(timers(&kit).round(0).0 * 3);
    assert!(!voted(&kit).contains(&(0, Ballot::Nullify)));
}

fn round_of(kit: &Kit) -> u32 {
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    match engine.undecided_status(S1) {
        crate::SlotStatus::Undecided { round, .. } => round,
        _ => u32::MAX,
    }
}

#[test]
fn rule_7_a_nullified_round_is_left() {
    let mut kit = at_slot_1();
    say_all(&mut kit, 0, Ballot::Nullify);
    assert_eq!(round_of(&kit), 1);
}

#[test]
fn rule_7_a_notarised_round_is_left_after_waiting_for_finality() {
    let mut kit = at_slot_1();
    say_all(&mut kit, 0, notarise(MISS));
    assert_eq!(round_of(&kit), 0);
    kit.run_for(timers(&kit).finality_wait().0);
    assert_eq!(round_of(&kit), 1);
}

#[test]
fn rule_7_an_entry_bundle_leads_to_its_round() {
    let mut kit = at_slot_1();
    for earlier in [2, 0, 1] {
        kit.inject(
            1,
            0,
            Message::Certificate(certificate(&kit, earlier, Ballot::Nullify)),
        );
    }
    assert_eq!(round_of(&kit), 3);
}

#[test]
fn rule_7_votes_and_time_alone_lead_to_no_later_round() {
    let mut kit = at_slot_1();
    say(&mut kit, 1, 0, Ballot::Nullify);
    say_all(&mut kit, 1, Ballot::Nullify);
    assert_eq!(round_of(&kit), 0, "Z(1) without Z(0)");
    let mut kit = at_slot_1();
    kit.run_for(kit.t0_ms() * 10);
    assert_eq!(round_of(&kit), 0);
}

#[test]
fn rule_8_a_finalise_quorum_of_any_round_decides() {
    let mut kit = at_slot_1();
    for earlier in 0..3 {
        kit.inject(
            1,
            0,
            Message::Certificate(certificate(&kit, earlier, Ballot::Nullify)),
        );
    }
    assert_eq!(round_of(&kit), 3);
    say_all(&mut kit, 1, finalise(MISS));
    assert_eq!(decided(&kit), Some(MISS));
    let told = Message::Have {
        slot: S1,
        round: 1,
        subject: CertificateSubject::Finalise { value: MISS },
    };
    assert!(
        kit.nodes[0].sent.iter().any(|message| **message == told),
        "and it is told"
    );
}

#[test]
fn rule_8_a_late_outcome_decides_whatever_the_round() {
    let mut kit = at_slot_1();
    kit.run_for(kit.t0_ms() * 2);
    let outcome = picot_models::Outcome::new(certificate(&kit, 7, finalise(MISS))).unwrap();
    kit.inject(
        2,
        0,
        Message::Outcome {
            outcome,
            block: None,
        },
    );
    assert_eq!(decided(&kit), Some(MISS));
}

#[test]
fn rule_8_an_outcome_without_proof_has_no_effect() {
    let mut kit = at_slot_1();
    let mut short = certificate(&kit, 0, finalise(MISS));
    let first = short.signers.first_one().unwrap();
    short.signers.set(first, false);
    short.signatures.remove(0);
    let mut forged = certificate(&kit, 0, finalise(MISS));
    forged.signatures[0].signature = forged.signatures[1].signature;
    for certificate in [short, forged] {
        let outcome = picot_models::Outcome::new(certificate).unwrap();
        kit.inject(
            2,
            0,
            Message::Outcome {
                outcome,
                block: None,
            },
        );
        assert_eq!(decided(&kit), None);
    }
    assert_eq!(kit.nodes[0].blamed.len(), 2);
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(decided(&kit), Some(MISS), "and keeps nothing out");
}

#[test]
fn rule_8_a_decided_block_waits_for_its_body() {
    let mut kit = at_slot_1();
    let block = block_of(&kit, others(&kit)[1], Vec::new());
    say_all(&mut kit, 0, finalise(value(block.id())));
    assert_eq!(decided(&kit), None);
    kit.inject(3, 0, Message::Body(crate::worker::envelope(&block)));
    assert_eq!(decided(&kit), Some(value(block.id())));
}

#[test]
fn rule_8_a_message_about_a_decided_slot_is_answered_with_its_outcome() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.decide(Slot::new(3, 0), kit.t0_ms() * 6);
    let late = picot_models::Vote {
        version: 1,
        slot: S1,
        round: 4,
        thread_digest: picot_models::ThreadDigest::genesis(&kit.genesis.chain_id(), 0),
        ballot: Ballot::Nullify,
    };
    let late = picot_models::Signed::sign(late, &kit.key(2), &kit.genesis.chain_id());
    let answers = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&answers);
    kit.post(move |from, to, message| {
        if let (0, 2, Message::Outcome { outcome, .. }) = (from, to, message)
            && outcome.slot() == S1
        {
            counted.set(counted.get() + 1);
        }
        crate::mocks::Delivery::After(5)
    });
    kit.inject(2, 0, Message::Vote(late.clone().into_envelope()));
    kit.inject(2, 0, Message::Vote(late.into_envelope()));
    assert_eq!(answers.get(), 1, "once in a while");
}

#[test]
fn rule_9_a_standstill_sends_own_votes_and_the_entry_bundle_again_and_asks() {
    let mut kit = at_slot_1();
    kit.inject(
        1,
        0,
        Message::Certificate(certificate(&kit, 0, Ballot::Nullify)),
    );
    let asked = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&asked);
    kit.post(move |_, _, message| {
        if matches!(
            message,
            Message::Ask(Request::Outcomes {
                thread: 0,
                period: 1
            })
        ) {
            counted.set(counted.get() + 1);
        }
        crate::mocks::Delivery::Lost
    });
    kit.run_for(timers(&kit).round(1).0);
    let sent = |kit: &Kit, wanted: &dyn Fn(&Message) -> bool| {
        kit.nodes[0]
            .sent
            .iter()
            .filter(|message| wanted(message))
            .count()
    };
    let nullify = |message: &Message| matches!(message, Message::Vote(vote) if vote.content.round == 1 && vote.content.ballot == Ballot::Nullify);
    let bundle = |message: &Message| matches!(message, Message::Certificate(_));
    assert_eq!(sent(&kit, &nullify), 1);
    kit.run_for(kit.t0_ms() * 20);
    assert!(sent(&kit, &nullify) > 5);
    assert!(sent(&kit, &bundle) > 5);
    assert!(asked.get() > 5);
    let before = sent(&kit, &nullify);
    kit.run_for(kit.t0_ms() * 10);
    let later = sent(&kit, &nullify) - before;
    assert!(later <= 11, "at intervals that grow to a bound: {later}");
}

#[test]
fn rule_10_votes_of_one_round_do_not_count_in_another() {
    let mut kit = at_slot_1();
    say(&mut kit, 1, 0, finalise(MISS));
    say(&mut kit, 2, 1, finalise(MISS));
    say(&mut kit, 3, 2, finalise(MISS));
    assert_eq!(decided(&kit), None);
}

#[test]
fn rule_10_one_validator_has_one_vote() {
    let mut kit = at_slot_1();
    for _ in 0..3 {
        say(&mut kit, 1, 0, finalise(MISS));
    }
    assert_eq!(decided(&kit), None);
}

#[test]
fn rule_10_votes_before_candidates_and_bodies_before_time_lead_to_the_same() {
    let mut kit = alone_of_four();
    let block = block_of(&kit, kit.ranked(S1, 0), Vec::new());
    say_all(&mut kit, 0, finalise(value(block.id())));
    say_all(&mut kit, 0, notarise(value(block.id())));
    show(&mut kit, 1, &block);
    kit.run_for(kit.t0_ms());
    kit.inject(1, 0, Message::Body(crate::worker::envelope(&block)));
    assert_eq!(decided(&kit), Some(value(block.id())));
}

#[test]
fn nothing_is_signed_before_the_start_up_wait_ends() {
    let mut kit = alone_of_four();
    let mut config = kit.config();
    config.voting_from = picot_clock::Timestamp(kit.now.0 + kit.t0_ms() * 2);
    kit.start_with(0, config);
    kit.run_for(kit.t0_ms() * 2 - 1);
    assert!(voted(&kit).is_empty());
    assert!(
        kit.nodes[0]
            .events
            .contains(&ConsensusEvent::Opened { slot: S1 }),
        "but followed"
    );
    kit.run_for(1);
    assert!(!voted(&kit).is_empty());
}

#[test]
fn with_a_lost_log_nothing_is_signed_before_a_decision_of_a_slot_after_the_start() {
    let mut kit = alone_of_four();
    let mut config = kit.config();
    // A log that was begun before the chain misses nothing.
    config.signing_log_since = Some(picot_clock::Timestamp(kit.now.0 + 1));
    kit.start_with(0, config.clone());
    kit.run_for(kit.t0_ms() * 2);
    assert!(voted(&kit).is_empty());
    // Another restart does not make the log complete.
    kit.crash(0);
    kit.start_with(0, config.clone());
    kit.run_for(kit.t0_ms() * 2);
    assert!(voted(&kit).is_empty());
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(decided(&kit), Some(MISS));
    kit.run_for(kit.t0_ms() * 2);
    let votes = |kit: &Kit| {
        let sent = kit.nodes[0].sent.iter();
        sent.filter(|message| matches!(***message, Message::Vote(_)))
            .count()
    };
    assert!(votes(&kit) > 0);
    // What is decided says so after a restart too.
    kit.crash(0);
    kit.nodes[0].sent.clear();
    kit.start_with(0, config);
    kit.run_for(kit.t0_ms() * 2);
    assert!(votes(&kit) > 0);
}

#[test]
fn a_key_that_signs_elsewhere_signs_nothing_here() {
    let mut kit = at_slot_1();
    say(&mut kit, 0, 0, notarise(MISS));
    assert_eq!(kit.nodes[0].foreign.len(), 1);
    kit.run_for(kit.t0_ms() * 2);
    assert!(voted(&kit).is_empty());
}
