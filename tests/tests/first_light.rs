//! A fresh chain with one staker, from the first slot to final operations.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use picot_tests::NodeProcess;
use serde_json::{Value as Json, json};

/// An address that nobody has the key of.
fn stranger() -> String {
    picot_models::mocks::address(99).to_string()
}

fn staker(node: &NodeProcess) -> String {
    node.status().production.staking_addresses[0].to_string()
}

fn final_state(node: &NodeProcess, address: &str) -> Json {
    node.get(&format!("/addresses/{address}")).1["final"].clone()
}

#[test]
fn the_first_decided_slot_of_a_fresh_chain_is_a_block() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = NodeProcess::start_dev(&directory.path().join("dev"));
    let line = node.wait_for_line("its first slot", |line| line.starts_with("slot 1/0"));
    assert!(line.contains("block"), "{line}");
    let (status, slot) = node.get("/slots/1/0");
    assert_eq!(
        (status, &slot["status"], &slot["value"]["type"]),
        (200, &json!("decided"), &json!("block"))
    );
}

#[test]
fn every_slot_of_a_lone_healthy_staker_gets_a_block_and_its_endorsements() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let status = node.wait_for_status("at period 3", |status| status.last_final_slot.period >= 3);
    assert_eq!((status.missed_slots, status.behind), (0, None));
    assert!(status.production.producing);
    let id = node.get("/slots/3/0").1["value"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, block) = node.get(&format!("/blocks/{id}"));
    assert_eq!(
        (&block["state"], &block["producer"]),
        (&json!("final"), &json!(staker(&node)))
    );
    assert_eq!(
        block["endorsements"].as_array().unwrap().len(),
        4,
        "{block}"
    );
}

#[test]
fn a_transfer_is_shown_final_and_moves_the_coins() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let sent = node.command(&["transfer", &stranger(), "12.5", "--wait", "final"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    assert!(sent.stdout.contains("final"), "{sent:?}");
    // The first credit of an address without an entry costs the price of the entry.
    assert_eq!(final_state(&node, &stranger())["balance"], "12.499");
    let shown = node.command(&["address", &stranger()]);
    assert!(shown.stdout.contains("12.499"), "{shown:?}");
    let again = node.command(&["transfer", &stranger(), "0.000000001"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(final_state(&node, &stranger())["balance"], "12.499000001");
}

#[test]
fn rolls_are_bought_and_sold_and_the_price_comes_back_as_a_deferred_credit() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let staker = staker(&node);
    assert_eq!(final_state(&node, &staker)["rolls"], 100);
    let bought = node.command(&["buy-rolls", "3"]);
    assert_eq!(bought.code, 0, "{bought:?}");
    assert_eq!(final_state(&node, &staker)["rolls"], 103);
    let sold = node.command(&["sell-rolls", "5"]);
    assert_eq!(sold.code, 0, "{sold:?}");
    let state = final_state(&node, &staker);
    assert_eq!(state["rolls"], 98);
    let credit = &state["deferred_credits"][0];
    assert_eq!(
        (&credit["amount"], &credit["cycle"]),
        (&json!("500"), &json!(3)),
        "{state}"
    );
}

#[test]
fn all_coins_are_accounted_for() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let sent = node.command(&["transfer", &stranger(), "1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let supply = node.status().supply;
    let sum = |amounts: &[picot_models::Amount]| {
        amounts
            .iter()
            .map(|amount| u128::from(amount.as_nanos()))
            .sum::<u128>()
    };
    let rolls = u128::from(supply.rolls) * 100_000_000_000;
    let held = sum(&[
        supply.balances,
        supply.deferred_credits,
        supply.storage_deposits,
    ]) + rolls;
    let gone = sum(&[supply.burnt, supply.slashed]);
    assert_eq!(held, sum(&[supply.genesis_supply, supply.minted]) - gone);
    assert!(!supply.minted.is_zero() && !supply.burnt.is_zero());
}

#[test]
fn the_stream_tells_each_final_slot_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let node = NodeProcess::start_dev(&directory.path().join("dev"));
    let url = format!("{}/api/v1/stream/slots?from=1/0", node.url());
    let body = ureq::get(url).call().unwrap().into_body().into_reader();
    let ids = std::io::BufRead::lines(std::io::BufReader::new(body))
        .map_while(Result::ok)
        .filter_map(|line| {
            line.strip_prefix("id: ")
                .or_else(|| line.strip_prefix("id:"))
                .map(str::to_owned)
        })
        .take(6)
        .collect::<Vec<_>>();
    assert_eq!(ids, ["1/0", "1/1", "1/2", "1/3", "2/0", "2/1"]);
}
