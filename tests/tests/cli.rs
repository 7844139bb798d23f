//! The command line against a real node: settings from file and environment, lists and streams as tables
//! and JSON, and how commands end.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use picot_models::mocks;
use picot_tests::{Finished, NodeProcess, picot, run_picot};
use serde_json::Value as Json;
use std::process::{Command, Stdio};

/// Runs `picot` with variables of the environment.
fn run_with(variables: &[(&str, &str)], args: &[&str]) -> Finished {
    let output = Command::new(picot())
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Finished {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn at(node: &NodeProcess, args: &[&str]) -> Finished {
    let finished = run_picot(&[args, &["--api", node.url()]].concat());
    assert_eq!(finished.code, 0, "{args:?}: {finished:?}");
    finished
}

fn json_at(node: &NodeProcess, args: &[&str]) -> Json {
    let finished = at(node, &[args, &["--json"]].concat());
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn every_reading_command_answers_about_a_running_node() {
    let data = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&data.path().join("dev"));
    let to = mocks::address(9).to_string();
    let order = [
        "transfer",
        &to,
        "12.5",
        "--fee",
        "auto",
        "--data",
        node.data(),
    ];
    let dry = json_at(&node, &[order.as_slice(), &["--dry-run"]].concat());
    assert_eq!(dry["outcome"]["result"], "succeeded");
    let sent = json_at(&node, &order);
    assert_eq!(sent["state"], "final");
    let (slot, block) = (&sent["slot"], sent["block"].as_str().unwrap());
    let slot = format!("{}/{}", slot["period"], slot["thread"]);

    let blocks = json_at(&node, &["blocks", "--limit", "1000"]);
    let ids: Vec<_> = blocks["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&block), "{block} is in {ids:?}");
    let carried = json_at(&node, &["block", block, "--operations"]);
    assert_eq!(carried["operations"][0]["id"], sent["id"]);
    assert_eq!(carried["operations"][0]["outcome"]["result"], "succeeded");
    let slots = json_at(&node, &["slots", "--limit", "2"]);
    assert_eq!(slots["slots"].as_array().unwrap().len(), 2);
    let agreement = json_at(&node, &["agreement", &slot]);
    assert_eq!(agreement["value"]["id"], block);
    let stakers = json_at(&node, &["stakers"]);
    assert_eq!(stakers["stakers"][0]["own"], true);
    let staker = stakers["stakers"][0]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let draws = json_at(&node, &["draws", "--all", "--limit", "3"]);
    assert_eq!(draws["draws"].as_array().unwrap().len(), 3);
    let cycles = json_at(&node, &["cycles"]);
    let cycle = cycles["cycles"].as_array().unwrap().last().unwrap()["cycle"].to_string();

    for table in [
        ["status"].as_slice(),
        &["blocks"],
        &["blocks", "--producer", &staker],
        &["block", block],
        &["block", block, "--operations"],
        &["slots"],
        &["slot", &slot],
        &["agreement", &slot],
        &["stakers"],
        &["cycles"],
        &["cycles", &cycle],
        &["fees"],
        &["fees", "--sender", &staker],
        &["pool"],
        &["operations", &staker],
        &["draws"],
        &["draws", "--all"],
        &["address", &staker],
        &["checkpoint", "show"],
        &["peers", "show"],
    ] {
        assert!(!at(&node, table).stdout.trim().is_empty(), "{table:?}");
        json_at(&node, table);
    }
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let data = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&data.path().join("dev"));
    let watched = at(
        &node,
        &["watch", "--topic", "slot", "--count", "3", "--json"],
    );
    let slots: Vec<Json> = watched
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(slots.len(), 3);
    assert!(
        slots.iter().all(|event| event["event"] == "slot"),
        "{slots:?}"
    );
    let decided = at(&node, &["watch", "--topic", "decided", "--count", "1"]);
    assert!(decided.stdout.starts_with("decided "), "{decided:?}");
}

#[test]
fn a_node_runs_with_the_settings_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picot.toml");
    std::fs::write(&file, "dev = true\n[pool]\nmin_fee = \"0.5\"\n").unwrap();
    let file = file.to_str().unwrap();
    let node = NodeProcess::start(&folder.path().join("data"), &["--config", file]);
    let fees = json_at(&node, &["fees"]);
    assert_eq!(fees["minimal_fee"], "0.5");
    let to = mocks::address(9).to_string();
    let args = [
        "transfer",
        &to,
        "1",
        "--fee",
        "0.1",
        "--data",
        node.data(),
        "--api",
        node.url(),
    ];
    let refused = run_picot(&args);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("fee_too_low"), "{refused:?}");
}

#[test]
fn the_environment_counts_more_than_a_file_and_a_flag_more_than_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picot.toml");
    std::fs::write(
        &file,
        "[api]\nmax_streams = 1\nmax_batch = 1\nmax_connections = 1\n",
    )
    .unwrap();
    let variables = [
        ("PICOT_CONFIG", file.to_str().unwrap()),
        ("PICOT_API_MAX_STREAMS", "2"),
        ("PICOT_API_MAX_BATCH", "2"),
    ];
    let args = ["config", "show", "--set", "api.max_streams=3", "--json"];
    let shown = run_with(&variables, &args);
    assert_eq!(shown.code, 0, "{shown:?}");
    let all: Json = serde_json::from_str(&shown.stdout).unwrap();
    let find = |key: &str| {
        all.as_array()
            .unwrap()
            .iter()
            .find(|one| one["key"] == key)
            .unwrap()
            .clone()
    };
    let said = |key: &str| {
        (
            find(key)["value"].clone(),
            find(key)["origin"]["type"].clone(),
        )
    };
    assert_eq!(said("api.max_streams"), (3.into(), "flag".into()));
    assert_eq!(said("api.max_batch"), (2.into(), "environment".into()));
    assert_eq!(said("api.max_connections"), (1.into(), "file".into()));
}

#[test]
fn a_command_ends_with_0_1_or_2_as_its_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picot.toml");
    std::fs::write(&file, "[api]\nmax_stream = 1\n").unwrap();
    let file = file.to_str().unwrap();
    for (code, args) in [
        (0, ["help"].as_slice()),
        (0, &["config", "example"]),
        (1, &["status", "--api", "127.0.0.1:1"]),
        (1, &["config", "check", "/nowhere/picot.toml"]),
        (2, &["statu"]),
        (2, &["slot", "12"]),
        (2, &["node"]),
        (2, &["config", "check", file]),
        (2, &["node", "--dev", "--config", file]),
    ] {
        let ended = run_picot(args);
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        assert_eq!(ended.stderr.is_empty(), code == 0, "{args:?}: {ended:?}");
    }
    let wrong = run_picot(&["config", "check", file]);
    assert!(
        wrong
            .stderr
            .contains(&format!("{file}:2: `api.max_stream` is no setting")),
        "{wrong:?}"
    );
    let wrong = run_with(&[("PICOT_DEV", "yes")], &["node"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("PICOT_DEV: `dev` is `yes`"),
        "{wrong:?}"
    );
}

#[test]
fn bash_completes_commands() {
    let script = run_picot(&["completions", "bash"]);
    assert_eq!(script.code, 0);
    let complete =
        "COMP_WORDS=(picot agr); COMP_CWORD=1; _picot picot agr picot; echo \"${COMPREPLY[*]}\"";
    let bash = Command::new("bash")
        .args(["--norc", "-c", &format!("{}\n{complete}", script.stdout)])
        .output()
        .unwrap();
    assert!(bash.status.success(), "{bash:?}");
    assert_eq!(String::from_utf8(bash.stdout).unwrap().trim(), "agreement");
}
