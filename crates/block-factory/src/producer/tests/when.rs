//! At which slots, and when, a block is made.

use std::sync::Arc;

use picot_clock::{Millis, Slot, SlotClock, SlotRange, Tick, Timestamp};
use picot_models::mocks::address;
use picot_selector::{AddressDraw, SelectorError};

use super::world::{Ask, SLOT, START, World, after_start, reason_of, silent, world, world_without};
use crate::{BlockFactory, Duty, Event, HistoryLog, SkipReason, mocks::MockConnection};

/// Who is due is asked, and nothing else.
fn due_only() -> World {
    let mut world = silent();
    world
        .wallet
        .expect_addresses()
        .returning(|| vec![address(1)]);
    world
        .selector
        .expect_producer_rank()
        .returning(|_, _| Ok(Some(0)));
    world
}

#[test]
fn nothing_is_ever_made_for_period_0() {
    let world = silent();
    world.clock.set(Timestamp(1_000_000));
    let mut running = world.run();
    assert!((0..4).all(|thread| running.step(Slot::new(0, thread)).is_empty()));
}

#[test]
fn a_slot_at_or_before_the_last_one_is_never_processed_again() {
    let mut running = world().run();
    assert_eq!(running.step(SLOT).len(), 1);
    for slot in [SLOT, Slot::new(20, 0), Slot::new(19, 3)] {
        assert_eq!(running.step(slot), []);
    }
    assert_eq!(running.blocks().len(), 1);
    assert_eq!(running.history.latest(None, 9).unwrap().len(), 1);
}

#[test]
fn a_slot_is_too_late_from_the_production_deadline_on() {
    let late = due_only();
    late.clock.set(after_start(250));
    assert_eq!(late.reason(), SkipReason::Late);
    let in_time = world();
    in_time.clock.set(after_start(249));
    assert!(matches!(in_time.entry().event, Event::ProducedBlock(_)));
}

#[test]
fn a_slot_whose_successor_in_its_thread_has_begun_is_never_produced() {
    for late_by in [2_000, 2_001, 86_400_000] {
        let world = due_only();
        world.clock.set(after_start(late_by));
        assert_eq!(world.reason(), SkipReason::Late);
    }
}

#[test]
fn skipped_slots_are_told_and_not_produced_in_a_burst() {
    let mut world = world();
    let skipped = SlotRange::new(Slot::new(0, 2), SLOT, 4).unwrap();
    world
        .selector
        .expect_slots_of()
        .times(1)
        .returning(|who, range| {
            assert_eq!(*who, address(1));
            assert_eq!(
                (range.start(), range.end()),
                (Slot::new(4, 1), SLOT),
                "the latest 64"
            );
            let draw = |slot, producer_rank| AddressDraw {
                slot,
                producer_rank,
                endorser_indices: vec![1],
            };
            Ok(vec![
                draw(Slot::new(7, 0), Some(0)),
                draw(Slot::new(8, 0), None),
            ])
        });
    let mut running = world.run();
    let entries = running.producer.step(Tick {
        slot: SLOT,
        skipped: Some(skipped),
    });
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.slot, entry.duty))
        .collect();
    let duty = Duty::Block { rank: Some(0) };
    assert_eq!(told, [(Slot::new(7, 0), duty), (SLOT, duty)]);
    assert_eq!(reason_of(&entries[0]), SkipReason::Late);
    let slots: Vec<_> = running.blocks().iter().map(|block| block.slot()).collect();
    assert_eq!(slots, [SLOT]);
    assert_eq!(running.producer.control().stats().missed_ticks, 79);
}

#[test]
fn missed_ticks_whose_draws_are_not_known_are_counted_and_stop_nothing() {
    let mut world = world();
    let error = SelectorError::Pruned {
        cycle: 0,
        oldest: 1,
    };
    let asked = world.selector.expect_slots_of().times(1);
    asked.returning(move |_, _| Err(error.clone()));
    let mut running = world.run();
    let entries = running.producer.step(Tick {
        slot: SLOT,
        skipped: SlotRange::new(Slot::new(20, 0), SLOT, 4).ok(),
    });
    assert_eq!(entries.len(), 1);
    assert!(matches!(entries[0].event, Event::ProducedBlock(_)));
    assert_eq!(running.producer.control().stats().missed_ticks, 1);
}

#[test]
fn a_disabled_factory_asks_who_is_due_and_makes_nothing() {
    let mut world = due_only();
    world.config.enabled = false;
    assert_eq!(world.reason(), SkipReason::Disabled);
}

#[test]
fn production_is_switched_at_run_time() {
    let mut running = world().run();
    let control = running.producer.control();
    control.set_enabled(false).unwrap();
    assert!(!control.is_enabled());
    assert_eq!(reason_of(&running.step(SLOT)[0]), SkipReason::Disabled);
    control.set_enabled(true).unwrap();
    running.clock.set(after_start(500));
    let next = SLOT.next(4).unwrap();
    assert!(matches!(
        running.step(next)[0].event,
        Event::ProducedBlock(_)
    ));
}

#[test]
fn a_factory_that_is_disabled_while_it_builds_does_not_sign() {
    use std::sync::OnceLock;
    let mut world = world_without(&[Ask::Denunciations, Ask::Signing]);
    let control = Arc::new(OnceLock::<Arc<dyn BlockFactory>>::new());
    let switch = control.clone();
    world.pool.expect_denunciations_for().returning(move |_| {
        switch.get().unwrap().set_enabled(false).unwrap();
        vec![]
    });
    let mut running = world.run();
    assert!(control.set(running.producer.control()).is_ok());
    assert_eq!(reason_of(&running.step(SLOT)[0]), SkipReason::Disabled);
}

#[test]
fn nothing_is_signed_during_the_startup_wait() {
    let mut world = due_only();
    world.config.start = START;
    world.config.startup_delay = Millis(1);
    assert_eq!(world.reason(), SkipReason::StartupWait);
}

#[test]
fn nothing_is_made_while_nobody_would_hear_of_it() {
    let mut world = due_only();
    world.connection = MockConnection::new();
    let cut_off = "none of 3 peers is connected";
    let connection = world.connection.expect_cut_off().times(1);
    connection.returning(|| Some(cut_off.to_owned()));
    let entry = world.entry();
    let Event::Skipped(skip) = entry.event else {
        panic!("{entry:?}");
    };
    assert_eq!(skip.to_string(), format!("no connection: {cut_off}"));
}

#[test]
fn a_block_whose_node_is_cut_off_while_it_builds_is_not_signed() {
    let mut world = world_without(&[Ask::Signing]);
    world.connection = MockConnection::new();
    let mut heard = [None, Some("the last peer left".to_owned())].into_iter();
    let connection = world.connection.expect_cut_off().times(2);
    connection.returning(move || heard.next().unwrap());
    assert_eq!(world.reason(), SkipReason::NoConnection);
}

#[test]
fn a_factory_that_is_switched_off_or_waits_does_not_ask_for_a_connection() {
    for enabled in [false, true] {
        let mut world = due_only();
        world.connection = MockConnection::new();
        world.config.enabled = enabled;
        world.config.start = START;
        world.config.startup_delay = Millis(1);
        let reason = if enabled {
            SkipReason::StartupWait
        } else {
            SkipReason::Disabled
        };
        assert_eq!(world.reason(), reason);
    }
}

#[test]
fn the_startup_wait_ends() {
    let mut world = world();
    world.config.start = Timestamp(START.0 - 4_000);
    world.config.startup_delay = Millis(4_000);
    assert!(matches!(world.entry().event, Event::ProducedBlock(_)));
}

#[test]
fn a_chain_made_by_this_very_start_does_not_wait() {
    let mut world = world();
    world.config.start = START;
    world.config.startup_delay = Millis(4_000);
    world.config.fresh = true;
    assert!(matches!(world.entry().event, Event::ProducedBlock(_)));
}

#[test]
fn the_loop_takes_ticks_until_they_end() {
    let running = world().run();
    let ticks = [SLOT, SLOT].map(|slot| Tick {
        slot,
        skipped: None,
    });
    let (history, registered) = (running.history.clone(), running.registered.clone());
    running.producer.run(ticks).unwrap().join().unwrap();
    assert_eq!(registered.lock().len(), 1);
    assert_eq!(history.latest(None, 9).unwrap().len(), 1);
}

#[test]
fn the_slot_of_the_tests_starts_when_they_say() {
    let slot_clock: SlotClock = silent().config.validate().unwrap();
    assert_eq!(slot_clock.start_of(SLOT), Ok(START));
}
