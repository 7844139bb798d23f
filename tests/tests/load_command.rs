//! `picot load` on real nodes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_tests::{Finished, NodeProcess, picot};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

fn load(node: &NodeProcess, arguments: &[&str]) -> Finished {
    let own = ["load", "--json", "--accounts", "8", "--data", node.data()];
    node.command(&[&own, arguments].concat())
}

fn report(finished: &Finished) -> Json {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"))
}

fn node() -> (tempfile::TempDir, NodeProcess) {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    (directory, node)
}

#[test]
fn every_transfer_of_a_load_becomes_final_and_a_second_load_needs_fewer_coins() {
    let (_directory, node) = node();
    let first = load(&node, &["--rate", "200", "--count", "300"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.stderr.contains("giving 8 accounts"), "{first:?}");
    let report = report(&first);
    for field in ["submitted", "accepted", "final"] {
        assert_eq!(report[field], 300, "{field}: {report}");
    }
    for field in ["open", "expired", "unanswered", "untold"] {
        assert_eq!(report[field], 0, "{field}: {report}");
    }
    let latency = &report["latency_ms"];
    let of = |name: &str| latency[name].as_u64().unwrap();
    assert!(of("p50") <= of("p90") && of("p90") <= of("p99") && of("p99") <= of("max"));
    // What the node says of its blocks is what the load says.
    let node_says = node.status();
    assert_eq!(node_says.pool.operations, 0);

    let second = load(&node, &["--count", "1"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!(!second.stderr.contains("giving"), "{second:?}");
}

#[test]
fn as_fast_as_the_node_takes_them_no_more_is_open_than_allowed_and_nothing_is_lost() {
    let (_directory, node) = node();
    let ended = load(&node, &["--max", "--count", "3000", "--open", "500"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = report(&ended);
    assert_eq!(
        (&report["submitted"], &report["final"]),
        (&3_000.into(), &3_000.into()),
        "{report}"
    );
    assert_eq!(report["refused"].as_object().unwrap().len(), 0, "{report}");
}

#[test]
fn refusals_are_counted_by_their_reason_and_a_load_of_nothing_else_fails() {
    let (_directory, node) = node();
    // The accounts have coins already, so that the refusals are the load's own.
    assert_eq!(load(&node, &["--count", "16"]).code, 0);
    let ended = load(&node, &["--count", "20", "--fee", "0.0001", "--funded"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("no operation was accepted"),
        "{ended:?}"
    );
    let report = report(&ended);
    assert_eq!(report["refused"]["fee_too_low"], 20, "{report}");
    assert_eq!(
        (&report["accepted"], &report["open"]),
        (&0.into(), &0.into()),
        "{report}"
    );
}

#[test]
fn ctrl_c_ends_a_load_with_its_report() {
    let (_directory, node) = node();
    let mut child = Command::new(picot())
        .args([
            "load",
            "--seconds",
            "1000",
            "--rate",
            "50",
            "--accounts",
            "8",
        ])
        .args(["--api", node.url(), "--data", node.data(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = progress.find(|line| line.as_ref().unwrap().contains("accepted"));
    assert!(line.is_some());
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(child.wait().unwrap().success());
    let report: Json = serde_json::from_str(&text).unwrap();
    assert!(report["accepted"].as_u64().unwrap() > 0, "{report}");
}
