//! Runs of whole nodes: without faults, with the documented ones, and twice with the same seed.

use picot_simulator::{Faults, Run, SimConfig, run};

fn check(config: &SimConfig) -> Run {
    let run = run(config).unwrap();
    if let Some(violation) = &run.violation {
        for line in &run.last_events {
            eprintln!("{line}");
        }
        for line in &run.lanes {
            eprintln!("{line}");
        }
        panic!("seed {}: {violation}", run.seed);
    }
    run
}

#[test]
fn one_validator_decides_every_slot_as_its_block() {
    let run = check(&SimConfig::new(1, 1));
    assert_eq!(run.report.misses, 0, "{:?}", run.lanes);
}

#[test]
fn four_validators_decide_every_slot_as_a_block_when_nothing_fails() {
    let run = check(&SimConfig::new(1, 4));
    eprintln!("{:?} {:?}", run.lanes, run.report);
    assert_eq!(run.report.misses, 0, "{:?}", run.lanes);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let mut config = SimConfig::new(7, 4);
    config.faults = Faults::Documented;
    let (one, other) = (run(&config).unwrap(), run(&config).unwrap());
    assert_eq!(one, other);
    config.seed = 8;
    assert_ne!(run(&config).unwrap().trace_hash, one.trace_hash);
}

#[test]
fn documented_faults_break_nothing() {
    let seeds: u64 = 40;
    for seed in 0..seeds {
        let validators = 4 + usize::try_from(seed % 4).unwrap();
        let mut config = SimConfig::new(seed, validators);
        config.rolls = (0..validators)
            .map(|one| 1 + (seed + 3 * one as u64) % 7)
            .collect();
        config.faults = Faults::Documented;
        let run = check(&config);
        eprintln!(
            "{seed} {} ev {} miss {} crashes {} faults {} sim {}",
            run.report.slots,
            run.report.events,
            run.report.misses,
            run.report.crashes,
            run.report.proven_faults,
            run.report.simulated_ms
        );
    }
}
