//! Networks of engines in the situations of design 07, 'What must be shown'.

use crate::mocks::{Delivery, Kit};
use crate::{ConsensusEvent, Message};
use picot_models::{Ballot, Slot, Value};

const S1: Slot = Slot::new(1, 0);

fn slot(period: u64) -> Slot {
    Slot::new(period, 0)
}

fn is_block(value: Value) -> bool {
    value.block().is_some()
}

#[test]
fn one_validator_decides_its_block_at_once() {
    let mut kit = Kit::new(&[10]);
    for period in 1..=20 {
        let start = kit.clock().start_of(slot(period)).unwrap();
        assert!(is_block(kit.decide(slot(period), kit.t0_ms() * 2)));
        assert_eq!(kit.now, start, "no timer was waited for");
    }
    assert_eq!(
        kit.nodes[0]
            .verifier
            .verified
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[test]
fn two_validators_decide() {
    let mut kit = Kit::new(&[5, 5]);
    for period in 1..=5 {
        assert!(is_block(kit.decide(slot(period), kit.t0_ms() * 2)));
    }
}

#[test]
fn three_validators_decide() {
    let mut kit = Kit::new(&[5, 5, 5]);
    for period in 1..=5 {
        assert!(is_block(kit.decide(slot(period), kit.t0_ms() * 2)));
    }
}

#[test]
fn four_validators_decide_with_one_down() {
    for down in 0..4 {
        let mut kit = Kit::new(&[5, 5, 5, 5]);
        kit.crash(down);
        for period in 1..=6 {
            assert!(is_block(kit.decide(slot(period), kit.t0_ms() * 3)));
        }
    }
}

#[test]
fn with_weights_100_1_1_the_heavy_one_decides_and_the_light_ones_follow() {
    let mut kit = Kit::new(&[100, 1, 1]);
    for period in 1..=5 {
        kit.decide(slot(period), kit.t0_ms() * 2);
    }
    kit.crash(1);
    kit.crash(2);
    assert!(is_block(kit.decide(slot(6), kit.t0_ms() * 2)));
    let mut without = Kit::new(&[100, 1, 1]);
    without.crash(0);
    without.run_for(without.t0_ms() * 5);
    assert!(!without.all_decided(S1), "two of 102 are no quorum");
}

#[test]
fn a_split_2_2_decides_nothing_and_heals() {
    let mut kit = Kit::new(&[5, 5, 5, 5]);
    kit.decide(slot(2), kit.t0_ms() * 4);
    kit.split("01|23");
    kit.run_for(kit.t0_ms() * 6);
    let stuck = kit
        .nodes
        .iter()
        .map(|node| node.next_period(0))
        .max()
        .unwrap();
    assert!(stuck <= 4, "half of the stake decides nothing");
    kit.heal();
    kit.decide(slot(12), kit.t0_ms() * 20);
}

#[test]
fn with_the_coordinators_of_rounds_1_to_3_down_a_later_round_decides() {
    // Ten validators of weight 1: three may be down.
    let mut kit = Kit::new(&[1; 10]);
    let mut down: Vec<usize> = (1..=3).map(|round| kit.coordinator(S1, round)).collect();
    down.dedup();
    for node in down {
        kit.crash(node);
    }
    // Nobody hears anybody's first vote, so round 0 decides nothing.
    kit.post(|_, _, message| match message {
        Message::Vote(vote) if vote.content.round == 0 && vote.content.slot == S1 => {
            match vote.content.ballot {
                Ballot::Notarise { .. } => Delivery::Lost,
                _ => Delivery::After(5),
            }
        }
        Message::Have { .. } => Delivery::Lost,
        _ => Delivery::After(5),
    });
    kit.decide(S1, kit.t0_ms() * 5);
    let round = kit
        .nodes
        .iter()
        .flat_map(|node| &node.events)
        .find_map(|event| match event {
            ConsensusEvent::Decided {
                slot: S1, round, ..
            } => Some(*round),
            _ => None,
        });
    assert_eq!(round, Some(4));
}

#[test]
fn a_node_that_missed_decisions_follows_by_outcomes() {
    let mut kit = Kit::new(&[5, 5, 5, 5]);
    kit.decide(slot(1), kit.t0_ms() * 3);
    kit.split("012|3");
    assert!(kit.run_until(kit.t0_ms() * 20, |kit| kit.nodes[0].next_period(0) > 6));
    assert!(kit.nodes[3].next_period(0) <= 3);
    kit.heal();
    kit.decide(slot(8), kit.t0_ms() * 6);
}

#[test]
fn each_validator_key_of_a_wallet_votes() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    for node in 1..4 {
        kit.crash(node);
    }
    kit.nodes[0].wallet.keys = (0..3).map(|node| kit.key(node)).collect();
    for node in 1..3 {
        kit.nodes[node].wallet.keys.clear();
    }
    kit.start(0);
    let value = kit.decide(S1, kit.t0_ms() * 3);
    let signers = kit.nodes[0].decided[0]
        .outcome
        .certificate()
        .signatures
        .len();
    assert_eq!((is_block(value), signers), (true, 3));
    assert_eq!(
        kit.nodes[0]
            .verifier
            .verified
            .load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[test]
fn a_wallet_that_is_unlocked_while_a_slot_is_open_votes_in_it() {
    let mut kit = Kit::new(&[10]);
    kit.crash(0);
    let keys = std::mem::take(&mut kit.nodes[0].wallet.keys);
    kit.start(0);
    kit.run_for(kit.t0_ms() * 2);
    assert!(!kit.all_decided(S1));
    let public_keys = keys
        .iter()
        .map(picot_models::SecretKey::public_key)
        .collect();
    kit.nodes[0].wallet.keys = keys;
    kit.input(0, crate::Input::Keys(public_keys));
    kit.decide(S1, 1_000);
}
