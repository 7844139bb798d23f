//! Crashes at every point at which something becomes durable, range misses, failing disks.

use super::support::*;
use crate::Message;
use crate::mocks::Kit;
use picot_models::{Ballot, Envelope, Slot, Value, Vote};
use picot_wallet::{ClaimKind, SignRequest, SigningLog};
use std::collections::BTreeMap;

/// By slot, round and whether it ends the round: the bytes that were sent. Panics if two differ.
fn check_sent(kit: &Kit, node: usize) -> usize {
    let mut sent: BTreeMap<(Slot, u32, bool), Envelope<Vote>> = BTreeMap::new();
    for message in &kit.nodes[node].sent {
        if let Message::Vote(vote) = message.as_ref() {
            let ends = !matches!(vote.content.ballot, Ballot::Notarise { .. });
            let key = (vote.content.slot, vote.content.round, ends);
            let first = sent.entry(key).or_insert_with(|| vote.clone());
            assert_eq!(first, vote, "another vote after the restart");
        }
    }
    sent.len()
}

#[test]
fn a_single_validator_that_crashes_at_any_persist_boundary_goes_on_and_contradicts_nothing() {
    for boundary in 1..=16 {
        let mut kit = Kit::new(&[10]);
        kit.nodes[0].crash_after_persists = Some(boundary);
        assert!(kit.run_until(kit.t0_ms() * 10, |kit| kit.nodes[0].engine.is_none()));
        let crashed_at = kit.nodes[0].next_period(0);
        kit.run_for(50);
        kit.start(0);
        kit.decide(Slot::new(crashed_at, 0), kit.t0_ms() * 2);
        kit.decide(Slot::new(crashed_at + 2, 0), kit.t0_ms() * 4);
        assert!(check_sent(&kit, 0) >= 4);
        assert!(kit.nodes[0].evidence.is_empty() && kit.nodes[0].foreign.is_empty());
    }
}

#[test]
fn one_of_four_that_crashes_at_any_persist_boundary_sends_the_same_bytes_again() {
    for boundary in 1..=10 {
        let mut kit = Kit::new(&[1, 1, 1, 1]);
        kit.nodes[0].crash_after_persists = Some(boundary);
        assert!(kit.run_until(kit.t0_ms() * 10, |kit| kit.nodes[0].engine.is_none()));
        kit.run_for(20);
        kit.start(0);
        kit.decide(Slot::new(6, 0), kit.t0_ms() * 10);
        check_sent(&kit, 0);
        for node in &kit.nodes {
            assert!(node.evidence.is_empty() && node.foreign.is_empty());
        }
    }
}

#[test]
fn after_a_restart_the_same_signatures_are_sent_for_an_undecided_slot() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.split("0|1|2|3");
    kit.run_for(kit.t0_ms() * 2);
    let before: Vec<_> = kit.nodes[0]
        .sent
        .iter()
        .filter(|it| matches!(***it, Message::Vote(_)))
        .cloned()
        .collect();
    assert!(!before.is_empty());
    kit.crash(0);
    kit.nodes[0].sent.clear();
    kit.start(0);
    for message in before {
        assert!(
            kit.nodes[0].sent.contains(&message),
            "{message:?} is not sent again"
        );
    }
    kit.heal();
    kit.decide(Slot::new(1, 0), kit.t0_ms() * 10);
}

#[test]
fn all_four_crash_in_a_late_round_and_find_their_way_back_by_their_logs() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    // Nullify votes pass, so rounds advance; proposals and notarise votes are lost.
    kit.post(|_, _, message| match message {
        Message::Vote(vote) if vote.content.ballot == Ballot::Nullify => {
            crate::mocks::Delivery::After(5)
        }
        Message::Certificate(_) => crate::mocks::Delivery::After(5),
        _ => crate::mocks::Delivery::Lost,
    });
    let in_round_6 = |kit: &Kit| {
        kit.nodes.iter().all(|node| {
            node.events
                .iter()
                .any(|event| matches!(event, crate::ConsensusEvent::RoundEntered { round: 6, .. }))
        })
    };
    assert!(kit.run_until(kit.t0_ms() * 40, in_round_6));
    for node in 0..4 {
        kit.crash(node);
    }
    kit.post(|_, _, _| crate::mocks::Delivery::After(5));
    for node in 0..4 {
        kit.start(node);
    }
    kit.decide(Slot::new(1, 0), kit.t0_ms() * 40);
    for node in 0..4 {
        check_sent(&kit, node);
        assert!(kit.nodes[node].evidence.is_empty());
    }
}

#[test]
fn after_a_day_off_range_misses_settle_what_was_missed_one_decision_per_cycle() {
    let mut kit = Kit::new(&[10]);
    kit.decide(Slot::new(2, 0), kit.t0_ms() * 4);
    kit.crash(0);
    let cycle_ms = kit.t0_ms() * kit.genesis.params.periods_per_cycle;
    kit.sleep(cycle_ms * 40);
    kit.start(0);
    assert!(kit.nodes[0].next_period(0) > 40 * 16, "at once");
    let decisions = kit.nodes[0].decided.len();
    assert!(decisions <= 2 + 42, "{decisions}");
    let period = kit.nodes[0].next_period(0);
    let value = kit.decide(Slot::new(period + 2, 0), kit.t0_ms() * 4);
    assert!(value.block().is_some(), "and blocks are built again");
    kit.check_agreement();
}

#[test]
fn four_nodes_that_slept_for_a_day_are_up_to_date_in_seconds() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    kit.decide(Slot::new(2, 0), kit.t0_ms() * 4);
    for node in 0..4 {
        kit.crash(node);
    }
    kit.sleep(kit.t0_ms() * kit.genesis.params.periods_per_cycle * 40);
    for node in 0..4 {
        kit.start(node);
    }
    let latest = kit.clock().latest_slot_at(kit.now).unwrap();
    let caught_up = kit.run_until(5_000, |kit| {
        kit.all_decided(Slot::new(latest.period - 2, 0))
    });
    assert!(caught_up, "{}", kit.state());
    kit.decide(Slot::new(latest.period + 6, 0), kit.t0_ms() * 10);
}

#[test]
fn a_range_miss_covers_every_slot_up_to_its_end() {
    let mut kit = Kit::new(&[10]);
    kit.crash(0);
    kit.nodes[0].produces = false;
    kit.sleep(kit.t0_ms() * 12);
    kit.start(0);
    let first = kit.nodes[0].decided_value(Slot::new(1, 0));
    assert_eq!(first, Some(Value::Miss { through: 11 }));
    assert_eq!(kit.nodes[0].decided_value(Slot::new(7, 0)), first);
    assert_eq!(kit.nodes[0].next_period(0), 12);
}

#[test]
fn without_a_durable_body_there_is_no_vote_for_it() {
    let mut kit = Kit::new(&[10]);
    kit.nodes[0].archive.fail_writes(true);
    kit.run_for(kit.t0_ms());
    assert!(
        kit.nodes[0]
            .sent
            .iter()
            .all(|message| !matches!(**message, Message::Vote(_)))
    );
}

#[test]
fn votes_that_a_failing_log_kept_back_are_signed_when_it_works_again() {
    let mut kit = Kit::new(&[10]);
    kit.nodes[0].produces = false;
    kit.nodes[0].wallet.log.fail(true);
    kit.run_for(kit.t0_ms() * 2);
    assert!(kit.nodes[0].sent.is_empty());
    kit.nodes[0].wallet.log.fail(false);
    kit.decide(Slot::new(1, 0), kit.t0_ms() * 4);
}

#[test]
fn a_block_of_a_key_that_is_in_use_elsewhere_is_not_sent() {
    let mut kit = at_slot_1();
    let other = value(block_of(&kit, 1, Vec::new()).id());
    say(&mut kit, 0, 0, notarise(other));
    let block = block_of(&kit, 0, Vec::new());
    kit.input(0, crate::Input::OwnBlock(block));
    assert!(
        !kit.nodes[0]
            .sent
            .iter()
            .any(|message| matches!(message.as_ref(), Message::Candidate(_)))
    );
}

/// Nodes 0 and 1 finalise a miss on a notarise certificate that only they and node 3 saw, and crash
/// before anything of it leaves; node 3 is never heard of again, and node 2 voted for its own block.
fn finalised_by_two_that_crash() -> Kit {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    for node in [0, 1, 3] {
        kit.nodes[node].produces = false;
    }
    kit.split("013|2");
    let of_notarise = |message: &Message| matches!(message, Message::Vote(vote) if matches!(vote.content.ballot, Ballot::Notarise { .. }));
    kit.post(move |_, _, message| {
        if of_notarise(message) {
            crate::mocks::Delivery::After(5)
        } else {
            crate::mocks::Delivery::Lost
        }
    });
    let finalised = |kit: &Kit, node: usize| {
        kit.nodes[node].sent.iter().any(|message| {
            matches!(&**message, Message::Vote(vote) if matches!(vote.content.ballot, Ballot::Finalise { .. }))
        })
    };
    assert!(kit.run_until(kit.t0_ms() * 4, |kit| finalised(kit, 0)
        && finalised(kit, 1)));
    for node in [0, 1, 3] {
        kit.crash(node);
    }
    kit.heal();
    kit.post(|_, _, _| crate::mocks::Delivery::After(5));
    kit
}

#[test]
fn the_certificate_that_a_finalise_vote_relied_on_survives_a_crash_and_decides_the_slot() {
    let mut kit = finalised_by_two_that_crash();
    kit.start(0);
    kit.start(1);
    let limit = kit.t0_ms() * 20;
    assert_eq!(kit.decide(Slot::new(1, 0), limit).block(), None);
    for node in &kit.nodes {
        assert!(node.evidence.is_empty() && node.blamed.is_empty());
    }
}

#[test]
fn a_restored_certificate_that_proves_nothing_is_not_believed() {
    let mut kit = finalised_by_two_that_crash();
    for node in [0, 1] {
        let log = std::mem::take(&mut kit.nodes[node].wallet.log);
        let address = picot_models::Address::of_key(&kit.key(node).public_key());
        let mut records = log.records(&address, Slot::new(0, 0)).unwrap();
        let ends = |record: &&mut SignRequest| record.kind == ClaimKind::RoundEnd;
        for record in records.iter_mut().filter(ends) {
            if let Some(last) = record.payload.last_mut() {
                *last ^= 1;
            }
        }
        kit.nodes[node].wallet.log.claim(&records).unwrap();
        kit.start(node);
    }
    kit.run_for(kit.t0_ms() * 4);
    for node in 0..2 {
        assert_eq!(
            kit.nodes[node].next_period(0),
            1,
            "decided on a forged certificate"
        );
        let sends_certificate =
            |message: &std::sync::Arc<Message>| matches!(**message, Message::Certificate(_));
        assert!(!kit.nodes[node].sent.iter().any(sends_certificate));
    }
}
