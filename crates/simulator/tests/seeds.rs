//! Runs of whole nodes: without faults, with the documented ones, and twice with the same seed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends where its world breaks, and says what it was"
)]

use picot_models::{CanonicalRuleKind, ProposalPolicy};
use picot_simulator::{Faults, Latencies, Run, SimConfig, run};

/// Runs it, and ends the test if an invariant is broken.
fn check(config: &SimConfig) -> Run {
    let run = run(config).unwrap();
    if let Some(violation) = &run.violation {
        for line in run.last_events.iter().chain(&run.lanes) {
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
fn four_validators_decide_every_slot_as_a_block_in_round_0_when_nothing_fails() {
    let run = check(&SimConfig::new(1, 4));
    assert_eq!(run.report.misses, 0, "{:?}", run.lanes);
    let rounds: Vec<u32> = run.report.rounds.keys().copied().collect();
    assert_eq!(rounds, [0]);
    assert!(run.report.operations > 0);
}

#[test]
fn cycles_end_and_new_draws_are_the_same_on_all_nodes() {
    let mut config = SimConfig::new(2, 4);
    config.params.periods_per_cycle = 4;
    config.params.checkpoint_interval_periods = 2;
    config.params.denunciation_expire_periods = 8;
    config.slots = 20 * u64::from(config.params.thread_count);
    let run = check(&config);
    assert_eq!(run.report.misses, 0, "{:?}", run.lanes);
}

#[test]
fn every_policy_and_rule_decides_across_the_world() {
    use CanonicalRuleKind::{FirstToQuorum, LowestHash, LowestTicket, RankedDraw};
    for policy in [
        ProposalPolicy::Drawn,
        ProposalPolicy::Ranked { count: 2 },
        ProposalPolicy::All,
    ] {
        for rule in [RankedDraw, LowestHash, LowestTicket, FirstToQuorum] {
            let mut config = SimConfig::new(3, 5);
            config.latencies = Latencies::aws();
            config.params.network_delay_ms = 250;
            config.params.proposal_policy = policy;
            config.params.canonical_rule = rule;
            config.slots = 8;
            check(&config);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [7, 8] {
        let mut config = SimConfig::new(seed, 4);
        config.faults = Faults::Documented;
        let (one, other) = (run(&config).unwrap(), run(&config).unwrap());
        assert_eq!(one, other);
        config.seed += 100;
        assert_ne!(run(&config).unwrap().trace_hash, one.trace_hash);
    }
}

#[test]
fn documented_faults_break_nothing() {
    for seed in 0..40 {
        let validators = 4 + usize::try_from(seed % 4).unwrap();
        let mut config = SimConfig::new(seed, validators);
        config.rolls = (1..)
            .map(|one| 1 + (seed + 3 * one) % 7)
            .take(validators)
            .collect();
        config.faults = Faults::Documented;
        check(&config);
    }
}
