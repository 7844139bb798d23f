//! What following makes of what it sees.

use super::*;
use picot_models::BlockId;
use picot_models::mocks;

const LAST: Slot = Slot::new(100, 2);

fn id() -> OperationId {
    mocks::transfer(
        &mocks::key(1),
        mocks::address(2),
        5,
        1,
        100,
        &mocks::chain_id(1),
    )
    .id()
}

fn block() -> BlockId {
    mocks::block(
        &mocks::key(1),
        Slot::new(12, 2),
        vec![],
        vec![],
        &mocks::chain_id(1),
    )
    .id()
}

fn follow() -> Follow {
    Follow::new(id(), LAST, Timestamp(1_000), 60)
}

fn known(state: OperationState) -> Look {
    let executed = state != OperationState::Pending;
    Look::Known(Box::new(OperationResponse {
        id: id(),
        state,
        slot: executed.then_some(Slot::new(12, 2)),
        block: executed.then(block),
        outcome: executed.then_some(OperationResult::Succeeded),
        operation: None,
    }))
}

fn unknown(last_final: Option<Slot>) -> Look {
    Look::Unknown { last_final }
}

#[test]
fn each_state_is_told_once_until_the_operation_is_final() {
    let mut follow = follow();
    let now = Timestamp(1_000);
    let mut told = Vec::new();
    for state in [
        OperationState::Pending,
        OperationState::Pending,
        OperationState::Candidate,
        OperationState::Candidate,
    ] {
        let (news, step) = follow.step(now, known(state));
        assert!(matches!(step, Step::GoOn));
        told.extend(news);
    }
    let (news, step) = follow.step(now, known(OperationState::Final));
    told.extend(news);
    assert!(matches!(step, Step::Final(answer) if answer.slot == Some(Slot::new(12, 2))));
    let kinds: Vec<_> = told
        .iter()
        .map(|text| text.split(':').next().unwrap())
        .collect();
    assert_eq!(kinds, ["pending", "candidate", "final"]);
    assert!(told[1].contains("slot 12/2") && told[1].contains(&block().to_string()));
}

#[test]
fn an_operation_that_goes_back_to_the_pool_is_told_again() {
    let mut follow = follow();
    let mut told = 0;
    for state in [
        OperationState::Candidate,
        OperationState::Pending,
        OperationState::Candidate,
    ] {
        told += usize::from(follow.step(Timestamp(1_000), known(state)).0.is_some());
    }
    assert_eq!(told, 3);
}

#[test]
fn an_unknown_operation_is_expired_only_when_its_last_slot_is_final() {
    for last_final in [None, Some(Slot::new(99, 3)), Some(Slot::new(100, 1))] {
        let (_, step) = follow().step(Timestamp(1_000), unknown(last_final));
        assert!(matches!(step, Step::GoOn), "{last_final:?}");
    }
    for last_final in [LAST, Slot::new(100, 3), Slot::new(300, 0)] {
        let (_, step) = follow().step(Timestamp(1_000), unknown(Some(last_final)));
        let Step::GiveUp(error) = step else {
            panic!("{last_final} is at or after the last slot");
        };
        assert!(matches!(error, CliError::Expired { last: LAST, .. }));
        assert_eq!(error.exit_code(), 1);
    }
}

#[test]
fn a_silent_node_is_asked_again() {
    let mut follow = follow();
    let (news, step) = follow.step(Timestamp(1_000), Look::Silent("gone".to_owned()));
    assert!(matches!(step, Step::GoOn));
    assert_eq!(news.unwrap(), "no answer: gone");
}

#[test]
fn patience_ends_with_the_last_that_was_seen_and_how_to_ask_again() {
    let mut follow = follow();
    let before_end = Timestamp(60_999);
    assert!(matches!(
        follow.step(before_end, known(OperationState::Pending)).1,
        Step::GoOn
    ));
    let (_, step) = follow.step(Timestamp(61_000), known(OperationState::Pending));
    let Step::GiveUp(error) = step else {
        panic!("60 s have passed");
    };
    let text = error.to_string();
    assert!(text.contains("not final after 60 s: pending"), "{text}");
    assert!(
        error
            .hint()
            .unwrap()
            .contains(&format!("picot operation {}", id()))
    );
}

#[test]
fn what_comes_late_but_final_still_counts() {
    let (_, step) = follow().step(Timestamp(900_000), known(OperationState::Final));
    assert!(matches!(step, Step::Final(_)));
}

#[test]
fn a_clock_that_steps_back_does_not_end_patience() {
    let (_, step) = follow().step(Timestamp(0), known(OperationState::Pending));
    assert!(matches!(step, Step::GoOn));
}

#[test]
fn only_a_succeeded_operation_is_good() {
    let with = |outcome| OperationResponse {
        id: id(),
        state: OperationState::Final,
        slot: Some(Slot::new(12, 2)),
        block: Some(block()),
        outcome,
        operation: None,
    };
    assert!(check_outcome(&with(Some(OperationResult::Succeeded))).is_ok());
    let failed = OperationResult::Failed {
        reason: "the recipient is a contract".to_owned(),
    };
    for (outcome, expected) in [
        (
            Some(failed),
            "failed in slot 12/2, its fee is spent: the recipient is a contract",
        ),
        (
            Some(OperationResult::Unpaid),
            "did nothing in slot 12/2: its sender could not pay",
        ),
        (
            Some(OperationResult::Refused),
            "did nothing in slot 12/2: its block may not carry it",
        ),
        (None, "does not tell what it came to"),
    ] {
        let error = check_outcome(&with(outcome)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 1);
    }
}
