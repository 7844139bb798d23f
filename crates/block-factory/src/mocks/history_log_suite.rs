//! The contract of [`HistoryLog`] as tests: run them on every log.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these are tests, and fail by panicking"
)]

use picot_clock::{Millis, Slot};
use picot_models::{BlockId, Hash, mocks::address};

use super::history_entry;
use crate::{Duty, Event, Fate, HistoryEntry, HistoryLog, Part};

/// Checks everything that a history promises while it is open, each rule on a history of at most so
/// many entries that `fresh` makes empty.
///
/// # Panics
/// If a promise is broken.
pub fn history_log_suite<L: HistoryLog>(mut fresh: impl FnMut(usize) -> L) {
    an_empty_history_tells_nothing(&fresh(3));
    the_latest_come_first_whatever_the_order_of_arrival(&fresh(9));
    entries_of_one_slot_keep_their_order_and_nothing_is_overwritten(&fresh(9));
    the_earliest_leave_over_the_bound(&fresh(3));
    readers_go_on_before_a_slot(&fresh(9));
    each_entry_of_a_decided_slot_gets_its_own_fate(&fresh(9));
    slots_without_a_fate_are_told_earliest_first_and_once(&fresh(9));
    a_slot_without_entries_may_be_settled(&fresh(9));
}

/// Checks what a history that outlives the process promises: `reopen` closes it and opens it again
/// with the same bound, which is `max_entries` of the call of `fresh`.
///
/// # Panics
/// If a promise is broken.
pub fn history_log_reopen_suite<L: HistoryLog>(
    mut fresh: impl FnMut(usize) -> L,
    mut reopen: impl FnMut(L) -> L,
) {
    let log = fresh(3);
    let entries = [produced(1, 1), full_entry(2), history_entry(3, 0)];
    log.record(&entries).unwrap();
    log.settle(Slot::new(1, 0), Some(block(1))).unwrap();
    let log = reopen(log);
    let kept = log.latest(None, 9).unwrap();
    assert_eq!(kept[0], entries[2]);
    assert_eq!(kept[1], entries[1], "every field is kept");
    assert_eq!(kept[2].fate, Fate::Decided);
    assert_eq!(slots(&log.undecided(9).unwrap()), [2, 3]);
    log.record(&[history_entry(3, 0), history_entry(4, 0)])
        .unwrap();
    let log = reopen(log);
    assert_eq!(periods(&log, None, 9), [4, 3, 3], "the bound holds");
}

fn block(number: u8) -> BlockId {
    Hash([number; 32]).into()
}

fn produced(period: u64, number: u8) -> HistoryEntry {
    HistoryEntry {
        event: Event::ProducedBlock(block(number)),
        ..history_entry(period, 0)
    }
}

fn full_entry(period: u64) -> HistoryEntry {
    HistoryEntry {
        address: None,
        duty: Duty::Endorsement { index: Some(3) },
        event: Event::ProducedEndorsement {
            id: Hash([7; 32]).into(),
            block: block(8),
        },
        left_out: [Part::Pool, Part::Network].into(),
        duration: Millis(12),
        ..history_entry(period, 0)
    }
}

fn periods(log: &impl HistoryLog, before: Option<Slot>, max: usize) -> Vec<u64> {
    let latest = log.latest(before, max).unwrap();
    latest.iter().map(|entry| entry.slot.period).collect()
}

fn slots(slots: &[Slot]) -> Vec<u64> {
    slots.iter().map(|slot| slot.period).collect()
}

fn an_empty_history_tells_nothing(log: &impl HistoryLog) {
    assert_eq!(log.latest(None, 9).unwrap(), []);
    assert_eq!(log.undecided(9).unwrap(), []);
    log.record(&[]).unwrap();
    assert_eq!(log.latest(None, 9).unwrap(), []);
}

fn the_latest_come_first_whatever_the_order_of_arrival(log: &impl HistoryLog) {
    // Missed ticks are told after the slot that was in time.
    log.record(&[history_entry(300, 0), history_entry(2, 1)])
        .unwrap();
    log.record(&[history_entry(2, 0)]).unwrap();
    let latest = log.latest(None, 9).unwrap();
    let latest: Vec<_> = latest.iter().map(|entry| entry.slot).collect();
    assert_eq!(
        latest,
        [Slot::new(300, 0), Slot::new(2, 1), Slot::new(2, 0)]
    );
    assert_eq!(periods(log, None, 1), [300]);
    assert_eq!(periods(log, None, 0), [0_u64; 0]);
}

fn entries_of_one_slot_keep_their_order_and_nothing_is_overwritten(log: &impl HistoryLog) {
    // A node that is started again in the slot of its block waits, and tells so too.
    log.record(&[produced(1, 1), produced(1, 2)]).unwrap();
    log.record(&[history_entry(1, 0)]).unwrap();
    let expected = [history_entry(1, 0), produced(1, 2), produced(1, 1)];
    assert_eq!(log.latest(None, 9).unwrap(), expected);
}

fn the_earliest_leave_over_the_bound(log: &impl HistoryLog) {
    log.record(&[history_entry(1, 0), history_entry(2, 0)])
        .unwrap();
    log.record(&[history_entry(3, 0), history_entry(4, 0)])
        .unwrap();
    assert_eq!(periods(log, None, 9), [4, 3, 2]);
    assert_eq!(slots(&log.undecided(9).unwrap()), [2, 3, 4]);
}

fn readers_go_on_before_a_slot(log: &impl HistoryLog) {
    for period in 1..=4 {
        log.record(&[history_entry(period, 0), history_entry(period, 1)])
            .unwrap();
    }
    assert_eq!(periods(log, Some(Slot::new(3, 1)), 2), [3, 2]);
    assert_eq!(periods(log, Some(Slot::new(1, 0)), 2), [0_u64; 0]);
}

fn each_entry_of_a_decided_slot_gets_its_own_fate(log: &impl HistoryLog) {
    log.record(&[produced(1, 1), produced(1, 2), history_entry(1, 0)])
        .unwrap();
    log.record(&[produced(2, 1), produced(3, 1)]).unwrap();
    log.settle(Slot::new(1, 0), Some(block(2))).unwrap();
    log.settle(Slot::new(2, 0), None).unwrap();
    let latest = log.latest(None, 9).unwrap();
    let fates: Vec<_> = latest.iter().rev().map(|entry| entry.fate).collect();
    let lost = Fate::LostTo(block(2));
    assert_eq!(
        fates,
        [lost, Fate::Decided, lost, Fate::Missed, Fate::Undecided]
    );
}

fn slots_without_a_fate_are_told_earliest_first_and_once(log: &impl HistoryLog) {
    log.record(&[
        history_entry(5, 0),
        history_entry(5, 0),
        history_entry(4, 0),
    ])
    .unwrap();
    log.record(&[history_entry(6, 0)]).unwrap();
    assert_eq!(slots(&log.undecided(9).unwrap()), [4, 5, 6]);
    assert_eq!(slots(&log.undecided(2).unwrap()), [4, 5]);
    log.give_up(Slot::new(4, 0)).unwrap();
    assert_eq!(slots(&log.undecided(9).unwrap()), [5, 6]);
    assert_eq!(
        log.latest(None, 9).unwrap()[3].address,
        Some(address(1)),
        "nothing else changes"
    );
}

fn a_slot_without_entries_may_be_settled(log: &impl HistoryLog) {
    log.settle(Slot::new(9, 0), Some(block(1))).unwrap();
    log.give_up(Slot::new(9, 1)).unwrap();
    assert_eq!(log.latest(None, 9).unwrap(), []);
}
