//! Parts that do not answer, because they are stuck or break down.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
};

use parking_lot::Mutex;
use picot_block_factory::{Asking, HistoryEntry, Part, SkipReason, mocks::MockHistoryLog};
use picot_clock::{Millis, Timestamp};
use picot_models::mocks::address;

use super::world::{
    Ask, Running, SLOT, TICK, World, block_id, draws, is_endorsed, key_of, reason_of, sign,
    world_without,
};
use crate::EndorsementFactory;

/// What happens to a part over a question.
type Trouble = Arc<dyn Fn() + Send + Sync>;

/// A world on helper threads in which one question meets with trouble.
fn in_trouble_over(ask: Ask, trouble: Trouble) -> World {
    let own = match ask {
        Ask::Announcing => Ask::Pooling,
        other => other,
    };
    let mut world = world_without(&[own]);
    world.config.asking = Asking::OnHelperThread;
    expect_trouble(&mut world, ask, trouble);
    world
}

fn expect_trouble(world: &mut World, ask: Ask, trouble: Trouble) {
    match ask {
        Ask::Addresses => {
            world.wallet.expect_addresses().returning(move || {
                trouble();
                vec![address(1), address(2)]
            });
        }
        Ask::Draws => {
            world.selector.expect_draws().returning(move |slot| {
                trouble();
                Ok(Arc::new(draws(slot, &[1, 9, 2, 1])))
            });
        }
        Ask::Block => {
            let question = world.consensus.expect_blockclique_block();
            question.returning(move |_| {
                trouble();
                Ok(Some(block_id()))
            });
        }
        Ask::Signing => {
            let keys = world.wallet.expect_public_key();
            keys.returning(|asked| Some(key_of(asked).public_key()));
            let signing = world.wallet.expect_sign_claimed();
            signing.returning(move |requests| {
                trouble();
                sign(requests)
            });
        }
        Ask::Storing => {
            let storing = world.storage.expect_put_endorsements();
            storing.returning(move |_| trouble());
        }
        Ask::Pooling => {
            world.pool.expect_add_endorsements().returning(move |_| {
                trouble();
                vec![]
            });
            let three = |endorsements: &[_]| endorsements.len() == 3;
            let announcing = world.network.expect_endorsements().withf(three);
            announcing.returning(|_| ());
        }
        Ask::Announcing => {
            world.pool.expect_add_endorsements().returning(|_| vec![]);
            let announcing = world.network.expect_endorsements();
            announcing.returning(move |_| trouble());
        }
        Ask::Recording => {
            let mut log = MockHistoryLog::new();
            log.expect_record().returning(move |_| {
                trouble();
                Ok(())
            });
            world.log = Some(log);
        }
    }
}

/// A part gets stuck until the test drops the gate.
struct Gate {
    entered: Receiver<()>,
    _open_on_drop: std::sync::mpsc::Sender<()>,
}

fn stuck_over(ask: Ask) -> (Running, Gate) {
    let (entered_sender, entered) = channel();
    let (_open_on_drop, closed) = channel::<()>();
    let closed = Mutex::new(closed);
    let stuck = move || {
        entered_sender.send(()).ok();
        closed.lock().recv().unwrap_err();
    };
    let gate = Gate {
        entered,
        _open_on_drop,
    };
    (in_trouble_over(ask, Arc::new(stuck)).run(), gate)
}

/// Steps at [`SLOT`]; once the part is stuck, the clock is set to when its share is over.
fn step_past(running: &mut Running, gate: &Gate, share_end_ms: u64) -> Vec<HistoryEntry> {
    let clock = running.clock.clone();
    thread::scope(|scope| {
        let step = scope.spawn(|| running.step(SLOT));
        gate.entered.recv().unwrap();
        clock.set(Timestamp(TICK.0 + share_end_ms));
        step.join().unwrap()
    })
}

fn entries_when_stuck(ask: Ask, share_end_ms: u64) -> Vec<HistoryEntry> {
    let (mut running, gate) = stuck_over(ask);
    step_past(&mut running, &gate, share_end_ms)
}

fn entries_when_broken(ask: Ask) -> Vec<HistoryEntry> {
    let mut running = in_trouble_over(ask, Arc::new(|| panic!("by a test"))).run();
    running.step(SLOT)
}

/// At the next slot of the thread, while a part is still busy with [`SLOT`].
fn entries_after_stuck(ask: Ask, share_end_ms: u64) -> Vec<HistoryEntry> {
    let (mut running, gate) = stuck_over(ask);
    step_past(&mut running, &gate, share_end_ms);
    running.clock.set(Timestamp(TICK.0 + 2_000));
    let entries = running.step(SLOT.next_in_thread().unwrap());
    let asked_again = gate.entered.try_recv().is_ok();
    assert!(!asked_again, "{ask:?} was asked a second time");
    assert!(entries.iter().all(|entry| entry.duration == Millis::ZERO));
    entries
}

/// Parts that an endorsement can do without: when their share is over, and what is then left out.
const DISPENSABLE: [(Ask, u64, &[Part]); 4] = [
    (Ask::Storing, 250, &[Part::Storage]),
    (Ask::Pooling, 250, &[Part::Pool]),
    (Ask::Announcing, 500, &[Part::Pool, Part::Network]),
    (Ask::Recording, 250, &[]),
];

/// Parts that it cannot do without: the reason if they fail, and how many lines tell it.
const INDISPENSABLE: [(Ask, SkipReason, usize); 4] = [
    (Ask::Addresses, SkipReason::LockedWallet, 1),
    (Ask::Draws, SkipReason::NoDraws, 2),
    (Ask::Block, SkipReason::ConsensusBehind, 3),
    (Ask::Signing, SkipReason::SigningFailed, 3),
];

fn assert_endorsed_without(entries: &[HistoryEntry], parts: &[Part], ask: Ask) {
    assert_eq!(entries.len(), 3, "{ask:?}: {entries:?}");
    assert!(entries.iter().all(is_endorsed), "{ask:?}: {entries:?}");
    let parts = parts.iter().copied().collect();
    assert!(
        entries.iter().all(|entry| entry.left_out == parts),
        "{ask:?}: {entries:?}"
    );
}

fn assert_skipped(entries: &[HistoryEntry], reason: SkipReason, lines: usize, ask: Ask) {
    assert_eq!(entries.len(), lines, "{ask:?}: {entries:?}");
    for entry in entries {
        assert_eq!(reason_of(entry), reason, "{ask:?}");
    }
}

#[test]
fn a_stuck_part_that_is_handed_endorsements_holds_up_none_of_the_others() {
    for (ask, share_end_ms, parts) in DISPENSABLE {
        let entries = entries_when_stuck(ask, share_end_ms);
        assert_endorsed_without(&entries, parts, ask);
    }
    let entries = entries_when_stuck(Ask::Storing, 250);
    assert_eq!(entries[0].duration, Millis(250));
}

#[test]
fn a_part_that_breaks_down_over_endorsements_holds_up_none_of_the_others() {
    for (ask, _, parts) in DISPENSABLE {
        assert_endorsed_without(&entries_when_broken(ask), parts, ask);
    }
}

#[test]
fn a_part_that_is_stuck_since_an_earlier_slot_is_left_out_at_once() {
    for (ask, share_end_ms, parts) in DISPENSABLE {
        let entries = entries_after_stuck(ask, share_end_ms);
        assert_endorsed_without(&entries, parts, ask);
    }
}

#[test]
fn a_part_without_which_there_is_nothing_to_sign_costs_the_slot_and_no_more() {
    for (ask, _, lines) in INDISPENSABLE {
        let entries = entries_when_stuck(ask, 500);
        assert_skipped(&entries, SkipReason::Late, lines, ask);
    }
}

#[test]
fn a_part_without_which_there_is_nothing_to_sign_is_named_if_it_breaks_down() {
    for (ask, reason, lines) in INDISPENSABLE {
        assert_skipped(&entries_when_broken(ask), reason, lines, ask);
    }
}

#[test]
fn without_a_part_that_is_stuck_since_an_earlier_slot_nothing_is_signed_and_nobody_waits() {
    for (ask, reason, lines) in INDISPENSABLE {
        let entries = entries_after_stuck(ask, 500);
        assert_skipped(&entries, reason, lines, ask);
    }
}

#[test]
fn a_history_that_is_stuck_loses_lines_and_never_an_endorsement() {
    let (mut running, gate) = stuck_over(Ask::Recording);
    step_past(&mut running, &gate, 250);
    assert_eq!(running.pooled.lock().len(), 3);
    let stats = running.producer.control().stats();
    assert_eq!(stats.lost_history_entries, 3);
}
