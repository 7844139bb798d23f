//! At which slots, and when, endorsements are made.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use picot_block_factory::{Duty, HistoryLog, SkipReason, mocks::MockConnection};
use picot_clock::{Millis, Slot, SlotRange, Tick, Timestamp};
use picot_models::mocks::address;
use picot_selector::{AddressDraw, SelectorError};

use super::world::{SLOT, TICK, World, block_id, is_endorsed, reason_of, silent, world};
use crate::EndorsementFactory;

/// Who is due is asked, and nothing else.
fn due_only() -> World {
    let mut world = silent();
    world.usual_addresses();
    world.usual_draws();
    world
}

#[test]
fn nothing_is_ever_endorsed_at_period_0() {
    let mut running = silent().run();
    assert!((0..4).all(|thread| running.step(Slot::new(0, thread)).is_empty()));
}

#[test]
fn a_slot_at_or_before_the_last_one_is_never_endorsed_again() {
    let mut running = world().run();
    assert_eq!(running.step(SLOT).len(), 3);
    for slot in [SLOT, Slot::new(20, 0), Slot::new(19, 3)] {
        assert_eq!(running.step(slot), []);
    }
    assert_eq!(running.pooled.lock().len(), 3);
    assert_eq!(running.history.latest(None, 9).unwrap().len(), 3);
}

#[test]
fn a_slot_whose_successor_in_its_thread_has_begun_is_never_endorsed() {
    let late = due_only();
    late.clock.set(TICK.checked_add(Millis(1_000)).unwrap());
    assert_eq!(late.reasons(), [SkipReason::Late; 3]);
    let in_time = world();
    in_time.clock.set(TICK.checked_add(Millis(999)).unwrap());
    assert!(in_time.entries().iter().all(is_endorsed));
}

#[test]
fn skipped_slots_are_told_and_not_endorsed_in_a_burst() {
    let mut world = world();
    let skipped = SlotRange::new(Slot::new(19, 2), SLOT, 4).unwrap();
    world
        .selector
        .expect_slots_of()
        .times(2)
        .returning(move |who, range| {
            assert_eq!(range, skipped);
            let endorser_indices = if *who == address(1) {
                vec![0, 2]
            } else {
                vec![]
            };
            Ok(vec![AddressDraw {
                slot: Slot::new(20, 0),
                producer_rank: Some(0),
                endorser_indices,
            }])
        });
    let mut running = world.run();
    let entries = running.producer.step(Tick {
        slot: SLOT,
        skipped: Some(skipped),
    });
    let told: Vec<_> = entries
        .iter()
        .take(2)
        .map(|entry| (entry.slot, entry.duty))
        .collect();
    let missed = |index| (Slot::new(20, 0), Duty::Endorsement { index: Some(index) });
    assert_eq!(told, [missed(0), missed(2)]);
    assert!(
        entries
            .iter()
            .take(2)
            .all(|entry| reason_of(entry) == SkipReason::Late)
    );
    assert_eq!(entries.len(), 5);
    assert!(
        running
            .pooled
            .lock()
            .iter()
            .all(|endorsement| endorsement.content().slot == SLOT)
    );
    assert_eq!(running.producer.control().stats().missed_ticks, 3);
}

#[test]
fn missed_ticks_whose_draws_are_not_known_are_counted_and_stop_nothing() {
    let mut world = world();
    let error = SelectorError::Pruned {
        cycle: 0,
        oldest: 1,
    };
    let asked = world.selector.expect_slots_of().times(2);
    asked.returning(move |_, _| Err(error.clone()));
    let mut running = world.run();
    let entries = running.producer.step(Tick {
        slot: SLOT,
        skipped: SlotRange::new(Slot::new(20, 0), SLOT, 4).ok(),
    });
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(is_endorsed));
    assert_eq!(running.producer.control().stats().missed_ticks, 1);
}

#[test]
fn a_disabled_factory_asks_who_is_due_and_signs_nothing() {
    let mut world = due_only();
    world.config.enabled = false;
    assert_eq!(world.reasons(), [SkipReason::Disabled; 3]);
}

#[test]
fn endorsing_is_switched_at_run_time() {
    let mut running = world().run();
    let control = running.producer.control();
    control.set_enabled(false).unwrap();
    assert!(!control.is_enabled());
    assert!(
        running
            .step(SLOT)
            .iter()
            .all(|entry| reason_of(entry) == SkipReason::Disabled)
    );
    control.set_enabled(true).unwrap();
    running.clock.advance(Millis(500)).unwrap();
    assert!(running.step(SLOT.next(4).unwrap()).iter().all(is_endorsed));
}

#[test]
fn nothing_is_signed_during_the_startup_wait_unless_all_is_fresh() {
    let waiting = |fresh| {
        let mut world = if fresh { world() } else { due_only() };
        world.config.start = Timestamp(TICK.0 - 3_999);
        world.config.startup_delay = Millis(4_000);
        world.config.fresh = fresh;
        world
    };
    assert_eq!(waiting(false).reasons(), [SkipReason::StartupWait; 3]);
    assert!(waiting(true).entries().iter().all(is_endorsed));
}

#[test]
fn nothing_is_signed_while_nobody_would_hear_of_it() {
    let mut world = due_only();
    world.connection = MockConnection::new();
    let connection = world.connection.expect_cut_off().times(1);
    connection.returning(|| Some("none of 3 peers is connected".to_owned()));
    assert_eq!(world.reasons(), [SkipReason::NoConnection; 3]);
}

/// A block is found, and then this happens before it is signed.
fn meanwhile(happen: impl Fn() + Send + Sync + 'static) -> World {
    let mut world = due_only();
    let block = world.consensus.expect_blockclique_block().times(1);
    block.returning(move |_| {
        happen();
        Ok(Some(block_id()))
    });
    world
}

#[test]
fn a_factory_that_is_cut_off_after_it_found_the_block_does_not_sign() {
    let is_heard = Arc::new(AtomicBool::new(true));
    let heard = Arc::clone(&is_heard);
    let mut world = meanwhile(move || is_heard.store(false, Ordering::SeqCst));
    world.connection = MockConnection::new();
    let connection = world.connection.expect_cut_off().times(2);
    connection.returning(move || (!heard.load(Ordering::SeqCst)).then(|| "alone".to_owned()));
    assert_eq!(world.reasons(), [SkipReason::NoConnection; 3]);
}

#[test]
fn a_factory_that_is_disabled_after_it_found_the_block_does_not_sign() {
    let control = Arc::new(OnceLock::<Arc<dyn EndorsementFactory>>::new());
    let switch = control.clone();
    let world = meanwhile(move || switch.get().unwrap().set_enabled(false).unwrap());
    let mut running = world.run();
    assert!(control.set(running.producer.control()).is_ok());
    let reasons: Vec<_> = running.step(SLOT).iter().map(reason_of).collect();
    assert_eq!(reasons, [SkipReason::Disabled; 3]);
}

#[test]
fn the_loop_takes_ticks_until_they_end() {
    let running = world().run();
    let ticks = [SLOT, SLOT].map(|slot| Tick {
        slot,
        skipped: None,
    });
    let pooled = running.pooled.clone();
    running.producer.run(ticks).unwrap().join().unwrap();
    assert_eq!(pooled.lock().len(), 3);
}
