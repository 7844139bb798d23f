//! The invariants can fail: what breaks the protocol's assumptions is found. Planted bugs are in
//! `planted.rs`.

#![allow(clippy::unwrap_used, reason = "a test ends where its world breaks")]

use picot_simulator::{
    Behaviour, Cut, Invariant, LinkRules, Partition, Run, Scenario, SimConfig, run_scenario,
};

/// A run without faults, but those that `change` adds.
fn run_with(seed: u64, validators: usize, change: impl FnOnce(&mut Scenario)) -> Run {
    let config = SimConfig::new(seed, validators);
    let mut scenario = Scenario::new(&config);
    change(&mut scenario);
    run_scenario(&config, &scenario).unwrap()
}

fn broken(run: &Run) -> Option<Invariant> {
    run.violation.as_ref().map(|violation| violation.invariant)
}

#[test]
fn half_of_the_stake_that_runs_twice_lets_two_sides_decide_and_is_found() {
    // Nodes 4 and 5 are the twins of validators 2 and 3.
    let run = run_with(1, 4, |scenario| {
        scenario.byzantine = vec![(2, Behaviour::TwinKey), (3, Behaviour::TwinKey)];
        scenario.partitions = vec![Partition {
            from_us: 0,
            to_us: u64::MAX / 4,
            cut: Cut {
                sides: vec![0, 1, 0, 0, 1, 1],
            },
        }];
    });
    // Each side has a quorum, and so few honest nodes that its first block is already too rare.
    assert_eq!(
        broken(&run),
        Some(Invariant::Availability),
        "{:?}",
        run.violation
    );
    assert!(!run.last_events.is_empty());
}

#[test]
fn half_of_the_stake_that_is_silent_ends_liveness_and_is_found() {
    let run = run_with(1, 4, |scenario| {
        scenario.byzantine = vec![(2, Behaviour::Silent), (3, Behaviour::Silent)];
    });
    assert_eq!(
        broken(&run),
        Some(Invariant::Liveness),
        "{:?}",
        run.violation
    );
}

#[test]
fn a_network_that_never_heals_ends_liveness_and_is_found() {
    let run = run_with(1, 4, |scenario| {
        scenario.rules = LinkRules {
            loss: 1_000_000,
            ..LinkRules::WELL
        };
    });
    assert_eq!(
        broken(&run),
        Some(Invariant::Liveness),
        "{:?}",
        run.violation
    );
}
