//! Every collaborator that fails, refuses or is stuck.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use parking_lot::Mutex;
use picot_block_factory::{Asking, Duty, HistoryEntry, Part, SkipReason};
use picot_clock::{Millis, Timestamp};
use picot_consensus::ConsensusError;
use picot_models::{Hash, mocks::address};
use picot_selector::{Missing, SelectorError};
use picot_wallet::{SigningLogError, WalletError};

use super::world::{
    Ask, Running, SLOT, TICK, World, block_id, draws, is_endorsed, key_of, reason_of, sign, silent,
    world_without,
};

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
    let mut world = world_without(&AFTER_BLOCK);
    let error = ConsensusError::Stopped("by a test".into());
    world
        .consensus
        .expect_blockclique_block()
        .return_once(move |_| Err(error));
    assert_eq!(world.reasons(), [SkipReason::ConsensusBehind; 3]);
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
    for (error, reason) in [
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
        let other_chain = picot_pool::PoolError::EndorsementOfOtherChain(Hash([0; 32]).into());
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

/// A call does not return before the test opens the gate by dropping its other end.
struct Gate {
    entered: Sender<()>,
    closed: Mutex<Receiver<()>>,
}

impl Gate {
    fn pass(&self) {
        self.entered.send(()).ok();
        self.closed.lock().recv().unwrap_err();
    }
}

/// Steps at [`SLOT`] while one part is stuck; the clock is then set to when its share is over.
fn entries_when_stuck(
    own: &[Ask],
    share_end_ms: u64,
    stuck: impl FnOnce(&mut World, Arc<Gate>),
) -> Vec<HistoryEntry> {
    let (entered_sender, entered) = channel();
    let (open_on_drop, closed) = channel();
    let mut world = world_without(own);
    world.config.asking = Asking::OnHelperThread;
    stuck(
        &mut world,
        Arc::new(Gate {
            entered: entered_sender,
            closed: Mutex::new(closed),
        }),
    );
    let mut running: Running = world.run();
    let clock = running.clock.clone();
    let entries = thread::scope(|scope| {
        let step = scope.spawn(|| running.step(SLOT));
        entered.recv().unwrap();
        clock.set(Timestamp(TICK.0 + share_end_ms));
        step.join().unwrap()
    });
    drop(open_on_drop);
    entries
}

#[test]
fn a_stuck_storage_holds_nobody_up() {
    let entries = entries_when_stuck(&[Ask::Storing], 250, |world, gate| {
        world
            .storage
            .expect_put_endorsements()
            .returning(move |_| gate.pass());
    });
    assert!(entries.iter().all(is_endorsed));
    assert!(
        entries
            .iter()
            .all(|entry| entry.left_out == [Part::Storage].into())
    );
    assert_eq!(entries[0].duration, Millis(250));
}

#[test]
fn past_a_stuck_pool_endorsements_go_to_the_network() {
    let entries = entries_when_stuck(&[Ask::Pooling], 250, |world, gate| {
        world.pool.expect_add_endorsements().returning(move |_| {
            gate.pass();
            vec![]
        });
        let three = |endorsements: &[_]| endorsements.len() == 3;
        world
            .network
            .expect_endorsements()
            .withf(three)
            .times(1)
            .returning(|_| ());
    });
    assert!(entries.iter().all(is_endorsed));
    assert!(
        entries
            .iter()
            .all(|entry| entry.left_out == [Part::Pool].into())
    );
}

#[test]
fn a_stuck_network_costs_nothing_but_the_announcement() {
    let entries = entries_when_stuck(&[Ask::Pooling], 500, |world, gate| {
        world.pool.expect_add_endorsements().returning(|_| vec![]);
        world
            .network
            .expect_endorsements()
            .returning(move |_| gate.pass());
    });
    assert!(entries.iter().all(is_endorsed));
    let parts = [Part::Pool, Part::Network].into();
    assert!(entries.iter().all(|entry| entry.left_out == parts));
}

#[test]
fn a_part_without_which_there_is_nothing_to_sign_costs_the_slot_and_no_more() {
    let late = |entries: Vec<HistoryEntry>| {
        assert!(!entries.is_empty());
        assert!(
            entries
                .iter()
                .all(|entry| reason_of(entry) == SkipReason::Late)
        );
    };
    late(entries_when_stuck(&[Ask::Addresses], 500, |world, gate| {
        world.wallet.expect_addresses().returning(move || {
            gate.pass();
            vec![]
        });
    }));
    late(entries_when_stuck(&[Ask::Draws], 500, |world, gate| {
        world.selector.expect_draws().returning(move |slot| {
            gate.pass();
            Ok(Arc::new(draws(slot, &[])))
        });
    }));
    late(entries_when_stuck(&[Ask::Block], 500, |world, gate| {
        world
            .consensus
            .expect_blockclique_block()
            .returning(move |_| {
                gate.pass();
                Ok(Some(block_id()))
            });
    }));
    late(entries_when_stuck(&[Ask::Signing], 500, |world, gate| {
        world
            .wallet
            .expect_public_key()
            .returning(|asked| Some(key_of(asked).public_key()));
        world
            .wallet
            .expect_sign_claimed()
            .returning(move |requests| {
                gate.pass();
                sign(requests)
            });
    }));
}
