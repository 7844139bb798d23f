//! What is endorsed, by whom, and in which order the steps come.

use std::sync::Arc;

use mockall::{Sequence, predicate::eq};
use picot_block_factory::{Duty, Event};
use picot_models::{
    Endorsement, Hash,
    mocks::{address, chain_id},
};
use picot_pool::PoolError;
use picot_wallet::ClaimKind;

use super::world::{
    Ask, SLOT, block_id, draws, is_endorsed, key_of, sign, silent, world, world_without,
};

#[test]
fn endorsements_are_made_by_the_steps_of_design_08_in_order() {
    let mut order = Sequence::new();
    let mut world = silent();
    macro_rules! next {
        ($expectation:expr) => {
            $expectation.times(1).in_sequence(&mut order)
        };
    }
    next!(world.wallet.expect_addresses()).returning(|| vec![address(1)]);
    next!(world.selector.expect_draws().with(eq(SLOT)))
        .returning(|slot| Ok(Arc::new(draws(slot, &[1, 9, 9, 9]))));
    next!(world.consensus.expect_blockclique_block().with(eq(SLOT)))
        .returning(|_| Ok(Some(block_id())));
    next!(world.wallet.expect_public_key()).returning(|asked| Some(key_of(asked).public_key()));
    next!(world.wallet.expect_sign_claimed()).returning(sign);
    next!(world.storage.expect_put_endorsements()).returning(|_| ());
    next!(world.pool.expect_add_endorsements()).returning(|_| {
        vec![Err(PoolError::EndorsementOfOtherChain(
            Hash([0; 32]).into(),
        ))]
    });
    next!(world.network.expect_endorsements()).returning(|_| ());
    let entries = world.entries();
    assert_eq!(entries.len(), 1);
    assert!(is_endorsed(&entries[0]));
}

#[test]
fn every_index_drawn_for_one_of_our_addresses_is_endorsed() {
    let mut running = world().run();
    let entries = running.step(SLOT);
    let expected = [(0, 1), (2, 2), (3, 1)];
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.duty, entry.address))
        .collect();
    let due = |(index, number)| {
        (
            Duty::Endorsement { index: Some(index) },
            Some(address(number)),
        )
    };
    assert_eq!(told, expected.map(due));
    let pooled = running.pooled.lock().clone();
    for ((endorsement, entry), (index, number)) in pooled.iter().zip(&entries).zip(expected) {
        assert_eq!(
            *endorsement.content(),
            Endorsement {
                slot: SLOT,
                index,
                block: block_id()
            }
        );
        assert_eq!(endorsement.signer_address(), address(number));
        assert!(endorsement.verify().is_ok());
        assert_eq!(endorsement.envelope().id(&chain_id(1)), endorsement.id());
        let (id, block) = (endorsement.id(), block_id());
        assert_eq!(entry.event, Event::ProducedEndorsement { id, block });
        assert!(entry.left_out.is_empty());
    }
}

#[test]
fn each_index_is_claimed_apart_and_all_with_one_sync_of_the_log() {
    let mut world = world_without(&[Ask::Signing]);
    world
        .wallet
        .expect_public_key()
        .returning(|asked| Some(key_of(asked).public_key()));
    world
        .wallet
        .expect_sign_claimed()
        .times(1)
        .withf(|requests| {
            let claimed: Vec<_> = requests
                .iter()
                .map(|request| (request.round, request.address))
                .collect();
            claimed == [(0, address(1)), (2, address(2)), (3, address(1))]
                && requests
                    .iter()
                    .all(|one| one.kind == ClaimKind::Endorsement && one.slot == SLOT)
        })
        .returning(sign);
    assert!(world.entries().iter().all(is_endorsed));
}

#[test]
fn indices_past_those_of_a_block_are_not_endorsed() {
    let mut world = world_without(&[Ask::Draws]);
    world
        .selector
        .expect_draws()
        .returning(|slot| Ok(Arc::new(draws(slot, &[9, 9, 9, 9, 1, 2]))));
    assert_eq!(world.entries(), []);
}

#[test]
fn whoever_is_not_drawn_asks_nobody_else() {
    let mut world = silent();
    world.usual_addresses();
    world
        .selector
        .expect_draws()
        .returning(|slot| Ok(Arc::new(draws(slot, &[9, 8, 7, 9]))));
    assert_eq!(world.entries(), []);
}

#[test]
fn without_keys_no_draws_are_asked_for() {
    let mut world = silent();
    world.wallet.expect_addresses().return_const(vec![]);
    assert_eq!(world.entries(), []);
}

/// What goes to the network when the pool answers so for the three endorsements.
fn announced(answers: Vec<Result<(), PoolError>>) -> Vec<u32> {
    let announced = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let place = announced.clone();
    let mut world = world_without(&[Ask::Pooling]);
    world.pool.expect_add_endorsements().return_const(answers);
    world
        .network
        .expect_endorsements()
        .times(0..=1)
        .returning(move |endorsements| {
            assert!(!endorsements.is_empty());
            place
                .lock()
                .extend(endorsements.iter().map(|one| one.content().index));
        });
    assert!(world.entries().iter().all(is_endorsed));
    announced.lock().clone()
}

#[test]
fn each_endorsement_is_announced_once_by_the_pool_or_else_by_us() {
    assert!(announced(vec![Ok(()), Ok(()), Ok(())]).is_empty());
    let id = Hash([0; 32]).into();
    let held = Err(PoolError::EndorsementHeld(id));
    let refused = Err(PoolError::EndorsementOfOtherChain(id));
    assert_eq!(announced(vec![held, refused, Ok(())]), [2]);
    assert_eq!(announced(vec![]), [0, 2, 3]);
}
