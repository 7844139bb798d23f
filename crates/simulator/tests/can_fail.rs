//! The invariants can fail: what breaks the protocol's assumptions, or plants a bug, is found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where its world breaks"
)]

use picot_simulator::{
    Behaviour, Boundary, CrashPlan, Cut, Faults, Invariant, LinkRules, Partition, Planted, Run,
    Scenario, SimConfig, run_scenario,
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

/// The first seed at which a planted bug is found.
fn found(planted: Planted, most: u64) -> (u64, Invariant) {
    for seed in 0..most {
        let mut config = SimConfig::new(seed, 4);
        config.faults = Faults::Documented;
        let mut scenario = Scenario::new(&config);
        scenario.planted = Some(planted);
        scenario.byzantine.clear();
        scenario.crashes.extend((0..12).map(|number| CrashPlan {
            at_us: 2_000_000 + number * 500_000,
            node: usize::try_from(number % 4).unwrap(),
            boundary: Boundary::AfterSends(u32::try_from(number * 3).unwrap()),
            down_us: 100_000,
            loses_state: false,
        }));
        let run = run_scenario(&config, &scenario).unwrap();
        if let Some(invariant) = broken(&run) {
            return (seed, invariant);
        }
    }
    panic!("{planted:?} is not found in {most} seeds");
}

#[test]
fn a_forgotten_signing_log_is_found() {
    let (_, invariant) = found(Planted::ForgetLog, 100);
    assert_eq!(invariant, Invariant::HonestKeys);
}

#[test]
fn a_lost_outcome_is_found() {
    found(Planted::ForgetOutcomes, 100);
}
