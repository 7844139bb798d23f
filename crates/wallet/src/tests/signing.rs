//! What is signed, and what is not.

use super::{World, address, key, random, request, vote};
use crate::mocks::MockSigningLog;
use crate::{ClaimKind, ClaimVerdict, FileWallet, Refusal, SignRequest, Wallet, WalletError};
use picot_models::{Hash, OperationId, Slot};
use std::sync::Arc;

fn refused_as(wallet: &FileWallet, request: &SignRequest) -> WalletError {
    let mut results = wallet.sign_claimed(std::slice::from_ref(request));
    results.pop().unwrap().unwrap_err()
}

#[test]
fn a_signature_is_the_keys_over_the_id() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let request = vote(1, 5, 3);
    let signature = wallet.sign_claimed(std::slice::from_ref(&request))[0]
        .clone()
        .unwrap();
    let public_key = wallet.public_key(&address(1)).unwrap();
    assert_eq!(public_key, key(1).public_key());
    public_key.verify(&request.id, &signature).unwrap();
    let operation = OperationId::from_hash(Hash([4; 32]));
    let signature = wallet.sign_operation(&address(1), &operation).unwrap();
    public_key.verify(operation.as_hash(), &signature).unwrap();
}

#[test]
fn all_requests_are_claimed_with_one_sync() {
    let world = World::new();
    let wallet = world.create(&[1, 2]);
    let requests: Vec<_> = (1..=50)
        .flat_map(|period| [vote(1, period, 1), vote(2, period, 1)])
        .collect();
    assert!(wallet.sign_claimed(&requests).iter().all(Result::is_ok));
    assert_eq!(world.log.syncs(), 1);
    assert!(wallet.sign_claimed(&[]).is_empty());
}

#[test]
fn the_claim_is_made_before_the_signature() {
    let mut log = MockSigningLog::new();
    log.expect_claim()
        .times(1)
        .returning(|_| Err(crate::SigningLogError::Damaged("test".into())));
    let world = World::new();
    world.create(&[1]);
    let wallet = FileWallet::open(&world.path(), super::config(), Arc::new(log)).unwrap();
    wallet.unlock(super::PASSPHRASE).unwrap();
    let results = wallet.sign_claimed(&[vote(1, 5, 1), vote(1, 6, 1)]);
    assert_eq!(results.len(), 2);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(WalletError::Log(_))))
    );
}

#[test]
fn a_log_that_answers_for_fewer_claims_than_asked_gets_nothing_signed() {
    let mut log = MockSigningLog::new();
    log.expect_claim()
        .times(1)
        .returning(|_| Ok(vec![ClaimVerdict::Safe]));
    let world = World::new();
    world.create(&[1]);
    let wallet = FileWallet::open(&world.path(), super::config(), Arc::new(log)).unwrap();
    wallet.unlock(super::PASSPHRASE).unwrap();
    let results = wallet.sign_claimed(&[vote(1, 5, 1), vote(1, 6, 1)]);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(WalletError::WrongAnswer { .. })))
    );
}

#[test]
fn a_contradiction_is_refused_and_names_what_was_claimed() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let results = wallet.sign_claimed(&[vote(1, 5, 1), vote(1, 5, 2), vote(1, 6, 2)]);
    assert!(results[0].is_ok() && results[2].is_ok());
    let Err(WalletError::NotSafe { slot, reason, .. }) = &results[1] else {
        panic!("{results:?}");
    };
    assert_eq!(
        (*slot, **reason),
        (Slot::new(5, 0), Refusal::Taken { by: Hash([1; 32]) })
    );
    let text = results[1].clone().unwrap_err().to_string();
    assert!(
        text.contains("notarise vote of slot 5/0, round 0"),
        "{text}"
    );
}

#[test]
fn nullify_and_finalise_of_one_round_are_never_both_signed() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let end = |round, content| request(1, ClaimKind::RoundEnd, Slot::new(5, 0), round, content);
    let (nullify, finalise) = (end(0, 1), end(0, 2));
    assert!(
        wallet
            .sign_claimed(&[nullify, end(1, 2)])
            .iter()
            .all(Result::is_ok)
    );
    assert!(matches!(
        refused_as(&wallet, &finalise),
        WalletError::NotSafe { .. }
    ));
}

#[test]
fn the_same_content_again_gives_the_same_signature_after_a_restart_too() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let first = wallet.sign_claimed(&[vote(1, 5, 1)])[0].clone().unwrap();
    drop(wallet);
    let wallet = world.open().unwrap();
    wallet.unlock(super::PASSPHRASE).unwrap();
    assert_eq!(
        wallet.sign_claimed(&[vote(1, 5, 1)])[0].clone().unwrap(),
        first
    );
    assert!(matches!(
        refused_as(&wallet, &vote(1, 5, 2)),
        WalletError::NotSafe { .. }
    ));
    assert_eq!(
        wallet.signed_since(&address(1), Slot::new(5, 0)).unwrap(),
        [vote(1, 5, 1)]
    );
    assert_eq!(
        wallet.signed_since(&address(1), Slot::new(6, 0)).unwrap(),
        []
    );
}

#[test]
fn a_key_that_the_wallet_lacks_claims_nothing() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let results = wallet.sign_claimed(&[vote(2, 5, 1), vote(1, 5, 1)]);
    assert!(
        matches!(&results[0], Err(WalletError::UnknownAddress(unknown)) if **unknown == address(2))
    );
    assert!(results[1].is_ok());
    assert_eq!(wallet.signed_since(&address(2), Slot::GENESIS).unwrap(), []);
}

#[test]
fn a_locked_wallet_signs_nothing_and_claims_nothing() {
    let world = World::new();
    let wallet = world.create(&[1]);
    wallet.lock();
    assert!(wallet.is_locked());
    assert_eq!(wallet.addresses(), []);
    assert_eq!(wallet.public_key(&address(1)), None);
    assert!(matches!(
        refused_as(&wallet, &vote(1, 5, 1)),
        WalletError::Locked
    ));
    let operation = OperationId::from_hash(Hash([4; 32]));
    let refused = wallet.sign_operation(&address(1), &operation);
    assert!(matches!(refused, Err(WalletError::Locked)));
    assert_eq!(world.log.syncs(), 0);
}

#[test]
fn a_key_is_used_from_when_it_was_added_and_never_after_it_was_removed() {
    let world = World::new();
    let wallet = world.create(&[1]);
    assert!(matches!(
        refused_as(&wallet, &vote(2, 5, 1)),
        WalletError::UnknownAddress(_)
    ));
    wallet.add(key(2), &mut random()).unwrap();
    assert!(wallet.sign_claimed(&[vote(2, 5, 1)])[0].is_ok());
    wallet.remove(&address(2), &mut random()).unwrap();
    assert!(matches!(
        refused_as(&wallet, &vote(2, 6, 1)),
        WalletError::UnknownAddress(_)
    ));
    assert_eq!(wallet.public_key(&address(2)), None);
    assert_eq!(
        wallet
            .signed_since(&address(2), Slot::GENESIS)
            .unwrap()
            .len(),
        1,
        "its past stays"
    );
}

#[test]
fn removing_locking_and_refusing_wait_for_signatures_that_are_being_made() {
    let stops: [fn(&FileWallet); 3] = [
        |wallet| wallet.remove(&address(1), &mut random()).unwrap(),
        FileWallet::lock,
        |wallet| wallet.refuse(address(1), "seen elsewhere".into()).unwrap(),
    ];
    for stop in stops {
        let world = World::new();
        let wallet = world.create(&[1]);
        std::thread::scope(|scope| {
            let signer = scope.spawn(|| {
                (1..)
                    .map_while(|period| wallet.sign_claimed(&[vote(1, period, 1)]).pop()?.ok())
                    .count()
            });
            while world.log.syncs() < 20 {
                std::thread::yield_now();
            }
            stop(&wallet);
            let claimed = world.log.syncs();
            signer.join().unwrap();
            assert_eq!(
                world.log.syncs(),
                claimed,
                "nothing was signed after the stop returned"
            );
        });
    }
}

#[test]
fn a_refused_key_signs_no_claims_until_an_operator_clears_it() {
    let world = World::new();
    let wallet = world.create(&[1, 2]);
    wallet
        .refuse(address(1), "a vote of it was seen".into())
        .unwrap();
    let results = wallet.sign_claimed(&[vote(1, 5, 1), vote(2, 5, 1)]);
    assert!(
        matches!(&results[0], Err(WalletError::Refused { reason, .. }) if reason == "a vote of it was seen")
    );
    assert!(results[1].is_ok(), "the other key goes on");
    assert_eq!(wallet.signed_since(&address(1), Slot::GENESIS).unwrap(), []);
    let operation = OperationId::from_hash(Hash([4; 32]));
    assert!(
        wallet.sign_operation(&address(1), &operation).is_ok(),
        "operations contradict nothing"
    );
    assert_eq!(wallet.refusals().len(), 1);
    assert!(wallet.clear_refusal(&address(1)).unwrap());
    assert!(!wallet.clear_refusal(&address(1)).unwrap());
    assert!(wallet.sign_claimed(&[vote(1, 5, 1)])[0].is_ok());
}
