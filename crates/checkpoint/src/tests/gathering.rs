//! The rules of signing and gathering.

use super::kit::{Kit, Sent};
use crate::mocks::certificate;
use crate::{ChainStep, CheckpointError, CheckpointMessage, verify_certificate};
use picot_clock::{Millis, Slot};
use picot_consensus::{Peer, PeerFault};
use picot_models::mocks::{address, key};
use picot_models::{Checkpoint, Envelope, Hash, Signed, ValidatorSet};
use picot_wallet::{ClaimKind, SigningLog};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const MIDDLE: Slot = Slot::new(1, 1);
const END: Slot = Slot::new(3, 1);
const PEER: Peer = Peer(77);

fn four() -> Kit {
    Kit::new(&[&[1], &[2], &[3], &[4]])
}

fn validators(kit: &Kit) -> Arc<ValidatorSet> {
    let sets = crate::ValidatorSets::genesis(&kit.chain.genesis).unwrap();
    sets.all()[0].validators().clone()
}

fn signed(kit: &Kit, number: u64, checkpoint: &Checkpoint) -> Envelope<Checkpoint> {
    Signed::sign(checkpoint.clone(), &key(number), &kit.chain.id()).into_envelope()
}

fn other(checkpoint: &Checkpoint) -> Checkpoint {
    Checkpoint {
        state_hash: Hash([9; 32]),
        ..checkpoint.clone()
    }
}

fn say(kit: &mut Kit, node: usize, envelopes: Vec<Envelope<Checkpoint>>) {
    let message = CheckpointMessage::Signatures(envelopes);
    let node = &mut kit.nodes[node];
    node.driver.deliver(PEER, &message).unwrap();
    node.driver.drive().unwrap();
}

#[test]
fn all_nodes_keep_a_valid_certificate_of_each_checkpoint() {
    let mut kit = four();
    for slot in [MIDDLE, END, Slot::new(5, 1), Slot::new(7, 1)] {
        kit.reach_all(slot);
        kit.settle();
        let (checkpoint, _) = kit.checkpoint(slot);
        for node in &kit.nodes {
            let certificate = node.archive.certificate(slot).unwrap().unwrap();
            let validators = validators(&kit);
            let found =
                verify_certificate(&certificate, &kit.chain.id(), &validators, |_| None).unwrap();
            assert_eq!(found, &checkpoint);
            assert_eq!(certificate.signatures.len(), 3, "no more than decide");
            assert_eq!(node.archive.uncertified(9).unwrap(), []);
            assert!(node.driver.open().is_empty());
        }
    }
    // And what they keep is a chain.
    let mut follower = crate::Follower::from_genesis(&kit.chain.genesis).unwrap();
    for step in kit.nodes[2]
        .archive
        .steps_after(Slot::GENESIS, 9, 1 << 20)
        .unwrap()
    {
        follower.follow(&step).unwrap();
    }
    assert_eq!(follower.last_slot(), Slot::new(7, 1));
}

#[test]
fn what_is_signed_is_claimed_first_and_the_same_again_after_a_restart() {
    let mut kit = four();
    kit.reach_all(END);
    let claims = kit.nodes[0]
        .log
        .records(&address(1), Slot::GENESIS)
        .unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(
        (claims[0].kind, claims[0].slot),
        (ClaimKind::Checkpoint, END)
    );
    let first = kit.nodes[0].sent();
    assert_eq!(first.len(), 1);
    let (disk, log) = (kit.nodes[0].disk.clone(), kit.nodes[0].log.clone());
    let mut again = kit.node(&[1], disk, log);
    again.driver.drive().unwrap();
    assert_eq!(again.sent(), first);
    kit.nodes[0] = again;
    kit.settle();
    assert!(kit.nodes.iter().all(|node| node.certified(END).is_some()));
}

#[test]
fn a_third_of_the_power_may_be_missing_and_no_more() {
    let mut kit = four();
    kit.cut.insert(3);
    kit.reach_all(END);
    kit.settle();
    assert!(
        kit.nodes[..3]
            .iter()
            .all(|node| node.certified(END).is_some())
    );
    assert!(kit.nodes[3].certified(END).is_none());

    let mut kit = four();
    kit.cut.extend([2, 3]);
    kit.reach_all(END);
    kit.settle();
    assert!(kit.nodes.iter().all(|node| node.certified(END).is_none()));
    let open = &kit.nodes[0].driver.open()[0];
    assert_eq!((open.slot, open.power, open.total_power), (END, 10, 20));
    // The others come back: what was signed is sent again until it is certified.
    kit.cut.clear();
    kit.pass(Millis(5_000));
    kit.settle();
    assert!(kit.nodes.iter().all(|node| node.certified(END).is_some()));
}

#[test]
fn who_missed_the_signatures_is_given_the_certificate() {
    let mut kit = four();
    kit.cut.insert(3);
    for slot in [MIDDLE, END, Slot::new(5, 1)] {
        kit.reach_all(slot);
        kit.settle();
    }
    kit.cut.clear();
    kit.pass(Millis(5_000));
    kit.settle();
    // All ends of cycles, and of those inside a cycle the newest.
    assert!(kit.nodes[3].certified(END).is_some());
    assert!(kit.nodes[3].certified(Slot::new(5, 1)).is_some());
}

#[test]
fn a_late_node_asks_before_it_signs() {
    let mut kit = four();
    kit.cut.insert(3);
    kit.at(END);
    (0..3).for_each(|node| kit.reach(node, END));
    kit.settle();
    kit.at(Slot::new(40, 0));
    kit.cut.clear();
    kit.reach(3, END);
    kit.settle();
    assert!(kit.nodes[3].certified(END).is_some());
    let claims = kit.nodes[3]
        .log
        .records(&address(4), Slot::GENESIS)
        .unwrap();
    assert_eq!(claims, [], "what is certified needs no signature");
}

#[test]
fn what_nobody_certified_is_signed_late() {
    let mut kit = four();
    kit.at(Slot::new(40, 0));
    (0..4).for_each(|node| kit.reach(node, END));
    kit.settle();
    assert!(kit.nodes.iter().all(|node| node.certified(END).is_none()));
    kit.pass(kit.config.late_wait);
    kit.settle();
    assert!(kit.nodes.iter().all(|node| node.certified(END).is_some()));
}

#[test]
fn a_forged_signature_is_blamed_on_its_sender_and_keeps_no_true_one_away() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    kit.nodes[0].sent();
    let (checkpoint, _) = kit.checkpoint(END);
    let forged: Vec<_> = [2, 3, 4]
        .map(|number| Envelope {
            signature: *Signed::sign(other(&checkpoint), &key(9), &kit.chain.id()).signature(),
            ..signed(&kit, number, &checkpoint)
        })
        .to_vec();
    say(&mut kit, 0, forged.clone());
    let honest = [2, 3]
        .map(|number| signed(&kit, number, &checkpoint))
        .to_vec();
    let message = CheckpointMessage::Signatures(honest);
    kit.deliver(1, 0, &message);
    kit.pass(kit.config.collect);
    assert_eq!(kit.nodes[0].blamed(), [(PEER, PeerFault::BadSignature); 3]);
    assert!(kit.nodes[0].certified(END).is_some());
    // What is passed on is what was found good, and not to who sent it.
    let relayed = kit.nodes[0].sent().into_iter().find_map(|sent| match sent {
        Sent::Relay(from, message) => Some((from, message)),
        _ => None,
    });
    assert_eq!(relayed, Some((Kit::peer(1), Arc::new(message))));
    // Nor is there any more to be had of it once it is certified.
    say(&mut kit, 0, forged);
    kit.pass(kit.config.collect);
    assert_eq!(kit.nodes[0].sent(), []);
}

#[test]
fn only_validators_sign_and_only_checkpoints() {
    let mut kit = four();
    kit.reach_all(END);
    kit.nodes[0].sent();
    let (checkpoint, _) = kit.checkpoint(END);
    let stranger = signed(&kit, 9, &checkpoint);
    say(&mut kit, 0, vec![stranger]);
    assert_eq!(kit.nodes[0].blamed(), [(PEER, PeerFault::Malformed)]);
    let none = Checkpoint {
        slot: Slot::new(2, 1),
        ..checkpoint
    };
    let none = signed(&kit, 2, &none);
    say(&mut kit, 0, vec![none]);
    assert_eq!(kit.nodes[0].blamed().len(), 2);
}

#[test]
fn what_cannot_be_judged_yet_is_nobodys_fault() {
    let mut kit = four();
    kit.reach_all(MIDDLE);
    kit.nodes[0].sent();
    let far = Checkpoint {
        slot: Slot::new(39, 1),
        ..kit.checkpoint(MIDDLE).0
    };
    let unknown = Checkpoint {
        slot: Slot::new(4 * 40 + 3, 1),
        ..far.clone()
    };
    let envelopes = vec![signed(&kit, 2, &far), signed(&kit, 9, &unknown)];
    say(&mut kit, 0, envelopes);
    kit.pass(kit.config.collect);
    assert_eq!(kit.nodes[0].blamed(), []);
    assert_eq!(kit.nodes[0].driver.open().len(), 1);
}

#[test]
fn a_node_that_lags_a_little_keeps_what_others_signed() {
    let mut kit = four();
    kit.at(END);
    let (checkpoint, sets) = kit.checkpoint(END);
    let of_others = [2, 3, 4]
        .map(|number| signed(&kit, number, &checkpoint))
        .to_vec();
    say(&mut kit, 0, of_others);
    kit.pass(kit.config.collect);
    assert!(
        kit.nodes[0].certified(END).is_some(),
        "it needs no word of its own"
    );
    kit.nodes[0].sent();
    let node = &mut kit.nodes[0];
    assert_eq!(
        node.archive.reach(&checkpoint, &sets).unwrap(),
        Some(checkpoint)
    );
    node.driver.drive().unwrap();
    assert_eq!(node.sent(), []);
}

#[test]
fn two_checkpoints_of_one_slot_by_one_signer_are_a_denunciation() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    let (checkpoint, _) = kit.checkpoint(END);
    let (one, two) = (
        signed(&kit, 2, &checkpoint),
        signed(&kit, 2, &other(&checkpoint)),
    );
    say(&mut kit, 0, vec![one.clone()]);
    kit.pass(kit.config.collect);
    say(&mut kit, 0, vec![two.clone()]);
    kit.pass(kit.config.collect);
    // Both at once.
    let both = vec![
        signed(&kit, 3, &checkpoint),
        signed(&kit, 3, &other(&checkpoint)),
    ];
    say(&mut kit, 0, both);
    kit.pass(kit.config.collect);
    assert!(
        kit.nodes[0].certified(END).is_some(),
        "the first word counts"
    );
    // And of a slot that is certified.
    let late = vec![signed(&kit, 1, &other(&checkpoint))];
    say(&mut kit, 0, late);
    let evidence = std::mem::take(&mut *kit.nodes[0].evidence.lock());
    let validators = validators(&kit);
    let culprits: Vec<_> = evidence
        .iter()
        .map(|fault| {
            fault.verify(&kit.chain.id(), &validators).unwrap();
            assert_eq!(fault.slot(), END);
            fault.fault_key().address
        })
        .collect();
    assert_eq!(culprits, [2, 3, 1].map(address));
    // A forged second word is the fault of who sent it.
    let forged = Envelope {
        signature: one.signature,
        ..signed(&kit, 2, &other(&checkpoint))
    };
    say(&mut kit, 0, vec![forged]);
    assert_eq!(*kit.nodes[0].evidence.lock(), []);
    assert_eq!(kit.nodes[0].blamed(), [(PEER, PeerFault::BadSignature)]);
}

#[test]
fn a_node_whose_state_is_not_the_certified_one_stops() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    let wrong = other(&kit.checkpoint(END).0);
    let of_others = [2, 3, 4]
        .map(|number| signed(&kit, number, &wrong))
        .to_vec();
    say(&mut kit, 0, of_others.clone());
    let node = &mut kit.nodes[0];
    kit.clock.advance(kit.config.collect).unwrap();
    let error = node.driver.drive().unwrap_err();
    assert!(
        matches!(error, CheckpointError::Diverged { slot: END, .. }),
        "{error}"
    );
    assert!(!error.is_of_the_offer());
    assert_eq!(node.certified(END), Some(wrong));
    assert_eq!(
        *node.evidence.lock(),
        [],
        "a wrong state is no contradiction"
    );
}

#[test]
fn checkpoints_inside_cycles_are_given_up_when_newer_ones_are_there_and_ends_never() {
    let mut kit = four();
    kit.cut.extend([1, 2, 3]);
    let slots = (0..12).map(|index| Slot::new(index * 2 + 1, 1));
    for slot in slots {
        kit.at(slot);
        kit.reach(0, slot);
    }
    let waiting = kit.nodes[0].archive.uncertified(99).unwrap();
    let periods: Vec<u64> = waiting.iter().map(|one| one.slot.period).collect();
    assert_eq!(periods, [3, 7, 11, 15, 17, 19, 21, 23]);
    let open: Vec<u64> = kit.nodes[0]
        .driver
        .open()
        .iter()
        .map(|one| one.slot.period)
        .collect();
    assert_eq!(open, periods);
}

#[test]
fn no_more_slots_are_open_than_there_is_room_for_and_the_rest_waits_its_turn() {
    let mut kit = Kit::new(&[]);
    kit.config.max_open_slots = 2;
    let node = kit.node(&[1], Arc::default(), picot_wallet::MemorySigningLog::new());
    kit.nodes.push(node);
    for end in [3, 7, 11] {
        kit.at(Slot::new(end, 1));
        kit.reach(0, Slot::new(end, 1));
    }
    let open = |kit: &Kit| -> Vec<u64> {
        let open = kit.nodes[0].driver.open();
        open.iter().map(|one| one.slot.period).collect()
    };
    assert_eq!(open(&kit), [3, 7]);
    let (checkpoint, _) = kit.checkpoint(END);
    let of_others = [2, 3, 4]
        .map(|number| signed(&kit, number, &checkpoint))
        .to_vec();
    say(&mut kit, 0, of_others);
    kit.pass(kit.config.collect);
    kit.pass(kit.config.collect);
    assert_eq!(open(&kit), [7, 11]);
}

#[test]
fn with_many_validators_few_slots_are_open() {
    let mut kit = Kit::new(&[]);
    kit.config.max_signatures = 12;
    let node = kit.node(&[1], Arc::default(), picot_wallet::MemorySigningLog::new());
    kit.nodes.push(node);
    for end in [3, 7, 11] {
        kit.at(Slot::new(end, 1));
        kit.reach(0, Slot::new(end, 1));
    }
    assert_eq!(kit.nodes[0].driver.open().len(), 3, "four validators each");
    kit.config.max_signatures = 1;
    let (disk, log) = (kit.nodes[0].disk.clone(), kit.nodes[0].log.clone());
    let mut node = kit.node(&[1], disk, log);
    node.driver.drive().unwrap();
    assert_eq!(node.driver.open().len(), 2);
}

#[test]
fn a_key_that_may_not_sign_is_asked_once() {
    let mut kit = four();
    kit.at(END);
    let (checkpoint, sets) = kit.checkpoint(END);
    // Another state was signed before: the log refuses this one.
    let wrong = other(&checkpoint);
    kit.nodes[0].archive.reach(&wrong, &sets).unwrap();
    kit.nodes[0].driver.drive().unwrap();
    kit.nodes[0].sent();
    let (log, disk) = (kit.nodes[0].log.clone(), Arc::default());
    let mut node = kit.node(&[1], disk, log.clone());
    node.archive.reach(&checkpoint, &sets).unwrap();
    for _ in 0..3 {
        node.driver.drive().unwrap();
    }
    assert_eq!(node.sent(), []);
    assert_eq!(log.records(&address(1), Slot::GENESIS).unwrap().len(), 1);
}

#[test]
fn a_certificate_is_kept_once_the_store_takes_it() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    kit.nodes[0].disk.fails.store(true, Ordering::SeqCst);
    let (checkpoint, _) = kit.checkpoint(END);
    let of_others = [2, 3, 4]
        .map(|number| signed(&kit, number, &checkpoint))
        .to_vec();
    say(&mut kit, 0, of_others);
    kit.clock.advance(kit.config.collect).unwrap();
    for _ in 0..3 {
        let error = kit.nodes[0].driver.drive().unwrap_err();
        assert!(matches!(error, CheckpointError::Store { .. }), "{error}");
    }
    kit.nodes[0].disk.fails.store(false, Ordering::SeqCst);
    kit.nodes[0].driver.drive().unwrap();
    assert_eq!(kit.nodes[0].certified(END), Some(checkpoint));
}

#[test]
fn signatures_are_verified_once_each_and_none_of_a_certified_slot() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    let (checkpoint, _) = kit.checkpoint(END);
    let all: Vec<_> = [2, 3, 4]
        .map(|number| signed(&kit, number, &checkpoint))
        .to_vec();
    for _ in 0..3 {
        say(&mut kit, 0, all.clone());
    }
    let verified = kit.nodes[0].verifier.verified.clone();
    assert_eq!(
        verified.load(Ordering::SeqCst),
        0,
        "they are collected first"
    );
    kit.pass(kit.config.collect);
    say(&mut kit, 0, all);
    kit.pass(kit.config.collect);
    assert_eq!(verified.load(Ordering::SeqCst), 3);
}

#[test]
fn a_wrong_certificate_is_blamed_and_one_that_nobody_asked_for_costs_nothing() {
    let mut kit = four();
    kit.at(END);
    kit.reach(0, END);
    kit.nodes[0].sent();
    let (checkpoint, _) = kit.checkpoint(END);
    let steps = |signers: &[u64], of: &Checkpoint| CheckpointMessage::Steps {
        after: Slot::GENESIS,
        steps: vec![ChainStep {
            certificate: certificate(of, signers, &kit.chain.id()),
            change: None,
        }],
    };
    let far = Checkpoint {
        slot: Slot::new(23, 1),
        ..checkpoint.clone()
    };
    let (few, unasked) = (steps(&[2, 3], &checkpoint), steps(&[1, 2, 3], &far));
    let mut forged = steps(&[2, 3, 4], &checkpoint);
    if let CheckpointMessage::Steps { steps, .. } = &mut forged {
        steps[0].certificate.signatures[0].content.state_hash = Hash([1; 32]);
    }
    let good = steps(&[2, 3, 4], &checkpoint);
    let node = &mut kit.nodes[0];
    node.driver.deliver(PEER, &unasked).unwrap();
    assert_eq!(node.blamed(), []);
    assert_eq!(node.verifier.verified.load(Ordering::SeqCst), 0);
    node.driver.deliver(PEER, &few).unwrap();
    node.driver.deliver(PEER, &forged).unwrap();
    node.driver.drive().unwrap();
    assert_eq!(node.blamed(), [(PEER, PeerFault::BadCertificate); 2]);
    node.driver.deliver(PEER, &good).unwrap();
    node.driver.drive().unwrap();
    assert_eq!(node.certified(END), Some(checkpoint));
}

#[test]
fn the_wait_until_a_signature_is_sent_again_grows_to_a_bound() {
    let mut kit = four();
    kit.cut.extend([1, 2, 3]);
    kit.reach_all(END);
    kit.nodes[0].sent();
    let mut times = Vec::new();
    for second in 0..200_u64 {
        kit.pass(Millis(1_000));
        let sent = kit.nodes[0].sent();
        if sent.iter().any(|sent| matches!(sent, Sent::Broadcast(_))) {
            let asks = |sent: &Sent| matches!(sent, Sent::Ask(_));
            assert_eq!(sent.iter().filter(|sent| asks(sent)).count(), 1);
            times.push(second + 1);
        }
    }
    assert_eq!(times, [2, 4, 8, 16, 32, 64, 124, 184]);
}
