//! Every collaborator that fails, refuses or answers nonsense.

use std::sync::Arc;

use picot_block_factory::{Duty, FactoryError, Part, SkipReason, mocks::MockHistoryLog};
use picot_clock::Slot;
use picot_consensus::ConsensusError;
use picot_models::{
    Hash, Signature,
    mocks::{address, key},
};
use picot_pool::PoolError;
use picot_selector::{Missing, SelectorError};
use picot_wallet::{ClaimKind, Refusal, SignRequest, SigningLogError, WalletError};

use super::world::{
    Ask, SLOT, draws, is_endorsed, key_of, reason_of, sign, silent, world, world_without,
};
use crate::EndorsementFactory;

/// What comes after the block is known, and must not come.
const AFTER_BLOCK: [Ask; 4] = [Ask::Block, Ask::Signing, Ask::Storing, Ask::Pooling];

#[test]
fn unknown_draws_are_told_for_each_address() {
    let mut world = silent();
    world.usual_addresses();
    let error = SelectorError::NotReady {
        cycle: 9,
        missing: Missing::Genesis,
    };
    world
        .selector
        .expect_draws()
        .returning(move |_| Err(error.clone()));
    let entries = world.entries();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.address, entry.duty))
        .collect();
    let duty = Duty::Endorsement { index: None };
    assert_eq!(told, [(Some(address(1)), duty), (Some(address(2)), duty)]);
    assert!(
        entries
            .iter()
            .all(|entry| reason_of(entry) == SkipReason::NoDraws)
    );
}

#[test]
fn a_slot_without_a_block_is_not_endorsed() {
    let mut world = world_without(&AFTER_BLOCK);
    world
        .consensus
        .expect_blockclique_block()
        .returning(|_| Ok(None));
    assert_eq!(world.reasons(), [SkipReason::NoBlock; 3]);
}

#[test]
fn a_consensus_that_cannot_tell_is_behind() {
    let errors = [
        ConsensusError::Stopped("by a test".into()),
        ConsensusError::Config("a test".into()),
    ];
    for error in errors {
        let mut world = world_without(&AFTER_BLOCK);
        world
            .consensus
            .expect_blockclique_block()
            .return_once(move |_| Err(error));
        assert_eq!(world.reasons(), [SkipReason::ConsensusBehind; 3]);
    }
}

#[test]
fn the_draws_of_another_slot_are_no_draws() {
    let mut world = silent();
    world.usual_addresses();
    world
        .selector
        .expect_draws()
        .returning(|_| Ok(Arc::new(draws(Slot::new(19, 1), &[1, 1, 1, 1]))));
    let entries = world.entries();
    assert_eq!(entries.len(), 2, "one for each address");
    for entry in entries {
        assert_eq!(reason_of(&entry), SkipReason::NoDraws);
    }
}

#[test]
fn draws_with_too_few_endorsers_are_endorsed_as_far_as_they_go() {
    let mut world = world_without(&[Ask::Draws]);
    world
        .selector
        .expect_draws()
        .returning(|slot| Ok(Arc::new(draws(slot, &[1]))));
    let entries = world.entries();
    assert_eq!(entries.len(), 1);
    assert!(is_endorsed(&entries[0]));
}

#[test]
fn draws_without_endorsers_leave_nothing_to_do() {
    let mut world = silent();
    world.usual_addresses();
    let nobody = world.selector.expect_draws();
    nobody.returning(|slot| Ok(Arc::new(draws(slot, &[]))));
    assert_eq!(world.entries(), []);
}

#[test]
fn a_key_that_was_removed_meanwhile_is_not_used_and_the_others_are() {
    let mut world = world_without(&[Ask::Signing]);
    world
        .wallet
        .expect_public_key()
        .returning(|asked| (*asked != address(1)).then(|| key_of(asked).public_key()));
    let claimed = world.wallet.expect_sign_claimed().times(1);
    claimed
        .withf(|requests| requests.iter().all(|one| one.address == address(2)))
        .returning(sign);
    let mut running = world.run();
    let entries = running.step(SLOT);
    assert_eq!(reason_of(&entries[0]), SkipReason::LockedWallet);
    assert!(is_endorsed(&entries[1]));
    assert_eq!(reason_of(&entries[2]), SkipReason::LockedWallet);
    assert_eq!(running.pooled.lock().len(), 1);
}

#[test]
fn the_key_of_another_address_signs_nothing() {
    let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Pooling]);
    world
        .wallet
        .expect_public_key()
        .returning(|_| Some(key(5).public_key()));
    assert_eq!(world.reasons(), [SkipReason::SigningFailed; 3]);
}

#[test]
fn a_wallet_that_signs_wrongly_or_not_at_all_endorses_nothing() {
    type Answer = fn(&[SignRequest]) -> Vec<Result<Signature, WalletError>>;
    let wrong: Answer = |requests| {
        let signed = requests.iter().map(|request| Ok(key(5).sign(&request.id)));
        signed.collect()
    };
    let nothing: Answer = |_| vec![];
    for answer in [wrong, nothing] {
        let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Pooling]);
        world
            .wallet
            .expect_public_key()
            .returning(|asked| Some(key_of(asked).public_key()));
        world.wallet.expect_sign_claimed().returning(answer);
        assert_eq!(world.reasons(), [SkipReason::SigningFailed; 3]);
    }
}

#[test]
fn a_pool_that_answers_for_more_than_it_was_given_changes_nothing() {
    let mut world = world_without(&[Ask::Pooling]);
    world.pool.expect_add_endorsements().returning(|_| {
        vec![
            Ok(()),
            Ok(()),
            Ok(()),
            Err(PoolError::EndorsementOfOtherChain(Hash([0; 32]).into())),
        ]
    });
    let entries = world.entries();
    assert!(
        entries
            .iter()
            .all(|entry| is_endorsed(entry) && entry.left_out.is_empty())
    );
}

#[test]
fn a_history_that_fails_loses_lines_and_never_an_endorsement() {
    let mut log = MockHistoryLog::new();
    let full = || FactoryError::History("the disk is full".to_owned());
    log.expect_record().times(1).returning(move |_| Err(full()));
    let mut world = world();
    world.log = Some(log);
    let mut running = world.run();
    assert!(running.step(SLOT).iter().all(is_endorsed));
    assert_eq!(running.pooled.lock().len(), 3);
    let stats = running.producer.control().stats();
    assert_eq!((stats.produced, stats.lost_history_entries), (3, 3));
}

#[test]
fn what_is_left_out_and_skipped_is_counted() {
    let mut world = world_without(&[Ask::Pooling]);
    world.pool.expect_add_endorsements().returning(|_| vec![]);
    world.network.expect_endorsements().returning(|_| ());
    let mut running = world.run();
    running.step(SLOT);
    let control = running.producer.control();
    assert_eq!(control.stats().left_out, [(Part::Pool, 3)].into());
    control.set_enabled(false).unwrap();
    running.step(SLOT.next(4).unwrap());
    assert_eq!(control.stats().skipped, [(SkipReason::Disabled, 3)].into());
}

#[test]
fn an_index_whose_signature_is_refused_does_not_stop_the_others() {
    let mut world = world_without(&[Ask::Signing]);
    world
        .wallet
        .expect_public_key()
        .returning(|asked| Some(key_of(asked).public_key()));
    world.wallet.expect_sign_claimed().returning(|requests| {
        let mut answers = sign(requests);
        let address = Box::new(requests[1].address);
        answers[1] = Err(WalletError::Refused {
            address,
            reason: "seen elsewhere".into(),
        });
        answers
    });
    let mut running = world.run();
    let entries = running.step(SLOT);
    assert!(is_endorsed(&entries[0]) && is_endorsed(&entries[2]));
    assert_eq!(reason_of(&entries[1]), SkipReason::SigningProtection);
    assert_eq!(running.pooled.lock().len(), 2);
}

#[test]
fn what_is_not_signed_goes_nowhere() {
    let log = || WalletError::Log(SigningLogError::Damaged("by a test".into()));
    let taken = || WalletError::NotSafe {
        address: Box::new(address(1)),
        kind: ClaimKind::Endorsement,
        slot: SLOT,
        round: 0,
        reason: Box::new(Refusal::Taken { by: Hash([1; 32]) }),
    };
    for (error, reason) in [
        (taken(), SkipReason::SigningProtection),
        (WalletError::Locked, SkipReason::LockedWallet),
        (log(), SkipReason::SigningFailed),
    ] {
        let mut world = world_without(&[Ask::Signing, Ask::Storing, Ask::Pooling]);
        world
            .wallet
            .expect_public_key()
            .returning(|asked| Some(key_of(asked).public_key()));
        world
            .wallet
            .expect_sign_claimed()
            .returning(move |requests| requests.iter().map(|_| Err(error.clone())).collect());
        assert_eq!(world.reasons(), [reason; 3]);
    }
}

#[test]
fn an_endorsement_that_the_pool_refuses_is_told_with_it() {
    let mut world = world_without(&[Ask::Pooling]);
    world.pool.expect_add_endorsements().returning(|_| {
        let other_chain = PoolError::EndorsementOfOtherChain(Hash([0; 32]).into());
        vec![Ok(()), Err(other_chain), Ok(())]
    });
    world
        .network
        .expect_endorsements()
        .times(1)
        .returning(|_| ());
    let entries = world.entries();
    let left_out: Vec<_> = entries.iter().map(|entry| entry.left_out.clone()).collect();
    assert_eq!(left_out, [[].into(), [Part::Pool].into(), [].into()]);
}
