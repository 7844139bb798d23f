//! `picot load`, as far as it goes before anything is submitted. Whole loads need real nodes: see the
//! tests across processes.

use super::*;
use crate::cli::tables::tests::status_answer;
use picot_api::types::{AccountState, AddressResponse, ParametersResponse};
use picot_client::mocks::Answer;
use picot_models::{Amount, Genesis, mocks};
use std::collections::BTreeSet;

fn parameters(genesis: &Genesis) -> Answer {
    Answer::json(&ParametersResponse {
        chain_id: genesis.chain_id(),
        name: genesis.name.clone(),
        genesis_timestamp: genesis.genesis_timestamp,
        params: genesis.params.clone(),
    })
}

fn node() -> StubNode {
    StubNode::start()
        .on("GET /parameters", parameters(&mocks::genesis(&[(1, 10)])))
        .on("GET /status", Answer::json(&status_answer()))
}

fn has(node: StubNode, address: Address, coins: &str) -> StubNode {
    let state = AccountState {
        balance: Some(coins.parse::<Amount>().unwrap()),
        rolls: 0,
        deferred_credits: vec![],
    };
    let answer = AddressResponse {
        address,
        thread: 0,
        final_state: state.clone(),
        candidate: state,
    };
    node.on(&format!("GET /addresses/{address}"), Answer::json(&answer))
}

fn account_addresses(count: &str) -> Vec<Address> {
    let ended = picot(&["load", "--addresses", "--accounts", count]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended
        .out
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

fn nothing_was_sent(node: &StubNode) -> bool {
    node.asked()
        .iter()
        .all(|(request, _)| !request.starts_with("POST"))
}

#[test]
fn the_accounts_are_told_without_a_node() {
    let all: BTreeSet<_> = account_addresses("8").into_iter().collect();
    assert_eq!(all.len(), 8);
    let threads: BTreeSet<_> = all.iter().map(|address| address.thread(8)).collect();
    assert_eq!(threads.len(), 8);
    let json = picot(&["load", "--addresses", "--accounts", "8", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["addresses"].as_array().unwrap().len(), 8);
    let others = picot(&["load", "--addresses", "--accounts", "8", "--seed", "others"]);
    assert!(
        others
            .out
            .lines()
            .all(|line| !all.contains(&line.parse().unwrap()))
    );
}

#[test]
fn a_load_on_no_node_says_where_none_is() {
    let url = no_node();
    let ended = picot(&["load", "--api", &url]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains(&format!("no node answers at {url}")),
        "{ended:?}"
    );
    assert!(ended.err.contains("picot node --dev"), "{ended:?}");
}

#[test]
fn nodes_of_two_chains_get_no_load() {
    let (first, second) = (
        node(),
        StubNode::start().on("GET /parameters", parameters(&mocks::genesis(&[(1, 11)]))),
    );
    let second_url = second.url().to_string();
    let ended = picot_at(&first, &["load", "--api", &second_url]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("are of different chains"), "{ended:?}");
    assert!(nothing_was_sent(&first) && nothing_was_sent(&second));
}

#[test]
fn keys_of_another_chain_fund_nothing() {
    let directory = DevDirectory::new();
    let genesis = serde_json::to_vec(&mocks::genesis(&[(1, 11)])).unwrap();
    std::fs::write(directory.layout().genesis_file(), genesis).unwrap();
    let node = node();
    let ended = picot_at(&node, &["load", "--data", directory.path()]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("is of chain chain1"), "{ended:?}");
}

#[test]
fn too_few_coins_to_fund_the_accounts_are_told_with_what_is_needed() {
    let directory = DevDirectory::new();
    let key = directory.new_key();
    let accounts = account_addresses("2");
    // 50 transfers of each and one more, of at most 0.0011 with the fee, and 0.001 for the entry.
    let mut node = has(node(), accounts[0], "0.0001");
    node = has(has(node, accounts[1], "0.05"), key, "0.05");
    let ended = picot_at(
        &node,
        &[
            "load",
            "--accounts",
            "2",
            "--count",
            "100",
            "--data",
            directory.path(),
        ],
    );
    assert_eq!(ended.code, 1);
    let expected = format!("2 accounts need 0.0661 coins, fees included, but {key} has 0.05");
    assert!(ended.err.contains(&expected), "{ended:?}");
    assert!(ended.err.contains("--from"), "{ended:?}");
    assert!(nothing_was_sent(&node));
}

#[test]
fn funded_accounts_must_have_coins() {
    let directory = DevDirectory::new();
    let accounts = account_addresses("2");
    let node = has(has(node(), accounts[0], "5"), accounts[1], "0.001");
    let ended = picot_at(
        &node,
        &[
            "load",
            "--accounts",
            "2",
            "--funded",
            "--data",
            directory.path(),
        ],
    );
    assert_eq!(ended.code, 1);
    let expected = format!("account {} has 0.001 coins", accounts[1]);
    assert!(ended.err.contains(&expected), "{ended:?}");
}

#[test]
fn a_load_that_makes_no_sense_is_wrong_usage() {
    for arguments in [
        ["--rate", "0"].as_slice(),
        &["--rate", "5", "--max"],
        &["--accounts", "1"],
        &["--seconds", "0"],
        &["--connections", "0"],
        &["--funded", "--from", &mocks::address(1).to_string()],
    ] {
        let ended = picot(&[&["load"], arguments].concat());
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
    }
    let directory = DevDirectory::new();
    let too_long = ["load", "--expire-in", "101", "--data", directory.path()];
    let ended = picot_at(&node(), &too_long);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("1 to 100 periods"), "{ended:?}");
}
