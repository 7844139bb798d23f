//! An exhaustive exploration of the vote rules (design 07, what must be shown, 2).
//!
//! What steps here are the functions of `picot_consensus::rules` themselves. The world around them
//! is larger than the real one of as many validators of equal weight, rounds and values, so that no
//! disagreement here means none there:
//!
//! - **Messages** are never lost and may be delayed for ever: a certificate exists from the moment
//!   when the votes ever cast allow it, and at each step an honest validator knows any part of those
//!   that exist. It may know less than before: a restart loses certificates, never own votes.
//! - **Byzantine validators** have cast every vote: each counts in every certificate. They coordinate
//!   every round and propose any value with any claim of what carries it, to each validator another.
//! - **Timers** have ended or not, as a step likes it; every block is held by whoever votes for it.
//! - **Rounds**: an honest validator acts in each round that rule 7 can bring it to from round 0
//!   with a growing part of the certificates that it knows.
//!
//! So a state is what the honest validators have signed and nothing else, each step adds one vote,
//! and states that differ in the names of validators or values only are one. See `model.rs` for the
//! encoding, `moves.rs` for the calls of the rules and `variants.rs` for the weakened rules, which
//! the exploration must find wrong.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test, whose tables are made as large as their indices"
)]

mod explore;
mod model;
mod moves;
mod permutations;
mod variants;

use explore::{Report, explore};
use model::{Lemma, Model, Size};
use variants::{
    AsDesigned, CarryOverGaps, FinaliseAfterNullify, Half, MoreThanHalf, NotariseTwice,
    NullifyAfterFinalise, Rules, Unjustified,
};

fn size(validators: usize, byzantine: usize, rounds: usize, values: usize) -> Size {
    Size {
        honest: validators - byzantine,
        byzantine,
        rounds,
        values,
    }
}

fn run(name: &str, rules: &impl Rules, size: Size) -> Report {
    let report = explore(&Model::new(rules, size));
    println!("{name}: {size}: {report}");
    report
}

/// The rules as they are: every state obeys every lemma of the safety argument.
fn assert_safe(size: Size) {
    let report = run("the rules of design 07", &AsDesigned, size);
    assert_eq!(report.violation, None, "after {} states", report.states);
    let every_round = (1 << size.rounds) - 1;
    assert_eq!(report.decided_rounds, every_round, "not all was explored");
}

/// Weakened rules: two decisions of one slot are found, because this lemma does not hold.
fn assert_unsafe(name: &str, rules: &impl Rules, broken: Lemma, size: Size) {
    let report = run(name, rules, size);
    let violated = report.violation.map(|(lemma, _)| lemma);
    assert_eq!(violated, Some(broken), "{name}");
    assert!(
        report.disagreement.is_some(),
        "{name}: none of {} states disagrees",
        report.states
    );
}

#[test]
fn four_validators_one_byzantine_never_disagree_in_2_rounds_with_3_values() {
    assert_safe(size(4, 1, 2, 3));
}

#[test]
fn four_validators_one_byzantine_never_disagree_in_3_rounds_with_2_values() {
    assert_safe(size(4, 1, 3, 2));
}

#[test]
#[ignore = "long without optimisation: `cargo xtask explore`"]
fn four_validators_one_byzantine_never_disagree_in_3_rounds_with_3_values() {
    assert_safe(size(4, 1, 3, 3));
}

#[test]
#[ignore = "long without optimisation: `cargo xtask explore`"]
fn seven_validators_two_byzantine_never_disagree_in_2_rounds_with_2_values() {
    assert_safe(size(7, 2, 2, 2));
}

#[test]
#[ignore = "long without optimisation: `cargo xtask explore`"]
fn seven_validators_two_byzantine_never_disagree_in_2_rounds_with_3_values() {
    assert_safe(size(7, 2, 2, 3));
}

#[test]
fn two_notarise_votes_in_a_round_are_found_wrong() {
    assert_unsafe(
        "two notarise votes",
        &NotariseTwice,
        Lemma::L1,
        size(4, 1, 3, 2),
    );
}

#[test]
fn a_finalise_vote_after_a_nullify_vote_is_found_wrong() {
    assert_unsafe(
        "finalise after nullify",
        &FinaliseAfterNullify,
        Lemma::L2,
        size(4, 1, 3, 2),
    );
}

#[test]
fn a_nullify_vote_after_a_finalise_vote_is_found_wrong() {
    assert_unsafe(
        "nullify after finalise",
        &NullifyAfterFinalise,
        Lemma::L2,
        size(4, 1, 3, 2),
    );
}

#[test]
fn a_value_carried_without_the_nullifications_in_between_is_found_wrong() {
    assert_unsafe(
        "carry over gaps",
        &CarryOverGaps,
        Lemma::L4,
        size(4, 1, 3, 2),
    );
}

#[test]
fn a_proposal_without_a_justification_is_found_wrong() {
    assert_unsafe(
        "no justification",
        &Unjustified,
        Lemma::L4,
        size(4, 1, 3, 2),
    );
}

#[test]
fn half_of_the_weight_as_quorum_is_found_wrong() {
    assert_unsafe("a half as quorum", &Half, Lemma::L1, size(4, 1, 3, 2));
    // Of four, "more than a half" is the real quorum; of five it is not.
    assert_unsafe(
        "more than a half as quorum",
        &MoreThanHalf,
        Lemma::L1,
        size(5, 1, 2, 2),
    );
}
