//! Thousands of operations within a few periods, and a restart in the middle of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_models::mocks::{address, key, transfer};
use picot_models::text::import_secret_key;
use picot_models::{ChainId, SecretKey, SignedOperation};
use picot_tests::{NodeProcess, run_picot};
use serde_json::{Value as Json, json};

/// What the pool takes of one sender, and the interface in one batch.
const OPERATIONS_PER_SENDER: u64 = 1_000;
/// Besides the development account.
const OTHER_SENDERS: u64 = 4;

fn development_key(node: &NodeProcess) -> SecretKey {
    let account = node.status().production.staking_addresses[0].to_string();
    let exported = run_picot(&["keys", "export", &account, "--json", "--data", node.data()]);
    let exported: Json = serde_json::from_str(&exported.stdout).unwrap();
    import_secret_key(exported["secret_key"].as_str().unwrap()).unwrap()
}

/// Transfers that differ in their amounts only.
fn transfers(sender: &SecretKey, expire_period: u64, chain_id: &ChainId) -> Vec<SignedOperation> {
    (1..=OPERATIONS_PER_SENDER)
        .map(|amount| transfer(sender, address(99), amount, 1, expire_period, chain_id))
        .collect()
}

/// The codes of the refusals, in order; none for what was accepted.
fn submit(node: &NodeProcess, operations: &[SignedOperation]) -> Vec<Option<String>> {
    let envelopes: Vec<_> = operations
        .iter()
        .map(|operation| operation.envelope())
        .collect();
    let body = json!({ "operations": envelopes }).to_string();
    let (status, answer) = node.post("/operations/batch", &body);
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), operations.len());
    results
        .iter()
        .map(|result| result["problem"]["code"].as_str().map(str::to_owned))
        .collect()
}

fn received(node: &NodeProcess) -> String {
    let (_, answer) = node.get(&format!("/addresses/{}", address(99)));
    answer["final"]["balance"].to_string()
}

#[test]
fn thousands_of_transfers_become_final_each_once_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("dev");
    let node = NodeProcess::start(&data, &["--dev", "--min-fee", "0"]);
    let status = node.wait_for_status("at period 1", |status| status.last_final_slot.period >= 1);
    let chain_id = status.chain_id;
    // The recipient has an entry from the start: what an address gets first pays for it.
    for account in (1..=OTHER_SENDERS).chain([99]) {
        let funded = node.command(&["transfer", &address(account).to_string(), "1"]);
        assert_eq!(funded.code, 0, "{funded:?}");
    }

    // Late enough to be valid after the restart, too.
    let expire_period = node.status().last_final_slot.period + 30;
    let senders = (1..=OTHER_SENDERS).map(key).chain([development_key(&node)]);
    let all: Vec<_> = senders
        .map(|sender| transfers(&sender, expire_period, &chain_id))
        .collect();
    for operations in &all {
        assert!(submit(&node, operations).iter().all(Option::is_none));
    }
    let again = submit(&node, &all[0]);
    let is_known = |code: &Option<String>| {
        matches!(
            code.as_deref(),
            Some("already_pending" | "already_executed")
        )
    };
    assert!(again.iter().all(is_known), "{again:?}");

    // What is pending is lost in a stop, and what was executed is not executed twice.
    node.wait_for_status("executing", |status| {
        status.pool.operations < all.len() * all[0].len()
    });
    let (ended, lines) = node.stop("-TERM");
    assert!(ended.success(), "{lines:?}");
    let node = NodeProcess::start(&data, &["--dev", "--min-fee", "0"]);
    node.wait_for_status("producing again", |status| {
        status.production.blocks_produced > 0
    });
    for operations in &all {
        let results = submit(&node, operations);
        let may_be = |code: &Option<String>| code.is_none() || is_known(code);
        assert!(results.iter().all(may_be), "{results:?}");
    }
    let status = node.wait_for_status("with an empty pool", |status| status.pool.operations == 0);
    node.wait_for_status("final", |now| {
        Some(now.last_final_slot) >= status.current_slot
    });
    // A coin less its entry's cost, and five times the sum of 1 to 1000, in units of 10^-9.
    assert_eq!(received(&node), "\"1.0015025\"");
    node.stop("-TERM");
    let checked = run_picot(&["db", "check", "--data", data.to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn a_sender_who_has_too_much_pending_and_a_batch_that_is_too_long_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start(&directory.path().join("dev"), &["--dev", "--min-fee", "0"]);
    let chain_id = node.status().chain_id;
    let sender = development_key(&node);
    // Not valid before some periods have passed, so that all of them stay pending.
    let (_, parameters) = node.get("/parameters");
    let validity = parameters["params"]["operation_validity_periods"].as_u64();
    let expire_period = node.status().last_final_slot.period + validity.unwrap() + 9;
    let operations = transfers(&sender, expire_period, &chain_id);
    let longer = [operations.as_slice(), &operations[..1]].concat();
    let envelopes: Vec<_> = longer
        .iter()
        .map(|operation| operation.envelope())
        .collect();
    let body = json!({ "operations": envelopes }).to_string();
    let (status, problem) = node.post("/operations/batch", &body);
    assert_eq!((status, &problem["code"]), (413, &json!("batch_too_large")));

    assert!(submit(&node, &operations).iter().all(Option::is_none));
    // Without a fee it is worse than any of them; a better one would take the place of the worst.
    let more = transfer(&sender, address(98), 1, 0, expire_period, &chain_id);
    let body = serde_json::to_string(more.envelope()).unwrap();
    let (status, problem) = node.post("/operations", &body);
    assert_eq!((status, &problem["code"]), (429, &json!("pool_full")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("1000"), "{detail}");
}
