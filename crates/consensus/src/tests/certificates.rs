//! What certificates and outcomes from elsewhere may cost, and what is held with them (design 07,
//! 'Bounds and cost').

use super::support::*;
use crate::mocks::Kit;
use crate::worker::envelope;
use crate::{MAX_ANSWER_BYTES, Message, PeerFault};
use picot_models::mocks::{address, block, key, operation};
use picot_models::{
    Amount, Ballot, Block, Certificate, Hash, OperationKind, Outcome, Signed, Slot, ThreadDigest,
    Value, Vote,
};
use picot_selector::Selector;

/// A certificate of these nodes for any slot and history.
fn certificate_of(
    kit: &Kit,
    slot: Slot,
    digest: ThreadDigest,
    ballot: Ballot,
    signers: impl IntoIterator<Item = usize>,
) -> Certificate {
    let vote = Vote {
        version: kit.genesis.params.protocol_version,
        slot,
        round: 0,
        thread_digest: digest,
        ballot,
    };
    let sign = |node| Signed::sign(vote.clone(), &kit.key(node), &kit.genesis.chain_id());
    let votes: Vec<_> = signers.into_iter().map(sign).collect();
    let validators = kit.selector.voting_power(0).unwrap();
    Certificate::from_votes(&votes, &validators).unwrap()
}

fn digest(kit: &Kit) -> ThreadDigest {
    kit.nodes[0].engine.as_ref().unwrap().chains()[0].digest()
}

/// The signers are those, the signatures are not.
fn garbage(kit: &Kit, mut certificate: Certificate) -> Certificate {
    for entry in &mut certificate.signatures {
        entry.signature = kit.key(1).sign(&Hash([9; 32]));
    }
    certificate
}

fn inject_outcome(kit: &mut Kit, from: usize, certificate: Certificate, block: Option<&Block>) {
    let outcome = Outcome::new(certificate).unwrap();
    let block = block.map(envelope);
    kit.inject(from, 0, Message::Outcome { outcome, block });
}

/// Node 0 of 40 alone, as slot 1/0 opens.
fn one_of_forty() -> Kit {
    let mut kit = Kit::new(&[1; 40]);
    (1..40).for_each(|node| kit.crash(node));
    kit.nodes[0].produces = false;
    kit.run_for(kit.t0_ms());
    kit
}

#[test]
fn a_certificate_of_garbage_costs_a_sample_and_blames_its_sender() {
    let mut kit = one_of_forty();
    let digest = digest(&kit);
    let nullified = certificate_of(&kit, S1, digest, Ballot::Nullify, 1..40);
    let bad = garbage(&kit, nullified.clone());
    kit.inject(5, 0, Message::Certificate(bad));
    assert_eq!(verified(&kit), 8);
    assert_eq!(kit.nodes[0].blamed, [(peer(5), PeerFault::BadCertificate)]);
    kit.inject(5, 0, Message::Certificate(nullified));
    assert_eq!(verified(&kit), 8 + 39);
}

#[test]
fn after_three_bad_certificates_of_a_peer_for_a_slot_it_is_not_listened_to() {
    let mut kit = one_of_forty();
    let digest = digest(&kit);
    let nullified = certificate_of(&kit, S1, digest, Ballot::Nullify, 1..40);
    let decided = certificate_of(&kit, S1, digest, finalise(MISS), 1..40);
    for _ in 0..10 {
        let bad = garbage(&kit, nullified.clone());
        kit.inject(5, 0, Message::Certificate(bad));
        let bad = garbage(&kit, decided.clone());
        inject_outcome(&mut kit, 6, bad, None);
    }
    assert_eq!(verified(&kit), 2 * 3 * 8);
    assert_eq!(kit.nodes[0].blamed.len(), 2 * 3);
    kit.inject(5, 0, Message::Certificate(nullified.clone()));
    inject_outcome(&mut kit, 6, decided.clone(), None);
    assert_eq!(verified(&kit), 2 * 3 * 8, "nothing more of them");
    kit.inject(6, 0, Message::Certificate(nullified));
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    let (_, status) = engine.open_slots().next().unwrap();
    assert!(matches!(
        status,
        crate::SlotStatus::Undecided { round: 1, .. }
    ));
    inject_outcome(&mut kit, 5, decided, None);
    assert_eq!(kit.nodes[0].decided_value(S1), Some(MISS));
}

#[test]
fn a_bad_outcome_does_not_make_good_ones_be_verified_again() {
    let mut kit = at_slot_1();
    kit.sleep(kit.t0_ms() * 10);
    let mut history = digest(&kit);
    let mut certificates = Vec::new();
    for period in 1..=6 {
        let slot = Slot::new(period, 0);
        let value = Value::Miss { through: period };
        certificates.push(certificate_of(&kit, slot, history, finalise(value), 1..4));
        history = history.after(slot, &value);
    }
    for certificate in &certificates[2..] {
        inject_outcome(&mut kit, 1, certificate.clone(), None);
    }
    assert_eq!(verified(&kit), 0, "their turn has not come");
    let bad = garbage(&kit, certificates[1].clone());
    inject_outcome(&mut kit, 2, bad, None);
    let bad = garbage(&kit, certificates[0].clone());
    inject_outcome(&mut kit, 2, bad, None);
    assert_eq!(verified(&kit), 6 * 3, "all together");
    assert_eq!(kit.nodes[0].blamed.len(), 2);
    for certificate in &certificates[..2] {
        inject_outcome(&mut kit, 3, certificate.clone(), None);
    }
    assert_eq!(kit.nodes[0].next_period(0), 7);
    assert_eq!(verified(&kit), 8 * 3, "only the two that were bad");
}

#[test]
fn a_block_that_is_not_the_outcomes_is_refused_when_it_arrives() {
    let mut kit = at_slot_1();
    let named = block_of(&kit, 1, Vec::new());
    let other = block_of(&kit, 2, Vec::new());
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    let transfer =
        picot_models::mocks::transfer(&sender, address(9), 1, 1, 5, &kit.genesis.chain_id());
    let mut more = named.clone();
    more.operations.push(std::sync::Arc::new(transfer));
    let ballot = finalise(value(named.id()));
    let decided = certificate_of(&kit, S1, digest(&kit), ballot, 1..4);
    for wrong in [&other, &more] {
        inject_outcome(&mut kit, 3, decided.clone(), Some(wrong));
    }
    let blame = (peer(3), PeerFault::WrongBody);
    assert_eq!(kit.nodes[0].blamed, [blame, blame]);
    let held = |kit: &Kit| kit.nodes[0].engine.as_ref().unwrap().held_outcome_bytes();
    assert_eq!(held(&kit), 0);
    inject_outcome(&mut kit, 3, decided, Some(&named));
    assert_eq!(
        kit.nodes[0].decided_value(S1),
        Some(value(named.id())),
        "the outcome counts whatever came with it"
    );
}

#[test]
fn a_block_with_a_header_that_is_not_well_signed_is_looked_at_once() {
    let mut kit = at_slot_1();
    let named = block_of(&kit, 1, Vec::new());
    let ballot = finalise(value(named.id()));
    let decided = certificate_of(&kit, S1, digest(&kit), ballot, 1..4);
    let mut forged = envelope(&named);
    forged.header.signature = kit.key(2).sign(&Hash([9; 32]));
    let outcome = Outcome::new(decided.clone()).unwrap();
    let message = Message::Outcome {
        outcome,
        block: Some(forged),
    };
    kit.inject(3, 0, message);
    assert_eq!(kit.nodes[0].blamed, [(peer(3), PeerFault::BadSignature)]);
    let cost = verified(&kit);
    kit.run_for(kit.t0_ms());
    assert_eq!(verified(&kit), cost);
    kit.inject(2, 0, Message::Body(envelope(&named)));
    assert_eq!(
        kit.nodes[0].decided_value(S1),
        Some(value(named.id())),
        "the true one was asked for"
    );
}

#[test]
fn the_block_of_a_known_outcome_is_taken_from_one_with_other_signers() {
    let mut kit = at_slot_1();
    let named = block_of(&kit, 1, Vec::new());
    let ballot = finalise(value(named.id()));
    let one = certificate_of(&kit, S1, digest(&kit), ballot, [1, 2, 3]);
    let other = certificate_of(&kit, S1, digest(&kit), ballot, [0, 1, 2]);
    inject_outcome(&mut kit, 1, one, None);
    assert_eq!(kit.nodes[0].decided_value(S1), None, "its block is missing");
    inject_outcome(&mut kit, 2, other, Some(&named));
    assert_eq!(kit.nodes[0].decided_value(S1), Some(value(named.id())));
}

/// A block of nearly the largest size.
fn large_block(kit: &Kit, slot: Slot) -> Block {
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    let kind = OperationKind::Deploy {
        bytecode: vec![7; 900_000],
        max_gas: 1,
        max_coins: Amount::ZERO,
        datastore: Vec::new(),
    };
    let chain = kit.genesis.chain_id();
    let deploy = operation(&sender, kind, 1, slot.period, &chain);
    block(&key(2), slot, kit.genesis.block_ids(), vec![deploy], &chain)
}

#[test]
fn blocks_of_outcomes_are_held_up_to_a_bound_and_asked_for_beyond_it() {
    let mut kit = at_slot_1();
    kit.sleep(kit.t0_ms() * 10);
    let mut history = digest(&kit);
    let mut decided = Vec::new();
    for period in 1..=7 {
        let slot = Slot::new(period, 0);
        let block = large_block(&kit, slot);
        let value = value(block.id());
        let certificate = certificate_of(&kit, slot, history, finalise(value), 1..4);
        history = history.after(slot, &value);
        decided.push((certificate, block));
    }
    for (certificate, block) in decided[1..].iter().rev() {
        inject_outcome(&mut kit, 1, certificate.clone(), Some(block));
        let held = kit.nodes[0].engine.as_ref().unwrap().held_outcome_bytes();
        assert!(held <= MAX_ANSWER_BYTES);
    }
    let held = kit.nodes[0].engine.as_ref().unwrap().held_outcome_bytes();
    assert!(held > MAX_ANSWER_BYTES / 2);
    let (certificate, block) = &decided[0];
    inject_outcome(&mut kit, 1, certificate.clone(), Some(block));
    assert_eq!(kit.nodes[0].next_period(0), 5, "the nearest were kept");
    for (_, block) in &decided[4..] {
        kit.inject(2, 0, Message::Body(envelope(block)));
    }
    assert_eq!(kit.nodes[0].next_period(0), 8, "the others were asked for");
    assert_eq!(kit.nodes[0].blamed, []);
}

#[test]
fn a_liars_have_does_not_keep_an_honest_one_from_being_asked_for() {
    let mut kit = at_slot_1();
    let made_up = value(block_of(&kit, 1, Vec::new()).id());
    let subject = |value| picot_models::CertificateSubject::Notarise { value };
    for (from, value) in [(1, made_up), (2, MISS), (3, MISS)] {
        let message = Message::Have {
            slot: S1,
            round: 0,
            subject: subject(value),
        };
        kit.inject(from, 0, message);
    }
    let timers = crate::Timers::new(&kit.genesis.params);
    let mut asked = |after: picot_clock::Millis| {
        kit.now = kit.now.checked_add(after).unwrap();
        let engine = kit.nodes[0].engine.as_mut().unwrap();
        let outputs = engine.step(kit.now, crate::Input::Tick);
        let asked = outputs.iter().filter_map(|output| match output {
            crate::Output::Ask {
                to: Some(to),
                request: crate::Request::Certificate { subject, .. },
            } => Some((*to, subject.value().unwrap())),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    assert_eq!(
        asked(timers.moment()),
        [(peer(1), made_up), (peer(2), MISS)]
    );
    assert_eq!(
        asked(timers.answer_wait()),
        [(peer(3), MISS)],
        "the next one, as the first did not answer"
    );
}
