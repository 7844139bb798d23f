//! What is in a block, and in which order the steps come.

use std::{collections::BTreeSet, sync::Arc};

use mockall::{Sequence, predicate::eq};
use picot_clock::{Millis, Slot};
use picot_execution::Level;
use picot_models::limits::MAX_DENUNCIATION_BYTES;
use picot_models::{
    Address, Amount, BlockId, Denunciation, Header, HeaderProof, OperationId, SignedOperation,
    mocks::{address, block, chain_id, key},
    operations_hash,
};
use picot_models::{Envelope, Hash};
use picot_serialization::{Encode, decode_exact};
use picot_wallet::ClaimKind;

use super::world::{
    Ask, PARENT_SLOT, SLOT, World, after_start, block_id, endorsement, endorser_draws, parents,
    pay, sender, sign, silent, summary, world, world_without,
};
use crate::{Event, Part};

/// Two headers of key `producer` at a slot.
fn denunciation(producer: u64, slot: Slot) -> Arc<Denunciation> {
    let header = |number| {
        block(
            &key(producer),
            slot,
            vec![block_id(number)],
            vec![],
            &chain_id(1),
        )
    };
    let proof = |number| HeaderProof::of(&header(number).header);
    Arc::new(Denunciation::of_headers(
        slot,
        key(producer).public_key(),
        proof(1),
        proof(2),
    ))
}

fn ids(operations: &[Arc<SignedOperation>]) -> Vec<OperationId> {
    operations.iter().map(|operation| operation.id()).collect()
}

#[test]
fn a_block_is_made_by_the_steps_of_design_08_in_order() {
    let mut order = Sequence::new();
    let mut world = silent();
    macro_rules! next {
        ($expectation:expr) => {
            $expectation.times(1).in_sequence(&mut order)
        };
    }
    next!(world.wallet.expect_addresses()).returning(|| vec![address(1)]);
    next!(
        world
            .selector
            .expect_producer_rank()
            .with(eq(SLOT), eq(address(1)))
    )
    .returning(|_, _| Ok(Some(0)));
    next!(
        world
            .consensus
            .expect_best_parents()
            .with(eq(SLOT), eq(Millis(125)))
    )
    .returning(|_, _| Ok(parents(1)));
    next!(
        world
            .pool
            .expect_endorsements_for()
            .with(eq(block_id(1)), eq(PARENT_SLOT))
    )
    .returning(|_, _| vec![endorsement(0, 11), None, None, None]);
    next!(world.selector.expect_draws().with(eq(PARENT_SLOT)))
        .returning(|slot| Ok(Arc::new(endorser_draws(slot))));
    next!(world.execution.expect_summary()).returning(|| summary(SLOT));
    next!(
        world
            .execution
            .expect_executed_operations()
            .with(eq(SLOT.thread))
    )
    .returning(|_| Ok(BTreeSet::new()));
    next!(world.pool.expect_batch()).returning(|_, _, _, _| vec![pay(1, 1), pay(1, 2)]);
    let payer = Address::of_key(&sender(1).public_key());
    next!(
        world
            .execution
            .expect_balance()
            .with(eq(Level::Candidate), eq(payer))
    )
    .returning(|_, _| Ok(Some(Amount::from_nanos(15))));
    next!(world.pool.expect_batch()).returning(|_, _, _, _| vec![]);
    next!(world.pool.expect_denunciations_for().with(eq(SLOT)))
        .returning(|_| vec![denunciation(7, PARENT_SLOT)]);
    next!(
        world
            .consensus
            .expect_best_parents()
            .with(eq(SLOT), eq(Millis::ZERO))
    )
    .returning(|_, _| Ok(parents(1)));
    next!(world.wallet.expect_public_key()).returning(|_| Some(key(1).public_key()));
    next!(world.wallet.expect_sign_claimed()).returning(sign);
    next!(world.storage.expect_put_block()).returning(|_| ());
    next!(world.consensus.expect_register_block()).returning(|_| Ok(()));
    let entry = world.entry();
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert!(entry.left_out.is_empty());
}

#[test]
fn the_header_names_all_that_is_in_the_block() {
    let mut world = world_without(&[Ask::Endorsements, Ask::Batches, Ask::Denunciations]);
    world
        .pool
        .expect_endorsements_for()
        .returning(|_, _| vec![None, endorsement(1, 12), None, endorsement(3, 14)]);
    world.offers(vec![vec![pay(1, 3), pay(2, 1)], vec![pay(3, 2)]]);
    world
        .pool
        .expect_denunciations_for()
        .returning(|_| vec![denunciation(7, PARENT_SLOT), denunciation(8, PARENT_SLOT)]);
    let block = world.block();
    let header = block.header.content();
    let operations = [pay(1, 3), pay(2, 1), pay(3, 2)];
    assert_eq!(block.operations, operations);
    assert!(block.matches_header());
    let of_endorsement = |index: usize, signer| {
        endorsement(u32::try_from(index).unwrap(), signer)
            .unwrap()
            .envelope()
            .clone()
    };
    let mut denunciations = vec![denunciation(7, PARENT_SLOT), denunciation(8, PARENT_SLOT)];
    denunciations.sort_by_key(|denunciation| denunciation.id(&chain_id(1)));
    let expected = Header {
        version: 1,
        slot: SLOT,
        parents: parents(1).ids(),
        operations_hash: operations_hash(ids(&operations)),
        operation_count: 3,
        endorsements: vec![of_endorsement(1, 12), of_endorsement(3, 14)],
        denunciations: denunciations
            .into_iter()
            .map(Arc::unwrap_or_clone)
            .collect(),
    };
    assert_eq!(*header, expected);
    assert_eq!(block.header.signer_address(), address(1));
    assert!(block.header.verify().is_ok());
    assert_eq!(block.header.envelope().id(&chain_id(1)), block.id());
}

#[test]
fn a_header_is_claimed_with_its_canonical_bytes_before_it_is_signed() {
    let mut world = world_without(&[Ask::Signing]);
    world
        .wallet
        .expect_public_key()
        .returning(|_| Some(key(1).public_key()));
    world
        .wallet
        .expect_sign_claimed()
        .times(1)
        .withf(|requests| {
            let [request] = requests else { return false };
            let header: Header = decode_exact(&request.payload).unwrap();
            let signer = key(1).public_key();
            let id = picot_models::SignedHeader::prepare(header, signer, &chain_id(1)).id();
            request.kind == ClaimKind::Header
                && (request.address, request.slot, request.round) == (address(1), SLOT, 0)
                && BlockId::from_hash(request.id) == id
        })
        .returning(sign);
    assert!(world.block().header.verify().is_ok());
}

#[test]
fn the_stored_block_is_the_registered_one() {
    let mut world = world_without(&[Ask::Storing]);
    let stored = Arc::new(parking_lot::Mutex::new(None));
    let place = stored.clone();
    world
        .storage
        .expect_put_block()
        .times(1)
        .returning(move |block| *place.lock() = Some(block));
    let block = world.block();
    assert_eq!(stored.lock().take(), Some(block));
}

#[test]
fn only_endorsements_of_the_parent_by_the_drawn_endorsers_are_carried() {
    let mut elsewhere = endorsement(2, 13).unwrap();
    let other_block = picot_models::Endorsement {
        block: block_id(9),
        ..elsewhere.content().clone()
    };
    elsewhere = Arc::new(picot_models::Signed::sign(
        other_block,
        &key(13),
        &chain_id(1),
    ));
    let mut forged = endorsement(3, 14).unwrap().envelope().clone();
    forged.signature.0[5] ^= 1;
    let forged = Some(Arc::new(forged.identify(&chain_id(1))));
    let offers = [
        vec![
            endorsement(0, 11),
            endorsement(1, 11),
            endorsement(2, 13),
            endorsement(3, 14),
        ],
        vec![
            endorsement(0, 11),
            endorsement(0, 11),
            endorsement(2, 13),
            endorsement(3, 14),
        ],
        vec![
            endorsement(0, 11),
            None,
            Some(elsewhere),
            endorsement(3, 14),
        ],
        vec![endorsement(0, 11), None, endorsement(2, 13), forged],
        vec![endorsement(0, 11), None, None, None, endorsement(4, 11)],
        vec![],
    ];
    let carried = [
        vec![0, 2, 3],
        vec![0, 2, 3],
        vec![0, 3],
        vec![0, 2],
        vec![0],
        vec![],
    ];
    for (offered, carried) in offers.into_iter().zip(carried) {
        let mut world = world_without(&[Ask::Endorsements]);
        world.pool.expect_endorsements_for().return_const(offered);
        let block = world.block();
        let endorsements = &block.header.content().endorsements;
        let indices: Vec<u32> = endorsements.iter().map(|one| one.content.index).collect();
        assert_eq!(indices, carried);
    }
}

#[test]
fn a_parent_that_is_more_than_a_cycle_older_gets_no_endorsements() {
    let mut world = world_without(&[Ask::Parents, Ask::Endorsements, Ask::Endorsers]);
    world.config.params.periods_per_cycle = 2;
    world.config.params.checkpoint_interval_periods = 2;
    world.config.params.denunciation_expire_periods = 2;
    let mut parents = parents(1);
    parents.parents[1].1 = 17;
    world
        .consensus
        .expect_best_parents()
        .returning(move |_, _| Ok(parents.clone()));
    assert_eq!(world.block().header.content().endorsements, []);
}

#[test]
fn without_endorsements_no_draws_are_asked_for() {
    let world = world_without(&[Ask::Endorsers]);
    assert_eq!(world.block().header.content().endorsements, []);
}

#[test]
fn the_pool_is_told_what_remains_and_what_is_excluded() {
    let mut world = world_without(&[Ask::Executed, Ask::Batches]);
    world.execution.expect_summary().returning(|| summary(SLOT));
    world
        .execution
        .expect_executed_operations()
        .returning(|_| Ok([pay(9, 9).id()].into()));
    let params = world.config.params.clone();
    let mut call = 0;
    world
        .pool
        .expect_batch()
        .times(3)
        .returning(move |slot, gas, space, excluded| {
            assert_eq!(slot, SLOT);
            let size = u64::try_from(pay(1, 1).encoded_len()).unwrap();
            let included = [0, 2, 3][call];
            assert_eq!(gas, params.max_block_gas - included * params.transfer_gas);
            assert_eq!(space, params.max_block_size_bytes - included * size);
            let seen = [
                vec![],
                ids(&[pay(1, 1), pay(2, 1)]),
                ids(&[pay(1, 1), pay(2, 1), pay(1, 2)]),
            ];
            let mut expected: BTreeSet<_> = seen[call].iter().copied().collect();
            expected.insert(pay(9, 9).id());
            assert_eq!(*excluded, expected);
            call += 1;
            [vec![pay(1, 1), pay(2, 1)], vec![pay(1, 2)], vec![]][call - 1].clone()
        });
    assert_eq!(world.block().operations.len(), 3);
}

#[test]
fn a_sender_is_asked_for_its_balance_once_and_skipped_when_it_is_spent() {
    let mut world = world_without(&[Ask::Batches, Ask::Balances]);
    world.offers(vec![
        vec![pay(1, 1), pay(2, 1)],
        vec![pay(1, 2), pay(1, 3), pay(2, 2)],
    ]);
    let poor = Address::of_key(&sender(1).public_key());
    let rich = Address::of_key(&sender(2).public_key());
    for (who, nanos) in [(poor, Some(20)), (rich, Some(500))] {
        let question = world
            .execution
            .expect_balance()
            .with(eq(Level::Candidate), eq(who));
        question
            .times(1)
            .returning(move |_, _| Ok(nanos.map(Amount::from_nanos)));
    }
    assert_eq!(
        world.block().operations,
        [pay(1, 1), pay(2, 1), pay(1, 2), pay(2, 2)]
    );
}

#[test]
fn a_sender_without_an_entry_has_nothing_to_spend() {
    let mut world = world_without(&[Ask::Batches, Ask::Balances]);
    world.offers(vec![vec![pay(1, 1)]]);
    world
        .execution
        .expect_balance()
        .times(1)
        .returning(|_, _| Ok(None));
    let entry = world.entry();
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert!(entry.left_out.is_empty());
}

/// A world with these bounds, where the pool offers three transfers once and must not be asked
/// again.
fn full_after(bound: impl FnOnce(&mut World)) -> usize {
    let mut world = world_without(&[Ask::Batches]);
    bound(&mut world);
    let batch = vec![pay(1, 1), pay(1, 2), pay(1, 3)];
    world.pool.expect_batch().times(1).return_const(batch);
    world.block().operations.len()
}

#[test]
fn a_block_full_by_gas_asks_for_no_more() {
    assert_eq!(
        full_after(|world| world.config.params.max_block_gas = 200_000),
        2
    );
}

#[test]
fn a_block_full_by_space_asks_for_no_more() {
    let two = 2 * u64::try_from(pay(1, 1).encoded_len()).unwrap();
    assert_eq!(
        full_after(|world| world.config.params.max_block_size_bytes = two),
        2
    );
}

#[test]
fn a_block_full_by_count_asks_for_no_more() {
    assert_eq!(
        full_after(|world| world.config.params.max_operations_per_block = 2),
        2
    );
}

#[test]
fn a_block_that_takes_no_operations_does_not_ask_the_pool() {
    let mut world = world_without(&[Ask::Batches]);
    world.config.params.max_operations_per_block = 0;
    assert_eq!(world.block().operations, []);
}

#[test]
fn a_pool_that_gives_the_same_again_is_not_asked_for_ever() {
    let mut world = world_without(&[Ask::Batches]);
    world
        .pool
        .expect_batch()
        .times(2)
        .return_const(vec![pay(1, 1), pay(1, 1)]);
    assert_eq!(world.block().operations, [pay(1, 1)]);
}

#[test]
fn an_operation_that_was_executed_is_never_included_whatever_the_pool_says() {
    let mut world = world_without(&[Ask::Executed, Ask::Batches]);
    world.execution.expect_summary().returning(|| summary(SLOT));
    world
        .execution
        .expect_executed_operations()
        .returning(|_| Ok([pay(1, 1).id()].into()));
    world.offers(vec![vec![pay(1, 1), pay(1, 2)]]);
    assert_eq!(world.block().operations, [pay(1, 2)]);
}

#[test]
fn an_operation_of_a_parent_that_execution_has_not_come_to_is_never_included() {
    let parent = block(
        &key(5),
        PARENT_SLOT,
        vec![block_id(1); 4],
        vec![],
        &chain_id(1),
    );
    let parent = picot_models::Block {
        operations: vec![pay(1, 1)],
        ..parent
    };
    let mut world = world_without(&[Ask::Parents, Ask::Executed, Ask::Batches]);
    let (id, mut best) = (parent.id(), parents(1));
    best.parents[1] = (id, PARENT_SLOT.period);
    world
        .consensus
        .expect_best_parents()
        .returning(move |_, _| Ok(best.clone()));
    world
        .execution
        .expect_summary()
        .returning(|| summary(Slot::new(19, 0)));
    world
        .execution
        .expect_executed_operations()
        .returning(|_| Ok(BTreeSet::new()));
    world
        .storage
        .expect_block()
        .returning(move |asked| Ok((*asked == id).then(|| parent.clone())));
    world.offers(vec![vec![pay(1, 1), pay(1, 2)]]);
    assert_eq!(world.block().operations, [pay(1, 2)]);
}

#[test]
fn no_operations_are_asked_for_once_the_time_for_them_is_over() {
    let mut world = world_without(&[Ask::Batches]);
    let clock = world.clock.clone();
    world
        .pool
        .expect_batch()
        .times(1)
        .returning(move |_, _, _, _| {
            clock.set(after_start(188));
            vec![pay(1, 1)]
        });
    let entry = world.entry();
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert_eq!(entry.left_out, [Part::Operations, Part::Balances].into());
    assert_eq!(entry.duration, Millis(188));
}

#[test]
fn balances_found_before_the_time_is_over_count() {
    let mut world = world_without(&[Ask::Batches, Ask::Balances]);
    let clock = world.clock.clone();
    world.offers(vec![vec![pay(1, 1), pay(2, 1)]]);
    world
        .execution
        .expect_balance()
        .times(1)
        .returning(move |_, _| {
            clock.set(after_start(188));
            Ok(Some(Amount::from_nanos(1_000)))
        });
    let mut running = world.run();
    let entries = running.step(SLOT);
    assert_eq!(running.blocks()[0].operations.len(), 1);
    assert_eq!(
        entries[0].left_out,
        [Part::Operations, Part::Balances].into()
    );
}

#[test]
fn denunciations_are_ascending_bounded_and_punishable() {
    let old = SLOT.period - 11;
    let offered = vec![
        denunciation(7, Slot::new(old, 0)),
        denunciation(8, Slot::new(old + 1, 0)),
        denunciation(9, SLOT),
        denunciation(10, Slot::new(SLOT.period + 1, 0)),
        denunciation(11, PARENT_SLOT),
        denunciation(11, PARENT_SLOT),
        denunciation(12, PARENT_SLOT),
    ];
    let carried = |max| {
        let mut world = world_without(&[Ask::Denunciations]);
        world.config.params.max_denunciations_per_block = max;
        world.config.params.denunciation_expire_periods = 10;
        world
            .pool
            .expect_denunciations_for()
            .return_const(offered.clone());
        let ids = |header: &Header| {
            let denunciations = header.denunciations.iter();
            denunciations
                .map(|denunciation| denunciation.id(&chain_id(1)))
                .collect::<Vec<_>>()
        };
        ids(world.block().header.content())
    };
    let mut expected: Vec<_> = [1, 4, 6]
        .iter()
        .map(|place: &usize| offered[*place].id(&chain_id(1)))
        .collect();
    expected.sort();
    assert_eq!(carried(16), expected);
    assert_eq!(carried(2).len(), 2);
    assert_eq!(carried(0), []);
}

#[test]
fn a_denunciation_that_shows_no_contradiction_is_not_carried() {
    let one = || {
        let header = block(
            &key(7),
            PARENT_SLOT,
            vec![block_id(1)],
            vec![],
            &chain_id(1),
        );
        HeaderProof::of(&header.header)
    };
    let no_fault = Denunciation::of_headers(PARENT_SLOT, key(7).public_key(), one(), one());
    let mut world = world_without(&[Ask::Denunciations]);
    world
        .pool
        .expect_denunciations_for()
        .returning(move |_| vec![Arc::new(no_fault.clone()), denunciation(8, PARENT_SLOT)]);
    let block = world.block();
    let carried = &block.header.content().denunciations;
    assert_eq!(
        carried[..],
        [Arc::unwrap_or_clone(denunciation(8, PARENT_SLOT))]
    );
}

#[test]
fn newer_parents_of_other_threads_are_named_by_the_header() {
    let mut world = world_without(&[Ask::Parents]);
    let mut newer = parents(1);
    newer.parents[0] = (block_id(77), 20);
    let mut answers = [parents(1), newer.clone()].into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(2)
        .returning(move |_, _| Ok(answers.next().unwrap()));
    assert_eq!(world.block().header.content().parents, newer.ids());
}

#[test]
fn a_block_whose_own_parent_changed_is_assembled_again() {
    let mut world = world_without(&[Ask::Parents, Ask::Endorsements]);
    let mut answers = [parents(1), parents(2), parents(2)].into_iter();
    world
        .consensus
        .expect_best_parents()
        .times(3)
        .returning(move |_, _| Ok(answers.next().unwrap()));
    for own in [1, 2] {
        let question = world
            .pool
            .expect_endorsements_for()
            .with(eq(block_id(own)), eq(PARENT_SLOT));
        question.times(1).returning(|_, _| vec![endorsement(0, 11)]);
    }
    let block = world.block();
    assert_eq!(block.header.content().parents, parents(2).ids());
    assert_eq!(
        block.header.content().endorsements,
        [],
        "those were of the other parent"
    );
}

#[test]
fn the_history_tells_the_block_and_how_long_it_took() {
    let mut world = world_without(&[Ask::Registering]);
    let clock = world.clock.clone();
    world.consensus.expect_register_block().returning(move |_| {
        clock.set(after_start(40));
        Ok(())
    });
    let entry = world.entry();
    assert_eq!((entry.slot, entry.address), (SLOT, Some(address(1))));
    assert_eq!(entry.duration, Millis(40));
}

#[test]
fn the_id_of_a_block_depends_on_nothing_but_what_is_in_it() {
    assert_eq!(world().block(), world().block());
    assert_ne!(world().block().id(), Hash([0; 32]).into());
}

#[test]
fn denunciations_that_are_too_large_for_the_header_wait_for_another_block() {
    let carry = |culprit, signers| {
        let false_carry = picot_models::mocks::false_carry(&key(culprit), PARENT_SLOT, signers);
        Arc::new(false_carry)
    };
    let offered = vec![carry(7, 3_000), carry(8, 3_000), carry(9, 1_000)];
    let mut world = world_without(&[Ask::Denunciations]);
    world
        .pool
        .expect_denunciations_for()
        .return_const(offered.clone());
    let block = world.block();
    let carried = &block.header.content().denunciations;
    assert_eq!(carried.len(), 2);
    assert!(!carried.contains(&offered[1]));
    assert!(block.header.content().denunciation_bytes() <= MAX_DENUNCIATION_BYTES);
    let bytes = block.header.envelope().to_bytes();
    assert!(decode_exact::<Envelope<Header>>(&bytes).is_ok());
}
