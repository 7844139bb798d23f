//! The start-up wait, and keys of ours that somebody else uses (design 08, 'Start-up safety').

use super::support::*;
use crate::mocks::Kit;
use crate::{BehindReason, Config, Message};
use picot_clock::Timestamp;
use picot_models::Slot;

fn wait_ms(kit: &Kit) -> u64 {
    kit.genesis.params.endorsement_startup_delay_ms
}

/// Starts a node that may have signed before.
fn start_again(kit: &mut Kit, node: usize) {
    let config = Config {
        voting_from: Timestamp(kit.now.0 + wait_ms(kit)),
        ..kit.config()
    };
    kit.start_with(node, config);
}

fn has_voted(kit: &Kit, node: usize) -> bool {
    let mut sent = kit.nodes[node].sent.iter();
    sent.any(|message| matches!(**message, Message::Vote(_)))
}

#[test]
fn the_start_up_wait_begins_again_while_a_node_catches_up() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.crash(0);
    kit.run_for(kit.t0_ms() * 10);
    kit.split("123|0");
    start_again(&mut kit, 0);
    let quarter = wait_ms(&kit) / 4;
    kit.run_for(quarter);
    kit.heal();
    let present = kit.nodes[1].next_period(0);
    let heard = |kit: &Kit| kit.nodes[0].next_period(0) >= present;
    assert!(kit.run_until(3 * quarter - 1, heard), "{}", kit.state());
    kit.run_for(wait_ms(&kit) - 1);
    assert!(
        !has_voted(&kit, 0),
        "it has listened for less than the wait"
    );
    let behind = kit.behind(0);
    let is_told = |until: Timestamp| until > kit.now;
    assert!(
        matches!(behind, Some(BehindReason::StartupWait { until }) if is_told(until)),
        "{behind:?}"
    );
    assert!(kit.run_until(kit.t0_ms() * 2, |kit| has_voted(kit, 0)));
}

#[test]
fn where_nobody_decides_the_start_up_wait_ends_in_time() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.decide(Slot::new(3, 0), kit.t0_ms() * 6);
    (0..4).for_each(|node| kit.crash(node));
    kit.sleep(kit.t0_ms() * 20);
    for node in 0..4 {
        kit.nodes[node].sent.clear();
        start_again(&mut kit, node);
    }
    kit.run_for(wait_ms(&kit) - 1);
    assert!((0..4).all(|node| !has_voted(&kit, node)));
    kit.run_for(1);
    let all_voted = |kit: &Kit| (0..4).all(|node| has_voted(kit, node));
    assert!(kit.run_until(kit.t0_ms(), all_voted), "{}", kit.state());
}

#[test]
fn a_late_vote_of_our_key_for_a_slot_that_others_decided_tells_that_it_is_in_use_elsewhere() {
    let mut kit = alone_of_four();
    start_again(&mut kit, 0);
    kit.run_for(kit.t0_ms());
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(kit.nodes[0].next_period(0), 2);
    assert!(kit.nodes[0].foreign.is_empty());
    say(&mut kit, 0, 0, notarise(MISS));
    assert_eq!(kit.nodes[0].foreign.len(), 1);
}

#[test]
fn a_late_echo_of_our_own_vote_for_a_decided_slot_tells_nothing() {
    let mut kit = at_slot_1();
    assert!(kit.run_until(kit.t0_ms() * 2, |kit| has_voted(kit, 0)));
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(kit.nodes[0].next_period(0), 2);
    for message in kit.nodes[0].sent.clone() {
        kit.inject(1, 0, Message::clone(&message));
    }
    assert!(kit.nodes[0].foreign.is_empty());
}

#[test]
fn whoever_sends_a_bad_signature_of_our_key_for_a_decided_slot_is_blamed_and_nothing_is_refused() {
    let mut kit = alone_of_four();
    start_again(&mut kit, 0);
    kit.run_for(kit.t0_ms());
    say_all(&mut kit, 0, finalise(MISS));
    let mut vote = signed_vote(&kit, 0, S1, 0, notarise(MISS)).into_envelope();
    vote.signature = kit.key(1).sign(&picot_models::Hash([9; 32]));
    kit.inject(1, 0, Message::Vote(vote));
    assert!(kit.nodes[0].foreign.is_empty());
    assert!(!kit.nodes[0].blamed.is_empty());
}
