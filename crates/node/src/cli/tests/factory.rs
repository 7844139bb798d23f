//! `picot factory`, and `picot keys` of a running node.

use super::*;
use picot_api::ProblemCode;
use picot_api::control::types::{
    Duty, Event, FactoriesResponse, FactoryName, FactoryStatus, Fate, HistoryEntry,
    HistoryResponse, KeyResponse, KeyStatus, KeysResponse, Part, Skip, SkipReason,
};
use picot_client::mocks::Answer;
use picot_models::text::export_secret_key;
use picot_models::{BlockId, Hash, Slot, mocks};
use serde_json::{Value as Json, json};

fn status(factory: FactoryName, enabled: bool) -> FactoryStatus {
    FactoryStatus {
        factory,
        enabled,
        waits_until: Some(Timestamp(1_767_225_600_000)),
        produced: 7,
        skipped: [(SkipReason::Late, 2)].into(),
        left_out: [(Part::Operations, 1)].into(),
        missed_ticks: 3,
        latest_duration_ms: 4,
        longest_duration_ms: 5,
        lost_history_entries: 0,
    }
}

/// What a node was asked, with the bodies as values.
fn asked(node: &StubNode) -> Vec<(String, Json)> {
    let asked = node.asked().into_iter();
    asked
        .map(|(request, body)| (request, serde_json::from_str(&body).unwrap_or(Json::Null)))
        .collect()
}

fn running(node: &StubNode) -> DevDirectory {
    let directory = DevDirectory::new();
    directory.is_run_by(node);
    directory
}

fn picot_on(directory: &DevDirectory, arguments: &[&str]) -> Ended {
    picot(&[arguments, &["--data", directory.path()]].concat())
}

#[test]
fn the_status_of_the_factories_is_a_table_or_json() {
    let answer = FactoriesResponse {
        factories: FactoryName::ALL.map(|name| status(name, true)).to_vec(),
    };
    let node = StubNode::start().on("GET /control/v1/factories", Answer::json(&answer));
    let directory = running(&node);
    let table = picot_on(&directory, &["factory", "status"]);
    assert_eq!(table.code, 0, "{table:?}");
    for part in [
        "blocks",
        "endorsements",
        "2 times late",
        "1 times some or all operations",
    ] {
        assert!(table.out.contains(part), "{part}: {}", table.out);
    }
    let json = picot_on(&directory, &["factory", "status", "--json"]);
    let read: FactoriesResponse = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read, answer);
}

#[test]
fn both_factories_are_switched_unless_one_is_named() {
    let node = FactoryName::ALL
        .iter()
        .fold(StubNode::start(), |node, name| {
            let answer = Answer::json(&status(*name, false));
            node.on(&format!("PUT /control/v1/factories/{name}"), answer)
        });
    let directory = running(&node);
    assert_eq!(picot_on(&directory, &["factory", "disable"]).code, 0);
    assert_eq!(
        picot_on(&directory, &["factory", "enable", "blocks"]).code,
        0
    );
    let put = |name: &str, enabled: bool| {
        let request = format!("PUT /control/v1/factories/{name}");
        (request, json!({ "enabled": enabled }))
    };
    let expected = [
        put("blocks", false),
        put("endorsements", false),
        put("blocks", true),
    ];
    assert_eq!(asked(&node), expected);
}

#[test]
fn without_a_running_node_it_is_said_which_directory_was_looked_at() {
    let directory = DevDirectory::new();
    let ended = picot_on(&directory, &["factory", "status"]);
    assert_eq!(ended.code, 1);
    let expected = format!("error: no node runs on data directory {}", directory.path());
    assert!(ended.err.starts_with(&expected), "{ended:?}");
    // A node that was killed left its file behind.
    let access = format!(
        r#"{{"address":"{}","token":"x"}}"#,
        no_node().replace("http://", "")
    );
    std::fs::write(directory.layout().control_file(), access).unwrap();
    let ended = picot_on(&directory, &["factory", "enable"]);
    assert!(ended.err.starts_with(&expected), "{ended:?}");
}

#[test]
fn where_a_node_can_be_asked_is_not_guessed_if_it_cannot_be_read() {
    let directory = DevDirectory::new();
    let key = directory.new_key().to_string();
    let file = directory.layout().control_file();
    std::fs::write(&file, "{").unwrap();
    let removal = ["keys", "remove", &key, "--yes"];
    for command in [&["factory", "status"][..], &["keys", "list"], &removal] {
        let ended = picot_on(&directory, command);
        assert_eq!(ended.code, 1);
        let expected = format!("error: cannot read {}, which says where", file.display());
        assert!(ended.err.starts_with(&expected), "{ended:?}");
        assert!(
            ended.err.contains("if none runs there, remove it"),
            "{ended:?}"
        );
    }
}

#[test]
fn keys_are_not_changed_behind_the_back_of_a_node_that_cannot_be_asked() {
    let directory = DevDirectory::new();
    let key = directory.new_key().to_string();
    let lock = std::fs::File::create(directory.layout().lock_file()).unwrap();
    lock.lock().unwrap();
    let secret = directory.0.path().join("secret.txt");
    let other = export_secret_key(&mocks::key(7));
    std::fs::write(&secret, other.as_str()).unwrap();
    let import = ["keys", "import", "--secret-file", secret.to_str().unwrap()];
    let changes = [
        &["keys", "remove", &key, "--yes"][..],
        &["keys", "new"],
        &import,
        &["factory", "disable"],
    ];
    for change in changes {
        let ended = picot_on(&directory, change);
        assert_eq!(ended.code, 1, "{ended:?}");
        let expected = format!("error: data directory {} is in use", directory.path());
        assert!(ended.err.starts_with(&expected), "{ended:?}");
    }
    let listed = picot_on(&directory, &["keys", "list"]);
    assert_eq!(listed.out.trim(), key, "looking changes nothing");
    drop(lock);
    let removed = picot_on(&directory, &["keys", "remove", &key, "--yes"]);
    assert_eq!(removed.code, 0, "{removed:?}");
}

/// Address 1 was due to make a block at slot `(period, thread)`, and was switched off.
fn history_entry(period: u64, thread: u8) -> HistoryEntry {
    HistoryEntry {
        slot: Slot::new(period, thread),
        address: Some(mocks::address(1)),
        duty: Duty::Block { rank: Some(0) },
        event: Event::Skipped(Skip {
            reason: SkipReason::Disabled,
            detail: "by a test".to_owned(),
        }),
        left_out: [].into(),
        duration: Millis::ZERO,
        fate: Fate::Undecided,
    }
}

fn history() -> Vec<HistoryEntry> {
    let block = |number| BlockId::from_hash(Hash([number; 32]));
    let made = |period, fate| HistoryEntry {
        event: Event::ProducedBlock(block(1)),
        fate,
        ..history_entry(period, 0)
    };
    let mut small = made(6, Fate::Decided);
    small.left_out = [Part::Operations].into();
    let endorsed = HistoryEntry {
        event: Event::ProducedEndorsement {
            id: Hash([3; 32]).into(),
            block: block(1),
        },
        duty: Duty::Endorsement { index: Some(2) },
        fate: Fate::Missed,
        ..history_entry(4, 1)
    };
    vec![
        made(7, Fate::LostTo(block(2))),
        small,
        history_entry(5, 0),
        endorsed,
    ]
}

#[test]
fn the_history_tells_what_happened_why_not_and_the_fate() {
    let answer = HistoryResponse {
        factory: FactoryName::Blocks,
        entries: history(),
        next: Some(Slot::new(4, 1)),
    };
    let request = "GET /control/v1/factories/blocks/history?limit=4&before=9/0";
    let node = StubNode::start().on(request, Answer::json(&answer));
    let directory = running(&node);
    let arguments = ["factory", "history", "--limit", "4", "--before", "9/0"];
    let table = picot_on(&directory, &arguments);
    assert_eq!(table.code, 0, "{table:?}");
    insta::assert_snapshot!(table.out);
    assert_eq!(table.err, "there is more: `--before 4/1`\n");
    let json = picot_on(&directory, &[&arguments[..], &["--json"]].concat());
    let read: HistoryResponse = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read, answer);
}

#[test]
fn a_history_of_nothing_is_no_table() {
    let answer = HistoryResponse {
        factory: FactoryName::Endorsements,
        entries: vec![],
        next: None,
    };
    let request = "GET /control/v1/factories/endorsements/history?limit=20";
    let node = StubNode::start().on(request, Answer::json(&answer));
    let ended = picot_on(&running(&node), &["factory", "history", "endorsements"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""));
    assert!(
        ended.err.contains("no key of this node was due"),
        "{ended:?}"
    );
}

fn keys_answer() -> KeysResponse {
    let key = |number, held, refused: Option<&str>| KeyStatus {
        address: mocks::address(number),
        held,
        thread: 2,
        rolls: Some(3),
        refused: refused.map(str::to_owned),
    };
    KeysResponse {
        locked: false,
        keys: vec![
            key(1, true, None),
            key(2, true, Some("seen")),
            key(3, false, Some("seen")),
        ],
    }
}

#[test]
fn the_keys_of_a_running_node_are_handled_by_it_and_its_file_is_not_touched() {
    let added = Answer::json(&KeyResponse {
        address: mocks::address(1),
    });
    let removal = format!("DELETE /control/v1/keys/{}", mocks::address(1));
    let node = StubNode::start()
        .on("GET /control/v1/keys", Answer::json(&keys_answer()))
        .on("POST /control/v1/keys", added.clone())
        .on(&removal, added);
    let directory = running(&node);
    let listed = picot_on(&directory, &["keys", "list"]);
    for part in ["in use", "refused: seen", &mocks::address(3).to_string()] {
        assert!(listed.out.contains(part), "{}", listed.out);
    }
    let json = picot_on(&directory, &["keys", "list", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["addresses"].as_array().unwrap().len(), 2);

    let made = picot_on(&directory, &["keys", "generate"]);
    assert!(made.err.contains("from the next slot on"), "{made:?}");
    let secret = export_secret_key(&mocks::key(1));
    let file = directory.0.path().join("secret.txt");
    std::fs::write(&file, &secret).unwrap();
    let file = file.to_str().unwrap();
    let imported = picot_on(&directory, &["keys", "add", "--secret-file", file]);
    assert!(imported.err.contains("picot protection"), "{imported:?}");
    let (one, other) = (mocks::address(1).to_string(), mocks::address(9).to_string());
    let removed = picot_on(&directory, &["keys", "remove", &one, "--yes"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let missing = picot_on(&directory, &["keys", "remove", &other, "--yes"]);
    assert!(missing.err.contains("no key of"), "{missing:?}");
    let unconfirmed = picot_on(&directory, &["keys", "remove", &one]);
    assert_eq!(unconfirmed.code, 2);

    assert!(!directory.layout().keys_file().exists());
    let asked = asked(&node);
    let bodies: Vec<_> = asked
        .iter()
        .filter(|(request, _)| request.starts_with("POST"))
        .map(|(_, body)| body.clone())
        .collect();
    let expected = [
        json!({ "secret_key": null }),
        json!({ "secret_key": secret }),
    ];
    assert_eq!(bodies, expected);
    let removals = asked.iter().filter(|(request, _)| *request == removal);
    assert_eq!(removals.count(), 1);
}

#[test]
fn an_operator_lets_a_key_sign_again() {
    let address = mocks::address(2);
    let request = format!("DELETE /control/v1/keys/{address}/refusal");
    let node = StubNode::start()
        .on(&request, Answer::json(&KeyResponse { address }))
        .on(
            &request,
            Answer::problem(ProblemCode::NotFound, "is not refused"),
        );
    let directory = running(&node);
    let address = address.to_string();
    let allowed = picot_on(&directory, &["keys", "allow", &address]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    assert!(allowed.out.contains("votes from the next start"));
    let again = picot_on(&directory, &["keys", "allow", &address]);
    assert!(
        again.err.contains("is not refused (not_found)"),
        "{again:?}"
    );
}
