//! The contract of [`BlockArchive`] as tests: run them on every archive.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests, and fail by panicking"
)]

use super::{candidate, decided_block, decided_miss, outcome_of_round};
use crate::{BlockArchive, Decided, StorageError};
use picot_models::{BlockId, Slot, Value};

/// Checks everything that an archive promises while it is open, each rule on an archive that
/// `fresh` makes empty.
///
/// # Panics
/// If a promise is broken.
pub fn archive_suite<A: BlockArchive>(mut fresh: impl FnMut() -> A) {
    an_empty_archive_knows_nothing(&fresh());
    a_decided_block_is_read_with_its_outcome_and_body(&fresh());
    a_range_miss_settles_every_period_through_its_last(&fresh());
    the_cursor_is_the_last_outcome_of_its_own_thread(&fresh());
    decisions_are_read_in_ascending_order_up_to_the_limit(&fresh());
    reading_from_inside_a_range_miss_begins_with_it(&fresh());
    the_same_decision_again_is_fine_and_the_first_certificate_stays(&fresh());
    a_second_outcome_of_a_slot_is_a_contradiction(&fresh());
    an_outcome_that_does_not_follow_is_a_gap(&fresh());
    a_batch_is_stored_whole_or_not_at_all(&fresh());
    many_decisions_of_many_threads_go_in_one_batch(&fresh());
    a_decided_block_needs_its_body_given_or_held(&fresh());
    a_body_that_is_not_the_decided_one_is_refused(&fresh());
    candidates_are_found_by_id_until_another_block_is_decided(&fresh());
    candidates_of_settled_slots_are_not_kept(&fresh());
    what_is_old_is_dropped_and_the_rest_stays(&fresh());
    a_range_miss_that_reaches_over_the_end_is_kept_whole(&fresh());
    the_oldest_go_first_and_only_so_many_at_once(&fresh());
    a_thread_that_is_dropped_whole_goes_on_anywhere(&fresh());
    dropping_what_is_not_there_does_nothing(&fresh());
}

/// Checks what an archive promises over a restart: `reopen` closes the archive and opens it again.
///
/// # Panics
/// If a promise is broken.
pub fn archive_reopen_suite<A: BlockArchive>(
    mut fresh: impl FnMut() -> A,
    mut reopen: impl FnMut(A) -> A,
) {
    let (first, second) = (candidate(slot(1), 1, 3), candidate(slot(2), 2, 2));
    let archive = fresh();
    ok(archive.store_candidates(std::slice::from_ref(&second)));
    ok(archive.store_decided(&[decided_block(&first)]));
    let archive = reopen(archive);
    assert_eq!(ok(archive.decided_at(slot(1))), Some(decided_block(&first)));
    let held = ok(archive.block(&second.id()));
    assert_eq!(held, Some(second.clone()), "a candidate outlives a restart");
    let decision = Decided {
        block: None,
        ..decided_block(&second)
    };
    ok(archive.store_decided(&[decision, decided_miss(slot(3), 9)]));
    let archive = reopen(archive);
    let expected = [
        decided_block(&first),
        decided_block(&second),
        decided_miss(slot(3), 9),
    ];
    assert_eq!(ok(archive.decided_from(THREAD, 0, 9)), expected);
    assert_eq!(cursor(&archive), Some(slot(3)));
    let contradiction = archive.store_decided(&[decided_miss(slot(2), 2)]);
    let contradiction = matches!(contradiction, Err(StorageError::Contradiction { .. }));
    assert!(contradiction, "a restart forgets nothing");
    ok(archive.store_decided(&[decided_miss(slot(10), 10)]));
    assert_eq!(cursor(&archive), Some(slot(10)));
    ok(archive.prune_before(slot(3), 9));
    let archive = reopen(archive);
    assert_eq!(begin(&archive), Some(slot(3)));
    assert_eq!(ok(archive.block(&second.id())), None);
    ok(archive.prune_before(slot(20), 9));
    let archive = reopen(archive);
    assert_eq!(
        (begin(&archive), cursor(&archive)),
        (None, None),
        "what was dropped does not come back"
    );
    ok(archive.store_decided(&[decided_miss(slot(40), 40)]));
    assert_eq!(begin(&archive), Some(slot(40)));
}

const THREAD: u8 = 1;

fn slot(period: u64) -> Slot {
    Slot::new(period, THREAD)
}

fn ok<T>(result: Result<T, StorageError>) -> T {
    result.unwrap()
}

fn cursor(archive: &impl BlockArchive) -> Option<Slot> {
    ok(archive.last_outcome(THREAD)).map(|outcome| outcome.slot())
}

fn begin(archive: &impl BlockArchive) -> Option<Slot> {
    ok(archive.first_outcome(THREAD)).map(|outcome| outcome.slot())
}

fn an_empty_archive_knows_nothing(archive: &impl BlockArchive) {
    assert_eq!(cursor(archive), None);
    assert_eq!(begin(archive), None);
    assert_eq!(ok(archive.decided_at(slot(1))), None);
    assert_eq!(ok(archive.decided_from(THREAD, 0, 10)), []);
    assert_eq!(ok(archive.block(&candidate(slot(1), 1, 0).id())), None);
    ok(archive.store_decided(&[]));
    ok(archive.store_candidates(&[]));
}

fn a_decided_block_is_read_with_its_outcome_and_body(archive: &impl BlockArchive) {
    let block = candidate(slot(5), 1, 3);
    ok(archive.store_decided(&[decided_block(&block)]));
    assert_eq!(ok(archive.decided_at(slot(5))), Some(decided_block(&block)));
    assert_eq!(ok(archive.block(&block.id())), Some(block));
    assert_eq!(ok(archive.decided_at(slot(4))), None);
    assert_eq!(ok(archive.decided_at(slot(6))), None);
}

fn a_range_miss_settles_every_period_through_its_last(archive: &impl BlockArchive) {
    let miss = decided_miss(slot(3), 7);
    ok(archive.store_decided(&[decided_miss(slot(2), 2), miss.clone()]));
    for period in 3..=7 {
        assert_eq!(ok(archive.decided_at(slot(period))), Some(miss.clone()));
    }
    assert_eq!(ok(archive.decided_at(slot(8))), None);
    assert_eq!(ok(archive.decided_at(Slot::new(5, THREAD + 1))), None);
    let after = decided_miss(slot(8), 8);
    ok(archive.store_decided(std::slice::from_ref(&after)));
    assert_eq!(ok(archive.decided_at(slot(8))), Some(after));
}

fn the_cursor_is_the_last_outcome_of_its_own_thread(archive: &impl BlockArchive) {
    let other = Slot::new(7, THREAD + 1);
    ok(archive.store_decided(&[decided_miss(slot(1), 4), decided_miss(other, 7)]));
    assert_eq!(cursor(archive), Some(slot(1)));
    ok(archive.store_decided(&[decided_miss(slot(5), 5)]));
    assert_eq!(cursor(archive), Some(slot(5)));
    let of_other = ok(archive.last_outcome(THREAD + 1)).map(|outcome| outcome.slot());
    assert_eq!(of_other, Some(other));
    assert!(ok(archive.last_outcome(THREAD - 1)).is_none());
}

fn decisions_are_read_in_ascending_order_up_to_the_limit(archive: &impl BlockArchive) {
    // Across 255 and 65,535, where an order by the wrong bytes would show.
    let start = 65_530;
    let all: Vec<_> = (start..start + 300)
        .map(|period| decided_miss(slot(period), period))
        .collect();
    ok(archive.store_decided(&all));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 1_000)), all);
    assert_eq!(
        ok(archive.decided_from(THREAD, start + 10, 20)),
        all[10..30]
    );
    assert_eq!(
        ok(archive.decided_from(THREAD, start + 298, 20)),
        all[298..]
    );
    assert_eq!(ok(archive.decided_from(THREAD, start + 300, 20)), []);
    assert_eq!(ok(archive.decided_from(THREAD, start, 0)), []);
    assert_eq!(ok(archive.decided_from(THREAD + 1, 0, 20)), []);
}

fn reading_from_inside_a_range_miss_begins_with_it(archive: &impl BlockArchive) {
    let all = [
        decided_miss(slot(1), 4),
        decided_miss(slot(5), 9),
        decided_miss(slot(10), 10),
    ];
    ok(archive.store_decided(&all));
    assert_eq!(ok(archive.decided_from(THREAD, 7, 10)), all[1..]);
    assert_eq!(ok(archive.decided_from(THREAD, 5, 1)), all[1..2]);
}

fn the_same_decision_again_is_fine_and_the_first_certificate_stays(archive: &impl BlockArchive) {
    let block = candidate(slot(2), 1, 1);
    let all = [
        decided_miss(slot(1), 1),
        decided_block(&block),
        decided_miss(slot(3), 5),
    ];
    ok(archive.store_decided(&all));
    ok(archive.store_decided(&all));
    let again = |value| Decided {
        outcome: outcome_of_round(slot(2), value, 4),
        block: Some(block.clone()),
    };
    ok(archive.store_decided(&[again(Value::Block { id: block.id() })]));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 10)), all);
    assert_eq!(cursor(archive), Some(slot(3)));
}

fn a_second_outcome_of_a_slot_is_a_contradiction(archive: &impl BlockArchive) {
    let (block, other) = (candidate(slot(1), 1, 1), candidate(slot(1), 2, 1));
    let all = [decided_block(&block), decided_miss(slot(2), 6)];
    ok(archive.store_decided(&all));
    let contradictions = [
        decided_block(&other),
        decided_miss(slot(1), 1),
        decided_miss(slot(2), 7),
        decided_miss(slot(2), 2),
        decided_miss(slot(4), 6),
        decided_block(&candidate(slot(6), 1, 0)),
    ];
    for contradiction in contradictions {
        let result = archive.store_decided(std::slice::from_ref(&contradiction));
        let refused = matches!(&result, Err(StorageError::Contradiction { .. }));
        assert!(refused, "{contradiction:?} gave {result:?}");
    }
    let within_one_batch = [
        decided_miss(slot(7), 7),
        decided_block(&candidate(slot(7), 1, 0)),
    ];
    let result = archive.store_decided(&within_one_batch);
    assert!(matches!(result, Err(StorageError::Contradiction { .. })));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 10)), all);
    assert_eq!(ok(archive.block(&other.id())), None);
}

fn an_outcome_that_does_not_follow_is_a_gap(archive: &impl BlockArchive) {
    ok(archive.store_decided(&[decided_miss(slot(5), 7)]));
    for period in [1, 4, 9, 100] {
        let result = archive.store_decided(&[decided_miss(slot(period), period)]);
        let refused = matches!(result, Err(StorageError::Gap { expected: 8, .. }));
        assert!(refused, "period {period}: {result:?}");
    }
    let result = archive.store_decided(&[decided_miss(slot(8), 8), decided_miss(slot(10), 10)]);
    assert!(matches!(result, Err(StorageError::Gap { expected: 9, .. })));
}

fn a_batch_is_stored_whole_or_not_at_all(archive: &impl BlockArchive) {
    let block = candidate(slot(1), 1, 1);
    let batch = [
        decided_block(&block),
        decided_miss(slot(2), 2),
        decided_miss(slot(9), 9),
    ];
    assert!(archive.store_decided(&batch).is_err());
    assert_eq!(cursor(archive), None);
    assert_eq!(ok(archive.decided_at(slot(1))), None);
    assert_eq!(ok(archive.block(&block.id())), None);
}

fn many_decisions_of_many_threads_go_in_one_batch(archive: &impl BlockArchive) {
    let batch: Vec<_> = (1..=50)
        .flat_map(|period| (0..4).map(move |thread| Slot::new(period, thread)))
        .map(|slot| match slot.period % 3 {
            0 => decided_block(&candidate(slot, 1, 1)),
            _ => decided_miss(slot, slot.period),
        })
        .collect();
    ok(archive.store_decided(&batch));
    for thread in 0..4 {
        let of_thread: Vec<_> = batch
            .iter()
            .filter(|decided| decided.slot().thread == thread)
            .cloned()
            .collect();
        assert_eq!(ok(archive.decided_from(thread, 0, 100)), of_thread);
    }
}

fn a_decided_block_needs_its_body_given_or_held(archive: &impl BlockArchive) {
    let block = candidate(slot(1), 1, 2);
    let without_body = Decided {
        block: None,
        ..decided_block(&block)
    };
    let result = archive.store_decided(std::slice::from_ref(&without_body));
    assert!(
        matches!(result, Err(StorageError::MissingBody { .. })),
        "{result:?}"
    );
    ok(archive.store_candidates(std::slice::from_ref(&block)));
    ok(archive.store_decided(&[without_body]));
    assert_eq!(ok(archive.decided_at(slot(1))), Some(decided_block(&block)));
}

fn a_body_that_is_not_the_decided_one_is_refused(archive: &impl BlockArchive) {
    let (block, other) = (candidate(slot(1), 1, 1), candidate(slot(1), 2, 1));
    let elsewhere = candidate(slot(2), 1, 1);
    let wrong = [
        Decided {
            block: Some(other),
            ..decided_block(&block)
        },
        Decided {
            block: Some(block.clone()),
            ..decided_miss(slot(1), 1)
        },
        Decided {
            outcome: outcome_of_round(slot(1), Value::Block { id: elsewhere.id() }, 0),
            block: Some(elsewhere),
        },
    ];
    for decided in wrong {
        let result = archive.store_decided(&[decided]);
        assert!(
            matches!(result, Err(StorageError::WrongBody { .. })),
            "{result:?}"
        );
    }
    assert_eq!(cursor(archive), None);
}

fn candidates_are_found_by_id_until_another_block_is_decided(archive: &impl BlockArchive) {
    let candidates: Vec<_> = (1..=3).map(|key| candidate(slot(1), key, key)).collect();
    let later = candidate(slot(2), 1, 0);
    let elsewhere = candidate(Slot::new(1, THREAD + 1), 1, 0);
    ok(archive.store_candidates(&candidates));
    ok(archive.store_candidates(&[later.clone(), elsewhere.clone(), later.clone()]));
    let found = |id: BlockId| ok(archive.block(&id));
    for candidate in &candidates {
        assert_eq!(found(candidate.id()).as_ref(), Some(candidate));
    }
    assert_eq!(cursor(archive), None, "a candidate decides nothing");
    assert_eq!(ok(archive.decided_at(slot(1))), None);
    ok(archive.store_decided(&[decided_block(&candidates[1])]));
    assert_eq!(found(candidates[0].id()), None);
    assert_eq!(found(candidates[1].id()).as_ref(), Some(&candidates[1]));
    assert_eq!(found(candidates[2].id()), None);
    assert_eq!(found(later.id()), Some(later.clone()));
    assert_eq!(found(elsewhere.id()), Some(elsewhere));
    ok(archive.store_decided(&[decided_miss(slot(2), 3)]));
    assert_eq!(found(later.id()), None);
}

fn candidates_of_settled_slots_are_not_kept(archive: &impl BlockArchive) {
    let decided = candidate(slot(4), 1, 1);
    ok(archive.store_decided(&[decided_miss(slot(1), 3), decided_block(&decided)]));
    let late = [
        candidate(slot(2), 1, 0),
        candidate(slot(4), 2, 0),
        decided.clone(),
    ];
    ok(archive.store_candidates(&late));
    assert_eq!(ok(archive.block(&late[0].id())), None);
    assert_eq!(ok(archive.block(&late[1].id())), None);
    assert_eq!(ok(archive.block(&decided.id())), Some(decided));
}

/// Ten blocks, one in each period from 1 on.
fn ten_blocks(archive: &impl BlockArchive) -> Vec<Decided> {
    let blocks = (1..=10).map(|period| decided_block(&candidate(slot(period), 1, period)));
    let blocks: Vec<_> = blocks.collect();
    ok(archive.store_decided(&blocks));
    blocks
}

fn what_is_old_is_dropped_and_the_rest_stays(archive: &impl BlockArchive) {
    let blocks = ten_blocks(archive);
    let other = Slot::new(5, THREAD + 1);
    let of_other = [
        decided_miss(Slot::new(4, THREAD + 1), 4),
        decided_miss(other, 5),
    ];
    ok(archive.store_decided(&of_other));
    // Before slot 6 of this thread is also period 5 of the next one.
    let pruned = ok(archive.prune_before(slot(6), 100));
    assert_eq!((pruned.outcomes, pruned.blocks), (7, 5));
    assert!(pruned.bytes > 0);
    assert!(ok(archive.prune_before(slot(6), 100)).is_nothing());
    ok(archive.reclaim());
    assert_eq!(
        (begin(archive), cursor(archive)),
        (Some(slot(6)), Some(slot(10)))
    );
    assert_eq!(ok(archive.decided_from(THREAD, 0, 100)), blocks[5..]);
    assert_eq!(ok(archive.decided_from(THREAD, 6, 100)), blocks[5..]);
    assert!(ok(archive.first_outcome(THREAD + 1)).is_none());
    for (index, decided) in blocks.iter().enumerate() {
        let kept = (index >= 5).then(|| decided.clone());
        assert_eq!(ok(archive.decided_at(decided.slot())), kept);
        let id = decided.block.as_ref().unwrap().id();
        assert_eq!(ok(archive.block(&id)), kept.and_then(|kept| kept.block));
    }
    let late = archive.store_decided(&blocks[..1]);
    assert!(
        matches!(late, Err(StorageError::Gap { expected: 11, .. })),
        "what was dropped is not taken again: {late:?}"
    );
    ok(archive.store_decided(&[decided_miss(slot(11), 12)]));
    assert_eq!(cursor(archive), Some(slot(11)));
}

fn a_range_miss_that_reaches_over_the_end_is_kept_whole(archive: &impl BlockArchive) {
    let all = [
        decided_miss(slot(1), 2),
        decided_miss(slot(3), 8),
        decided_miss(slot(9), 9),
    ];
    ok(archive.store_decided(&all));
    ok(archive.prune_before(slot(8), 100));
    assert_eq!(ok(archive.decided_at(slot(4))), Some(all[1].clone()));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 9)), all[1..]);
    ok(archive.prune_before(slot(9), 100));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 9)), all[2..]);
    assert_eq!(ok(archive.decided_at(slot(4))), None);
}

fn the_oldest_go_first_and_only_so_many_at_once(archive: &impl BlockArchive) {
    let blocks = ten_blocks(archive);
    for left in [3, 6, 8] {
        assert!(!ok(archive.prune_before(slot(9), 3)).is_nothing());
        assert_eq!(ok(archive.decided_from(THREAD, 0, 100)), blocks[left..]);
    }
    assert!(ok(archive.prune_before(slot(9), 3)).is_nothing());
}

fn a_thread_that_is_dropped_whole_goes_on_anywhere(archive: &impl BlockArchive) {
    ten_blocks(archive);
    let (early, late) = (candidate(slot(12), 1, 1), candidate(slot(20), 1, 1));
    ok(archive.store_candidates(&[early.clone(), late.clone()]));
    while !ok(archive.prune_before(slot(15), 4)).is_nothing() {}
    assert_eq!((begin(archive), cursor(archive)), (None, None));
    assert_eq!(ok(archive.decided_from(THREAD, 0, 100)), []);
    assert_eq!(ok(archive.block(&early.id())), None);
    assert_eq!(ok(archive.block(&late.id())), Some(late));
    let next = decided_miss(slot(15), 15);
    ok(archive.store_decided(std::slice::from_ref(&next)));
    assert_eq!(
        (begin(archive), cursor(archive)),
        (Some(slot(15)), Some(slot(15)))
    );
}

fn dropping_what_is_not_there_does_nothing(archive: &impl BlockArchive) {
    assert!(ok(archive.prune_before(slot(100), 10)).is_nothing());
    let blocks = ten_blocks(archive);
    assert!(ok(archive.prune_before(slot(0), 10)).is_nothing());
    assert!(ok(archive.prune_before(slot(1), 10)).is_nothing());
    assert_eq!(ok(archive.decided_from(THREAD, 0, 100)), blocks);
}
