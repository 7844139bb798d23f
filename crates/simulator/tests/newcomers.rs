//! Nodes that join late, or come back after long, and nodes that drop what is old.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends where its world breaks, and says what it was"
)]

use picot_simulator::{
    Absence, Away, Behaviour, Boundary, CrashPlan, Faults, Invariant, Newcomer, Observer, Planted,
    Report, Run, Scenario, SimConfig, StateLie, Violation, run_scenario,
};

const SECOND_US: u64 = 1_000_000;
/// When somebody joins in these tests: some cycles of four seconds have ended.
const LATE_US: u64 = 30 * SECOND_US;

/// Twelve cycles of two periods.
fn config(seed: u64, validators: usize) -> SimConfig {
    let mut config = SimConfig::new(seed, validators);
    config.slots = 96;
    config.let_join(None);
    assert!(config.newcomers);
    config
}

/// So many validators, one node without stake that joins late, and all keep two cycles alone.
fn with_late_observer(validators: usize) -> (SimConfig, Scenario) {
    let config = config(5, validators);
    let mut scenario = Scenario::new(&config);
    scenario.observers = vec![Observer::HONEST];
    scenario.newcomers = vec![Newcomer {
        node: validators,
        at_us: LATE_US,
    }];
    scenario.history = vec![Some(2); validators + 1];
    (config, scenario)
}

fn run(config: &SimConfig, scenario: &Scenario) -> Run {
    run_scenario(config, scenario).unwrap()
}

/// Runs it, and ends the test if an invariant is broken.
fn report(config: &SimConfig, scenario: &Scenario) -> Report {
    let run = run(config, scenario);
    if let Some(violation) = &run.violation {
        for line in &run.last_events {
            eprintln!("{line}");
        }
        panic!("seed {}: {violation}", run.seed);
    }
    run.report
}

fn found(config: &SimConfig, scenario: &Scenario) -> Violation {
    run(config, scenario).violation.unwrap()
}

#[test]
fn where_all_have_dropped_what_is_old_a_late_node_receives_a_state_and_follows() {
    let (config, scenario) = with_late_observer(4);
    let joins = report(&config, &scenario).joins;
    assert_eq!((joins.received_ms.len(), joins.followed), (1, 0));
    assert_eq!(joins.up_to_date_ms.len(), 1);
    assert!(joins.chunks > 1 && joins.dropped > 0, "{joins:?}");
}

#[test]
fn where_one_has_everything_a_late_node_follows_it() {
    let (config, mut scenario) = with_late_observer(4);
    scenario.history[2] = None;
    let joins = report(&config, &scenario).joins;
    assert_eq!((joins.received_ms.len(), joins.followed), (0, 1));
    assert_eq!(joins.up_to_date_ms.len(), 1);
}

#[test]
fn a_late_validator_signs_and_produces_in_the_end() {
    let config = config(6, 4);
    let mut scenario = Scenario::new(&config);
    scenario.newcomers = vec![Newcomer {
        node: 3,
        at_us: LATE_US * 2 / 3,
    }];
    scenario.history = vec![Some(2); 4];
    let report = report(&config, &scenario);
    assert_eq!(report.joins.received_ms.len(), 1);
    assert!(report.shares[3].blocks > 0, "{:?}", report.shares);
}

#[test]
fn a_validator_that_was_away_too_long_receives_a_state_and_keeps_its_log() {
    let config = config(7, 4);
    let mut scenario = Scenario::new(&config);
    scenario.absences = vec![Absence {
        node: 1,
        from_us: 3 * SECOND_US,
        to_us: LATE_US,
        how: Away::Off,
    }];
    scenario.history = vec![Some(2); 4];
    let report = report(&config, &scenario);
    assert_eq!(report.joins.received_ms.len(), 1);
    assert!(report.shares[1].blocks > 0, "{:?}", report.shares);
}

/// Half of the stake is off for cycles, so that nothing is decided; when it is back, somebody without stake
/// only says to be far ahead, and the others are needed for each decision.
#[test]
fn who_only_says_to_be_ahead_takes_nobody_away_from_consensus() {
    let config = config(8, 4);
    let mut scenario = Scenario::new(&config);
    for lie in [StateLie::FarAhead, StateLie::AllHistory] {
        scenario.observers = vec![Observer {
            behaviour: Some(Behaviour::FalseStates(lie)),
        }];
        let absence = |node| Absence {
            node,
            from_us: 3 * SECOND_US,
            to_us: LATE_US,
            how: Away::Off,
        };
        scenario.absences = vec![absence(2), absence(3)];
        let report = report(&config, &scenario);
        // Those who were off look for a state when they begin, and then go on with their own.
        let joins = &report.joins;
        assert_eq!(
            (joins.left_behind, joins.received_ms.len()),
            (0, 0),
            "{lie:?}"
        );
        assert!(joins.in_vain + joins.followed >= 2, "{lie:?}: {joins:?}");
    }
}

/// The late node crashes with the first thing that it keeps after so many seconds.
fn crashing(after_seconds: u64, loses_state: bool) -> (SimConfig, Scenario) {
    let (config, mut scenario) = with_late_observer(1);
    scenario.crashes = vec![CrashPlan {
        at_us: LATE_US + after_seconds * SECOND_US,
        node: 1,
        boundary: Boundary::AfterPersist(0),
        down_us: SECOND_US / 2,
        loses_state,
    }];
    (config, scenario)
}

#[test]
fn a_late_node_that_crashes_while_it_receives_goes_on_with_what_it_has() {
    let mut resumed = 0;
    for after_seconds in [3, 7, 8, 9, 10, 11] {
        for loses_state in [false, true] {
            let (config, scenario) = crashing(after_seconds, loses_state);
            let report = report(&config, &scenario);
            assert_eq!(report.crashes, 1);
            assert!(!report.joins.received_ms.is_empty(), "{after_seconds}");
            resumed += report.joins.resumed;
        }
    }
    assert!(resumed > 0, "{resumed}");
}

#[test]
fn those_who_serve_a_state_may_crash_and_vanish() {
    let (config, mut scenario) = with_late_observer(4);
    let crash = |node: usize| CrashPlan {
        at_us: LATE_US + 4 * SECOND_US,
        node,
        boundary: Boundary::AfterSends(5),
        down_us: 3 * SECOND_US,
        loses_state: true,
    };
    scenario.crashes = vec![crash(0), crash(2)];
    let report = report(&config, &scenario);
    assert_eq!(report.crashes, 2);
    assert_eq!(report.joins.received_ms.len(), 1);
}

/// One validator, one liar, and a node that joins late.
fn with_liar(lie: StateLie) -> Report {
    let (config, mut scenario) = with_late_observer(1);
    scenario.observers.push(Observer {
        behaviour: Some(Behaviour::FalseStates(lie)),
    });
    scenario.history.push(Some(2));
    report(&config, &scenario)
}

#[test]
fn whatever_a_liar_says_a_late_node_receives_the_right_state_from_another() {
    for lie in StateLie::ALL {
        let report = with_liar(lie);
        assert!(!report.joins.received_ms.is_empty(), "{lie:?}");
        // Others may be quicker, and silent ones and boasters do nothing that can be proven.
        let is_proven = matches!(
            lie,
            StateLie::WrongOffer | StateLie::WrongChunk | StateLie::Garbage | StateLie::Endless
        );
        assert!(report.joins.lies > 0 || !is_proven, "{lie:?}");
    }
}

#[test]
fn one_who_follows_a_boaster_in_vain_looks_for_a_state_after_all() {
    let report = with_liar(StateLie::AllHistory);
    let joins = &report.joins;
    assert_eq!((joins.followed, joins.left_behind), (1, 1));
    assert!(!joins.received_ms.is_empty());
}

#[test]
fn who_believes_its_disk_after_a_crash_is_found() {
    let found = (6..15).find_map(|after_seconds| {
        let (config, mut scenario) = crashing(after_seconds, true);
        scenario.planted = Some(Planted::TrustDisk);
        run(&config, &scenario).violation
    });
    let invariant = found.unwrap().invariant;
    let expected = [
        Invariant::EqualStates,
        Invariant::NodeGoesOn,
        Invariant::Conservation,
    ];
    assert!(expected.contains(&invariant), "{invariant:?}");
}

#[test]
fn who_serves_its_state_as_it_is_now_is_found() {
    let (config, mut scenario) = with_late_observer(4);
    scenario.planted = Some(Planted::ServeLive);
    let invariant = found(&config, &scenario).invariant;
    let expected = [Invariant::NoFalseAccusation, Invariant::Liveness];
    assert!(expected.contains(&invariant), "{invariant:?}");
}

#[test]
fn nodes_that_join_during_faults_break_nothing_and_a_seed_gives_the_same_trace() {
    for seed in 100..102 {
        let validators = 4 + usize::try_from(seed % 4).unwrap();
        let mut config = config(seed, validators);
        config.faults = Faults::Documented;
        let scenario = Scenario::new(&config);
        let report = report(&config, &scenario);
        if seed == 100 {
            assert_eq!(run(&config, &scenario).report, report);
        }
    }
}
