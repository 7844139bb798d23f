//! A node that keeps the blocks of the last cycles only.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use picot_clock::{Clock, SystemClock};
use picot_models::Slot;
use picot_tests::{Dice, NodeProcess, run_picot};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const PERIODS_PER_CYCLE: u64 = 4;
const KEPT: u64 = 2;
const ARGS: [&str; 4] = ["--dev", "--keys-never-signed", "--history", "cycles=2"];
/// While blocks are dropped at the end of every cycle.
const KILLS: usize = 12;

/// A development directory whose chain has cycles of about a second, and has not begun.
fn short_cycles(data: &Path) {
    NodeProcess::start_dev(data).stop("-TERM");
    for entry in ["store", "signing"] {
        fs::remove_dir_all(data.join(entry)).unwrap();
    }
    fs::remove_file(data.join("chain")).unwrap();
    let path = data.join("genesis.json");
    let mut genesis: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    genesis["genesis_timestamp"] = SystemClock.now().0.into();
    let params = &mut genesis["params"];
    params["t0_ms"] = 320.into();
    params["periods_per_cycle"] = PERIODS_PER_CYCLE.into();
    params["checkpoint_interval_periods"] = 2.into();
    params["operation_validity_periods"] = 6.into();
    params["denunciation_expire_periods"] = 8.into();
    params["max_block_production_ms"] = 20.into();
    params["block_startup_delay_ms"] = 100.into();
    params["endorsement_startup_delay_ms"] = 100.into();
    fs::write(path, genesis.to_string()).unwrap();
}

fn state_of(node: &NodeProcess, slot: Slot) -> Json {
    let path = format!("/slots/{}/{}", slot.period, slot.thread);
    node.get(&path).1["status"].clone()
}

fn db(command: &str, data: &Path) -> Json {
    let told = run_picot(&["db", command, "--json", "--data", data.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{told:?}");
    serde_json::from_str(&told.stdout).unwrap()
}

/// What is there fits together, and is not all.
fn check_data(data: &Path) {
    let (info, checked) = (db("info", data), db("check", data));
    assert_eq!(info["history"], "cycles=2");
    let first = info["archive"]["first"]["period"].as_u64();
    assert!(first > Some(1), "{info}");
    assert_eq!(checked["executed_again"], false, "{checked}");
    // The validators of cycles that are due to go may not be known.
    assert!(
        checked["certificates_verified"].as_u64() > Some(0),
        "{checked}"
    );
    assert_eq!(info["state"]["state_hash"], checked["state_hash"]);
}

#[test]
fn old_blocks_leave_while_the_node_decides_and_it_goes_on_over_kills_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    short_cycles(&data);
    let node = NodeProcess::start(&data, &ARGS);
    node.wait_for("the first cycle is dropped", || {
        (state_of(&node, Slot::new(1, 0)) == "not_kept").then_some(())
    });
    let mut last = node.status().last_final_slot;
    node.kill();
    let mut dice = Dice::new(6);
    for _ in 0..KILLS {
        let node = NodeProcess::start(&data, &ARGS);
        let period = last.period + 2;
        let status =
            node.wait_for_status("decides", |status| status.last_final_slot.period >= period);
        assert!(status.last_final_slot > last);
        last = status.last_final_slot;
        // Over a whole cycle, so that some kills come while blocks are dropped.
        sleep(Duration::from_millis(dice.below(1_300)));
        node.kill();
        check_data(&data);
    }
    let node = NodeProcess::start(&data, &ARGS);
    let later = last.period + (KEPT + 2) * PERIODS_PER_CYCLE;
    node.wait_for_status("goes on", |status| {
        status.last_final_slot.period >= later && status.production.blocks_produced > 0
    });
    node.wait_for("what was last before is dropped, too", || {
        (state_of(&node, last) == "not_kept").then_some(())
    });
    node.stop("-TERM");
    check_data(&data);
    let unknown = &db("check", &data)["certificates_unknown"];
    assert_eq!(*unknown, 0, "of what is kept all can be verified");
}

#[test]
fn a_node_that_kept_everything_can_keep_less_from_now_on_and_more_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    short_cycles(&data);
    let full = NodeProcess::start(&data, &["--dev", "--keys-never-signed"]);
    let enough = (KEPT + 2) * PERIODS_PER_CYCLE;
    full.wait_for_status("some cycles", |status| {
        status.last_final_slot.period >= enough
    });
    assert_eq!(state_of(&full, Slot::new(1, 0)), "decided");
    full.stop("-TERM");
    assert_eq!(db("check", &data)["executed_again"], true);
    let less = NodeProcess::start(&data, &ARGS);
    less.wait_for("the first cycle is dropped", || {
        (state_of(&less, Slot::new(1, 0)) == "not_kept").then_some(())
    });
    less.stop("-TERM");
    check_data(&data);
    let first = db("info", &data)["archive"]["first"].clone();
    let more = NodeProcess::start(&data, &["--dev"]);
    let later = more.status().last_final_slot.period + 2 * PERIODS_PER_CYCLE;
    more.wait_for_status("goes on", |status| status.last_final_slot.period >= later);
    more.stop("-TERM");
    let info = db("info", &data);
    assert_eq!(info["archive"]["first"], first, "nothing more was dropped");
    assert_eq!(info["history"], "full");
}

#[test]
fn a_history_that_is_too_short_is_refused_with_what_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let data = data.to_str().unwrap();
    let refused = run_picot(&["node", "--dev", "--data", data, "--history", "cycles=1"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--history cycles=2"), "{refused:?}");
    let wrong = run_picot(&["node", "--dev", "--data", data, "--history", "some"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}
