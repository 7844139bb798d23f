//! Contradictions become denunciations, each fault once; bad signatures blame who sent them.

use super::support::*;
use crate::{Message, PeerFault};
use picot_models::{Ballot, DenunciationKind, Justification, ValidatorSet};

fn kinds(kit: &crate::mocks::Kit) -> Vec<DenunciationKind> {
    kit.nodes[0]
        .evidence
        .iter()
        .map(|proof| proof.kind())
        .collect()
}

/// Every proof must stand before anyone who knows the chain and the validators.
fn check_proofs(kit: &crate::mocks::Kit) {
    let validators = ValidatorSet::new(0, &kit.genesis.roll_counts()).unwrap();
    for proof in &kit.nodes[0].evidence {
        proof.verify(&kit.genesis.chain_id(), &validators).unwrap();
    }
}

#[test]
fn two_notarise_votes_of_a_round_are_evidence() {
    let mut kit = at_slot_1();
    let id = block_of(&kit, 1, Vec::new()).id();
    say(&mut kit, 1, 0, notarise(MISS));
    say(&mut kit, 1, 0, notarise(value(id)));
    say(&mut kit, 1, 0, notarise(value(id)));
    assert_eq!(kinds(&kit), [DenunciationKind::Votes]);
    check_proofs(&kit);
}

#[test]
fn finalise_and_nullify_of_a_round_are_evidence_in_either_order() {
    for swap in [false, true] {
        let mut kit = at_slot_1();
        let mut votes = [finalise(MISS), Ballot::Nullify];
        if swap {
            votes.reverse();
        }
        for ballot in votes {
            say(&mut kit, 1, 0, ballot);
        }
        assert_eq!(kinds(&kit), [DenunciationKind::Votes]);
        check_proofs(&kit);
    }
}

#[test]
fn two_headers_of_a_producer_are_evidence() {
    let mut kit = at_slot_1();
    let chain = kit.genesis.chain_id();
    let sender = picot_models::mocks::key_in_thread(0, 1, 50);
    let to = picot_models::mocks::address(9);
    let blocks: Vec<_> = (1..4)
        .map(|amount| picot_models::mocks::transfer(&sender, to, amount, 1, 5, &chain))
        .map(|transfer| block_of(&kit, 2, vec![transfer]))
        .collect();
    for block in &blocks {
        show_header(&mut kit, 1, block);
    }
    assert_eq!(kinds(&kit), [DenunciationKind::Headers]);
    check_proofs(&kit);
}

#[test]
fn two_proposals_of_a_round_are_evidence() {
    let mut kit = at_slot_1();
    let round = (1..3)
        .find(|round| kit.coordinator(S1, *round) != 0)
        .unwrap();
    let id = block_of(&kit, 1, Vec::new()).id();
    let bundle = nullified(&kit, round);
    propose(&mut kit, round, free(MISS), bundle.clone());
    propose(&mut kit, round, free(value(id)), bundle);
    assert_eq!(kinds(&kit), [DenunciationKind::Proposals]);
    check_proofs(&kit);
}

#[test]
fn a_carry_that_a_certificate_excludes_is_evidence_in_either_order() {
    for swap in [false, true] {
        let mut kit = at_slot_1();
        let id = block_of(&kit, 1, Vec::new()).id();
        let known = certificate(&kit, 0, notarise(MISS));
        let lie = carried(value(id), 0);
        if swap {
            say(&mut kit, 2, 1, lie);
            kit.inject(1, 0, Message::Certificate(known));
        } else {
            kit.inject(1, 0, Message::Certificate(known));
            say(&mut kit, 2, 1, lie);
        }
        assert_eq!(kinds(&kit), [DenunciationKind::FalseCarry]);
        check_proofs(&kit);
    }
}

#[test]
fn a_contradiction_after_the_decision_is_still_evidence() {
    let mut kit = at_slot_1();
    let late = signed_vote(&kit, 1, S1, 0, Ballot::Nullify);
    say_all(&mut kit, 0, finalise(MISS));
    assert!(kit.nodes[0].decided_value(S1).is_some());
    kit.inject(1, 0, Message::Vote(late.into_envelope()));
    assert_eq!(kinds(&kit), [DenunciationKind::Votes]);
}

#[test]
fn the_same_vote_again_is_no_fault() {
    let mut kit = at_slot_1();
    for _ in 0..3 {
        say(&mut kit, 1, 0, notarise(MISS));
        say(&mut kit, 1, 0, finalise(MISS));
    }
    assert!(kit.nodes[0].evidence.is_empty());
    assert!(kit.nodes[0].blamed.is_empty());
}

#[test]
fn a_forged_vote_neither_counts_nor_keeps_the_true_one_out_nor_denounces() {
    let mut kit = at_slot_1();
    let id = block_of(&kit, 1, Vec::new()).id();
    let mut forged = signed_vote(&kit, 1, S1, 0, notarise(value(id))).into_envelope();
    forged.signature = kit.key(3).sign(&picot_models::Hash([7; 32]));
    kit.inject(3, 0, Message::Vote(forged));
    assert_eq!(verified(&kit), 0, "nothing needs it yet");
    say_all(&mut kit, 0, notarise(MISS));
    assert!(kit.nodes[0].evidence.is_empty());
    assert_eq!(kit.nodes[0].blamed, [(peer(3), PeerFault::BadSignature)]);
    assert!(
        voted(&kit).contains(&(0, finalise(MISS))),
        "the true votes are a quorum"
    );
}

#[test]
fn of_a_quorum_with_a_bad_signature_the_rest_counts() {
    let mut kit = at_slot_1();
    kit.run_for(crate::Timers::new(&kit.genesis.params).candidate_wait().0);
    let mut forged = signed_vote(&kit, 1, S1, 0, notarise(MISS)).into_envelope();
    forged.signature = kit.key(1).sign(&picot_models::Hash([7; 32]));
    kit.inject(1, 0, Message::Vote(forged));
    say(&mut kit, 2, 0, notarise(MISS));
    assert!(
        !voted(&kit).contains(&(0, finalise(MISS))),
        "own, 2, and a bad one"
    );
    assert_eq!(kit.nodes[0].blamed, [(peer(1), PeerFault::BadSignature)]);
    say(&mut kit, 3, 0, notarise(MISS));
    assert!(voted(&kit).contains(&(0, finalise(MISS))));
}

#[test]
fn a_proposal_of_somebody_else_is_refused() {
    let mut kit = at_slot_1();
    let wrong = (0..4).find(|node| *node != kit.coordinator(S1, 1)).unwrap();
    let proposal = signed_proposal(&kit, wrong, 1, free(MISS)).into_envelope();
    let justification = nullified(&kit, 1);
    kit.inject(
        3,
        0,
        Message::Proposal {
            proposal,
            justification,
        },
    );
    assert_eq!(kit.nodes[0].blamed, [(peer(3), PeerFault::Malformed)]);
}

#[test]
fn a_certificate_without_a_quorum_is_refused() {
    let mut kit = at_slot_1();
    let mut bad = certificate(&kit, 0, Ballot::Nullify);
    let first = bad.signers.first_one().unwrap();
    bad.signers.set(first, false);
    bad.signatures.remove(0);
    kit.inject(3, 0, Message::Certificate(bad.clone()));
    assert_eq!(kit.nodes[0].blamed, [(peer(3), PeerFault::BadCertificate)]);
    let round = 1;
    if kit.coordinator(S1, round) != 0 {
        let justification = Justification {
            notarised: None,
            nullified: vec![bad],
        };
        propose(&mut kit, round, free(MISS), justification);
        assert_eq!(kit.nodes[0].blamed.len(), 2);
    }
}
