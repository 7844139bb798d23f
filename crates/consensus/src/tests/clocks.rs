//! A clock that is set back or leaps (design 03, clock): waits that run do not get longer, and slots
//! begin by what the clock shows.

use super::support::*;
use crate::mocks::Kit;
use crate::{ConsensusEvent, Input, Output};
use picot_clock::{Millis, Timestamp};
use picot_models::{Ballot, Slot};

const HOUR: u64 = 3_600_000;

/// Steps the engine at a time of its own clock; gives the ballots that it asks to be signed, signed
/// at once, and when it wants to be woken.
fn step(kit: &mut Kit, clock: u64) -> (Vec<Ballot>, Option<Timestamp>) {
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let outputs = engine.step(Timestamp(clock), Input::Tick);
    let mut ballots = Vec::new();
    for output in outputs {
        if let Output::Sign(all) = output {
            ballots.extend(all.iter().filter_map(|it| Some(it.vote()?.ballot)));
        }
    }
    (ballots, engine.wake_at())
}

#[test]
fn a_clock_that_is_set_back_does_not_make_running_waits_longer() {
    let mut kit = at_slot_1();
    let opened = kit.now.0;
    let timers = crate::Timers::new(&kit.genesis.params);
    let (choose, end) = (timers.candidate_wait().0, timers.round(0).0);
    assert_eq!(step(&mut kit, opened + choose - 10).0, []);
    let far = opened / 4;
    let back = opened + choose - 10 - far;
    let (ballots, wake_at) = step(&mut kit, back);
    assert_eq!(ballots, []);
    assert_eq!(wake_at, Some(Timestamp(back + 10)), "by the clock as it is");
    assert_eq!(step(&mut kit, back + 9).0, []);
    assert_eq!(step(&mut kit, back + 10).0, [notarise(MISS)]);
    let again = back + 10 - far;
    assert_eq!(step(&mut kit, again).0, [], "and back again");
    let left = end - choose;
    assert_eq!(step(&mut kit, again + left - 1).0, []);
    assert_eq!(step(&mut kit, again + left).0, [Ballot::Nullify]);
}

#[test]
fn slots_begin_by_what_the_clock_shows_also_after_it_was_set_back() {
    let mut kit = at_slot_1();
    let opened = kit.now.0;
    let t0 = kit.t0_ms();
    step(&mut kit, opened - t0 / 2);
    say_all(&mut kit, 0, finalise(MISS));
    assert_eq!(kit.nodes[0].decided_value(S1), Some(MISS));
    kit.nodes[0].events.clear();
    let second = Slot::new(2, 0);
    let is_open = |kit: &mut Kit, clock: u64| {
        step(kit, clock);
        let engine = kit.nodes[0].engine.as_ref().unwrap();
        let status = engine.undecided_status(second);
        matches!(status, crate::SlotStatus::Undecided { .. })
    };
    // What was said came at the kit's time, the last one before.
    assert!(!is_open(&mut kit, opened - t0 / 2));
    assert!(!is_open(&mut kit, opened + t0 / 2));
    assert!(!is_open(&mut kit, opened + t0 - 1));
    assert!(is_open(&mut kit, opened + t0));
}

#[test]
fn a_leap_ahead_counts_as_time_that_passed() {
    let mut kit = at_slot_1();
    let opened = kit.now.0;
    let engine = kit.nodes[0].engine.as_mut().unwrap();
    let outputs = engine.step(Timestamp(opened + HOUR), Input::Tick);
    let signed = outputs.iter().filter_map(|output| match output {
        Output::Sign(all) => Some(all.len()),
        _ => None,
    });
    assert_eq!(signed.sum::<usize>(), 2, "notarise, and nullify at the end");
    // And back to where it was: nothing is signed twice, nothing waits for an hour.
    let back = opened + 10;
    let (ballots, wake_at) = step(&mut kit, back);
    assert_eq!(ballots, []);
    let bound = crate::Timers::new(&kit.genesis.params).standstill(u32::MAX);
    assert!(wake_at.unwrap().since(Timestamp(back)).unwrap() <= bound);
}

#[test]
fn what_is_told_of_times_is_by_the_clock_as_it_is() {
    let mut kit = at_slot_1();
    let opened = kit.now.0;
    step(&mut kit, opened + 20);
    step(&mut kit, opened + 5);
    let engine = kit.nodes[0].engine.as_ref().unwrap();
    match engine.undecided_status(S1) {
        crate::SlotStatus::Undecided { opened_at, .. } => {
            assert_eq!(opened_at, Timestamp(opened - 15));
        }
        other => panic!("{other:?}"),
    }
    kit.now = Timestamp(opened + 5);
    say_all(&mut kit, 0, finalise(MISS));
    let delay = kit.nodes[0].events.iter().find_map(|event| match event {
        ConsensusEvent::Decided { delay, .. } => Some(*delay),
        _ => None,
    });
    assert_eq!(delay, Some(Millis(5)), "since the slot began");
}
