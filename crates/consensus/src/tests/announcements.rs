//! What is announced, and what those do who hear of it.

use super::support::*;
use crate::mocks::{Delivery, Kit};
use crate::{Message, Request};
use picot_models::{BlockId, CertificateSubject, Slot};
use std::cell::RefCell;
use std::rc::Rc;

/// Whom node 0 asks for what, in order.
type Asked = Rc<RefCell<Vec<(usize, Request)>>>;

fn watch_asks(kit: &mut Kit) -> Asked {
    let asked = Asked::default();
    let seen = Rc::clone(&asked);
    kit.post(move |from, to, message| {
        if let (0, Message::Ask(request)) = (from, message) {
            seen.borrow_mut().push((to, *request));
        }
        Delivery::Lost
    });
    asked
}

fn passed_on(kit: &Kit, id: BlockId) -> usize {
    let chain_id = kit.genesis.chain_id();
    let is_it = |message: &&std::sync::Arc<Message>| match &***message {
        Message::Candidate(header) => header.clone().identify(&chain_id).id() == id,
        _ => false,
    };
    kit.nodes[0].relayed.iter().filter(is_it).count()
}

#[test]
fn a_header_is_passed_on_once_its_body_is_held() {
    let mut kit = at_slot_1();
    let producer = kit.ranked(S1, 0);
    let block = block_of(&kit, producer, Vec::new());
    show_header(&mut kit, producer, &block);
    assert_eq!(passed_on(&kit, block.id()), 0, "its body is not held");
    show(&mut kit, producer, &block);
    assert_eq!(passed_on(&kit, block.id()), 1);
    show(&mut kit, producer, &block);
    assert_eq!(passed_on(&kit, block.id()), 1, "once");
}

#[test]
fn only_a_candidate_better_than_the_best_known_is_passed_on() {
    let mut kit = at_slot_1();
    let [best, second, ..] = others(&kit)[..] else {
        unreachable!("there are three others");
    };
    let good = block_of(&kit, best, Vec::new());
    show(&mut kit, best, &good);
    let worse = block_of(&kit, second, Vec::new());
    show(&mut kit, second, &worse);
    assert_eq!(passed_on(&kit, good.id()), 1);
    assert_eq!(passed_on(&kit, worse.id()), 0);
}

#[test]
fn a_body_is_asked_of_one_announcer_after_the_other_and_then_of_anyone() {
    let mut kit = at_slot_1();
    let asked = watch_asks(&mut kit);
    let producer = kit.ranked(S1, 0);
    let block = block_of(&kit, producer, Vec::new());
    show_header(&mut kit, 2, &block);
    show_header(&mut kit, 1, &block);
    let wait = 2 * kit.genesis.params.network_delay_ms;
    kit.run_for(3 * wait);
    let bodies: Vec<usize> = asked
        .borrow()
        .iter()
        .filter(|(_, request)| *request == Request::Body { id: block.id() })
        .map(|(to, _)| *to)
        .collect();
    assert_eq!(bodies.get(..2), Some([2, 1].as_slice()), "{bodies:?}");
    assert!(bodies.len() > 2, "then anyone: {bodies:?}");
}

#[test]
fn rule_8_a_decision_is_told_once_it_is_durable_and_its_outcome_is_had_on_demand() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.decide(S1, kit.t0_ms() * 2);
    for node in &kit.nodes {
        let told = node.sent.iter().any(|message| {
            matches!(
                **message,
                Message::Have {
                    slot: S1,
                    subject: CertificateSubject::Finalise { .. },
                    ..
                }
            )
        });
        let outcomes = node
            .sent
            .iter()
            .any(|message| matches!(**message, Message::Outcome { .. }));
        assert!(told && !outcomes);
    }
}

#[test]
fn rule_8_who_misses_the_votes_asks_for_the_outcome_that_it_was_told_of() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.post(|_, to, message| match message {
        Message::Vote(_) | Message::Certificate(_) if to == 0 => Delivery::Lost,
        _ => Delivery::After(5),
    });
    let value = kit.decide(S1, kit.t0_ms() * 2);
    assert!(value.block().is_some(), "its body came too");
}

#[test]
fn who_says_that_an_open_slot_is_decided_is_asked_in_a_moment_and_soon_forgotten() {
    let mut kit = at_slot_1();
    let asked = watch_asks(&mut kit);
    let told = |slot| Message::Have {
        slot,
        round: 0,
        subject: CertificateSubject::Finalise { value: MISS },
    };
    kit.inject(2, 0, told(S1));
    kit.inject(2, 0, told(Slot::new(1_000_000, 0)));
    let outcomes = |asked: &Asked| {
        asked
            .borrow()
            .iter()
            .filter(|(_, request)| matches!(request, Request::Outcomes { .. }))
            .map(|(to, _)| *to)
            .collect::<Vec<_>>()
    };
    assert!(outcomes(&asked).is_empty(), "it may come by itself");
    let delay = kit.genesis.params.network_delay_ms;
    kit.run_for(delay);
    assert_eq!(outcomes(&asked), [2]);
    kit.run_for(20 * kit.t0_ms());
    // A standstill asks too, at intervals of the slot's length at least; the claim itself does so
    // only three times.
    assert!(outcomes(&asked).len() < 3 * 30, "{:?}", outcomes(&asked));
    assert!(kit.nodes[0].blamed.is_empty());
}

fn votes_passed_on(kit: &Kit) -> usize {
    let is_vote = |message: &&std::sync::Arc<Message>| matches!(***message, Message::Vote(_));
    kit.nodes[0].relayed.iter().filter(is_vote).count()
}

#[test]
fn a_vote_that_is_new_is_passed_on_once_and_one_that_is_of_no_use_is_not() {
    let mut kit = at_slot_1();
    say(&mut kit, 1, 0, notarise(MISS));
    assert_eq!(votes_passed_on(&kit), 1);
    say(&mut kit, 1, 0, notarise(MISS));
    assert_eq!(votes_passed_on(&kit), 1, "once");
    say(&mut kit, 2, 1_000, notarise(MISS));
    assert_eq!(votes_passed_on(&kit), 1, "a round far off");
    let far = signed_vote(&kit, 2, Slot::new(1_000, 0), 0, notarise(MISS));
    kit.inject(2, 0, Message::Vote(far.into_envelope()));
    assert_eq!(votes_passed_on(&kit), 1, "a slot far off");
}

#[test]
fn a_proposal_that_is_taken_is_passed_on_once() {
    let mut kit = at_slot_1();
    for _ in 0..2 {
        let allowed = nullified(&kit, 1);
        propose(&mut kit, 1, free(MISS), allowed);
    }
    let is_proposal =
        |message: &&std::sync::Arc<Message>| matches!(***message, Message::Proposal { .. });
    assert_eq!(kit.nodes[0].relayed.iter().filter(is_proposal).count(), 1);
}

#[test]
fn who_has_decided_more_is_asked_for_the_outcomes_in_a_moment() {
    let mut kit = at_slot_1();
    let asked = watch_asks(&mut kit);
    let ahead = crate::Input::DecidedElsewhere {
        peer: crate::Peer(2),
        slots: vec![S1, Slot::new(1, 63), Slot::new(1_000_000, 0)],
    };
    kit.input(0, ahead);
    assert!(asked.borrow().is_empty(), "it may come by itself");
    kit.run_for(kit.genesis.params.network_delay_ms);
    let outcomes = Request::Outcomes {
        thread: 0,
        period: 1,
    };
    assert_eq!(*asked.borrow(), [(2, outcomes)]);
}
