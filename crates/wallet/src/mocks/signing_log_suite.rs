//! The contract of [`SigningLog`] as tests: run them on every log.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests, and fail by panicking"
)]

use super::request;
use crate::{
    ClaimKind, ClaimRecord, ClaimVerdict, Refusal, SigningHistory, SigningLog, SigningLogError,
};
use picot_models::mocks::address;
use picot_models::{Hash, Slot};

/// Checks everything that a signing log promises while it is open, each rule on a log that `fresh`
/// makes empty.
///
/// # Panics
/// If a promise is broken.
pub fn signing_log_suite<L: SigningLog>(mut fresh: impl FnMut() -> L) {
    an_empty_log_has_no_records(&fresh());
    a_first_claim_is_safe_and_recorded(&fresh());
    the_same_content_again_is_safe_and_the_first_payload_stays(&fresh());
    other_content_for_a_claim_is_not_safe(&fresh());
    claims_differ_by_address_kind_slot_and_round(&fresh());
    nullify_and_finalise_of_one_round_exclude_each_other(&fresh());
    a_batch_may_be_refused_in_part(&fresh());
    two_contents_for_one_claim_in_a_batch_are_one_safe_and_one_not(&fresh());
    records_are_of_one_address_from_a_slot_on_and_ascend(&fresh());
    pruned_slots_are_refused_and_the_rest_is_kept(&fresh());
    the_horizon_of_pruning_never_moves_back(&fresh());
    of_many_threads_with_other_contents_one_gets_the_claim(&fresh());
}

/// Checks what a signing log promises over a restart: `reopen` closes the log and opens it again.
///
/// # Panics
/// If a promise is broken.
pub fn signing_log_reopen_suite<L: SigningLog>(
    mut fresh: impl FnMut() -> L,
    mut reopen: impl FnMut(L) -> L,
) {
    let log = fresh();
    let votes = [vote(1, 4, 1), vote(1, 5, 2), vote(2, 5, 3)];
    assert_eq!(claim(&log, &votes), [SAFE; 3]);
    let log = reopen(log);
    assert_eq!(records(&log, 1, 0), votes[..2]);
    assert_eq!(
        claim(&log, &votes),
        [SAFE; 3],
        "the same again after a restart"
    );
    assert_eq!(claim(&log, &[vote(1, 5, 9)]), [taken(2)]);
    ok(log.prune(slot(5)));
    let log = reopen(log);
    assert_eq!(records(&log, 1, 0), votes[1..2]);
    assert_eq!(claim(&log, &[vote(1, 4, 9)]), [pruned(5)]);
    assert_eq!(claim(&log, &[vote(1, 6, 9)]), [SAFE]);
}

/// Checks what a signing log tells of itself, on a log that `fresh` makes empty.
///
/// # Panics
/// If a promise is broken.
pub fn signing_history_suite<L: SigningHistory>(mut fresh: impl FnMut() -> L) {
    let log = fresh();
    assert_eq!(ok(log.addresses()), []);
    assert_eq!(ok(log.horizon()), Slot::GENESIS);
    // Several claims of one address are one address.
    claim(&log, &[vote(1, 4, 1), vote(1, 5, 1), vote(2, 5, 1)]);
    claim(&log, &[vote(3, 9, 1)]);
    let mut expected = [1, 2, 3].map(address);
    expected.sort();
    assert_eq!(ok(log.addresses()), expected);
    ok(log.prune(slot(6)));
    assert_eq!(ok(log.addresses()), [address(3)]);
    assert_eq!(ok(log.horizon()), slot(6));
}

const SAFE: ClaimVerdict = ClaimVerdict::Safe;

fn taken(content: u8) -> ClaimVerdict {
    ClaimVerdict::NotSafe {
        reason: Refusal::Taken {
            by: Hash([content; 32]),
        },
    }
}

fn pruned(period: u64) -> ClaimVerdict {
    ClaimVerdict::NotSafe {
        reason: Refusal::Pruned {
            before: slot(period),
        },
    }
}

const fn slot(period: u64) -> Slot {
    Slot::new(period, 0)
}

/// A notarise vote of round 0.
fn vote(signer: u64, period: u64, content: u8) -> ClaimRecord {
    request(signer, ClaimKind::Notarise, slot(period), 0, content)
}

fn ok<T>(result: Result<T, SigningLogError>) -> T {
    result.unwrap()
}

fn claim(log: &impl SigningLog, claims: &[ClaimRecord]) -> Vec<ClaimVerdict> {
    ok(log.claim(claims))
}

fn records(log: &impl SigningLog, signer: u64, from: u64) -> Vec<ClaimRecord> {
    ok(log.records(&address(signer), slot(from)))
}

fn an_empty_log_has_no_records(log: &impl SigningLog) {
    assert_eq!(records(log, 1, 0), []);
    assert_eq!(claim(log, &[]), []);
}

fn a_first_claim_is_safe_and_recorded(log: &impl SigningLog) {
    assert_eq!(claim(log, &[vote(1, 5, 1)]), [SAFE]);
    assert_eq!(records(log, 1, 0), [vote(1, 5, 1)]);
}

fn the_same_content_again_is_safe_and_the_first_payload_stays(log: &impl SigningLog) {
    let again = ClaimRecord {
        payload: b"other bytes".to_vec(),
        ..vote(1, 5, 1)
    };
    assert_eq!(claim(log, &[vote(1, 5, 1), vote(1, 5, 1)]), [SAFE, SAFE]);
    assert_eq!(claim(log, &[again]), [SAFE]);
    assert_eq!(records(log, 1, 0), [vote(1, 5, 1)]);
}

fn other_content_for_a_claim_is_not_safe(log: &impl SigningLog) {
    claim(log, &[vote(1, 5, 1)]);
    assert_eq!(claim(log, &[vote(1, 5, 2)]), [taken(1)]);
    assert_eq!(claim(log, &[vote(1, 5, 1)]), [SAFE], "the first keeps it");
    assert_eq!(records(log, 1, 0), [vote(1, 5, 1)]);
}

fn claims_differ_by_address_kind_slot_and_round(log: &impl SigningLog) {
    let base = (1, ClaimKind::Notarise, slot(5), 0);
    let others = [
        base,
        (2, base.1, base.2, base.3),
        (base.0, base.1, slot(6), base.3),
        (base.0, base.1, Slot::new(5, 1), base.3),
        (base.0, base.1, base.2, 1),
        (base.0, base.1, base.2, u32::MAX),
        (base.0, ClaimKind::Header, base.2, base.3),
        (base.0, ClaimKind::RoundEnd, base.2, base.3),
        (base.0, ClaimKind::Proposal, base.2, base.3),
        (base.0, ClaimKind::Endorsement, base.2, base.3),
        (base.0, ClaimKind::Checkpoint, base.2, base.3),
    ];
    for (content, (signer, kind, slot, round)) in (1..).zip(others) {
        let claimed = claim(log, &[request(signer, kind, slot, round, content)]);
        assert_eq!(claimed, [SAFE], "{kind} of slot {slot}, round {round}");
    }
}

fn nullify_and_finalise_of_one_round_exclude_each_other(log: &impl SigningLog) {
    let (nullify, finalise) = (1, 2);
    let end = |round, content| request(1, ClaimKind::RoundEnd, slot(5), round, content);
    assert_eq!(
        claim(log, &[end(0, nullify), end(1, finalise)]),
        [SAFE, SAFE]
    );
    assert_eq!(claim(log, &[end(0, finalise)]), [taken(nullify)]);
    assert_eq!(claim(log, &[end(1, nullify)]), [taken(finalise)]);
}

fn a_batch_may_be_refused_in_part(log: &impl SigningLog) {
    claim(log, &[vote(1, 5, 1)]);
    let batch = [vote(1, 4, 2), vote(1, 5, 2), vote(1, 6, 2)];
    assert_eq!(claim(log, &batch), [SAFE, taken(1), SAFE]);
    assert_eq!(
        records(log, 1, 0),
        [vote(1, 4, 2), vote(1, 5, 1), vote(1, 6, 2)]
    );
}

fn two_contents_for_one_claim_in_a_batch_are_one_safe_and_one_not(log: &impl SigningLog) {
    let batch = [vote(1, 5, 1), vote(1, 5, 2), vote(1, 5, 1)];
    assert_eq!(claim(log, &batch), [SAFE, taken(1), SAFE]);
    assert_eq!(records(log, 1, 0), [vote(1, 5, 1)]);
}

fn records_are_of_one_address_from_a_slot_on_and_ascend(log: &impl SigningLog) {
    let end = |period, round| request(1, ClaimKind::RoundEnd, slot(period), round, 1);
    // Across 255, where an order by the wrong bytes would show.
    let ascending = [
        vote(1, 2, 1),
        vote(1, 255, 1),
        end(255, 1),
        end(255, 255),
        end(255, 256),
        request(1, ClaimKind::Header, Slot::new(255, 1), 0, 1),
        vote(1, 256, 1),
        vote(1, 65_536, 1),
        vote(1, u64::MAX, 1),
    ];
    for record in ascending.iter().rev() {
        claim(log, std::slice::from_ref(record));
        claim(
            log,
            &[
                vote(2, record.slot.period, 7),
                vote(3, record.slot.period, 7),
            ],
        );
    }
    assert_eq!(records(log, 1, 0), ascending);
    assert_eq!(records(log, 1, 255), ascending[1..]);
    let inside_a_period = ok(log.records(&address(1), Slot::new(255, 1)));
    assert_eq!(inside_a_period, ascending[5..]);
    assert_eq!(records(log, 1, 65_537), ascending[8..]);
    assert_eq!(records(log, 4, 0), []);
}

fn pruned_slots_are_refused_and_the_rest_is_kept(log: &impl SigningLog) {
    let votes = [vote(1, 4, 1), vote(1, 5, 1), vote(1, 6, 1)];
    claim(log, &votes);
    claim(log, &[vote(2, 4, 1)]);
    ok(log.prune(slot(5)));
    assert_eq!(records(log, 1, 0), votes[1..]);
    assert_eq!(records(log, 2, 0), []);
    // What was forgotten may have been signed otherwise: not even the same content is safe.
    assert_eq!(claim(log, &[vote(1, 4, 1)]), [pruned(5)]);
    assert_eq!(claim(log, &[vote(3, 4, 1)]), [pruned(5)]);
    assert_eq!(
        claim(log, &[vote(1, 5, 2), vote(1, 7, 1)]),
        [taken(1), SAFE]
    );
}

fn the_horizon_of_pruning_never_moves_back(log: &impl SigningLog) {
    ok(log.prune(slot(5)));
    ok(log.prune(slot(3)));
    assert_eq!(
        claim(log, &[vote(1, 4, 1), vote(1, 5, 1)]),
        [pruned(5), SAFE]
    );
}

fn of_many_threads_with_other_contents_one_gets_the_claim(log: &impl SigningLog) {
    let periods = 1..=20;
    std::thread::scope(|scope| {
        for content in 1..=4 {
            let periods = periods.clone();
            scope.spawn(move || {
                for period in periods {
                    let own = vote(u64::from(content) + 10, period, content);
                    let verdicts = claim(log, &[vote(1, period, content), own]);
                    assert_eq!(verdicts[1], SAFE);
                    if verdicts[0] == SAFE {
                        assert_eq!(claim(log, &[vote(1, period, content)]), [SAFE]);
                    }
                }
            });
        }
    });
    let winners = records(log, 1, 0);
    assert_eq!(winners.len(), periods.count());
    for winner in winners {
        let refused = (1..=4)
            .filter(|content| claim(log, &[vote(1, winner.slot.period, *content)]) != [SAFE])
            .count();
        assert_eq!(refused, 3);
    }
}
