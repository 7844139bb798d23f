//! Denunciations: true, of somebody who had a part, once per fault, while punishable.

use super::*;
use picot_models::{
    Ballot, BlockId, Carry, Certificate, Checkpoint, Denunciation, Endorsement, Hash, Header,
    HeaderProof, RoundProposal, SignedCheckpoint, SignedHeader, SignedProposal, SignedVote,
    ThreadDigest, Value, Vote, operations_hash,
};

fn header(world: &World, key: &SecretKey, slot: Slot, version: u32) -> HeaderProof {
    let header = Header {
        version,
        slot,
        parents: Vec::new(),
        operations_hash: operations_hash([]),
        operation_count: 0,
        endorsements: Vec::new(),
        denunciations: Vec::new(),
    };
    HeaderProof::of(&SignedHeader::sign(header, key, &world.chain))
}

/// Two headers of one slot.
pub(super) fn headers(world: &World, key: &SecretKey, slot: Slot) -> Arc<Denunciation> {
    Arc::new(Denunciation::of_headers(
        slot,
        key.public_key(),
        header(world, key, slot, 1),
        header(world, key, slot, 2),
    ))
}

fn votes(world: &World, key: &SecretKey, slot: Slot) -> Arc<Denunciation> {
    let vote = |ballot| {
        let vote = Vote {
            version: 1,
            slot,
            round: 0,
            thread_digest: ThreadDigest::genesis(&world.chain, slot.thread),
            ballot,
        };
        SignedVote::sign(vote, key, &world.chain).into_envelope()
    };
    let value = Value::Miss {
        through: slot.period,
    };
    Arc::new(Denunciation::of_votes(
        vote(Ballot::Nullify),
        vote(Ballot::Finalise { value }),
    ))
}

fn proposals(world: &World, key: &SecretKey, slot: Slot, round: u32) -> Arc<Denunciation> {
    let proposal = |through| {
        let proposal = RoundProposal {
            version: 1,
            slot,
            round,
            thread_digest: ThreadDigest::genesis(&world.chain, slot.thread),
            value: Value::Miss { through },
            carry: Carry::Free,
        };
        SignedProposal::sign(proposal, key, &world.chain).into_envelope()
    };
    let (one, other) = (proposal(slot.period), proposal(slot.period + 1));
    Arc::new(Denunciation::of_proposals(one, other))
}

fn endorsements(world: &World, key: &SecretKey, slot: Slot, index: u32) -> Arc<Denunciation> {
    let endorsement = |number: u8| {
        let block: BlockId = Hash([number; 32]).into();
        let content = Endorsement { slot, index, block };
        picot_models::SignedEndorsement::sign(content, key, &world.chain).into_envelope()
    };
    Arc::new(Denunciation::of_endorsements(
        endorsement(1),
        endorsement(2),
    ))
}

/// A vote of round 1 that says round 0 was nullified, and the certificate that it was final.
fn false_carry(world: &World, key: &SecretKey, slot: Slot) -> Arc<Denunciation> {
    let value = Value::Miss {
        through: slot.period,
    };
    let vote = |key: &SecretKey, round, ballot| {
        let vote = Vote {
            version: 1,
            slot,
            round,
            thread_digest: ThreadDigest::genesis(&world.chain, slot.thread),
            ballot,
        };
        SignedVote::sign(vote, key, &world.chain)
    };
    let carry = Carry::Free;
    let notarise = vote(key, 1, Ballot::Notarise { value, carry });
    let votes: Vec<_> = (0..4)
        .map(|n| vote(&staker(n), 0, Ballot::Finalise { value }))
        .collect();
    let validators = world.pool.selector.voting_power(0).unwrap();
    Arc::new(Denunciation::FalseCarry {
        vote: notarise.into_envelope(),
        certificate: Certificate::from_votes(&votes, &validators).unwrap(),
    })
}

fn checkpoints(world: &World, key: &SecretKey, slot: Slot) -> Arc<Denunciation> {
    let checkpoint = |number: u8| {
        let checkpoint = Checkpoint {
            slot,
            state_hash: Hash([number; 32]),
            validator_sets: Hash([0; 32]),
        };
        SignedCheckpoint::sign(checkpoint, key, &world.chain).into_envelope()
    };
    Arc::new(Denunciation::of_checkpoints(checkpoint(1), checkpoint(2)))
}

fn add(world: &World, denunciation: &Arc<Denunciation>) -> Result<(), PoolError> {
    let mut results = world.pool.add_denunciations(vec![denunciation.clone()]);
    results.pop().unwrap()
}

const FAULT: Slot = Slot {
    period: 1,
    thread: 1,
};

#[test]
fn a_true_denunciation_of_each_kind_is_held_and_announced_once() {
    let world = World::new();
    let culprit = staker(1);
    let all = vec![
        headers(&world, &culprit, FAULT),
        votes(&world, &culprit, FAULT),
        // Rank 5 mod 4 is the coordinator of round 5.
        proposals(&world, &culprit, FAULT, 5),
        endorsements(&world, &culprit, FAULT, 1),
        false_carry(&world, &culprit, FAULT),
        checkpoints(&world, &culprit, FAULT),
    ];
    assert!(
        world
            .pool
            .add_denunciations(all.clone())
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(world.network.take().denunciations, all);
    for denunciation in &all {
        let held = PoolError::FaultHeld {
            address: Box::new(address_of(&culprit)),
            slot: FAULT,
        };
        assert_eq!(add(&world, denunciation), Err(held));
    }
    assert!(world.network.take().denunciations.is_empty());
    assert_eq!(world.pool.stats().denunciations, 6);
}

#[test]
fn a_fault_is_held_once_whatever_proves_it() {
    let world = World::new();
    let culprit = staker(0);
    assert_eq!(add(&world, &headers(&world, &culprit, FAULT)), Ok(()));
    let again = Arc::new(Denunciation::of_headers(
        FAULT,
        culprit.public_key(),
        header(&world, &culprit, FAULT, 1),
        header(&world, &culprit, FAULT, 3),
    ));
    assert!(matches!(
        add(&world, &again),
        Err(PoolError::FaultHeld { .. })
    ));
}

#[test]
fn who_had_no_part_in_the_slot_cannot_be_denounced_for_it() {
    let world = World::new();
    let stranger = key(99);
    for worthless in [
        headers(&world, &stranger, FAULT),
        votes(&world, &stranger, FAULT),
        false_carry(&world, &stranger, FAULT),
        checkpoints(&world, &stranger, FAULT),
        proposals(&world, &stranger, FAULT, 1),
        // A staker, but not the one drawn.
        proposals(&world, &staker(2), FAULT, 1),
        endorsements(&world, &staker(2), FAULT, 1),
        endorsements(&world, &staker(0), FAULT, 60),
    ] {
        let culprit = worthless.fault_key().address;
        let expected = PoolError::CulpritNotDrawn {
            id: worthless.id(&world.chain),
            culprit: Box::new(culprit),
            slot: FAULT,
        };
        assert_eq!(add(&world, &worthless), Err(expected));
    }
    assert_eq!(world.pool.stats().denunciations, 0);
    assert!(world.network.take().denunciations.is_empty());
}

#[test]
fn a_producer_beyond_the_proposal_policy_cannot_be_denounced_for_headers() {
    let params = ChainParams {
        proposal_policy: picot_models::ProposalPolicy::Ranked { count: 2 },
        ..ChainParams::dev()
    };
    let world = World::with(Config::default(), params);
    assert_eq!(add(&world, &headers(&world, &staker(1), FAULT)), Ok(()));
    let refusal = add(&world, &headers(&world, &staker(2), FAULT));
    assert!(matches!(refusal, Err(PoolError::CulpritNotDrawn { .. })));
}

#[test]
fn a_false_denunciation_is_refused_alone() {
    let world = World::new();
    let same = header(&world, &staker(0), FAULT, 1);
    let no_contradiction = Arc::new(Denunciation::Headers {
        slot: FAULT,
        producer: staker(0).public_key(),
        first: same.clone(),
        second: same,
    });
    let forged = Arc::new(Denunciation::of_headers(
        FAULT,
        staker(1).public_key(),
        header(&world, &staker(1), FAULT, 1),
        header(&world, &staker(2), FAULT, 2),
    ));
    let good = headers(&world, &staker(3), FAULT);
    let all = vec![no_contradiction, good.clone(), forged];
    let results = world.pool.add_denunciations(all);
    assert!(matches!(
        results[0],
        Err(PoolError::FalseDenunciation { .. })
    ));
    assert_eq!(results[1], Ok(()));
    assert!(matches!(
        results[2],
        Err(PoolError::FalseDenunciation { .. })
    ));
    assert_eq!(world.network.take().denunciations, [good]);
}

#[test]
fn draws_that_are_not_known_yet_make_no_verdict() {
    let world = World::new();
    let slot = Slot::new(32, 0);
    world.pool.notify_slot(slot);
    let error = add(&world, &headers(&world, &staker(0), slot)).unwrap_err();
    assert!(error.is_not_known_yet());
}

#[test]
fn a_block_carries_what_is_still_punishable_and_happened_before_it() {
    let params = ChainParams {
        denunciation_expire_periods: 5,
        ..ChainParams::dev()
    };
    let world = World::with(Config::default(), params);
    let fault = headers(&world, &staker(0), FAULT);
    assert_eq!(add(&world, &fault), Ok(()));
    let carries = |slot| !world.pool.denunciations_for(slot).is_empty();
    assert!(!carries(Slot::new(1, 0)));
    assert!(!carries(FAULT));
    assert!(carries(Slot::new(1, 2)));
    assert!(carries(Slot::new(6, 3)));
    assert!(!carries(Slot::new(7, 0)));

    world.pool.notify_slot(Slot::new(6, 3));
    assert_eq!(world.pool.stats().denunciations, 1);
    let now = Slot::new(7, 0);
    world.pool.notify_slot(now);
    assert_eq!(world.pool.stats().denunciations, 0);
    let expected = PoolError::DenunciationOutOfWindow {
        id: fault.id(&world.chain),
        slot: FAULT,
        now,
    };
    assert_eq!(add(&world, &fault), Err(expected));
    let ahead = headers(&world, &staker(0), Slot::new(9, 0));
    assert!(matches!(
        add(&world, &ahead),
        Err(PoolError::DenunciationOutOfWindow { .. })
    ));
}

#[test]
fn nobody_is_denounced_for_the_genesis() {
    let world = World::new();
    let refusal = add(&world, &headers(&world, &staker(0), Slot::new(0, 1)));
    assert!(matches!(
        refusal,
        Err(PoolError::DenunciationOutOfWindow { .. })
    ));
}

#[test]
fn a_block_carries_at_most_so_many_the_soonest_to_expire_and_ascending_by_id() {
    let params = ChainParams {
        max_denunciations_per_block: 3,
        ..ChainParams::dev()
    };
    let world = World::with(Config::default(), params);
    world.pool.notify_slot(Slot::new(10, 0));
    let all: Vec<_> = (1..=6)
        .rev()
        .map(|period| headers(&world, &staker(0), Slot::new(period, 0)))
        .collect();
    assert!(
        world
            .pool
            .add_denunciations(all.clone())
            .iter()
            .all(Result::is_ok)
    );
    let mut expected = all[3..].to_vec();
    expected.sort_by_key(|denunciation| denunciation.id(&world.chain));
    assert_eq!(world.pool.denunciations_for(Slot::new(10, 0)), expected);
}

#[test]
fn what_was_punished_is_not_carried_and_not_taken_in() {
    let world = World::new();
    let fault = headers(&world, &staker(0), FAULT);
    assert_eq!(add(&world, &fault), Ok(()));
    world.accounts.set_punished(fault.fault_key());
    world.pool.notify_final(Slot::new(1, 1), &[]);
    assert!(world.pool.denunciations_for(Slot::new(2, 0)).is_empty());
    let other = votes(&world, &staker(1), FAULT);
    world.accounts.set_punished(other.fault_key());
    assert!(matches!(
        add(&world, &other),
        Err(PoolError::FaultPunished { .. })
    ));
}

#[test]
fn a_denunciation_whose_block_lost_is_carried_again() {
    let world = World::new();
    let fault = headers(&world, &staker(0), FAULT);
    assert_eq!(add(&world, &fault), Ok(()));
    let carried = || world.pool.denunciations_for(Slot::new(2, 0));
    world.accounts.set_punished(fault.fault_key());
    world.pool.notify_balances(&[address_of(&staker(0))]);
    assert!(carried().is_empty());
    world.accounts.forget_punished(&fault.fault_key());
    world.pool.notify_balances(&[address_of(&staker(0))]);
    assert_eq!(carried(), [fault]);
}

#[test]
fn a_fault_that_is_punished_while_its_denunciation_comes_in_is_not_carried() {
    let mut accounts = crate::mocks::MockAccountView::new();
    let mut answers = [false, true].into_iter();
    accounts
        .expect_is_punished()
        .times(2)
        .returning(move |_| answers.next().unwrap());
    let world = World::new();
    let pool = world.pool_over(Arc::new(accounts));
    let fault = headers(&world, &staker(0), FAULT);
    assert_eq!(pool.add_denunciations(vec![fault]), [Ok(())]);
    assert!(pool.denunciations_for(Slot::new(2, 0)).is_empty());
}

#[test]
fn denunciations_are_bounded_and_punished_ones_give_up_their_places() {
    let world = World::with_config(Config {
        max_denunciations: 2,
        ..Config::default()
    });
    let [one, two, three] = [0, 1, 2].map(|n| headers(&world, &staker(n), FAULT));
    assert_eq!(add(&world, &one), Ok(()));
    assert_eq!(add(&world, &two), Ok(()));
    let full = PoolError::DenunciationsFull {
        id: three.id(&world.chain),
        held: 2,
    };
    assert_eq!(add(&world, &three), Err(full));
    world.accounts.set_punished(one.fault_key());
    assert_eq!(add(&world, &three), Ok(()));
    assert_eq!(world.pool.stats().denunciations, 2);
}

#[test]
fn denunciations_are_bounded_in_bytes() {
    let world = World::with_config(Config {
        max_denunciation_bytes: 300,
        ..Config::default()
    });
    assert_eq!(add(&world, &headers(&world, &staker(0), FAULT)), Ok(()));
    let refusal = add(&world, &headers(&world, &staker(1), FAULT));
    assert!(matches!(
        refusal,
        Err(PoolError::DenunciationsFull { held: 1, .. })
    ));
}

#[test]
fn what_no_header_has_room_for_is_refused_before_it_is_verified() {
    let world = World::new();
    let large = Arc::new(picot_models::mocks::false_carry(&staker(0), FAULT, 5_200));
    assert!(matches!(
        add(&world, &large),
        Err(PoolError::DenunciationTooLarge {
            max_bytes: 500_000,
            ..
        })
    ));
    let small = Arc::new(picot_models::mocks::false_carry(&staker(0), FAULT, 5_000));
    assert!(matches!(
        add(&world, &small),
        Err(PoolError::FalseDenunciation { .. })
    ));
}
