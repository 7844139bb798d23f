//! Each fault of a node alone, placed by hand: it happens, and breaks nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends where its world breaks, and says what it was"
)]

use picot_simulator::{
    Behaviour, Boundary, ClockChange, CrashPlan, Cut, LostLog, Partition, Pause, Run, Scenario,
    SimConfig, run_scenario,
};

const SECOND_US: u64 = 1_000_000;

/// A run of four nodes without faults, but those that `change` adds, all of which heal.
fn run_with(seed: u64, change: impl FnOnce(&mut Scenario)) -> Run {
    let mut config = SimConfig::new(seed, 4);
    config.slots = 32;
    let mut scenario = Scenario::new(&config);
    change(&mut scenario);
    let run = run_scenario(&config, &scenario).unwrap();
    if let Some(violation) = &run.violation {
        for line in run.last_events.iter().chain(&run.lanes) {
            eprintln!("{line}");
        }
        panic!("seed {seed}: {violation}");
    }
    run
}

/// The run with the same seed in which nothing fails.
fn well(seed: u64) -> Run {
    run_with(seed, |_| ())
}

fn partition(from_us: u64, to_us: u64, sides: [u8; 4]) -> Partition {
    Partition {
        from_us,
        to_us,
        cut: Cut {
            sides: sides.to_vec(),
        },
    }
}

#[test]
fn a_torn_last_record_of_any_write_contradicts_nothing_and_loses_no_decision() {
    for number in 0..12 {
        let run = run_with(11, |scenario| {
            scenario.heal_us = Some(9 * SECOND_US);
            scenario.crashes = (0..4)
                .map(|node| CrashPlan {
                    at_us: 3 * SECOND_US + u64::try_from(node).unwrap() * SECOND_US,
                    node,
                    boundary: Boundary::InPersist {
                        writes: number,
                        whole: number % 3,
                    },
                    down_us: SECOND_US / 5,
                    loses_state: number % 2 == 0,
                })
                .collect();
        });
        assert_eq!(run.report.crashes, 4, "{number}");
    }
}

#[test]
fn all_nodes_that_tear_their_last_record_at_once_go_on() {
    for number in 0..6 {
        let run = run_with(12, |scenario| {
            scenario.heal_us = Some(9 * SECOND_US);
            scenario.crashes = (0..4)
                .map(|node| CrashPlan {
                    at_us: 4 * SECOND_US,
                    node,
                    boundary: Boundary::InPersist {
                        writes: number,
                        whole: u32::try_from(node).unwrap() % 2,
                    },
                    down_us: SECOND_US / 10,
                    loses_state: true,
                })
                .collect();
        });
        assert_eq!(run.report.crashes, 4, "{number}");
    }
}

#[test]
fn a_clock_that_is_stepped_back_again_and_again_breaks_nothing() {
    let step = |at_us, node, step_us| ClockChange {
        at_us,
        node,
        step_us,
        rate_ppm: 0,
    };
    let run = run_with(13, |scenario| {
        scenario.heal_us = Some(12 * SECOND_US);
        scenario.clock_ahead_ms = vec![25, -25, 25, 0];
        // Just after slots began by the clock that is ahead: they begin once more.
        scenario.clock_changes = (0..20)
            .flat_map(|number| {
                let at_us = 2 * SECOND_US + number * SECOND_US / 2;
                let sign = if number % 2 == 0 { -1 } else { 1 };
                [
                    step(at_us - 15_000, 0, sign * 50_000),
                    step(at_us + 5_000, 1, -sign * 50_000),
                    step(at_us, 2, sign * 40_000),
                ]
            })
            .collect();
    });
    assert_ne!(run.trace_hash, well(13).trace_hash);
}

#[test]
fn a_clock_that_drifts_to_both_ends_of_the_bound_breaks_nothing() {
    let drift = |at_us, node, rate_ppm| ClockChange {
        at_us,
        node,
        step_us: 0,
        rate_ppm,
    };
    // 5 milliseconds in a second: from one end to the other, and back.
    let run = run_with(14, |scenario| {
        scenario.heal_us = Some(11 * SECOND_US);
        scenario.clock_ahead_ms = vec![-25, 25, 0, 0];
        scenario.clock_changes = vec![
            drift(0, 0, 5_000),
            drift(0, 1, -5_000),
            drift(10 * SECOND_US, 0, -5_000),
            drift(10 * SECOND_US, 1, 5_000),
            drift(11 * SECOND_US, 0, 0),
            drift(11 * SECOND_US, 1, 0),
        ];
    });
    assert_ne!(run.trace_hash, well(14).trace_hash);
}

#[test]
fn a_node_that_pauses_gets_everything_at_once_and_catches_up() {
    for for_us in [SECOND_US / 20, SECOND_US, 5 * SECOND_US] {
        let run = run_with(15, |scenario| {
            scenario.heal_us = Some(10 * SECOND_US);
            scenario.pauses = vec![Pause {
                at_us: 4 * SECOND_US,
                node: 2,
                for_us,
            }];
        });
        let longest = run.report.delay_ms(1_000);
        assert!(longest + 500 >= for_us / 1_000, "{for_us}: {longest}");
    }
}

#[test]
fn a_pause_of_all_nodes_stops_nothing_for_good() {
    let run = run_with(16, |scenario| {
        scenario.heal_us = Some(8 * SECOND_US);
        scenario.pauses = (0..4)
            .map(|node| Pause {
                at_us: 4 * SECOND_US + u64::try_from(node).unwrap() * 1_000,
                node,
                for_us: 3 * SECOND_US,
            })
            .collect();
    });
    assert!(run.report.delay_ms(1_000) >= 1_500);
}

#[test]
fn a_node_that_lost_its_signing_log_and_says_so_contradicts_nothing() {
    // Its earlier signatures are on one side of a partition while it is on the other, so that slots
    // stay open which it has signed in.
    for seed in 20..32 {
        let lost_us = 3 * SECOND_US + (seed - 20) * SECOND_US / 8;
        run_with(seed, |scenario| {
            scenario.heal_us = Some(10 * SECOND_US);
            scenario.partitions = vec![
                partition(lost_us - 400_000, lost_us, [0, 0, 1, 1]),
                partition(lost_us, lost_us + 3 * SECOND_US, [0, 1, 0, 1]),
            ];
            scenario.lost_logs = vec![LostLog {
                at_us: lost_us,
                node: 0,
                down_us: 10_000,
            }];
        });
    }
}

#[test]
fn a_node_that_lost_its_signing_log_votes_again_once_others_have_gone_on() {
    // Of four, one is silent, so nothing is decided without the one whose log was lost. It comes back
    // while a fifth of equal weight can still stand in for it, who then falls silent.
    let mut config = SimConfig::new(33, 5);
    config.rolls = vec![10, 10, 10, 10, 1];
    config.slots = 48;
    let mut scenario = Scenario::new(&config);
    scenario.heal_us = Some(4 * SECOND_US);
    scenario.lost_logs = vec![LostLog {
        at_us: SECOND_US,
        node: 0,
        down_us: 100_000,
    }];
    // After the other three have gone on, a quorum of 28 of 41 needs it.
    scenario.pauses = vec![Pause {
        at_us: 10 * SECOND_US,
        node: 3,
        for_us: 6 * SECOND_US,
    }];
    let run = run_scenario(&config, &scenario).unwrap();
    assert_eq!(run.violation, None, "{:#?}", run.last_events);
    let paused = run.report.delay_ms(1_000);
    assert!(paused < 8_000, "{paused}");
    let all = u64::try_from(run.report.delays_ms.len()).unwrap();
    let slow = run.report.delays_ms.iter().filter(|one| **one > 1_500);
    // Only the node that pauses is late: the others decide meanwhile.
    assert!(u64::try_from(slow.count()).unwrap() * 5 < all);
}

#[test]
fn a_crew_beside_torn_records_and_pauses_breaks_nothing() {
    for behaviour in Behaviour::TOGETHER {
        let mut config = SimConfig::new(34, 7);
        config.slots = 24;
        config.byzantine = vec![(1, behaviour), (4, behaviour)];
        let mut scenario = Scenario::new(&config);
        scenario.heal_us = Some(7 * SECOND_US);
        scenario.partitions = vec![Partition {
            from_us: 3 * SECOND_US,
            to_us: 6 * SECOND_US,
            cut: Cut {
                sides: vec![0, 0, 0, 0, 1, 1, 1],
            },
        }];
        scenario.crashes = vec![CrashPlan {
            at_us: 4 * SECOND_US,
            node: 2,
            boundary: Boundary::InPersist {
                writes: 3,
                whole: 0,
            },
            down_us: SECOND_US / 2,
            loses_state: true,
        }];
        let run = run_scenario(&config, &scenario).unwrap();
        assert_eq!(run.violation, None, "{behaviour:?}: {:#?}", run.last_events);
    }
}
