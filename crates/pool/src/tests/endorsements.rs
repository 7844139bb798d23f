//! Endorsements by slot, index and block; only of the drawn; contradictions are denounced.

use super::*;
use picot_crypto::{BatchEntry, Verifier};
use picot_models::{BlockId, Denunciation, Endorsement, Hash, SignedEndorsement};

fn block(number: u8) -> BlockId {
    Hash([number; 32]).into()
}

/// Of the staker drawn at the index.
fn endorsement(world: &World, slot: Slot, index: u32, of: BlockId) -> Arc<SignedEndorsement> {
    signed_by(world, &staker(u64::from(index % 4)), slot, index, of)
}

fn signed_by(
    world: &World,
    key: &SecretKey,
    slot: Slot,
    index: u32,
    block: BlockId,
) -> Arc<SignedEndorsement> {
    let content = Endorsement { slot, index, block };
    Arc::new(SignedEndorsement::sign(content, key, &world.chain))
}

fn add(world: &World, endorsement: &Arc<SignedEndorsement>) -> Result<(), PoolError> {
    let mut results = world.pool.add_endorsements(vec![endorsement.clone()]);
    results.pop().unwrap()
}

#[test]
fn endorsements_of_a_block_are_found_by_index() {
    let world = World::new();
    let slot = Slot::new(1, 2);
    let [zero, three] = [0, 3].map(|index| endorsement(&world, slot, index, block(1)));
    let other = endorsement(&world, slot, 1, block(2));
    let results = world
        .pool
        .add_endorsements(vec![three.clone(), other.clone(), zero.clone()]);
    assert!(results.iter().all(Result::is_ok));
    let found = world.pool.endorsements_for(&block(1), slot);
    assert_eq!(found, [Some(zero.clone()), None, None, Some(three.clone())]);
    let found = world.pool.endorsements_for(&block(2), slot);
    assert_eq!(found, [None, Some(other.clone()), None, None]);
    let elsewhere = world.pool.endorsements_for(&block(1), Slot::new(1, 1));
    assert_eq!(elsewhere, [None, None, None, None]);
    assert_eq!(world.network.take().endorsements, [three, other, zero]);
    assert_eq!(world.pool.stats().endorsements, 3);
}

#[test]
fn an_endorsement_is_held_once_and_announced_once() {
    let world = World::new();
    let one = endorsement(&world, Slot::new(1, 0), 0, block(1));
    let held = Err(PoolError::EndorsementHeld(one.id()));
    let results = world.pool.add_endorsements(vec![one.clone(), one.clone()]);
    assert_eq!(results, [Ok(()), held.clone()]);
    assert_eq!(add(&world, &one), held);
    assert_eq!(world.network.take().endorsements, [one]);
}

#[test]
fn only_the_drawn_endorser_of_the_index_is_admitted() {
    let world = World::new();
    let slot = Slot::new(1, 0);
    let index = 1;
    for key in [staker(0), key(99)] {
        let foreign = signed_by(&world, &key, slot, index, block(1));
        let expected = PoolError::EndorserNotDrawn {
            id: foreign.id(),
            slot,
            index,
        };
        assert_eq!(add(&world, &foreign), Err(expected));
    }
    let beyond = endorsement(&world, slot, 4, block(1));
    let expected = PoolError::EndorsementIndex {
        id: beyond.id(),
        index: 4,
        count: 4,
    };
    assert_eq!(add(&world, &beyond), Err(expected));
}

#[test]
fn a_wrong_endorsement_is_refused_alone() {
    let world = World::new();
    let slot = Slot::new(1, 0);
    let good = [0, 2].map(|index| endorsement(&world, slot, index, block(1)));
    let mut envelope = endorsement(&world, slot, 1, block(1)).envelope().clone();
    envelope.signature.0[3] ^= 1;
    let forged = Arc::new(envelope.identify(&world.chain));
    let undrawn = signed_by(&world, &key(99), slot, 3, block(1));
    let all = vec![undrawn, good[0].clone(), forged.clone(), good[1].clone()];
    let results = world.pool.add_endorsements(all);
    assert!(matches!(
        results[0],
        Err(PoolError::EndorserNotDrawn { .. })
    ));
    assert_eq!(results[1], Ok(()));
    assert_eq!(
        results[2],
        Err(PoolError::EndorsementSignature(forged.id()))
    );
    assert_eq!(results[3], Ok(()));
    assert_eq!(world.network.take().endorsements, good);
}

#[test]
fn what_its_verifier_finds_bad_is_refused() {
    struct Grim;

    impl Verifier for Grim {
        fn bad(&self, entries: &[BatchEntry]) -> Vec<usize> {
            (0..entries.len()).collect()
        }
    }

    let world = World::new();
    let good = endorsement(&world, Slot::new(1, 0), 0, block(1));
    let pool = world.pool_over(world.accounts.clone());
    let pool = pool.with_verifier(Box::new(Grim));
    assert_eq!(
        pool.add_endorsements(vec![good.clone()]),
        [Err(PoolError::EndorsementSignature(good.id()))]
    );
}

#[test]
fn an_endorsement_of_another_chain_is_refused() {
    let world = World::new();
    let content = Endorsement {
        slot: Slot::new(1, 0),
        index: 0,
        block: block(1),
    };
    let other = Arc::new(SignedEndorsement::sign(content, &staker(0), &chain_id(8)));
    let expected = PoolError::EndorsementOfOtherChain(other.id());
    assert_eq!(add(&world, &other), Err(expected));
}

#[test]
fn draws_that_are_not_known_yet_are_nobodys_fault() {
    let world = World::new();
    // Cycle 2 begins with period 32.
    let slot = Slot::new(32, 0);
    world.pool.notify_slot(slot);
    let error = add(&world, &endorsement(&world, slot, 0, block(1))).unwrap_err();
    assert!(matches!(error, PoolError::DrawsNotKnownYet { slot: at, .. } if at == slot));
    assert!(error.is_not_known_yet());
}

#[test]
fn endorsements_are_kept_for_a_window_of_slots() {
    let world = World::with_config(Config {
        endorsement_past_periods: 3,
        max_ahead_periods: 1,
        ..Config::default()
    });
    let now = Slot::new(10, 2);
    world.pool.notify_slot(now);
    for (slot, is_inside) in [
        (Slot::new(6, 3), false),
        (Slot::new(7, 0), true),
        (Slot::new(11, 3), true),
        (Slot::new(12, 0), false),
        (Slot::new(10, 4), false),
    ] {
        let endorsement = endorsement(&world, slot, 0, block(1));
        let outside = PoolError::EndorsementOutOfWindow {
            id: endorsement.id(),
            slot,
            now,
        };
        let expected = if is_inside { Ok(()) } else { Err(outside) };
        assert_eq!(add(&world, &endorsement), expected, "{slot}");
    }
    world.pool.notify_slot(Slot::new(11, 0));
    assert_eq!(
        world.pool.stats().endorsements,
        1,
        "what is before the window left"
    );
    assert_eq!(
        world.pool.endorsements_for(&block(1), Slot::new(7, 0)),
        [None, None, None, None]
    );
    world.pool.notify_slot(Slot::new(1_000, 0));
    assert_eq!(world.pool.stats().endorsements, 0);
}

#[test]
fn two_endorsements_of_one_draw_make_a_denunciation() {
    let world = World::new();
    world.pool.notify_slot(Slot::new(2, 0));
    let slot = Slot::new(1, 0);
    let [one, two, three] = [1, 2, 3].map(|number| endorsement(&world, slot, 1, block(number)));
    assert_eq!(add(&world, &one), Ok(()));
    assert!(world.network.take().denunciations.is_empty());
    assert_eq!(add(&world, &two), Ok(()));
    let proof = Arc::new(Denunciation::of_endorsements(
        one.envelope().clone(),
        two.envelope().clone(),
    ));
    assert_eq!(
        world.network.take().denunciations,
        std::slice::from_ref(&proof)
    );
    assert_eq!(world.pool.denunciations_for(Slot::new(2, 0)), [proof]);
    // Both may be asked for, as nobody knows yet which block is decided; no more are kept.
    assert_eq!(world.pool.endorsements_for(&block(1), slot)[1], Some(one));
    assert_eq!(world.pool.endorsements_for(&block(2), slot)[1], Some(two));
    let expected = PoolError::EndorserContradicted {
        id: three.id(),
        slot,
        index: 1,
    };
    assert_eq!(add(&world, &three), Err(expected));
    assert!(world.network.take().denunciations.is_empty());
}
