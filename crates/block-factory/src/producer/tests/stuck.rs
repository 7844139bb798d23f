//! Parts that do not answer, because they are stuck or break down: no part stops a block but those
//! without which there is none.

use std::{sync::Arc, thread};

use picot_clock::{Slot, Timestamp};
use picot_models::{Amount, mocks::address};

use super::world::{
    Ask, Gate, Running, SLOT, Trouble, World, after_start, endorsement, endorser_draws, gate,
    parents, pay, reason_of, sign, summary, world_without,
};
use crate::{Asking, BlockFactory, Event, HistoryEntry, Part, SkipReason, mocks::MockHistoryLog};

/// A world on helper threads in which one question meets with trouble.
fn in_trouble_over(ask: Ask, trouble: Trouble) -> World {
    let own = match ask {
        Ask::FreshParents => Ask::Parents,
        Ask::Ancestors => Ask::Executed,
        other => other,
    };
    let mut world = world_without(&[own, Ask::Batches, Ask::Endorsements]);
    world.config.asking = Asking::OnHelperThread;
    if ask != Ask::Batches {
        world
            .pool
            .expect_batch()
            .returning(|_, _, _, seen| match seen.contains(&pay(1, 1).id()) {
                true => vec![],
                false => vec![pay(1, 1)],
            });
    }
    if ask != Ask::Endorsements {
        world
            .pool
            .expect_endorsements_for()
            .returning(|_, _| vec![endorsement(0, 11)]);
    }
    expect_trouble(&mut world, ask, trouble);
    world
}

fn expect_trouble(world: &mut World, ask: Ask, trouble: Trouble) {
    macro_rules! troubled {
        ($expectation:expr, ($($argument:pat_param),*) => $answer:expr) => {{
            $expectation.returning(move |$($argument),*| {
                trouble();
                $answer
            });
        }};
    }
    match ask {
        Ask::Addresses => troubled!(world.wallet.expect_addresses(), () => vec![address(1)]),
        Ask::Ranks => troubled!(world.selector.expect_producer_rank(), (_, _) => Ok(Some(0))),
        Ask::Parents => troubled!(world.consensus.expect_best_parents(), (_, _) => Ok(parents(1))),
        Ask::FreshParents => {
            // The first question has a time-out to wait, the second has none.
            world
                .consensus
                .expect_best_parents()
                .returning(move |_, timeout| {
                    if timeout.0 == 0 {
                        trouble();
                    }
                    Ok(parents(1))
                });
        }
        Ask::Endorsements => troubled!(world.pool.expect_endorsements_for(), (_, _) => vec![]),
        Ask::Endorsers => {
            troubled!(world.selector.expect_draws(), (slot) => Ok(Arc::new(
                endorser_draws(slot)
            )))
        }
        Ask::Executed => {
            world.execution.expect_summary().returning(|| summary(SLOT));
            troubled!(world.execution.expect_executed_operations(), (_) => Ok(
                [].into()
            ));
        }
        Ask::Ancestors => {
            let genesis = || summary(Slot::GENESIS);
            world.execution.expect_summary().returning(genesis);
            let executed = world.execution.expect_executed_operations();
            executed.returning(|_| Ok([].into()));
            troubled!(world.storage.expect_block(), (_) => Ok(None));
        }
        Ask::Batches => troubled!(world.pool.expect_batch(), (_, _, _, _) => vec![]),
        Ask::Balances => {
            troubled!(world.execution.expect_balance(), (_, _) => Ok(Some(
                Amount::from_nanos(99)
            )))
        }
        Ask::Denunciations => troubled!(world.pool.expect_denunciations_for(), (_) => vec![]),
        Ask::Signing => {
            let public_key = picot_models::mocks::key(1).public_key();
            world.wallet.expect_public_key().return_const(public_key);
            troubled!(world.wallet.expect_sign_claimed(), (requests) => sign(
                requests
            ))
        }
        Ask::Storing => troubled!(world.storage.expect_put_block(), (_) => ()),
        Ask::Registering => troubled!(world.consensus.expect_register_block(), (_) => Ok(())),
        Ask::Recording => {
            let mut log = MockHistoryLog::new();
            troubled!(log.expect_record(), (_) => Ok(()));
            world.log = Some(log);
        }
    }
}

fn stuck_over(ask: Ask) -> (Running, Gate) {
    let (gate, stuck) = gate();
    (in_trouble_over(ask, stuck).run(), gate)
}

/// Steps at [`SLOT`]; once the part is stuck, the clock is set to when its share is over.
fn step_past(running: &mut Running, gate: &Gate, share_end: Timestamp) -> HistoryEntry {
    let clock = running.clock.clone();
    let entries = thread::scope(|scope| {
        let step = scope.spawn(|| running.step(SLOT));
        gate.entered.recv().unwrap();
        clock.set(share_end);
        step.join().unwrap()
    });
    one(entries)
}

fn one(entries: Vec<HistoryEntry>) -> HistoryEntry {
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

fn entry_when_stuck(ask: Ask, share_end_ms: u64) -> HistoryEntry {
    let (mut running, gate) = stuck_over(ask);
    step_past(&mut running, &gate, after_start(share_end_ms))
}

/// Parts that a block can do without: when their share is over, and what is then left out.
fn dispensable() -> Vec<(Ask, u64, Vec<Part>)> {
    vec![
        (Ask::Endorsements, 32, vec![Part::Endorsements]),
        (Ask::Endorsers, 32, vec![Part::Endorsements]),
        (Ask::Executed, 32, vec![Part::ExecutedOperations]),
        (Ask::Ancestors, 32, vec![Part::ExecutedOperations]),
        (Ask::Batches, 188, vec![Part::Operations]),
        (Ask::Balances, 188, vec![Part::Balances, Part::Operations]),
        (Ask::Denunciations, 219, vec![Part::Denunciations]),
        (Ask::FreshParents, 250, vec![Part::FreshParents]),
        (Ask::Storing, 250, vec![Part::Storage]),
        (Ask::Recording, 250, vec![]),
    ]
}

/// Parts that a block cannot do without: when their share is over, and the reason if they fail.
const INDISPENSABLE: [(Ask, u64, SkipReason); 4] = [
    (Ask::Addresses, 250, SkipReason::LockedWallet),
    (Ask::Ranks, 250, SkipReason::NoDraws),
    (Ask::Parents, 157, SkipReason::ConsensusBehind),
    (Ask::Signing, 500, SkipReason::SigningFailed),
];

fn assert_made_without(entry: &HistoryEntry, parts: &[Part], ask: Ask) {
    assert!(
        matches!(entry.event, Event::ProducedBlock(_)),
        "{ask:?}: {entry:?}"
    );
    let parts = parts.iter().copied().collect();
    assert_eq!(entry.left_out, parts, "{ask:?}");
}

#[test]
fn a_block_is_made_without_the_one_part_that_is_stuck() {
    for (ask, share_end_ms, parts) in dispensable() {
        assert_made_without(&entry_when_stuck(ask, share_end_ms), &parts, ask);
    }
}

#[test]
fn a_block_is_made_without_the_one_part_that_breaks_down() {
    for (ask, _, parts) in dispensable() {
        let mut running = in_trouble_over(ask, Arc::new(|| panic!("by a test"))).run();
        let entry = one(running.step(SLOT));
        // Nothing is lost but the part: there is time to ask the pool again.
        let parts: Vec<_> = match ask {
            Ask::Balances => vec![Part::Balances],
            _ => parts,
        };
        assert_made_without(&entry, &parts, ask);
        assert_eq!(running.blocks().len(), 1, "{ask:?}");
    }
}

#[test]
fn a_part_without_which_there_is_no_block_costs_the_slot_and_no_more() {
    for (ask, share_end_ms, _) in INDISPENSABLE {
        let entry = entry_when_stuck(ask, share_end_ms);
        assert_eq!(reason_of(&entry), SkipReason::Late, "{ask:?}");
        let address = (ask != Ask::Addresses).then(|| address(1));
        assert_eq!(entry.address, address, "{ask:?}");
    }
}

#[test]
fn a_part_without_which_there_is_no_block_is_named_if_it_breaks_down() {
    let consensus = (Ask::Registering, 500, SkipReason::ConsensusBehind);
    for (ask, _, reason) in INDISPENSABLE.into_iter().chain([consensus]) {
        let mut running = in_trouble_over(ask, Arc::new(|| panic!("by a test"))).run();
        let entry = one(running.step(SLOT));
        assert_eq!(reason_of(&entry), reason, "{ask:?}");
        assert!(running.blocks().is_empty(), "{ask:?}");
    }
}

#[test]
fn a_block_that_consensus_was_given_counts_as_made_though_its_word_is_missing() {
    let entry = entry_when_stuck(Ask::Registering, 500);
    assert_made_without(&entry, &[Part::Registration], Ask::Registering);
}

/// At the next slot of the thread, while a part is still busy with [`SLOT`].
fn entry_after_stuck(ask: Ask, share_end_ms: u64) -> HistoryEntry {
    let (mut running, gate) = stuck_over(ask);
    step_past(&mut running, &gate, after_start(share_end_ms));
    running.clock.set(after_start(2_000));
    let entries = running.step(SLOT.next_in_thread().unwrap());
    assert!(
        gate.entered.try_recv().is_err(),
        "{ask:?} was asked a second time"
    );
    one(entries)
}

#[test]
fn a_part_that_is_stuck_since_an_earlier_slot_is_left_out_at_once() {
    for (ask, share_end_ms, parts) in dispensable() {
        if ask == Ask::FreshParents {
            continue; // The first parents are asked in the same way: see below.
        }
        let entry = entry_after_stuck(ask, share_end_ms);
        let parts: Vec<_> = match ask {
            Ask::Balances => vec![Part::Balances],
            _ => parts,
        };
        assert_made_without(&entry, &parts, ask);
        assert_eq!(entry.duration.0, 0, "{ask:?}");
    }
}

#[test]
fn without_a_part_that_is_stuck_since_an_earlier_slot_there_is_no_block_and_no_wait() {
    let others = [
        (Ask::FreshParents, 250, SkipReason::ConsensusBehind),
        (Ask::Registering, 500, SkipReason::ConsensusBehind),
    ];
    for (ask, share_end_ms, reason) in INDISPENSABLE.into_iter().chain(others) {
        let entry = entry_after_stuck(ask, share_end_ms);
        assert_eq!(reason_of(&entry), reason, "{ask:?}");
        assert_eq!(entry.duration.0, 0, "{ask:?}");
    }
}

#[test]
fn a_history_that_fails_or_is_stuck_loses_lines_and_never_a_block() {
    let lost = |running: &Running| running.producer.control().stats().lost_history_entries;
    let (mut running, gate) = stuck_over(Ask::Recording);
    step_past(&mut running, &gate, after_start(250));
    assert_eq!((running.blocks().len(), lost(&running)), (1, 1));

    let mut world = world_without(&[]);
    let mut log = MockHistoryLog::new();
    log.expect_record().times(1).returning(|_| {
        let full = "the disk is full".to_owned();
        Err(crate::FactoryError::History(full))
    });
    world.log = Some(log);
    let mut running = world.run();
    let entry = one(running.step(SLOT));
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert_eq!((running.blocks().len(), lost(&running)), (1, 1));
}

#[test]
fn operations_found_before_the_pool_got_stuck_are_in_the_block() {
    let (gate, stuck) = gate();
    let mut world = world_without(&[Ask::Batches]);
    world.config.asking = Asking::OnHelperThread;
    world.pool.expect_batch().returning(move |_, _, _, seen| {
        if seen.is_empty() {
            return vec![pay(1, 1)];
        }
        stuck();
        vec![pay(1, 2)]
    });
    let mut running = world.run();
    let entry = step_past(&mut running, &gate, after_start(188));
    assert_made_without(&entry, &[Part::Operations], Ask::Batches);
    assert_eq!(running.blocks()[0].operations, [pay(1, 1)]);
}

#[test]
fn balances_found_before_execution_got_stuck_count() {
    let (gate, stuck) = gate();
    let mut world = world_without(&[Ask::Batches, Ask::Balances]);
    world.config.asking = Asking::OnHelperThread;
    world.offers(vec![vec![pay(1, 1), pay(2, 1)]]);
    let first = parking_lot::Mutex::new(true);
    world.execution.expect_balance().returning(move |_, _| {
        if !std::mem::take(&mut *first.lock()) {
            stuck();
        }
        Ok(Some(Amount::from_nanos(1_000)))
    });
    let mut running = world.run();
    let entry = step_past(&mut running, &gate, after_start(188));
    assert_made_without(&entry, &[Part::Balances, Part::Operations], Ask::Balances);
    assert_eq!(running.blocks()[0].operations.len(), 1);
}
