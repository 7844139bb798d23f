//! Links that gather what they carry.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set up its run fails"
)]

use picot_simulator::{Faults, Latencies, Run, SimConfig, run};

fn over_the_world(gather_ms: Option<u64>) -> Run {
    let mut config = SimConfig::new(5, 16);
    config.latencies = Latencies::aws();
    config.params.network_delay_ms = 400;
    config.slots = 8;
    config.verify_signatures = false;
    config.gather_ms = gather_ms;
    let run = run(&config).unwrap();
    assert_eq!(run.violation, None, "{:#?}", run.last_events);
    run
}

#[test]
fn what_is_gathered_is_decided_as_if_each_hop_took_a_little_longer() {
    let alone = over_the_world(None);
    let gathered = over_the_world(Some(20));
    assert_eq!((alone.report.misses, gathered.report.misses), (0, 0));
    assert_eq!(alone.report.slots, gathered.report.slots);
    assert!(gathered.report.events * 2 < alone.report.events);
    // A decision takes four hops: a header, a body, and votes twice.
    let median = |run: &Run| run.report.delays_ms[run.report.delays_ms.len() / 2];
    let later = median(&gathered) - median(&alone);
    assert!((1..=100).contains(&later), "{later} ms");
}

#[test]
fn runs_with_faults_or_newcomers_gather_nothing() {
    let mut config = SimConfig::new(5, 4);
    config.gather_ms = Some(5);
    let (mut faulty, mut joined) = (config.clone(), config);
    faulty.faults = Faults::Documented;
    joined.newcomers = true;
    for config in [faulty, joined] {
        let error = run(&config).unwrap_err().to_string();
        assert!(error.contains("gather_ms"), "{error}");
    }
}
