//! Each way of misbehaving, alone, with less than a third of the stake: nothing breaks, and what
//! can be proven is proven.

#![allow(clippy::unwrap_used, reason = "a test ends where its world breaks")]

use picot_simulator::{Behaviour, Report, SimConfig, run};

fn report(behaviour: Behaviour) -> Report {
    let mut config = SimConfig::new(5, 5);
    config.slots = 16;
    config.byzantine = vec![(1, behaviour)];
    let run = run(&config).unwrap();
    assert_eq!(run.violation, None, "{behaviour:?}");
    run.report
}

#[test]
fn no_behaviour_of_less_than_a_third_breaks_anything() {
    for behaviour in Behaviour::ALL {
        report(behaviour);
    }
}

#[test]
fn contradictions_become_evidence() {
    for behaviour in [
        Behaviour::TwoBlocks,
        Behaviour::TwoVotes,
        Behaviour::FinaliseAndNullify,
    ] {
        assert_eq!(report(behaviour).proven_faults, 1, "{behaviour:?}");
    }
}

#[test]
fn what_is_no_contradiction_proves_nothing() {
    for behaviour in [
        Behaviour::Silent,
        Behaviour::BodyWithheld,
        Behaviour::HeaderToSome,
    ] {
        assert_eq!(report(behaviour).proven_faults, 0, "{behaviour:?}");
    }
}
