//! Keys that were seen in use elsewhere.

use super::{World, vote};
use crate::{MemoryRefusals, RefusalStore, Wallet, WalletError};
use picot_models::mocks::address;
use picot_models::{Address, Hash, Slot};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store that fails when told to.
#[derive(Default)]
struct Fragile {
    kept: MemoryRefusals,
    fails: AtomicBool,
}

impl Fragile {
    fn check(&self) -> Result<(), WalletError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(WalletError::Refusals {
                action: "keeping",
                source: Arc::new(std::fmt::Error),
            });
        }
        Ok(())
    }
}

impl RefusalStore for Fragile {
    fn refusals(&self) -> Result<BTreeMap<Address, String>, WalletError> {
        self.check()?;
        self.kept.refusals()
    }

    fn keep(&self, address: &Address, reason: Option<&str>) -> Result<(), WalletError> {
        self.check()?;
        self.kept.keep(address, reason)
    }
}

#[test]
fn a_refusal_holds_over_a_restart_and_so_does_its_clearing() {
    let world = World::new();
    let store = Arc::new(MemoryRefusals::default());
    let wallet = world.create(&[1]);
    wallet.keep_refusals_in(store.clone()).unwrap();
    wallet.refuse(address(1), "seen".into()).unwrap();
    drop(wallet);

    let wallet = world.open().unwrap();
    wallet.unlock(super::PASSPHRASE).unwrap();
    wallet.keep_refusals_in(store.clone()).unwrap();
    assert!(matches!(
        wallet.sign_claimed(&[vote(1, 5, 1)])[0],
        Err(WalletError::Refused { .. })
    ));
    assert!(wallet.clear_refusal(&address(1)).unwrap());
    drop(wallet);

    let wallet = world.open().unwrap();
    wallet.unlock(super::PASSPHRASE).unwrap();
    wallet.keep_refusals_in(store).unwrap();
    assert!(wallet.sign_claimed(&[vote(1, 5, 1)])[0].is_ok());
}

#[test]
fn a_store_that_fails_never_lets_a_refused_key_sign() {
    let world = World::new();
    let store = Arc::new(Fragile::default());
    let wallet = world.create(&[1]);
    wallet.keep_refusals_in(store.clone()).unwrap();
    store.fails.store(true, Ordering::SeqCst);
    let kept = wallet.refuse(address(1), "seen".into());
    assert!(matches!(kept, Err(WalletError::Refusals { .. })));
    let refused = |wallet: &dyn Wallet| {
        let signed = wallet.sign_claimed(&[vote(1, 5, 1)]).pop().unwrap();
        matches!(signed, Err(WalletError::Refused { .. }))
    };
    assert!(refused(&wallet));
    let cleared = wallet.clear_refusal(&address(1));
    assert!(matches!(cleared, Err(WalletError::Refusals { .. })));
    assert!(refused(&wallet));
    let taken_over = wallet.keep_refusals_in(store);
    assert!(matches!(taken_over, Err(WalletError::Refusals { .. })));
}

#[test]
fn a_signature_that_is_not_in_the_log_is_of_another_user_of_the_key() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let ours = vote(1, 5, 1);
    assert!(wallet.sign_claimed(std::slice::from_ref(&ours))[0].is_ok());

    // Our own, come back; one of nobody here.
    assert!(!wallet.refuse_if_foreign(&ours.key(), &ours.id).unwrap());
    let stranger = vote(2, 5, 1);
    assert!(
        !wallet
            .refuse_if_foreign(&stranger.key(), &stranger.id)
            .unwrap()
    );
    assert_eq!(wallet.refusals(), BTreeMap::new());

    // Other content; content where we signed nothing.
    assert!(
        wallet
            .refuse_if_foreign(&ours.key(), &Hash([9; 32]))
            .unwrap()
    );
    assert!(wallet.clear_refusal(&address(1)).unwrap());
    let elsewhere = vote(1, 6, 1);
    assert!(
        wallet
            .refuse_if_foreign(&elsewhere.key(), &elsewhere.id)
            .unwrap()
    );
    let reason = wallet.refusals().remove(&address(1)).unwrap();
    assert!(reason.contains(&Slot::new(6, 0).to_string()), "{reason}");
}

#[test]
fn without_an_answer_of_the_log_nothing_is_said_of_a_signature() {
    let world = World::new();
    let wallet = world.create(&[1]);
    world.log.fail(true);
    let seen = vote(1, 5, 1);
    let said = wallet.refuse_if_foreign(&seen.key(), &seen.id);
    assert!(matches!(said, Err(WalletError::Log(_))));
    assert_eq!(wallet.refusals(), BTreeMap::new());
}
