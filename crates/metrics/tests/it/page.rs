//! What a whole node tells, asked of parts that are made up.

use crate::world::{Parts, World, block, certified, consensus};
use crossbeam_channel::unbounded;
use picot_checkpoint::CheckpointError;
use picot_checkpoint::mocks::MockCheckpoints;
use picot_clock::Millis;
use picot_consensus::ConsensusEvent;
use picot_execution::{OperationOutcome, SlotOutput};
use picot_metrics::{Definition, Kind, catalogue};
use picot_models::mocks::address;
use picot_models::{Amount, Hash, Slot, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The name of a series and the names of its labels.
fn parts_of(series: &str) -> (&str, BTreeSet<&str>) {
    let Some((name, labels)) = series.split_once('{') else {
        return (series, BTreeSet::new());
    };
    let labels = labels.strip_suffix('}').unwrap();
    // No label of the made-up node has a comma in its value.
    let names = labels
        .split(',')
        .map(|label| label.split_once('=').unwrap().0);
    (name, names.collect())
}

fn decided(slot: Slot, value: Value) -> ConsensusEvent {
    ConsensusEvent::Decided {
        slot,
        through: slot.period,
        value,
        round: 1,
        delay: Millis(700),
    }
}

#[test]
fn everything_that_is_told_is_in_the_catalogue_and_the_other_way_round() {
    let world = World::new();
    world
        .metrics()
        .http()
        .answered(Some("/api/v1/status"), 200, Duration::from_millis(1));
    let page = world.page();
    let told: BTreeSet<_> = page.kinds.keys().cloned().collect();
    let defined: BTreeSet<_> = catalogue::all().map(Definition::family).collect();
    assert_eq!(told, defined);
    for metric in catalogue::all() {
        assert_eq!(page.kinds[&metric.family()], metric.kind.as_str());
    }
    for series in page.series() {
        let (name, mut labels) = parts_of(series);
        let metric = catalogue::of_series(name).unwrap_or_else(|| panic!("what is {series}?"));
        if metric.kind == Kind::Histogram && name.ends_with("_bucket") {
            assert!(labels.remove("le"), "{series}");
        }
        assert_eq!(labels, metric.labels.iter().copied().collect(), "{series}");
    }
}

#[test]
fn where_slots_are_is_told_by_thread() {
    let page = World::new().page();
    for (series, figure) in [
        ("picot_current_period{thread=\"0\"}", 10.0),
        ("picot_current_period{thread=\"1\"}", 9.0),
        ("picot_decided_period{thread=\"0\"}", 9.0),
        ("picot_decided_period{thread=\"1\"}", 7.0),
        ("picot_final_period{thread=\"0\"}", 8.0),
        ("picot_final_period{thread=\"1\"}", 7.0),
        // 8/1, 9/0, 9/1 and 10/0.
        ("picot_finality_lag_slots", 4.0),
        // 8/1 began at 17 s.
        ("picot_oldest_undecided_slot_age_seconds", 3.5),
        ("picot_open_round{thread=\"0\"}", 3.0),
        ("picot_behind{reason=\"draws\"}", 1.0),
        ("picot_behind{reason=\"undecided\"}", 0.0),
        ("picot_bad_signatures_total", 5.0),
        ("picot_faults_total", 6.0),
        ("picot_candidate_lead_slots", 3.0),
        ("picot_execution_waiting", 4.0),
        ("picot_execution_stopped", 0.0),
    ] {
        assert_eq!(page.figure(series), figure, "{series}");
    }
}

#[test]
fn coins_and_checkpoints_are_told_in_coins_and_seconds() {
    let page = World::new().page();
    for (series, figure) in [
        ("picot_supply_coins{part=\"balances\"}", 1.5),
        ("picot_supply_coins{part=\"rolls\"}", 60.0),
        ("picot_minted_coins_total", 0.25),
        ("picot_rolls", 30.0),
        ("picot_stakers", 2.0),
        ("picot_cycle", 2.0),
        ("picot_period_length_seconds", 2.0),
        ("picot_cycle_length_seconds", 32.0),
        ("picot_checkpoint_certified_period", 7.0),
        ("picot_checkpoint_certified_age_seconds", 5.5),
        ("picot_checkpoints_open", 1.0),
        ("picot_checkpoint_open_power_ratio", 0.25),
    ] {
        assert_eq!(page.figure(series), figure, "{series}");
    }
}

#[test]
fn production_is_told_by_factory_with_every_reason_from_the_start() {
    let page = World::new().page();
    for (series, figure) in [
        ("picot_producing", 1.0),
        ("picot_keys", 1.0),
        ("picot_keys_refused", 1.0),
        ("picot_own_rolls", 20.0),
        ("picot_own_power", 15.0),
        ("picot_factory_enabled{factory=\"blocks\"}", 1.0),
        ("picot_factory_enabled{factory=\"endorsements\"}", 0.0),
        ("picot_produced_total{factory=\"blocks\"}", 12.0),
        (
            "picot_production_skipped_total{factory=\"blocks\",reason=\"late\"}",
            2.0,
        ),
        (
            "picot_production_skipped_total{factory=\"endorsements\",reason=\"refused\"}",
            0.0,
        ),
        (
            "picot_production_left_out_total{factory=\"blocks\",part=\"operations\"}",
            1.0,
        ),
        (
            "picot_production_missed_ticks_total{factory=\"blocks\"}",
            7.0,
        ),
        (
            "picot_production_latest_duration_seconds{factory=\"blocks\"}",
            0.04,
        ),
        (
            "picot_production_longest_duration_seconds{factory=\"blocks\"}",
            0.09,
        ),
    ] {
        assert_eq!(page.figure(series), figure, "{series}");
    }
}

#[test]
fn peers_and_what_is_pending_are_told() {
    let page = World::new().page();
    for (series, figure) in [
        ("picot_peers{direction=\"inbound\"}", 1.0),
        ("picot_peers{direction=\"outbound\"}", 2.0),
        ("picot_peers_reserved", 2.0),
        ("picot_peers_banned", 1.0),
        ("picot_connections_total{direction=\"inbound\"}", 4.0),
        (
            "picot_network_bytes_total{lane=\"urgent\",direction=\"sent\"}",
            200.0,
        ),
        ("picot_network_queued_bytes{lane=\"urgent\"}", 3.0),
        ("picot_network_dropped_messages_total{lane=\"urgent\"}", 1.0),
        ("picot_network_refused_packets_total", 8.0),
        ("picot_peer_round_trip_seconds{statistic=\"median\"}", 0.02),
        ("picot_peer_round_trip_seconds{statistic=\"max\"}", 0.03),
        ("picot_peer_lead_slots", 2.0),
        ("picot_clock_behind_seconds", -0.25),
        ("picot_clock_tolerance_seconds", 0.05),
        ("picot_pool_operations{thread=\"1\"}", 11.0),
        ("picot_pool_bytes{thread=\"1\"}", 1_200.0),
        ("picot_pool_evicted_operations_total{thread=\"1\"}", 3.0),
        ("picot_pool_endorsements", 9.0),
    ] {
        assert_eq!(page.figure(series), figure, "{series}");
    }
}

#[test]
fn the_node_and_its_disk_are_told_and_text_is_escaped() {
    let page = World::new().page();
    let node = "picot_node_info{version=\"1.2.3\",chain=\"a \\\"chain\\\"\",chain_id=\"chain1\"}";
    assert_eq!(page.figure(node), 1.0);
    assert_eq!(page.figure("picot_process_start_time_seconds"), 1.5);
    assert_eq!(page.figure("picot_store_bytes{part=\"state\"}"), 4_096.0);
    assert!(page.figure("picot_disk_size_bytes") >= page.figure("picot_disk_free_bytes"));
}

#[test]
fn what_happens_is_counted_as_it_happens() {
    let world = World::new();
    let first = world.page();
    let blocks = "picot_decided_slots_total{thread=\"0\",outcome=\"block\"}";
    assert_eq!(first.figure(blocks), 0.0, "a rate sees the first one too");
    let slot = Slot::new(9, 0);
    let candidate = ConsensusEvent::CandidateAdded {
        slot,
        id: block(),
        producer: address(2),
    };
    world.decisions.send(candidate).unwrap();
    let event = decided(slot, Value::Block { id: block() });
    world.decisions.send(event).unwrap();
    let output = SlotOutput {
        slot,
        block: Some(block()),
        producer: Some(address(2)),
        operations: vec![(Hash([1; 32]).into(), OperationOutcome::Succeeded)],
        minted: Amount::from_nanos(0),
        ended_cycle: None,
        state_hash: None,
    };
    world.finals.send(Arc::new(output)).unwrap();
    world.page_when("picot_finality_delay_seconds_count", 1.0);
    let page = world.page_when(blocks, 1.0);
    for (series, figure) in [
        ("picot_candidates_total{thread=\"0\"}", 1.0),
        ("picot_own_blocks_total{fate=\"decided\"}", 1.0),
        (
            "picot_decision_delay_seconds_bucket{le=\"0.75\",outcome=\"block\"}",
            1.0,
        ),
        (
            "picot_decision_delay_seconds_bucket{le=\"0.5\",outcome=\"block\"}",
            0.0,
        ),
        ("picot_decision_round_bucket{le=\"0.0\"}", 0.0),
        ("picot_decision_round_bucket{le=\"1.0\"}", 1.0),
        ("picot_operations_final_total{outcome=\"succeeded\"}", 1.0),
        // Slot 9/0 began 2.5 s ago.
        ("picot_finality_delay_seconds_sum", 2.5),
    ] {
        assert_eq!(page.figure(series), figure, "{series}");
    }
}

#[test]
fn a_reader_of_events_that_was_cut_off_reads_on_and_says_so() {
    let (cut_off, first) = unbounded();
    let (decisions, second) = unbounded();
    drop(cut_off);
    let mut checkpoints = MockCheckpoints::new();
    checkpoints.expect_summary().returning(|| Ok(certified()));
    let parts = Parts {
        consensus: consensus(vec![first, second]),
        checkpoints,
        peers: None,
        own_power: None,
    };
    let world = World::of(parts, decisions);
    let event = decided(Slot::new(9, 0), Value::Miss { through: 9 });
    world.decisions.send(event).unwrap();
    let misses = "picot_decided_slots_total{thread=\"0\",outcome=\"miss\"}";
    let page = world.page_when(misses, 1.0);
    assert_eq!(
        page.figure("picot_events_lost_total{stream=\"consensus\"}"),
        1.0
    );
    assert_eq!(
        page.figure("picot_events_lost_total{stream=\"execution\"}"),
        0.0
    );
}

#[test]
fn what_is_not_known_is_absent_and_a_lone_node_has_no_peers() {
    let (decisions, events) = unbounded();
    let mut checkpoints = MockCheckpoints::new();
    checkpoints
        .expect_summary()
        .returning(|| Err(CheckpointError::EmptyCertificate));
    let parts = Parts {
        consensus: consensus(vec![events]),
        checkpoints,
        peers: None,
        own_power: None,
    };
    let page = World::of(parts, decisions).page();
    for metric in [
        catalogue::CERTIFIED_PERIOD,
        catalogue::OPEN_CHECKPOINTS,
        catalogue::CLOCK_BEHIND,
        catalogue::OWN_POWER,
        catalogue::PEER_ROUND_TRIP,
        catalogue::NETWORK_BYTES,
    ] {
        assert!(!page.has(&metric), "{}", metric.name);
    }
    assert_eq!(page.figure("picot_peers{direction=\"outbound\"}"), 0.0);
    assert_eq!(page.figure("picot_producing"), 1.0, "the rest is told");
}
