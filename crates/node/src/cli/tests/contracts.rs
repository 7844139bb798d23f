//! Orders that ask a node first, and orders for contracts.

use super::send::{genesis, node, submitted, transfer};
use super::*;
use picot_api_types::{
    BalanceChange, FeesResponse, OperationResult, RollsChange, SimulateRequest, SimulateResponse,
    SuggestedFees,
};
use picot_client::mocks::Answer;
use picot_models::{Amount, DatastoreEntry, OperationKind, mocks};

fn coins(text: &str) -> Amount {
    text.parse().unwrap()
}

fn fees(minimal: &str, next_block: &str) -> Answer {
    Answer::json(&FeesResponse {
        thread: Some(2),
        minimal_fee: coins(minimal),
        suggested: SuggestedFees {
            next_block: coins(next_block),
            within_periods: vec![],
        },
    })
}

fn simulated(outcome: OperationResult) -> Answer {
    Answer::json(&SimulateResponse {
        outcome,
        gas_used: 21,
        balances: vec![BalanceChange {
            address: mocks::address(2),
            before: None,
            after: coins("12.5"),
        }],
        rolls: RollsChange {
            before: 1,
            after: 3,
        },
        burnt: coins("0.1"),
    })
}

#[test]
fn an_automatic_fee_is_what_the_node_suggests_for_the_next_block_and_never_under_its_least() {
    for (minimal, next_block, expected) in [("0.001", "0.02", "0.02"), ("0.03", "0.02", "0.03")] {
        let directory = DevDirectory::new();
        let sender = directory.new_key();
        let node = node().on(
            &format!("GET /fees?sender={sender}"),
            fees(minimal, next_block),
        );
        let ended = transfer(&node, &directory, &["--fee", "auto", "--wait", "accepted"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(submitted(&node).content.fee, coins(expected));
    }
}

#[test]
fn a_fee_is_an_amount_or_auto() {
    let to = mocks::address(2).to_string();
    let ended = picot(&["transfer", &to, "1", "--fee", "much"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("or `auto`"), "{ended:?}");
}

#[test]
fn a_dry_run_asks_what_would_happen_and_neither_signs_nor_sends() {
    let directory = DevDirectory::new();
    let sender = directory.new_key();
    let node = node().on(
        "POST /operations/simulate",
        simulated(OperationResult::Succeeded),
    );
    let ended = transfer(&node, &directory, &["--dry-run"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for part in ["succeeded", "12.5", "3 rolls instead of 1", "0.1"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    let asked = node.asked();
    let (_, body) = asked
        .iter()
        .find(|(line, _)| line == "POST /operations/simulate")
        .unwrap();
    let request: SimulateRequest = serde_json::from_str(body).unwrap();
    assert_eq!(request.sender, sender);
    assert!(!asked.iter().any(|(line, _)| line == "POST /operations"));
    let json = transfer(&node, &directory, &["--dry-run", "--json"]);
    let read: SimulateResponse = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read.gas_used, 21);
}

#[test]
fn a_dry_run_of_a_named_sender_needs_no_keys() {
    let empty = tempfile::tempdir().unwrap();
    let (to, from) = (mocks::address(2).to_string(), mocks::address(3).to_string());
    let node = node().on(
        "POST /operations/simulate",
        simulated(OperationResult::Unpaid),
    );
    let data = empty.path().to_str().unwrap();
    let arguments = [
        "transfer",
        &to,
        "1",
        "--from",
        &from,
        "--dry-run",
        "--data",
        data,
    ];
    let ended = picot_at(&node, &arguments);
    assert_eq!(ended.code, 1, "what would fail is a failure: {ended:?}");
    assert!(
        ended.err.contains("would not do what it orders"),
        "{ended:?}"
    );
}

#[test]
fn a_contract_is_deployed_with_its_code_and_entries_in_order() {
    let directory = DevDirectory::new();
    directory.new_key();
    let code = directory.layout().root().join("code");
    std::fs::write(&code, [0, 1, 2]).unwrap();
    let node = node();
    let deploy = |more: &[&str]| {
        let start = ["deploy", code.to_str().unwrap(), "--max-gas", "7"];
        let end = [
            "--max-coins",
            "5",
            "--wait",
            "accepted",
            "--data",
            directory.path(),
        ];
        picot_at(&node, &[&start, more, &end].concat())
    };
    let ended = deploy(&["--entry", "02=ff", "--entry", "01="]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let entry = |key: u8, value: &[u8]| DatastoreEntry {
        key: vec![key],
        value: value.to_vec(),
    };
    let expected = OperationKind::Deploy {
        bytecode: vec![0, 1, 2],
        max_gas: 7,
        max_coins: coins("5"),
        datastore: vec![entry(1, &[]), entry(2, &[0xff])],
    };
    let sent = submitted(&node).identify(&genesis().chain_id());
    assert_eq!(sent.content().kind, expected);
    let twice = deploy(&["--entry", "01=ff", "--entry", "01=00"]);
    assert_eq!(twice.code, 2, "{twice:?}");
    for wrong in ["01", "0=00", "zz=00", "é=00"] {
        assert_eq!(deploy(&["--entry", wrong]).code, 2, "{wrong}");
    }
    std::fs::write(&code, vec![0; 1_000_001]).unwrap();
    let long = deploy(&[]);
    assert_eq!(long.code, 1);
    assert!(long.err.contains("more than the 1000000 bytes"), "{long:?}");
}

#[test]
fn a_function_is_called_with_its_parameter_and_coins() {
    let directory = DevDirectory::new();
    directory.new_key();
    let node = node();
    let contract = mocks::address(9).to_string();
    let arguments = [
        "call",
        &contract,
        "play",
        "--parameter",
        "00fF",
        "--max-gas",
        "9",
        "--coins",
        "2.5",
        "--wait",
        "accepted",
        "--data",
        directory.path(),
    ];
    let ended = picot_at(&node, &arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("calling `play` of addr1"), "{ended:?}");
    let expected = OperationKind::Call {
        contract: mocks::address(9),
        function: "play".to_owned(),
        parameter: vec![0, 0xff],
        max_gas: 9,
        coins: coins("2.5"),
    };
    assert_eq!(submitted(&node).content.kind, expected);
}

#[test]
fn the_help_documents_the_exit_codes() {
    use clap::CommandFactory;
    let help = Cli::command().render_long_help().to_string();
    for code in [
        "0  good",
        "1  failure",
        "2  wrong usage",
        "77  refused for safety's sake",
    ] {
        assert!(help.contains(code), "{code}: {help}");
    }
    assert_eq!(SAFETY_REFUSAL, 77);
}
