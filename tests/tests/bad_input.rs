//! Everything that a person or a program can get wrong: a clear message, a code, and a node that
//! keeps running.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_models::mocks::{address, key, transfer};
use picot_models::{BlockId, ChainId, Hash, SignedOperation};
use picot_tests::{Finished, NodeProcess, run_picot};
use std::fs;

/// Whoever goes on regardless could sign what contradicts what was signed.
const UNSAFE: i32 = 77;

fn refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code, code, "{finished:?}");
    for word in words {
        assert!(
            finished.stderr.contains(word),
            "no `{word}` in {finished:?}"
        );
    }
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

/// Runs a node that is expected to refuse to start.
fn start_again(arguments: &[&str]) -> Finished {
    run_picot(&[&["node"], arguments].concat())
}

/// An operation that the development account signed, with another amount than it signed.
fn forged(node: &NodeProcess, chain: &ChainId) -> SignedOperation {
    let sent = node.command(&["transfer", &address(99).to_string(), "1"]);
    let id = sent
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("op1"))
        .unwrap();
    let (_, mut known) = node.get(&format!("/operations/{id}"));
    known["operation"]["content"]["kind"]["amount"] = "2".into();
    let envelope: picot_models::Envelope<picot_models::Operation> =
        serde_json::from_value(known["operation"].take()).unwrap();
    envelope.identify(chain)
}

#[test]
fn wrong_operations_are_refused_with_their_reason_and_the_node_keeps_running() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let status = node.wait_for_status("at period 2", |status| status.last_final_slot.period >= 2);
    let chain: ChainId = status.chain_id;
    let code = |operation: &SignedOperation| {
        let body = serde_json::to_string(operation.envelope()).unwrap();
        let (http, problem) = node.post("/operations", &body);
        assert!((400..500).contains(&http), "{http}: {problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
        problem["code"].as_str().unwrap().to_owned()
    };
    let good = |expire| transfer(&key(5), address(6), 1, 1_000_000_000, expire, &chain);
    assert_eq!(code(&good(50)), "balance_too_low");
    assert_eq!(code(&good(0)), "expired");
    assert_eq!(code(&good(1_000_000)), "too_early");
    assert_eq!(code(&forged(&node, &chain)), "invalid_signature");
    let oversize = picot_models::OperationKind::Call {
        contract: picot_models::Address::of_contract(&address(1), picot_models::Slot::new(1, 0), 0),
        function: "f".to_owned(),
        parameter: vec![0; 1_000_000],
        max_gas: 1,
        coins: picot_models::Amount::ZERO,
    };
    let oversize = picot_models::mocks::operation(&key(5), oversize, 1_000_000_000, 50, &chain);
    assert_eq!(code(&oversize), "too_large");
    let deployment = picot_models::OperationKind::Deploy {
        bytecode: vec![1],
        max_gas: 1,
        max_coins: picot_models::Amount::ZERO,
        datastore: Vec::new(),
    };
    let deployment = picot_models::mocks::operation(&key(5), deployment, 1, 50, &chain);
    assert_eq!(code(&deployment), "no_contract_engine");
    let mut unsigned = serde_json::to_value(good(50).envelope()).unwrap();
    unsigned.as_object_mut().unwrap().remove("signature");
    for body in ["{", "", "null", "[1,2]", &unsigned.to_string()] {
        let (http, problem) = node.post("/operations", body);
        assert_eq!(problem["code"], "invalid_body", "{http}: {problem}");
    }
    let before = node.status().last_final_slot;
    node.wait_for_status("still deciding", |status| status.last_final_slot > before);
}

#[test]
fn what_is_typed_wrong_is_said_plainly() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let block = BlockId::from(Hash([1; 32])).to_string();
    let recipient = address(99).to_string();
    refused(
        &node.command(&["transfer", &block, "1"]),
        2,
        &["address", "block id"],
    );
    refused(
        &node.command(&["transfer", &recipient, "1.0000000001"]),
        2,
        &["9 decimals"],
    );
    refused(&node.command(&["transfer", &recipient, "-1"]), 2, &["-1"]);
    refused(&node.command(&["buy-rolls", "0"]), 2, &["0"]);
    refused(
        &node.command(&["block", &recipient]),
        2,
        &["block id", "address"],
    );
    refused(
        &node.command(&["transfer", &recipient, "99999999"]),
        1,
        &["balance"],
    );
    refused(
        &run_picot(&["status", "--api", "http://127.0.0.1:1"]),
        1,
        &["127.0.0.1:1"],
    );
    refused(&run_picot(&["frobnicate"]), 2, &["frobnicate"]);
}

#[test]
fn a_taken_port_and_a_data_directory_in_use_are_said() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let port = node.url().strip_prefix("http://").unwrap().to_owned();
    let other = directory.path().join("other");
    let second = start_again(&["--dev", "--data", other.to_str().unwrap(), "--api", &port]);
    refused(&second, 1, &[&port]);
    refused(
        &start_again(&["--dev", "--data", node.data(), "--api", "127.0.0.1:0"]),
        UNSAFE,
        &["in use", node.data()],
    );
    assert_eq!(node.get("/status").0, 200);
}

#[test]
fn a_data_directory_of_another_chain_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    NodeProcess::start_dev(&data).stop("-TERM");
    let path = data.join("genesis.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("picot-dev", "picot-other")).unwrap();
    let started = start_again(&[
        "--dev",
        "--data",
        data.to_str().unwrap(),
        "--api",
        "127.0.0.1:0",
    ]);
    refused(&started, UNSAFE, &["chain"]);
}

#[test]
fn a_corrupt_wallet_or_a_wrong_passphrase_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    NodeProcess::start_dev(&data).stop("-TERM");
    let start = || {
        start_again(&[
            "--dev",
            "--data",
            data.to_str().unwrap(),
            "--api",
            "127.0.0.1:0",
        ])
    };
    let passphrase = fs::read_to_string(data.join("dev-passphrase")).unwrap();
    fs::write(data.join("dev-passphrase"), "wrong").unwrap();
    refused(&start(), 1, &["passphrase"]);
    fs::write(data.join("dev-passphrase"), passphrase).unwrap();
    let wallet = data.join("keys.json");
    let text = fs::read(&wallet).unwrap();
    fs::write(&wallet, &text[..text.len() / 2]).unwrap();
    refused(&start(), 1, &["keys.json"]);
    fs::write(&wallet, "not a wallet").unwrap();
    refused(&start(), 1, &["keys.json"]);
}

#[test]
fn a_broken_genesis_file_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("genesis.json");
    fs::write(&file, "{\n  \"name\": \n}").unwrap();
    let data = directory.path().join("data");
    let arguments = [
        "--genesis",
        file.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
        "--api",
        "127.0.0.1:0",
    ];
    refused(&start_again(&arguments), 1, &["genesis.json", "line 3"]);
    let missing = ["--data", data.to_str().unwrap(), "--api", "127.0.0.1:0"];
    refused(&start_again(&missing), 1, &["--genesis", "--dev"]);
}
