//! Orders: signed here, submitted, followed.

use super::*;
use crate::cli::tables::tests::status_answer;
use picot_api::ProblemCode;
use picot_api::types::{
    OperationResponse, OperationResult, OperationState, ParametersResponse, StatusResponse,
    SubmitResponse, SubmittedOperation,
};
use picot_client::mocks::Answer;
use picot_models::{Genesis, Hash, OperationId, OperationKind, Slot, mocks};

/// The chain of all these tests.
pub(super) fn genesis() -> Genesis {
    mocks::genesis(&[(1, 10)])
}

/// The status of a node in slot 12/2.
fn status(last_final_slot: Slot) -> Answer {
    Answer::json(&StatusResponse {
        last_final_slot,
        ..status_answer()
    })
}

/// A node of the chain, in slot 12/2, that accepts operations.
pub(super) fn node() -> StubNode {
    let genesis = genesis();
    let parameters = ParametersResponse {
        chain_id: genesis.chain_id(),
        name: genesis.name.clone(),
        genesis_timestamp: genesis.genesis_timestamp,
        params: genesis.params,
    };
    let accepted = SubmitResponse {
        id: OperationId::from_hash(Hash([0; 32])),
    };
    StubNode::start()
        .on("GET /parameters", Answer::json(&parameters))
        .on("GET /status", status(Slot::new(12, 0)))
        .on("POST /operations", Answer::json(&accepted))
}

fn executed(id: OperationId, state: OperationState, outcome: Option<OperationResult>) -> Answer {
    let executed = state != OperationState::Pending;
    Answer::json(&OperationResponse {
        id,
        state,
        slot: executed.then_some(Slot::new(13, 2)),
        block: None,
        outcome,
        operation: None,
    })
}

pub(super) fn submitted(node: &StubNode) -> SubmittedOperation {
    let asked = node.asked();
    let (_, body) = asked
        .iter()
        .find(|(request, _)| request == "POST /operations")
        .unwrap();
    serde_json::from_str(body).unwrap()
}

/// The id of what a directory's only key would sign for `kind` with the default options.
fn id_of(directory: &DevDirectory, kind: OperationKind) -> OperationId {
    let address = picot(&["keys", "list", "--data", directory.path()]).out;
    let secret = picot(&["keys", "export", address.trim(), "--data", directory.path()]).out;
    let key = picot_models::text::import_secret_key(secret.trim()).unwrap();
    let validity = genesis().params.operation_validity_periods;
    mocks::operation(&key, kind, 10_000_000, 12 + validity, &genesis().chain_id()).id()
}

fn transfer_kind() -> OperationKind {
    OperationKind::Transfer {
        recipient: mocks::address(2),
        amount: "12.5".parse().unwrap(),
    }
}

pub(super) fn transfer(node: &StubNode, directory: &DevDirectory, more: &[&str]) -> Ended {
    let to = mocks::address(2).to_string();
    let arguments = ["transfer", &to, "12.5", "--data", directory.path()];
    picot_at(node, &[&arguments, more].concat())
}

#[test]
fn a_transfer_is_signed_here_and_followed_until_it_is_final() {
    let directory = DevDirectory::new();
    let sender = directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let look = format!("GET /operations/{id}");
    let good = Some(OperationResult::Succeeded);
    let node = node()
        .on(&look, executed(id, OperationState::Pending, None))
        .on(&look, executed(id, OperationState::Candidate, good.clone()))
        .on(&look, executed(id, OperationState::Final, good));
    let ended = transfer(&node, &directory, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");

    let sent = submitted(&node).identify(&genesis().chain_id());
    assert_eq!(sent.id(), id);
    assert_eq!(sent.signer_address(), sender);
    assert!(sent.verify().is_ok());
    let validity = genesis().params.operation_validity_periods;
    assert_eq!(sent.content().expire_period, 12 + validity);
    assert_eq!(sent.content().fee.to_string(), "0.01");

    let progress: Vec<_> = ended
        .err
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        progress,
        ["sending", "operation", "pending:", "candidate:", "final:"]
    );
    assert!(
        ended.out.contains("succeeded") && ended.out.contains("13/2"),
        "{}",
        ended.out
    );
}

#[test]
fn programs_get_what_the_node_says_of_the_final_operation() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let done = executed(id, OperationState::Final, Some(OperationResult::Succeeded));
    let node = node().on(&format!("GET /operations/{id}"), done);
    let ended = transfer(&node, &directory, &["--json"]);
    let answer: OperationResponse = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, answer.id), (0, id));
}

#[test]
fn who_does_not_wait_gets_the_id() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let ended = transfer(&node(), &directory, &["--wait", "accepted"]);
    assert_eq!((ended.code, ended.out), (0, format!("{id}\n")));
    let json = transfer(&node(), &directory, &["--wait", "accepted", "--json"]);
    let answer: SubmitResponse = serde_json::from_str(&json.out).unwrap();
    assert_eq!(answer.id, id);
}

#[test]
fn rolls_are_bought_and_sold() {
    let directory = DevDirectory::new();
    directory.new_key();
    for (command, expected) in [
        ("buy-rolls", OperationKind::RollBuy { roll_count: 3 }),
        ("sell-rolls", OperationKind::RollSell { roll_count: 3 }),
    ] {
        let node = node();
        let arguments = [
            command,
            "3",
            "--wait",
            "accepted",
            "--data",
            directory.path(),
        ];
        let ended = picot_at(&node, &arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.err.contains("3 rolls"), "{ended:?}");
        assert_eq!(submitted(&node).content.kind, expected);
    }
}

#[test]
fn an_operation_that_failed_or_was_not_paid_ends_with_code_1_after_its_table() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let failed = OperationResult::Failed {
        reason: "balance too low".to_owned(),
    };
    for (outcome, expected) in [
        (
            failed,
            format!("error: operation {id} failed in slot 13/2, its fee is spent: balance too low"),
        ),
        (
            OperationResult::Unpaid,
            format!("error: operation {id} did nothing in slot 13/2: its sender could not pay"),
        ),
    ] {
        let done = executed(id, OperationState::Final, Some(outcome));
        let node = node().on(&format!("GET /operations/{id}"), done);
        let ended = transfer(&node, &directory, &[]);
        assert_eq!(ended.code, 1);
        assert!(ended.err.contains(&expected), "{ended:?}");
        assert!(ended.out.contains("13/2"), "{ended:?}");
    }
}

#[test]
fn an_operation_whose_last_slot_became_final_without_it_is_expired() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let look = format!("GET /operations/{id}");
    let node = node()
        .on(&look, executed(id, OperationState::Pending, None))
        .on(&look, Answer::problem(ProblemCode::NotFound, "unknown"))
        .on("GET /status", status(Slot::new(50, 0)))
        .on("GET /status", status(Slot::new(500, 0)));
    let ended = transfer(&node, &directory, &[]);
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .err
            .contains(&format!("error: operation {id} expired")),
        "{ended:?}"
    );
    assert!(
        ended
            .err
            .contains("unknown: the node does not hold it any more"),
        "{ended:?}"
    );
}

#[test]
fn patience_is_bounded() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    let pending = executed(id, OperationState::Pending, None);
    let node = node().on(&format!("GET /operations/{id}"), pending);
    let ended = transfer(&node, &directory, &["--patience", "1"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("is not final after 1 s: pending"),
        "{ended:?}"
    );
    assert!(
        ended
            .err
            .contains(&format!("ask again with `picot operation {id}`")),
        "{ended:?}"
    );
}

#[test]
fn a_refused_operation_is_told_with_detail_code_and_what_to_do() {
    let directory = DevDirectory::new();
    directory.new_key();
    let id = id_of(&directory, transfer_kind());
    for (code, name, hint) in [
        (
            ProblemCode::FeeTooLow,
            "fee_too_low",
            "`--fee` sets the fee",
        ),
        (
            ProblemCode::BalanceTooLow,
            "balance_too_low",
            "`picot address` shows",
        ),
        (
            ProblemCode::AlreadyPending,
            "already_pending",
            "to order the same once more",
        ),
        (
            ProblemCode::PoolFull,
            "pool_full",
            "try again in a few seconds",
        ),
    ] {
        let node = StubNode::start();
        let refused = Answer::problem(code, "because of this");
        let node = with_chain(node).on("POST /operations", refused);
        let ended = transfer(&node, &directory, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""));
        let expected = format!("error: operation {id} was not accepted: because of this ({name})");
        assert!(ended.err.contains(&expected), "{ended:?}");
        assert!(ended.err.contains(hint), "{ended:?}");
    }
}

/// The chain, without a pool that accepts.
fn with_chain(stub: StubNode) -> StubNode {
    let genesis = genesis();
    let parameters = ParametersResponse {
        chain_id: genesis.chain_id(),
        name: genesis.name.clone(),
        genesis_timestamp: genesis.genesis_timestamp,
        params: genesis.params,
    };
    stub.on("GET /parameters", Answer::json(&parameters))
        .on("GET /status", status(Slot::new(12, 0)))
}

#[test]
fn the_time_to_expiry_is_within_what_the_chain_allows() {
    let directory = DevDirectory::new();
    directory.new_key();
    let node_in_bounds = node();
    let ended = transfer(
        &node_in_bounds,
        &directory,
        &["--expire-in", "3", "--wait", "accepted"],
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(submitted(&node_in_bounds).content.expire_period, 15);
    for periods in ["0", "101"] {
        let ended = transfer(&node(), &directory, &["--expire-in", periods]);
        assert_eq!(ended.code, 2);
        let expected = format!("may expire in 1 to 100 periods, not {periods}");
        assert!(ended.err.contains(&expected), "{ended:?}");
    }
}

#[test]
fn with_several_keys_the_sender_must_be_said() {
    let directory = DevDirectory::new();
    let (first, second) = (directory.new_key(), directory.new_key());
    let unsaid = transfer(&node(), &directory, &[]);
    assert_eq!(unsaid.code, 2);
    assert!(
        unsaid
            .err
            .contains("has 2 keys, and it was not said whose to use"),
        "{unsaid:?}"
    );
    assert!(unsaid.err.contains("--from addr1"), "{unsaid:?}");
    for sender in [first, second] {
        let node = node();
        let from = sender.to_string();
        let said = transfer(&node, &directory, &["--from", &from, "--wait", "accepted"]);
        assert_eq!(said.code, 0, "{said:?}");
        let sent = submitted(&node).identify(&genesis().chain_id());
        assert_eq!(sent.signer_address(), sender);
    }
}

#[test]
fn nothing_is_sent_from_an_address_whose_key_is_elsewhere() {
    let directory = DevDirectory::new();
    directory.new_key();
    let (node, other) = (node(), mocks::address(9).to_string());
    let ended = transfer(&node, &directory, &["--from", &other]);
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .err
            .contains(&format!("the wallet has no key of {other}")),
        "{ended:?}"
    );
    assert!(
        node.asked()
            .iter()
            .all(|(request, _)| !request.starts_with("POST"))
    );
}

#[test]
fn a_wallet_without_keys_or_file_sends_nothing_and_says_how_to_make_one() {
    let directory = DevDirectory::new();
    let missing = transfer(&node(), &directory, &[]);
    assert!(
        missing.err.contains("there is no wallet file"),
        "{missing:?}"
    );
    let address = directory.new_key().to_string();
    picot(&[
        "keys",
        "remove",
        &address,
        "--yes",
        "--data",
        directory.path(),
    ]);
    let empty = transfer(&node(), &directory, &[]);
    assert_eq!(empty.code, 1);
    assert!(empty.err.contains("has no keys"), "{empty:?}");
    assert!(
        empty.err.contains("`picot keys new` makes one"),
        "{empty:?}"
    );
}

#[test]
fn keys_of_one_chain_are_not_used_on_another() {
    let directory = DevDirectory::new();
    directory.new_key();
    let write = |genesis: &Genesis| {
        std::fs::write(
            directory.layout().genesis_file(),
            serde_json::to_vec(genesis).unwrap(),
        )
        .unwrap();
    };
    write(&genesis());
    assert_eq!(
        transfer(&node(), &directory, &["--wait", "accepted"]).code,
        0
    );
    write(&mocks::genesis(&[(1, 11)]));
    let node = node();
    let ended = transfer(&node, &directory, &["--wait", "accepted"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("is of chain chain1") && ended.err.contains("`--api` and `--data`"),
        "{ended:?}"
    );
    assert!(
        node.asked()
            .iter()
            .all(|(request, _)| !request.starts_with("POST"))
    );
}

#[test]
fn a_node_that_is_not_there_is_told_before_a_passphrase_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let (url, to) = (no_node(), mocks::address(2).to_string());
    let data = directory.path().to_str().unwrap();
    let ended = picot(&["transfer", &to, "1", "--data", data, "--api", &url]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains(&format!("no node answers at {url}")),
        "{ended:?}"
    );
}
