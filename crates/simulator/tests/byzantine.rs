//! Each way of misbehaving, alone and together, with less than a third of the stake: nothing breaks,
//! and what can be proven is proven.

#![allow(clippy::unwrap_used, reason = "a test ends where its world breaks")]

use picot_models::{CanonicalRuleKind, ProposalPolicy};
use picot_simulator::{
    Behaviour, Cut, Invariant, LinkRules, Partition, Report, Run, Scenario, SimConfig, run,
    run_scenario,
};

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
        Behaviour::LateHeader,
        Behaviour::MissAgainstCandidates,
        Behaviour::LateVotes,
        Behaviour::Grinding { tries: 8 },
    ] {
        assert_eq!(report(behaviour).proven_faults, 0, "{behaviour:?}");
    }
}

/// Seven validators, of whom two misbehave, in rounds after the first: messages are lost, and votes
/// split between two sides.
fn troubled(seed: u64, behaviour: Behaviour) -> Run {
    let mut config = SimConfig::new(seed, 7);
    config.slots = 24;
    config.byzantine = vec![(2, behaviour), (5, behaviour)];
    let mut scenario = Scenario::new(&config);
    scenario.heal_us = Some(6_000_000);
    scenario.rules = LinkRules {
        loss: 250_000,
        jitter_percent: 100,
        ..LinkRules::WELL
    };
    scenario.partitions = vec![Partition {
        from_us: 3_000_000,
        to_us: 4_500_000,
        cut: Cut {
            // With the twins of 2 and 5, if they have any.
            sides: vec![0, 0, 0, 1, 1, 1, 1, 1, 0],
        },
    }];
    let run = run_scenario(&config, &scenario).unwrap();
    assert_eq!(run.violation, None, "seed {seed}, {behaviour:?}");
    run
}

#[test]
fn what_shows_in_later_rounds_or_between_two_sides_becomes_evidence_too() {
    for behaviour in [
        Behaviour::TwoProposals,
        Behaviour::FalseCarry,
        Behaviour::TwinKey,
    ] {
        let proven = (0..48).any(|seed| troubled(seed, behaviour).report.proven_faults > 0);
        assert!(proven, "{behaviour:?}");
    }
}

#[test]
fn those_who_work_together_break_nothing_while_votes_split_and_messages_are_lost() {
    for behaviour in Behaviour::TOGETHER {
        for seed in 0..6 {
            troubled(seed, behaviour);
        }
    }
}

#[test]
fn a_crew_of_more_than_a_third_with_two_faces_makes_two_sides_decide_and_is_found() {
    let config = SimConfig::new(1, 10);
    let mut scenario = Scenario::new(&config);
    scenario.byzantine = (6..10)
        .map(|validator| (validator, Behaviour::TwoFaced))
        .collect();
    // Three honest ones on each side, and four with two faces: seven of ten are a quorum.
    scenario.partitions = vec![Partition {
        from_us: 0,
        to_us: u64::MAX / 4,
        cut: Cut {
            sides: vec![0, 0, 0, 1, 1, 1, 0, 0, 1, 1],
        },
    }];
    let run = run_scenario(&config, &scenario).unwrap();
    let broken = run.violation.map(|violation| violation.invariant);
    let expected = [Invariant::Agreement, Invariant::Availability];
    assert!(
        broken.is_some_and(|one| expected.contains(&one)),
        "{broken:?}"
    );
}

/// The share of validator 0 in the blocks of a run in which it grinds, in percent.
fn share_of_a_grinder(rule: CanonicalRuleKind, tries: u32) -> u64 {
    let mut config = SimConfig::new(9, 8);
    config.slots = 60;
    config.params.canonical_rule = rule;
    config.params.proposal_policy = ProposalPolicy::All;
    config.byzantine = vec![(0, Behaviour::Grinding { tries })];
    let run = run(&config).unwrap();
    assert_eq!(run.violation, None, "{rule:?}");
    let blocks: u64 = run.report.shares.iter().map(|share| share.blocks).sum();
    run.report.shares.first().unwrap().blocks * 100 / blocks
}

#[test]
fn grinding_wins_slots_under_lowest_hash_and_under_no_other_rule() {
    // 63 of 70 tries are the grinder's own: nine slots of ten. An eighth of the stake is its.
    assert!(share_of_a_grinder(CanonicalRuleKind::LowestHash, 63) > 75);
    for rule in [
        CanonicalRuleKind::RankedDraw,
        CanonicalRuleKind::LowestTicket,
        CanonicalRuleKind::FirstToQuorum,
    ] {
        let share = share_of_a_grinder(rule, 63);
        assert!(share < 35, "{rule:?}: {share}");
    }
}
