//! Whatever becomes of a signing log, a key never contradicts itself: what could is refused, with exit
//! code 77 and what to do.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use picot_tests::{Finished, NodeProcess, run_picot, torture};
use std::fs;
use std::path::Path;

/// Where going on could have a key sign against itself.
const SAFETY_REFUSAL: i32 = 77;

fn start(data: &Path) -> Finished {
    let data = data.to_str().unwrap();
    run_picot(&["node", "--dev", "--api", "127.0.0.1:0", "--data", data])
}

fn assert_refused(ended: &Finished, why: &str) {
    assert_eq!(ended.code, SAFETY_REFUSAL, "{ended:?}");
    assert!(ended.stderr.contains(why), "{ended:?}");
    assert!(ended.stderr.contains("hint: "), "{ended:?}");
}

#[test]
fn a_second_process_with_the_same_data_is_refused_and_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let node = NodeProcess::start_dev(&data);
    assert_refused(&start(&data), "in use by another process");
    let last = node.status().last_final_slot;
    node.wait_for_status("going on", |status| status.last_final_slot > last);
}

#[test]
fn an_older_copy_of_the_signing_log_is_refused_until_it_is_removed_and_then_nothing_is_signed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let (log, copy) = (
        data.join("signing/claims.redb"),
        directory.path().join("copy"),
    );
    let node = NodeProcess::start_dev(&data);
    node.wait_for_status("a block", |status| status.last_final_slot.period >= 1);
    node.stop("-TERM");
    fs::copy(&log, &copy).unwrap();
    let node = NodeProcess::start_dev(&data);
    let last = node.status().last_final_slot.period;
    node.wait_for_status("more blocks", |status| {
        status.production.blocks_produced > 0 && status.last_final_slot.period > last
    });
    node.stop("-TERM");
    fs::copy(&copy, &log).unwrap();
    for _ in 0..2 {
        assert_refused(&start(&data), "it is an older copy");
    }
    fs::remove_dir_all(data.join("signing")).unwrap();
    let node = NodeProcess::start_dev(&data);
    let held = node.wait_for_status("held back", |status| {
        let reason = status.production.not_producing.as_ref();
        reason.is_some_and(|reason| reason.contains("--keys-never-signed"))
    });
    assert_eq!(held.production.blocks_produced, 0);
}

#[test]
fn a_damaged_signing_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    NodeProcess::start_dev(&data).stop("-TERM");
    let log = data.join("signing/claims.redb");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    assert_refused(&start(&data), "is damaged");
}

#[test]
fn of_two_nodes_with_one_key_the_later_signs_nothing_against_the_other() {
    let told = torture::one_key_twice();
    assert!(told.contains("in use elsewhere"), "{told}");
}
