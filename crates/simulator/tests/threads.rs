//! Threads change nothing but how long a run takes.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set up its run fails"
)]

use picot_models::CanonicalRuleKind;
use picot_simulator::{Latencies, Run, SimConfig, run};

fn with_threads(mut config: SimConfig, threads: usize) -> Run {
    config.threads = threads;
    let run = run(&config).unwrap();
    assert_eq!(run.violation, None, "{:#?}", run.last_events);
    run
}

#[test]
fn a_run_without_faults_is_the_same_with_any_number_of_threads() {
    let mut near = SimConfig::new(3, 20);
    near.slots = 12;
    let mut far = SimConfig::new(4, 24);
    far.latencies = Latencies::aws();
    far.params.network_delay_ms = 400;
    far.params.canonical_rule = CanonicalRuleKind::LowestHash;
    far.peers = Some(7);
    far.slots = 8;
    far.verify_signatures = false;
    let mut gathered = far.clone();
    gathered.gather_ms = Some(5);
    for config in [near, far, gathered] {
        let alone = with_threads(config.clone(), 1);
        for threads in 2..=3 {
            let among = with_threads(config.clone(), threads);
            assert_eq!(among, alone);
        }
    }
}
