//! A node that has much to do, or has stopped.

use super::*;
use picot_clock::Millis;
use picot_consensus::BehindReason;
use picot_pool::{FeeLevels, PoolLimits};
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn a_busy_node_says_so_and_when_to_come_again_while_the_client_still_waits() {
    let mut world = World::new();
    world.config.max_blocking_requests = 1;
    world.config.request_timeout = Duration::from_secs(2);
    let (enter, entered) = crossbeam_channel::bounded(1);
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    world.pool.expect_of_sender().returning(move |_| {
        let _ = enter.try_send(());
        let _ = released.recv();
        vec![]
    });
    let (server, _outputs) = world.start();
    let path = format!("/operations?sender={}", address(1));
    std::thread::scope(|scope| {
        scope.spawn(|| get(&server, &path));
        entered.recv().unwrap();
        let url = format!("http://{}/api/v1{path}", server.address());
        let response = agent().get(url).call().unwrap();
        let again = response.headers().get("retry-after").cloned();
        let (status, body) = answer(response);
        assert_eq!((status, &body["code"]), (503, &json!("unavailable")));
        assert_eq!(again.unwrap(), "2");
        drop(release);
    });
}

#[test]
fn the_pool_is_asked_for_its_fees_once_a_slot() {
    let mut world = World::new();
    let levels = Arc::new(AtomicU64::new(7));
    let (read, asked) = (Arc::clone(&levels), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&asked);
    world.pool.expect_fee_levels().returning(move |_, blocks| {
        counted.fetch_add(1, Ordering::SeqCst);
        FeeLevels {
            to_beat: vec![Amount::from_nanos(read.load(Ordering::SeqCst)); blocks.len()],
            ..FeeLevels::default()
        }
    });
    world.pool.expect_limits().returning(|| PoolLimits {
        max_operations_per_thread: 1,
        max_bytes_per_thread: 1,
        max_operations_per_sender: 1,
        min_fee: Amount::ZERO,
    });
    let clock = Arc::clone(&world.clock);
    let (server, _outputs) = world.start();
    let fees = || get(&server, "/fees").1;
    let first = fees();
    levels.store(1_000_000_000_000, Ordering::SeqCst);
    assert_eq!(
        (fees(), asked.load(Ordering::SeqCst)),
        (first.clone(), 4),
        "four threads"
    );
    clock.advance(Millis(500)).unwrap();
    assert_ne!(fees(), first, "another slot");
    assert_eq!(asked.load(Ordering::SeqCst), 8);
}

#[test]
fn status_tells_that_execution_stopped_before_what_follows_from_it() {
    let mut world = World::new();
    world.pool.expect_stats().returning(PoolStats::default);
    world.execution.checkpoint();
    let (_sender, outputs) = crossbeam_channel::bounded(1);
    world.execution.expect_subscribe().return_once(|| outputs);
    world
        .execution
        .expect_summary()
        .returning(|| ExecutionSummary {
            last_final_slot: Slot::new(4, 1),
            state_hash: Hash([5; 32]),
            totals: Totals::default(),
            cycle: 0,
            candidate_slot: Slot::new(4, 2),
            waiting_decided: 0,
            stopped: Some("the disk is full".to_owned()),
        });
    world
        .consensus
        .expect_summary()
        .returning(|| ConsensusSummary {
            threads: vec![],
            behind: Some(BehindReason::Undecided {
                slot: Slot::new(4, 2),
            }),
            decided_slots: 20,
            missed_slots: 1,
            bad_signatures: 0,
            faults: 0,
        });
    let (server, _outputs) = world.start();
    assert_eq!(get(&server, "/status").1["behind"], "the disk is full");
}
