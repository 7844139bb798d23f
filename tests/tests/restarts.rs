//! What a node keeps over a stop, a kill and a long sleep.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_api::types::StatusResponse;
use picot_models::{Genesis, Slot};
use picot_tests::{NodeProcess, run_picot};
use std::fs;
use std::path::Path;

/// Kills in the middle of load. Each takes a start-up wait.
const KILLS: usize = 20;

fn decided(node: &NodeProcess, slot: Slot) -> serde_json::Value {
    node.get(&format!("/slots/{}/{}", slot.period, slot.thread))
        .1["value"]
        .clone()
}

/// Checks a stopped node's data as an operator would.
fn check_data(data: &Path) -> String {
    let checked = run_picot(&["db", "check", "--data", data.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
    checked.stdout
}

#[test]
fn a_second_start_goes_on_with_the_same_chain() {
    for signal in ["-INT", "-TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("dev");
        let first = NodeProcess::start_dev(&data);
        let before =
            first.wait_for_status("at period 2", |status| status.last_final_slot.period >= 2);
        let block = decided(&first, Slot::new(2, 0));
        let (status, lines) = first.stop(signal);
        assert!(status.success(), "{status}: {lines:?}");
        let second = NodeProcess::start_dev(&data);
        let after = second.wait_for_status("producing again", |status| {
            status.production.blocks_produced > 0
        });
        assert_eq!(after.chain_id, before.chain_id);
        assert!(after.last_final_slot >= before.last_final_slot);
        assert_eq!(decided(&second, Slot::new(2, 0)), block);
    }
}

#[test]
fn reset_starts_anew() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let first = NodeProcess::start_dev(&data);
    let before = first.status().chain_id;
    first.stop("-TERM");
    let second = NodeProcess::start(&data, &["--dev", "--reset"]);
    assert_ne!(second.status().chain_id, before);
}

#[test]
fn after_a_day_off_the_node_is_soon_up_to_date_and_produces() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    // A chain that began a day ago and has had no slot since: as if its node had been off.
    let first = NodeProcess::start_dev(&data);
    first.stop("-TERM");
    move_genesis_back(&data, 24 * 60 * 60 * 1_000);
    let node = NodeProcess::start(&data, &["--dev", "--keys-never-signed"]);
    let status = node.wait_for_status("up to date and producing", |status| {
        status.behind.is_none()
            && status.production.blocks_produced > 0
            && status.pool.endorsements > 0
    });
    assert!(status.last_final_slot.period > 43_000, "{status:?}");
    let (_, address) = node.get(&format!(
        "/addresses/{}",
        status.production.staking_addresses[0]
    ));
    assert_eq!(
        address["final"]["rolls"], 100,
        "the last stake never vanishes: {address}"
    );
    node.stop("-TERM");
    check_data(&data);
}

#[test]
fn a_lost_signing_log_is_not_forgotten_by_the_next_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let produces = |status: &StatusResponse| status.production.blocks_produced > 0;
    let first = NodeProcess::start_dev(&data);
    first.wait_for_status("a decided block", |status| {
        produces(status) && status.last_final_slot.period > 0
    });
    first.stop("-TERM");
    fs::remove_dir_all(data.join("signing")).unwrap();
    for _ in 0..2 {
        let node = NodeProcess::start_dev(&data);
        let held = node.wait_for_status("held back", |status| {
            let reason = status.production.not_producing.as_ref();
            reason.is_some_and(|reason| reason.contains("--keys-never-signed"))
        });
        assert_eq!(held.production.blocks_produced, 0);
        node.stop("-TERM");
    }
    let told = NodeProcess::start(&data, &["--dev", "--keys-never-signed"]);
    told.wait_for_status("producing", produces);
    told.stop("-TERM");
    let after = NodeProcess::start_dev(&data);
    after.wait_for_status("producing without being told again", produces);
}

/// Makes a data directory one of a chain that began earlier and has no history yet.
fn move_genesis_back(data: &Path, by_ms: u64) {
    let path = data.join("genesis.json");
    let mut genesis: Genesis = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    genesis.genesis_timestamp.0 -= by_ms;
    let keep = ["genesis.json", "keys.json", "dev-passphrase"];
    for entry in fs::read_dir(data).unwrap().map(Result::unwrap) {
        if keep.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        } else {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    fs::write(&path, serde_json::to_string(&genesis).unwrap()).unwrap();
}

#[test]
fn killed_in_the_middle_of_load_a_node_loses_nothing_final_and_never_signs_two_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let recipient = picot_models::mocks::address(99).to_string();
    let mut seen = Vec::new();
    for round in 0..KILLS {
        let node = NodeProcess::start_dev(&data);
        for &(slot, ref value) in &seen {
            assert_eq!(
                &decided(&node, slot),
                value,
                "round {round}: slot {slot} changed"
            );
        }
        node.wait_for_status("producing", |status| status.production.blocks_produced > 0);
        for amount in 1..=3 {
            let sent = node.command(&[
                "transfer",
                &recipient,
                &format!("0.00{amount}"),
                "--wait",
                "accepted",
            ]);
            assert_eq!(sent.code, 0, "{sent:?}");
        }
        let last = node.status().last_final_slot;
        seen.push((last, decided(&node, last)));
        node.kill();
        let report = check_data(&data);
        assert!(report.contains("state hash"), "{report}");
    }
}
