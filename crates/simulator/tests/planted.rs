//! Each planted bug is found by the documented faults alone, as a seed chooses them.
//!
//! The same runs at the command line, with the first seed at which each bug is found: `cargo xtask sim
//! --planted NAME --faults documented --slots 24 --cycle 4 --seeds 0..1000 --first`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where its world breaks"
)]

use picot_simulator::{
    Faults, Invariant, Planted, Run, Scenario, SimConfig, Violation, run_scenario,
};

/// Seeds within which each bug must be found (issue 3).
const MOST_SEEDS: u64 = 1_000;

/// Six periods, so that a cycle ends and the next begins; 4 to 10 validators.
fn run(seed: u64, planted: Option<Planted>) -> Run {
    let validators = 4 + usize::try_from(seed % 7).unwrap();
    let mut config = SimConfig::new(seed, validators);
    config.slots = 24;
    config.set_cycle(4);
    config.faults = Faults::Documented;
    let mut scenario = Scenario::new(&config);
    scenario.planted = planted;
    run_scenario(&config, &scenario).unwrap()
}

/// What the first seed that finds a bug says of it.
fn found(planted: Planted) -> Violation {
    let found = (0..MOST_SEEDS).find_map(|seed| run(seed, Some(planted)).violation);
    found.unwrap_or_else(|| panic!("{planted:?} is not found in {MOST_SEEDS} seeds"))
}

fn is_found_by(planted: Planted, invariants: &[Invariant]) {
    let violation = found(planted);
    assert!(
        invariants.contains(&violation.invariant),
        "{planted:?}: {violation}"
    );
}

#[test]
fn the_same_runs_without_a_bug_break_nothing() {
    for seed in 0..12 {
        assert_eq!(run(seed, None).violation, None, "seed {seed}");
    }
}

#[test]
fn a_quorum_of_a_half_is_found() {
    // The first certificate of too little stake is enough.
    is_found_by(
        Planted::HalfQuorum,
        &[Invariant::Validity, Invariant::Agreement],
    );
}

#[test]
fn a_second_vote_is_found() {
    is_found_by(Planted::TwoVotes, &[Invariant::HonestKeys]);
}

#[test]
fn a_forgotten_signing_log_is_found() {
    is_found_by(Planted::ForgetLog, &[Invariant::HonestKeys]);
}

#[test]
fn a_skipped_justification_is_found() {
    // Either two nodes decide otherwise, or one that has decided sees the vote that goes against it.
    is_found_by(
        Planted::SkipJustification,
        &[Invariant::NoFalseAccusation, Invariant::Agreement],
    );
}

#[test]
fn an_operation_that_is_accepted_again_is_found() {
    is_found_by(Planted::AcceptReuse, &[Invariant::Validity]);
}

#[test]
fn a_wrong_draw_after_a_cycle_change_is_found() {
    is_found_by(
        Planted::WrongDraws,
        &[Invariant::EqualDraws, Invariant::EqualStates],
    );
}

#[test]
fn a_wait_without_end_is_found() {
    is_found_by(Planted::UnboundedWait, &[Invariant::Liveness]);
}

#[test]
fn a_lost_outcome_is_found() {
    is_found_by(
        Planted::LostOutcomes,
        &[
            Invariant::Linked,
            Invariant::Agreement,
            Invariant::NodeGoesOn,
        ],
    );
}

#[test]
fn a_finalised_round_that_was_nullified_is_found() {
    is_found_by(Planted::FinaliseAfterNullify, &[Invariant::HonestKeys]);
}

#[test]
#[ignore = "it shows in one of a hundred runs: quicker at the command line"]
fn a_vote_for_a_block_that_is_not_held_is_found() {
    is_found_by(
        Planted::VoteUnheld,
        &[
            Invariant::Availability,
            Invariant::Liveness,
            Invariant::Validity,
        ],
    );
}

#[test]
fn a_lost_proof_of_a_fault_is_found() {
    is_found_by(Planted::LoseEvidence, &[Invariant::Evidence]);
}

#[test]
fn a_standstill_in_which_nothing_is_sent_again_is_found() {
    is_found_by(Planted::NeverResend, &[Invariant::Liveness]);
}
