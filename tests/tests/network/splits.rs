//! Nodes that come late, die, are cut off or slow.

use picot_models::{Slot, Value};
use picot_tests::{Localnet, Split};
use std::time::Duration;

/// Longer than a period: whoever waits for a node that is so slow decides no slot in its period.
const LINK_DELAY: Duration = Duration::from_millis(1_500);

const ALL: [usize; 4] = [0, 1, 2, 3];

#[test]
fn a_late_joiner_catches_up_and_a_killed_node_comes_back_from_disk_and_their_votes_count() {
    let mut net = Localnet::new(&[10; 4]);
    net.start(&[0, 1, 2]);
    let before = net.wait_for_more(&[0, 1, 2], 8);

    // With an empty data directory, long after the first slot.
    net.start(&[3]);
    net.wait_for_final(&[3], before);
    net.wait_for_more(&ALL, 4);

    // Two of the others are not two thirds: from now on, the late joiner's votes are needed.
    net.check_decisions();
    net.kill(0);
    let without = net.wait_for_more(&[1, 2, 3], 8);
    net.transfer(3);

    // The one that was killed has missed slots, and is needed once another is gone.
    net.start(&[0]);
    net.wait_for_final(&[0], without);
    net.kill(1);
    net.wait_for_more(&[0, 2, 3], 8);
    net.transfer(0);

    net.start(&[1]);
    net.check_agreement();
    net.stop_and_check();
}

#[test]
fn halves_decide_nothing_and_three_of_four_go_on_and_after_healing_all_agree() {
    let mut net = Localnet::new(&[10; 4]);
    net.start(&ALL);
    net.wait_for_more(&ALL, 4);
    net.check_decisions();

    net.split(&[0, 1], &[2, 3], Split::Silent);
    let (one, other) = (net.submit(0), net.submit(2));
    let passed = net.wait_for_time(10);
    for place in ALL {
        for slot in &passed {
            assert_eq!(
                net.decision(place, *slot),
                None,
                "slot {slot} on node {place}"
            );
        }
    }
    net.heal();
    net.wait_for_final(&ALL, passed[passed.len() - 1]);
    // What was given to either half is lost to none.
    net.wait_for_operation(&one);
    net.wait_for_operation(&other);
    net.check_agreement();

    net.split(&[0, 1, 2], &[3], Split::Closed);
    let passed = net.wait_for_time(10);
    net.wait_for_final(&[0, 1, 2], passed[passed.len() - 1]);
    for slot in &passed {
        assert_eq!(
            net.decision(3, *slot),
            None,
            "slot {slot} on the node that is alone"
        );
    }
    let alone = net.node(3).status().production;
    assert!(!alone.producing, "{alone:?}");
    net.heal();
    net.wait_for_final(&[3], passed[passed.len() - 1]);
    net.wait_for_producing(3);
    net.transfer(3);
    net.check_agreement();
    net.stop_and_check();
}

#[test]
fn a_node_behind_a_slow_link_slows_nobody_and_follows() {
    let mut net = Localnet::new(&[10; 4]);
    net.start(&ALL);
    net.wait_for_more(&ALL, 4);

    net.delay(3, LINK_DELAY);
    let passed = net.wait_for_time(16);
    // What the slow node says of these comes after they are decided: they are blocks of others.
    let settled: Vec<Slot> = passed.into_iter().skip(4).collect();
    let last = settled[settled.len() - 1];
    net.wait_for_final(&[0, 1, 2], last);
    let blocks = settled
        .iter()
        .filter(|slot| matches!(net.decision(0, **slot), Some(Value::Block { .. })));
    assert!(blocks.count() * 2 > settled.len(), "{settled:?}");
    let delay = net.median_delay(0, settled[0], last);
    assert!(delay < LINK_DELAY, "slots were decided after {delay:?}");
    net.wait_for_final(&[3], last);
    let slow = net.median_delay(3, settled[0], last);
    assert!(slow >= LINK_DELAY, "the slow node decides after {slow:?}");

    net.heal();
    net.transfer(3);
    net.check_agreement();
    net.stop_and_check();
}
