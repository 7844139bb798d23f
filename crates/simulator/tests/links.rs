//! The protocol over simulated links: peers, relays, bodies, and actors that misuse it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends where its world breaks, and says what it was"
)]

use picot_protocol::PacketKind;
use picot_simulator::{Behaviour, Report, SimConfig, run};

fn report(config: &SimConfig) -> Report {
    let run = run(config).unwrap();
    if let Some(violation) = &run.violation {
        for line in &run.last_events {
            eprintln!("{line}");
        }
        panic!("{violation}");
    }
    run.report
}

/// Five nodes, one of which misuses the protocol for so many slots.
fn with_meddler(behaviour: Behaviour, slots: u64) -> Report {
    let mut config = SimConfig::new(6, 5);
    config.slots = slots;
    config.operations_per_100_slots = 1_000;
    config.byzantine = vec![(1, behaviour)];
    report(&config)
}

#[test]
fn who_sends_garbage_or_what_nobody_asked_for_is_banned_by_all_honest_nodes_and_nobody_else_is() {
    // That honest nodes punish no honest one is an invariant of every run.
    for behaviour in [Behaviour::Garbage, Behaviour::Unasked] {
        let report = with_meddler(behaviour, 60);
        assert_eq!(report.bans, 4, "{behaviour:?}");
    }
}

#[test]
fn who_gives_wrong_operations_is_banned_by_those_who_took_them() {
    let report = with_meddler(Behaviour::WrongOperations, 60);
    assert!(report.bans > 0);
}

#[test]
fn who_asks_without_end_is_banned_in_a_while_by_all_honest_nodes() {
    let report = with_meddler(Behaviour::Asking, 160);
    assert_eq!(report.bans, 4);
    let bans_of_others = with_meddler(Behaviour::TwoVotes, 160).bans;
    assert_eq!(bans_of_others, 0);
}

#[test]
fn a_block_whose_body_is_withheld_is_never_decided() {
    let blocks_of = |behaviour: Option<Behaviour>| {
        let mut config = SimConfig::new(5, 5);
        config.slots = 40;
        // In one thread, and so many that no block is without.
        config.params.thread_count = 1;
        config.operations_per_100_slots = 2_000;
        config.byzantine = behaviour
            .map(|behaviour| (1, behaviour))
            .into_iter()
            .collect();
        report(&config).shares.get(1).unwrap().blocks
    };
    assert_eq!(blocks_of(Some(Behaviour::BodyWithheld)), 0);
    assert!(blocks_of(None) > 0);
}

#[test]
fn where_all_are_connected_to_all_each_vote_crosses_a_link_once_and_in_a_sparse_graph_all_hear_it()
{
    let votes = |peers: Option<usize>| {
        let mut config = SimConfig::new(4, 24);
        config.slots = 12;
        config.peers = peers;
        let report = report(&config);
        assert_eq!(report.misses, 0);
        let rounds: Vec<u32> = report.rounds.keys().copied().collect();
        assert_eq!(rounds, [0], "{peers:?}");
        let votes = report.kinds.get(&PacketKind::Vote).unwrap();
        report.per_slot_and_node(votes.packets)
    };
    // A notarise and a finalise vote of each node to all 23 others, and a margin for those that are
    // asked for: in hundredths.
    let full = votes(None);
    assert!((4_000..=4_900).contains(&full), "{full}");
    let sparse = votes(Some(5));
    assert!(sparse > full, "{sparse}");
}
