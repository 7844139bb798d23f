//! Parts that do not answer: no part stops a block but those without which there is none.

use std::{sync::Arc, thread};

use picot_clock::Timestamp;
use picot_models::{Amount, mocks::address};

use super::world::{
    Ask, Gate, Running, SLOT, Stuck, World, after_start, endorsement, endorser_draws, gate,
    parents, pay, reason_of, sign, summary, world_without,
};
use crate::{Asking, Event, HistoryEntry, Part, SkipReason};

/// A world on helper threads in which one question gets stuck.
fn stuck_over(ask: Ask) -> (World, Gate) {
    let (gate, stuck) = gate();
    let mut world = world_without(&[ask, Ask::Batches, Ask::Endorsements]);
    world.config.asking = Asking::OnHelperThread;
    if ask != Ask::Batches {
        world.offers(vec![vec![pay(1, 1)]]);
    }
    if ask != Ask::Endorsements {
        world
            .pool
            .expect_endorsements_for()
            .returning(|_, _| vec![endorsement(0, 11)]);
    }
    expect_stuck(&mut world, ask, stuck);
    (world, gate)
}

fn expect_stuck(world: &mut World, ask: Ask, stuck: Stuck) {
    macro_rules! stuck {
        ($expectation:expr, ($($argument:pat_param),*) => $answer:expr) => {{
            $expectation.returning(move |$($argument),*| {
                stuck();
                $answer
            });
        }};
    }
    match ask {
        Ask::Addresses => stuck!(world.wallet.expect_addresses(), () => vec![address(1)]),
        Ask::Ranks => stuck!(world.selector.expect_producer_rank(), (_, _) => Ok(Some(0))),
        Ask::Parents => stuck!(world.consensus.expect_best_parents(), (_, _) => Ok(parents(1))),
        Ask::Endorsements => stuck!(world.pool.expect_endorsements_for(), (_, _) => vec![]),
        Ask::Endorsers => {
            stuck!(world.selector.expect_draws(), (slot) => Ok(Arc::new(
                endorser_draws(slot)
            )))
        }
        Ask::Executed => {
            world.execution.expect_summary().returning(|| summary(SLOT));
            stuck!(world.execution.expect_executed_operations(), (_) => Ok(
                [].into()
            ));
        }
        Ask::Batches => stuck!(world.pool.expect_batch(), (_, _, _, _) => vec![]),
        Ask::Balances => {
            stuck!(world.execution.expect_balance(), (_, _) => Ok(Some(
                Amount::from_nanos(99)
            )))
        }
        Ask::Denunciations => stuck!(world.pool.expect_denunciations_for(), (_) => vec![]),
        Ask::Signing => {
            let public_key = picot_models::mocks::key(1).public_key();
            world.wallet.expect_public_key().return_const(public_key);
            stuck!(world.wallet.expect_sign_claimed(), (requests) => sign(
                requests
            ))
        }
        Ask::Storing => stuck!(world.storage.expect_put_block(), (_) => ()),
        Ask::Registering => stuck!(world.consensus.expect_register_block(), (_) => Ok(())),
    }
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
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

fn entry_when_stuck(ask: Ask, share_end_ms: u64) -> HistoryEntry {
    let (world, gate) = stuck_over(ask);
    step_past(&mut world.run(), &gate, after_start(share_end_ms))
}

#[test]
fn a_block_is_made_without_the_one_part_that_is_stuck() {
    let stuck = [
        (Ask::Endorsements, 32, Part::Endorsements),
        (Ask::Endorsers, 32, Part::Endorsements),
        (Ask::Executed, 32, Part::ExecutedOperations),
        (Ask::Denunciations, 219, Part::Denunciations),
        (Ask::Storing, 250, Part::Storage),
        (Ask::Registering, 500, Part::Registration),
    ];
    for (ask, share_end_ms, part) in stuck {
        let entry = entry_when_stuck(ask, share_end_ms);
        assert!(
            matches!(entry.event, Event::ProducedBlock(_)),
            "{ask:?}: {entry:?}"
        );
        assert_eq!(entry.left_out, [part].into(), "{ask:?}");
    }
}

#[test]
fn a_stuck_source_of_operations_costs_the_operations_only() {
    let entry = entry_when_stuck(Ask::Batches, 188);
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert_eq!(entry.left_out, [Part::Operations].into());
    let entry = entry_when_stuck(Ask::Balances, 188);
    assert!(matches!(entry.event, Event::ProducedBlock(_)));
    assert_eq!(entry.left_out, [Part::Balances, Part::Operations].into());
}

#[test]
fn a_part_without_which_there_is_no_block_costs_the_slot_and_no_more() {
    let stuck = [
        (Ask::Addresses, 250),
        (Ask::Ranks, 250),
        (Ask::Parents, 157),
        (Ask::Signing, 500),
    ];
    for (ask, share_end_ms) in stuck {
        let entry = entry_when_stuck(ask, share_end_ms);
        assert_eq!(reason_of(&entry), SkipReason::Late, "{ask:?}");
        let address = (ask != Ask::Addresses).then(|| address(1));
        assert_eq!(entry.address, address, "{ask:?}");
    }
}

#[test]
fn a_part_that_is_stuck_since_an_earlier_slot_is_left_out_at_once() {
    let (world, gate) = stuck_over(Ask::Denunciations);
    let mut running = world.run();
    step_past(&mut running, &gate, after_start(219));
    running.clock.set(after_start(500));
    let next = SLOT.next(4).unwrap();
    let entries = running.step(next);
    assert!(
        matches!(entries[0].event, Event::ProducedBlock(_)),
        "{entries:?}"
    );
    assert_eq!(entries[0].left_out, [Part::Denunciations].into());
    assert!(
        gate.entered.try_recv().is_err(),
        "it was not asked a second time"
    );
}

#[test]
fn a_wallet_that_is_stuck_over_an_earlier_slot_is_not_asked_to_sign() {
    let (world, gate) = stuck_over(Ask::Signing);
    let mut running = world.run();
    step_past(&mut running, &gate, after_start(500));
    let entries = running.step(SLOT.next(4).unwrap());
    assert_eq!(reason_of(&entries[0]), SkipReason::SigningFailed);
    assert!(running.blocks().is_empty());
}

#[test]
fn a_consensus_that_is_stuck_over_an_earlier_block_is_behind() {
    let (world, gate) = stuck_over(Ask::Registering);
    let mut running = world.run();
    step_past(&mut running, &gate, after_start(500));
    let entries = running.step(SLOT.next(4).unwrap());
    assert_eq!(reason_of(&entries[0]), SkipReason::ConsensusBehind);
}
