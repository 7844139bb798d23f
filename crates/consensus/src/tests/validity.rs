//! What makes a header or a body no candidate (design 07, 'Candidates').

use super::support::*;
use crate::mocks::Kit;
use crate::{Message, PeerFault, SlotStatus};
use picot_models::mocks::{address, block, key, key_in_thread, transfer};
use picot_models::{
    Block, ChainParams, Endorsement, Envelope, Header, Signed, SignedHeader, SignedOperation, Slot,
};
use picot_selector::Selector;
use picot_storage::BlockArchive;
use std::sync::Arc;

fn header_of(kit: &Kit, change: impl FnOnce(&mut Header)) -> Block {
    let block = block_of(kit, kit.ranked(S1, 0), Vec::new());
    let mut header = block.header.content().clone();
    change(&mut header);
    let signed = SignedHeader::sign(header, &kit.key(kit.ranked(S1, 0)), &kit.genesis.chain_id());
    Block {
        header: Arc::new(signed),
        operations: block.operations,
    }
}

fn is_candidate(kit: &Kit, block: &Block) -> bool {
    kit.nodes[0]
        .engine
        .as_ref()
        .unwrap()
        .candidate(&block.id())
        .is_some()
}

fn check_invalid(change: impl FnOnce(&Kit, &mut Header)) {
    let mut kit = at_slot_1();
    let block = header_of(&kit, |header| change(&kit, header));
    show(&mut kit, 1, &block);
    assert!(!is_candidate(&kit, &block));
    assert_eq!(kit.nodes[0].blamed, [(peer(1), PeerFault::InvalidHeader)]);
}

#[test]
fn a_whole_and_well_formed_block_is_a_candidate() {
    let mut kit = at_slot_1();
    let block = header_of(&kit, |_| {});
    show(&mut kit, 1, &block);
    assert!(is_candidate(&kit, &block));
}

#[test]
fn another_version_is_invalid() {
    check_invalid(|_, header| header.version += 1);
}

#[test]
fn a_parent_for_each_thread_is_needed() {
    check_invalid(|_, header| header.parents.clear());
    check_invalid(|_, header| header.parents.push(header.parents[0]));
}

#[test]
fn the_own_thread_parent_must_be_the_last_decided_block() {
    check_invalid(|kit, header| header.parents[0] = block_of(kit, 2, Vec::new()).id());
}

#[test]
fn too_many_operations_are_invalid() {
    check_invalid(|_, header| header.operation_count = u32::MAX);
}

#[test]
fn denunciations_that_are_too_large_are_invalid() {
    let large = picot_models::mocks::false_carry(&key(2), Slot::new(0, 0), 5_200);
    check_invalid(|_, header| header.denunciations = vec![large]);
}

fn endorsement(
    kit: &Kit,
    index: u32,
    signer: Option<u64>,
    change: impl FnOnce(&mut Endorsement),
) -> Envelope<Endorsement> {
    let parent = Slot::new(0, 0);
    let drawn = kit.selector.draws(parent).unwrap().endorsers[index as usize];
    let number = signer.unwrap_or_else(|| kit.node_of(&drawn) as u64 + 1);
    let mut content = Endorsement {
        slot: parent,
        index,
        block: kit.genesis.block_ids()[0],
    };
    change(&mut content);
    Signed::sign(content, &key(number), &kit.genesis.chain_id()).into_envelope()
}

#[test]
fn endorsements_of_the_parent_by_the_drawn_endorsers_are_valid() {
    let mut kit = at_slot_1();
    let endorsements = (0..4)
        .map(|index| endorsement(&kit, index, None, |_| {}))
        .collect();
    let block = header_of(&kit, |header| header.endorsements = endorsements);
    show(&mut kit, 1, &block);
    assert!(is_candidate(&kit, &block));
}

#[test]
fn wrong_endorsements_are_invalid() {
    check_invalid(|kit, header| {
        header.endorsements = vec![
            endorsement(kit, 1, None, |_| {}),
            endorsement(kit, 0, None, |_| {}),
        ];
    });
    check_invalid(|kit, header| header.endorsements = vec![endorsement(kit, 0, Some(77), |_| {})]);
    check_invalid(|kit, header| {
        header.endorsements = vec![endorsement(kit, 0, None, |content| content.slot = S1)]
    });
    check_invalid(|kit, header| {
        let mut bad = endorsement(kit, 0, None, |_| {});
        bad.signature = key(1).sign(&picot_models::Hash([1; 32]));
        header.endorsements = vec![bad];
    });
    check_invalid(|kit, header| {
        header.endorsements = (0..5).map(|_| endorsement(kit, 0, None, |_| {})).collect()
    });
}

#[test]
fn a_denunciation_must_prove_its_fault_inside_its_window() {
    check_invalid(|kit, header| {
        let one = signed_vote(kit, 1, Slot::new(1, 0), 0, notarise(MISS)).into_envelope();
        header.denunciations = vec![picot_models::Denunciation::of_votes(one.clone(), one)];
    });
    check_invalid(|kit, header| {
        let one = signed_vote(kit, 1, Slot::new(5, 0), 0, notarise(MISS)).into_envelope();
        let other = signed_vote(
            kit,
            1,
            Slot::new(5, 0),
            0,
            notarise(value(kit.genesis.block_ids()[0])),
        )
        .into_envelope();
        header.denunciations = vec![picot_models::Denunciation::of_votes(one, other)];
    });
}

#[test]
fn a_bad_signature_blames_the_sender_and_leaves_the_place_to_the_true_header() {
    let mut kit = at_slot_1();
    let block = header_of(&kit, |_| {});
    let mut forged = block.header.envelope().clone();
    forged.signature = key(1).sign(&picot_models::Hash([1; 32]));
    kit.inject(1, 0, Message::Candidate(forged));
    assert_eq!(kit.nodes[0].blamed, [(peer(1), PeerFault::BadSignature)]);
    show(&mut kit, 2, &block);
    assert!(is_candidate(&kit, &block));
}

fn operations_of(operations: impl FnOnce(&Kit) -> Vec<SignedOperation>) -> (Kit, Block) {
    let mut kit = at_slot_1();
    let block = block_of(&kit, kit.ranked(S1, 0), operations(&kit));
    show(&mut kit, 1, &block);
    (kit, block)
}

fn sender() -> picot_models::SecretKey {
    key_in_thread(0, 1, 50)
}

#[test]
fn a_body_with_its_operations_is_complete() {
    let (kit, block) = operations_of(|kit| {
        vec![transfer(
            &sender(),
            address(9),
            1,
            1,
            5,
            &kit.genesis.chain_id(),
        )]
    });
    assert!(is_candidate(&kit, &block));
}

#[test]
fn an_operation_outside_its_validity_window_is_invalid() {
    let (kit, block) = operations_of(|kit| {
        vec![transfer(
            &sender(),
            address(9),
            1,
            1,
            0,
            &kit.genesis.chain_id(),
        )]
    });
    assert!(!is_candidate(&kit, &block), "expired");
    let (kit, block) = operations_of(|kit| {
        vec![transfer(
            &sender(),
            address(9),
            1,
            1,
            102,
            &kit.genesis.chain_id(),
        )]
    });
    assert!(!is_candidate(&kit, &block), "too early");
}

#[test]
fn an_operation_twice_in_a_block_is_invalid() {
    let (kit, block) = operations_of(|kit| {
        let operation = transfer(&sender(), address(9), 1, 1, 5, &kit.genesis.chain_id());
        vec![operation.clone(), operation]
    });
    assert!(!is_candidate(&kit, &block));
}

#[test]
fn an_operation_that_is_in_the_threads_chain_makes_a_later_block_invalid() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    let operation = transfer(&sender(), address(9), 1, 1, 50, &kit.genesis.chain_id());
    kit.operations.insert(S1, vec![operation.clone()]);
    kit.operations.insert(Slot::new(3, 0), vec![operation]);
    assert!(kit.decide(S1, kit.t0_ms() * 3).block().is_some());
    assert!(
        kit.decide(Slot::new(2, 0), kit.t0_ms() * 3)
            .block()
            .is_some()
    );
    let reused = kit.decide(Slot::new(3, 0), kit.t0_ms() * 3);
    assert_eq!(reused.block(), None, "every producer included it again");
    kit.crash(1);
    kit.start(1);
    assert!(
        kit.decide(Slot::new(5, 0), kit.t0_ms() * 5)
            .block()
            .is_some()
    );
}

#[test]
fn an_operation_of_another_thread_is_invalid() {
    let params = ChainParams::dev();
    let mut kit = Kit::with_params(params, &[10]);
    let other = key_in_thread(2, 4, 50);
    let operation = transfer(&other, address(9), 1, 1, 50, &kit.genesis.chain_id());
    kit.operations.insert(S1, vec![operation]);
    assert_eq!(kit.decide(S1, kit.t0_ms() * 3).block(), None);
}

#[test]
fn a_body_that_is_not_the_headers_blames_its_sender_and_the_true_one_is_taken() {
    let mut kit = at_slot_1();
    let operation = transfer(&sender(), address(9), 1, 1, 5, &kit.genesis.chain_id());
    let block = block_of(&kit, kit.ranked(S1, 0), vec![operation]);
    show_header(&mut kit, 1, &block);
    let mut empty = crate::worker::envelope(&block);
    empty.operations.clear();
    kit.inject(2, 0, Message::Body(empty));
    assert_eq!(kit.nodes[0].blamed, [(peer(2), PeerFault::WrongBody)]);
    kit.inject(3, 0, Message::Body(crate::worker::envelope(&block)));
    assert!(is_candidate(&kit, &block));
}

#[test]
fn a_withheld_body_costs_its_producer_the_slot_and_nobody_else() {
    let mut kit = Kit::new(&[1, 1, 1, 1]);
    let miser = kit.ranked(S1, 0);
    kit.nodes[miser].gives_bodies = false;
    // The miser shows its header, and votes for it alone.
    let value = kit.decide(S1, kit.t0_ms() * 4);
    let block = value.block().expect("the next ranked candidate");
    let honest = (0..4).find(|node| *node != miser).unwrap();
    let decided = kit.nodes[honest].decided[0].block.clone().unwrap();
    assert_eq!(decided.id(), block);
    assert_ne!(kit.node_of(&decided.header.signer_address()), miser);
}

#[test]
fn with_four_threads_blocks_name_decided_parents_of_all_threads() {
    let mut kit = Kit::with_params(ChainParams::dev(), &[2, 1, 1, 1]);
    for period in 1..=4 {
        for thread in 0..4 {
            let slot = Slot::new(period, thread);
            assert!(
                kit.decide(slot, kit.t0_ms() * 3).block().is_some(),
                "{slot}"
            );
        }
    }
}

#[test]
fn a_header_whose_parents_are_not_decided_here_waits_for_them() {
    let mut kit = Kit::with_params(ChainParams::dev(), &[1, 1, 1, 1]);
    // Node 3 hears nothing of thread 0, until it asks.
    kit.post(|_, to, message| match message.slot() {
        Some(slot)
            if to == 3 && slot.thread == 0 && !matches!(message, Message::Outcome { .. }) =>
        {
            crate::mocks::Delivery::Lost
        }
        Some(_) if to == 3 && matches!(message, Message::Outcome { block: None, .. }) => {
            crate::mocks::Delivery::Lost
        }
        _ => crate::mocks::Delivery::After(5),
    });
    let decided = kit.run_until(kit.t0_ms() * 8, |kit| kit.all_decided(Slot::new(3, 3)));
    assert!(decided, "{}", kit.state());
    kit.check_agreement();
}

#[test]
fn a_node_that_is_behind_waits_beside_an_older_parent_for_the_one_that_the_own_thread_parent_named()
{
    let (own, next) = (Slot::new(1, 1), Slot::new(2, 1));
    let mut kit = Kit::with_params(ChainParams::dev(), &[1, 1, 1, 1]);
    let producer = kit.ranked(next, 0);
    // Any node but the one that makes the block.
    let behind = (0..4).find(|node| *node != producer).unwrap();
    // It never hears of thread 0.
    kit.post(move |_, to, message| {
        let is_lost = to == behind && message.slot().is_some_and(|slot| slot.thread == 0);
        if is_lost {
            crate::mocks::Delivery::Lost
        } else {
            crate::mocks::Delivery::After(5)
        }
    });
    let limit_ms = kit.t0_ms() * 8;
    let is_open = |kit: &Kit| {
        let engine = kit.nodes[behind].engine.as_ref().unwrap();
        let mut open = engine.open_slots();
        open.any(|(slot, status)| slot == next && matches!(status, SlotStatus::Undecided { .. }))
    };
    assert!(kit.run_until(limit_ms, is_open));
    assert_eq!(kit.nodes[behind].next_period(0), 1);
    let genesis = kit.genesis.block_ids();
    let own_parent = kit.nodes[behind].archive.decided_at(own).unwrap().unwrap();
    let own_parent = own_parent.block.expect("all producers are well");
    let named = own_parent.header.content().parents[0];
    assert_ne!(named, genesis[0], "1/1 names the block of 1/0");
    let mut parents = own_parent.header.content().parents.clone();
    parents[0] = genesis[0];
    parents[1] = own_parent.id();
    let chain_id = kit.genesis.chain_id();
    let older = block(&kit.key(producer), next, parents, Vec::new(), &chain_id);
    kit.inject(
        producer,
        behind,
        Message::Candidate(older.header.envelope().clone()),
    );
    kit.inject(
        producer,
        behind,
        Message::Body(crate::worker::envelope(&older)),
    );
    let went_on = kit.run_until(limit_ms, |kit| {
        let engine = kit.nodes[behind].engine.as_ref().unwrap();
        assert!(
            engine.candidate(&older.id()).is_none(),
            "it must wait for 1/0"
        );
        kit.nodes[producer].next_period(1) > 2
    });
    assert!(went_on, "{}", kit.state());
}
