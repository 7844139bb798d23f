//! Nodes that are killed, and data that is damaged: short versions of `cargo xtask torture`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use picot_database::FaultPoint;
use picot_tests::{corrupt, torture};

#[test]
fn killed_at_named_fault_points_and_at_random_moments_nodes_come_back_equal_to_their_twin() {
    // Two of three rounds are at named points: all of them come.
    let rounds = u64::try_from(FaultPoint::ALL.len()).unwrap() * 3 / 2 + 1;
    let report = torture::torture(rounds, 1);
    assert_eq!(report.rounds, rounds);
    assert!(report.kills > 0 && report.states > 50, "{report:?}");
    let reached: u64 = report.reached.values().sum();
    let missed: u64 = report.not_reached.values().sum();
    assert!(reached > missed, "{report:?}");
    for point in [
        FaultPoint::StoreRenamed,
        FaultPoint::IncomingAdopted,
        FaultPoint::CheckpointWritten,
        FaultPoint::DecisionsWritten,
    ] {
        assert!(report.reached.contains_key(&point), "{point}: {report:?}");
    }
}

#[test]
fn damaged_data_is_mended_or_refused_and_never_another_state() {
    let report = corrupt::corrupt(100, 1);
    assert_eq!(report.parts.values().sum::<u64>(), 100);
    assert!(report.good > 0 && !report.refused.is_empty(), "{report:?}");
}
