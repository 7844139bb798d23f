//! Looking past a node's own state.

use super::kit::{Kit, Sent};
use crate::{ChainStep, CheckpointMessage};
use picot_clock::{Millis, Slot};
use picot_consensus::{Peer, PeerFault};

const PEER: Peer = Peer(77);

fn looking() -> Kit {
    let mut kit = Kit::new(&[&[]]);
    kit.nodes[0].driver.look_out(true).unwrap();
    kit
}

/// After which slots it asked for steps.
fn asked(kit: &Kit) -> Vec<Slot> {
    let after = |sent| match sent {
        Sent::Ask(message) => match *message {
            CheckpointMessage::GetSteps { after } => Some(after),
            _ => None,
        },
        _ => None,
    };
    let sent = kit.nodes[0].sent();
    sent.into_iter().filter_map(after).collect()
}

fn answer(kit: &mut Kit, steps: Vec<ChainStep>) {
    let message = CheckpointMessage::Steps {
        after: Slot::GENESIS,
        steps,
    };
    kit.nodes[0].driver.deliver(PEER, &message).unwrap();
}

fn certified(kit: &Kit) -> Option<Slot> {
    kit.nodes[0].driver.certified_elsewhere()
}

#[test]
fn what_is_certified_past_its_own_state_is_found_along_the_chain_and_not_kept() {
    let mut kit = looking();
    assert_eq!(certified(&kit), Some(Slot::GENESIS));
    kit.pass(Millis(0));
    assert_eq!(asked(&kit), [Slot::GENESIS]);
    let ends = kit.chain.ends.clone();
    answer(&mut kit, ends[..2].to_vec());
    assert_eq!(certified(&kit), ends[1].slot());
    // There may be more.
    kit.pass(Millis(0));
    assert_eq!(asked(&kit), [ends[1].slot().unwrap()]);
    let last = kit.chain.middles[2].clone();
    answer(&mut kit, vec![last.clone()]);
    assert_eq!(certified(&kit), last.slot());
    // Then it asks now and then.
    answer(&mut kit, Vec::new());
    kit.pass(Millis(0));
    assert_eq!(asked(&kit), [last.slot().unwrap()]);
    kit.pass(Millis(999));
    assert_eq!(asked(&kit), []);
    kit.pass(Millis(1));
    assert_eq!(asked(&kit), [last.slot().unwrap()]);
    assert_eq!(kit.nodes[0].archive.last_certificate().unwrap(), None);
    assert_eq!(kit.nodes[0].blamed(), []);
}

#[test]
fn what_no_quorum_signed_proves_nothing_and_is_blamed() {
    let mut kit = looking();
    let mut step = kit.chain.ends[0].clone();
    step.certificate.signatures.truncate(1);
    answer(&mut kit, vec![step]);
    assert_eq!(certified(&kit), Some(Slot::GENESIS));
    assert_eq!(kit.nodes[0].blamed(), [(PEER, PeerFault::BadCertificate)]);
}

#[test]
fn steps_that_do_not_follow_are_passed_over_without_blame() {
    let mut kit = looking();
    let steps = kit.chain.ends[1..3].to_vec();
    answer(&mut kit, steps);
    assert_eq!(certified(&kit), Some(Slot::GENESIS));
    assert_eq!(kit.nodes[0].blamed(), []);
}

#[test]
fn who_does_not_look_out_asks_nothing_and_knows_nothing() {
    let mut kit = looking();
    kit.nodes[0].driver.look_out(false).unwrap();
    let ends = kit.chain.ends.clone();
    answer(&mut kit, ends);
    kit.pass(Millis(5_000));
    assert_eq!(asked(&kit), []);
    assert_eq!(certified(&kit), None);
    assert_eq!(kit.nodes[0].driver.wake_at(), None);
}
