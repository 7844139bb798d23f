//! The control interface over a real connection, with mocks of the factories behind it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use mockall::predicate::eq;
use picot_api::control::peers::{PeerControl, PeerControlError, PeersResponse};
use picot_api::{
    ApiConfig, ApiError, ApiServer, ControlContext, ControlToken, KeyControl, ProblemCode,
};
use picot_block_factory::mocks::{MockBlockFactory, history_entry};
use picot_block_factory::{FactoryError, FactoryStats, HistoryEntry, SkipReason, StartupWait};
use picot_clock::{Millis, Timestamp};
use picot_endorsement_factory::mocks::MockEndorsementFactory;
use picot_execution::ExecutionError;
use picot_execution::mocks::MockExecution;
use picot_models::mocks::address;
use picot_models::{Address, Slot};
use picot_wallet::WalletError;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};

/// Keys of which everything is noted that is done to them.
#[derive(Default)]
struct Keys {
    error: Option<WalletError>,
    done: Arc<Mutex<Vec<String>>>,
}

impl Keys {
    fn answer(&self, what: String) -> Result<Address, WalletError> {
        self.done.lock().unwrap().push(what);
        self.error.clone().map_or(Ok(address(7)), Err)
    }
}

impl KeyControl for Keys {
    fn is_locked(&self) -> bool {
        false
    }
    fn addresses(&self) -> Vec<Address> {
        vec![address(1)]
    }
    fn refusals(&self) -> BTreeMap<Address, String> {
        [
            (address(1), "seen".to_owned()),
            (address(2), "seen too".to_owned()),
        ]
        .into()
    }
    fn add(&self, secret_key: &str) -> Result<Address, WalletError> {
        self.answer(format!("add {secret_key}"))
    }
    fn generate(&self) -> Result<Address, WalletError> {
        self.answer("generate".to_owned())
    }
    fn remove(&self, address: &Address) -> Result<(), WalletError> {
        self.answer(format!("remove {address}")).map(drop)
    }
    fn clear_refusal(&self, refused: &Address) -> Result<bool, WalletError> {
        self.answer(format!("clear {refused}"))
            .map(|_| *refused == address(1))
    }
}

/// A network that does what the test says.
struct Peers {
    asked: mpsc::Sender<String>,
    answer: Result<(), PeerControlError>,
}

impl Peers {
    fn answer(&self, asked: String) -> Result<(), PeerControlError> {
        self.asked.send(asked).unwrap();
        self.answer.clone()
    }
}

impl PeerControl for Peers {
    fn peers(&self) -> PeersResponse {
        PeersResponse {
            node: "me".to_owned(),
            addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
            clock_behind_ms: Some(-3),
            peers: Vec::new(),
            reserved: Vec::new(),
            bans: Vec::new(),
        }
    }
    fn add(&self, address: &str, reserved: bool) -> Result<(), PeerControlError> {
        self.answer(format!("add {address} {reserved}"))
    }
    fn remove(&self, node: &str) -> Result<(), PeerControlError> {
        self.answer(format!("remove {node}"))
    }
    fn ban(&self, node: &str, seconds: u64) -> Result<(), PeerControlError> {
        self.answer(format!("ban {node} {seconds}"))
    }
    fn unban(&self, node: &str) -> Result<(), PeerControlError> {
        self.answer(format!("unban {node}"))
    }
}

struct World {
    execution: MockExecution,
    blocks: MockBlockFactory,
    endorsements: MockEndorsementFactory,
    keys: Keys,
    peers: Option<Peers>,
}

impl World {
    fn new() -> Self {
        Self {
            execution: MockExecution::new(),
            blocks: MockBlockFactory::new(),
            endorsements: MockEndorsementFactory::new(),
            keys: Keys::default(),
            peers: None,
        }
    }

    /// Both factories tell of themselves: blocks are off, endorsements on.
    fn with_factories() -> Self {
        let mut world = Self::new();
        let startup = StartupWait {
            start: Timestamp(1_000),
            delay: Millis(500),
            fresh: false,
        };
        world.blocks.expect_is_enabled().return_const(false);
        world.blocks.expect_startup().return_const(startup);
        world.blocks.expect_stats().returning(|| FactoryStats {
            produced: 3,
            skipped: [(SkipReason::Disabled, 2)].into(),
            ..FactoryStats::default()
        });
        let fresh = StartupWait {
            fresh: true,
            ..startup
        };
        world.endorsements.expect_is_enabled().return_const(true);
        world.endorsements.expect_startup().return_const(fresh);
        world
            .endorsements
            .expect_stats()
            .returning(FactoryStats::default);
        world
    }

    fn start(self) -> ApiServer {
        let context = ControlContext {
            token: ControlToken::new("open sesame".to_owned()),
            thread_count: 4,
            execution: Arc::new(self.execution),
            blocks: Arc::new(self.blocks),
            endorsements: Arc::new(self.endorsements),
            keys: Arc::new(self.keys),
            peers: self.peers.map(|peers| Arc::new(peers) as _),
        };
        ApiServer::start_control(settings(), Arc::new(context)).unwrap()
    }
}

fn settings() -> ApiConfig {
    ApiConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..ApiConfig::default()
    }
}

fn asked(server: &ApiServer, method: &str, path: &str, body: &str) -> (u16, Json) {
    asked_with(server, Some("Bearer open sesame"), method, path, body)
}

fn asked_with(
    server: &ApiServer,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, Json) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{}/control/v1{path}", server.address()))
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let mut response = if body.is_empty() {
        agent.run(request.body(()).unwrap()).unwrap()
    } else {
        agent.run(request.body(body.to_owned()).unwrap()).unwrap()
    };
    let text = response.body_mut().read_to_string().unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&text).unwrap_or(Json::Null))
}

#[test]
fn nobody_is_let_in_without_the_token_whatever_is_asked() {
    // Mocks that expect nothing: no part of the node is asked.
    let server = World::new().start();
    let wrong = [
        None,
        Some("Bearer open"),
        Some("Basic open sesame"),
        Some(""),
    ];
    for token in wrong {
        for (method, path) in [
            ("GET", "/factories"),
            ("PUT", "/factories/blocks"),
            ("GET", "/keys"),
            ("DELETE", &format!("/keys/{}", address(1))),
            ("GET", "/nothing"),
        ] {
            let (status, body) = asked_with(&server, token, method, path, "");
            assert_eq!(
                (status, &body["code"]),
                (401, &json!("unauthorized")),
                "{path}"
            );
        }
    }
}

#[test]
fn the_control_interface_is_never_on_the_network() {
    let world = World::new();
    let context = ControlContext {
        token: ControlToken::new("x".to_owned()),
        thread_count: 4,
        execution: Arc::new(world.execution),
        blocks: Arc::new(world.blocks),
        endorsements: Arc::new(world.endorsements),
        keys: Arc::new(world.keys),
        peers: None,
    };
    let settings = ApiConfig {
        listen: ([0, 0, 0, 0], 0).into(),
        ..settings()
    };
    let refused = ApiServer::start_control(settings, Arc::new(context));
    assert!(matches!(refused, Err(ApiError::ControlOnNetwork(_))));
}

#[test]
fn both_factories_tell_of_themselves() {
    let server = World::with_factories().start();
    let (status, body) = asked(&server, "GET", "/factories", "");
    assert_eq!(status, 200);
    let [blocks, endorsements] = [&body["factories"][0], &body["factories"][1]];
    assert_eq!(blocks["factory"], "blocks");
    assert_eq!(blocks["enabled"], false);
    assert_eq!(blocks["waits_until"], 1_500);
    assert_eq!(blocks["skipped"], json!({ "disabled": 2 }));
    assert_eq!(endorsements["enabled"], true);
    assert_eq!(endorsements["waits_until"], Json::Null);
}

#[test]
fn a_factory_is_switched_and_the_other_is_left_alone() {
    let mut world = World::with_factories();
    world
        .endorsements
        .expect_set_enabled()
        .with(eq(false))
        .times(1)
        .returning(|_| Ok(()));
    let server = world.start();
    let body = r#"{"enabled": false}"#;
    let (status, body) = asked(&server, "PUT", "/factories/endorsements", body);
    assert_eq!((status, &body["factory"]), (200, &json!("endorsements")));
    let (status, _) = asked(&server, "PUT", "/factories/votes", r#"{"enabled": false}"#);
    assert_eq!(status, 400);
    let (status, _) = asked(&server, "PUT", "/factories/blocks", r#"{"on": false}"#);
    assert_eq!(status, 400);
}

#[test]
fn a_switch_that_cannot_be_kept_is_a_failure_that_says_so() {
    let mut world = World::new();
    world
        .blocks
        .expect_set_enabled()
        .returning(|_| Err(FactoryError::Switch("the disk is full".to_owned())));
    let server = world.start();
    let (status, body) = asked(&server, "PUT", "/factories/blocks", r#"{"enabled": true}"#);
    assert_eq!(status, 500);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("the disk is full"), "{detail}");
}

fn entries(slots: &[(u64, u8)]) -> Vec<HistoryEntry> {
    slots
        .iter()
        .map(|(period, thread)| history_entry(*period, *thread))
        .collect()
}

#[test]
fn a_history_is_read_page_by_page_without_cutting_a_slot() {
    let mut world = World::new();
    world
        .blocks
        .expect_history()
        .with(eq(None), eq(4))
        .returning(|_, _| Ok(entries(&[(9, 0), (8, 0), (7, 0), (7, 0)])));
    world
        .blocks
        .expect_history()
        .with(eq(Some(Slot::new(8, 0))), eq(4))
        .returning(|_, _| Ok(entries(&[(7, 0), (7, 0)])));
    let server = world.start();
    let read = |query: &str| {
        asked(
            &server,
            "GET",
            &format!("/factories/blocks/history{query}"),
            "",
        )
        .1
    };
    let first = read("?limit=3");
    assert_eq!(first["entries"].as_array().unwrap().len(), 2);
    assert_eq!(first["next"], json!({ "period": 8, "thread": 0 }));
    let second = read("?limit=3&before=8/0");
    assert_eq!(second["entries"].as_array().unwrap().len(), 2);
    assert_eq!(second["next"], Json::Null);
    let entry = &second["entries"][0];
    assert_eq!(entry["event"]["skipped"]["reason"], "disabled");
    assert_eq!(entry["fate"], "undecided");
}

#[test]
fn a_history_has_bounds_and_says_them() {
    let server = World::new().start();
    for query in [
        "?limit=0",
        "?limit=1001",
        "?limit=many",
        "?before=soon",
        "?surprise=1",
    ] {
        let path = format!("/factories/endorsements/history{query}");
        let (status, body) = asked(&server, "GET", &path, "");
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("invalid_parameter")),
            "{query}"
        );
    }
}

#[test]
fn keys_are_listed_with_rolls_and_refusals() {
    let mut world = World::new();
    world.execution.expect_rolls().returning(|_, who| {
        if *who == address(1) {
            Ok(5)
        } else {
            Err(ExecutionError::Stopped("by a test".into()))
        }
    });
    let server = world.start();
    let (status, body) = asked(&server, "GET", "/keys", "");
    assert_eq!((status, &body["locked"]), (200, &json!(false)));
    let mut keys = body["keys"].as_array().unwrap().clone();
    keys.sort_by_key(|key| key["rolls"].is_null());
    assert_eq!(
        (&keys[0]["held"], &keys[0]["rolls"], &keys[0]["refused"]),
        (&json!(true), &json!(5), &json!("seen"))
    );
    // It was removed, and would be refused if it came back.
    assert_eq!(
        (&keys[1]["held"], &keys[1]["rolls"], &keys[1]["refused"]),
        (&json!(false), &Json::Null, &json!("seen too"))
    );
}

#[test]
fn keys_are_added_made_removed_and_let_sign_again() {
    let world = World::new();
    let done = Arc::clone(&world.keys.done);
    let server = world.start();
    let one = address(1);
    let (status, body) = asked(&server, "POST", "/keys", r#"{"secret_key": "sec1x"}"#);
    assert_eq!((status, &body["address"]), (201, &json!(address(7))));
    assert_eq!(asked(&server, "POST", "/keys", "{}").0, 201);
    assert_eq!(asked(&server, "DELETE", &format!("/keys/{one}"), "").0, 200);
    let refusal = |of: Address| format!("/keys/{of}/refusal");
    assert_eq!(asked(&server, "DELETE", &refusal(one), "").0, 200);
    assert_eq!(asked(&server, "DELETE", &refusal(address(3)), "").0, 404);
    assert_eq!(asked(&server, "DELETE", "/keys/nobody", "").0, 400);
    let expected = [
        "add sec1x".to_owned(),
        "generate".to_owned(),
        format!("remove {one}"),
        format!("clear {one}"),
        format!("clear {}", address(3)),
    ];
    assert_eq!(*done.lock().unwrap(), expected);
}

#[test]
fn each_refusal_of_the_wallet_has_its_code() {
    let owner = || Box::new(address(1));
    let cases = [
        (WalletError::Locked, ProblemCode::NoWallet),
        (
            WalletError::NotFound(PathBuf::from("/x")),
            ProblemCode::NoWallet,
        ),
        (WalletError::UnknownAddress(owner()), ProblemCode::NotFound),
        (WalletError::DuplicateKey(owner()), ProblemCode::KeyNotAdded),
        (WalletError::Full(9), ProblemCode::KeyNotAdded),
        (WalletError::WeakKey, ProblemCode::InvalidKey),
        (
            WalletError::ChangedOnDisk(PathBuf::from("/x")),
            ProblemCode::KeyFileChanged,
        ),
        (WalletError::Cipher("x".into()), ProblemCode::Internal),
    ];
    for (error, code) in cases {
        let mut world = World::new();
        world.keys.error = Some(error);
        let server = world.start();
        let (status, body) = asked(&server, "POST", "/keys", "{}");
        assert_eq!(body["code"], json!(code));
        assert_eq!(status, code.status());
    }
}

#[test]
fn a_body_that_is_too_large_or_no_request_is_refused() {
    let server = World::new().start();
    let large = format!(r#"{{"secret_key": "{}"}}"#, "x".repeat(5_000));
    assert_eq!(asked(&server, "POST", "/keys", &large).0, 413);
    assert_eq!(asked(&server, "POST", "/keys", r#"{"secret": "x"}"#).0, 400);
    assert_eq!(asked(&server, "GET", "/nothing", "").0, 404);
    assert_eq!(asked(&server, "DELETE", "/factories", "").0, 405);
}

fn with_peers(answer: Result<(), PeerControlError>) -> (ApiServer, mpsc::Receiver<String>) {
    let (asked, asks) = mpsc::channel();
    let mut world = World::new();
    world.peers = Some(Peers { asked, answer });
    (world.start(), asks)
}

#[test]
fn peers_are_told_and_changed() {
    let (server, asks) = with_peers(Ok(()));
    let (status, body) = asked(&server, "GET", "/peers", "");
    assert_eq!((status, &body["node"]), (200, &json!("me")));
    assert_eq!(body["clock_behind_ms"], json!(-3));
    for (method, path, body, status, wanted) in [
        ("POST", "/peers", r#"{"address":"/x"}"#, 201, "add /x false"),
        (
            "POST",
            "/peers",
            r#"{"address":"/x","reserved":true}"#,
            201,
            "add /x true",
        ),
        ("DELETE", "/peers/node1", "", 200, "remove node1"),
        (
            "POST",
            "/peers/node1/ban",
            r#"{"seconds":60}"#,
            200,
            "ban node1 60",
        ),
        ("DELETE", "/peers/node1/ban", "", 200, "unban node1"),
    ] {
        assert_eq!(asked(&server, method, path, body).0, status, "{wanted}");
        assert_eq!(asks.recv().unwrap(), wanted);
    }
}

#[test]
fn what_the_network_refuses_says_why() {
    for (error, status, code) in [
        (
            PeerControlError::Invalid("no address".to_owned()),
            400,
            "invalid_parameter",
        ),
        (
            PeerControlError::NotFound("no such ban".to_owned()),
            404,
            "not_found",
        ),
        (
            PeerControlError::Failed("it ended".to_owned()),
            500,
            "internal",
        ),
    ] {
        let (server, _asks) = with_peers(Err(error));
        let (given, body) = asked(&server, "DELETE", "/peers/node1/ban", "");
        assert_eq!((given, &body["code"]), (status, &json!(code)), "{body}");
    }
}

#[test]
fn a_ban_has_a_length_and_a_node_without_a_network_has_no_peers() {
    let (server, asks) = with_peers(Ok(()));
    for seconds in [0, 366 * 86_400 + 1] {
        let body = json!({ "seconds": seconds }).to_string();
        assert_eq!(asked(&server, "POST", "/peers/node1/ban", &body).0, 400);
    }
    assert!(asks.try_recv().is_err(), "nothing was done");
    let server = World::new().start();
    let (status, body) = asked(&server, "GET", "/peers", "");
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));
    assert!(
        body["detail"].as_str().unwrap().contains("no network"),
        "{body}"
    );
}

/// The control routes of the document: method, path with its examples, what is told of it.
fn documented() -> Vec<(String, String, Json)> {
    let document: Json = serde_json::from_str(picot_api::OPENAPI).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/control/v1") else {
            continue;
        };
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parts = parameters.filter(|parameter| parameter["in"] == "path");
            let filled = parts.fold(path.to_owned(), |path, part| {
                let name = format!("{{{}}}", part["name"].as_str().unwrap());
                path.replace(&name, part["example"].as_str().unwrap())
            });
            routes.push((method.to_uppercase(), filled, operation.clone()));
        }
    }
    assert!(routes.len() >= 12, "{}", routes.len());
    routes
}

#[test]
fn every_control_route_of_the_document_answers_and_refuses_wrong_bodies_with_a_problem() {
    let (told, _asked) = mpsc::channel();
    let mut world = World::with_factories();
    world.blocks.expect_set_enabled().returning(|_| Ok(()));
    world.blocks.expect_history().returning(|_, _| Ok(vec![]));
    world.execution.expect_rolls().returning(|_, _| Ok(1));
    world.peers = Some(Peers {
        asked: told,
        answer: Ok(()),
    });
    let server = world.start();
    for (method, path, operation) in documented() {
        let body = &operation["requestBody"]["content"]["application/json"];
        let good = body.get("example").map(Json::to_string);
        let (status, answer) = asked(&server, &method, &path, good.as_deref().unwrap_or(""));
        let is_told = operation["responses"].get(status.to_string()).is_some();
        assert!(
            status < 500 && is_told,
            "{method} {path}: {status} {answer}"
        );
        let elsewhere = [json!("no_such_route"), json!("method_not_allowed")];
        assert!(
            !elsewhere.contains(&answer["code"]),
            "{method} {path}: {answer}"
        );
        if good.is_none() {
            continue;
        }
        for wrong in [
            "null",
            "[]",
            "{",
            "1",
            "{\"surprise\":1}",
            "{\"enabled\":1}",
        ] {
            let (status, problem) = asked(&server, &method, &path, wrong);
            let refused = (status, &problem["code"]);
            assert_eq!(refused, (400, &json!("invalid_body")), "{path} {wrong}");
        }
        let large = format!("\"{}\"", "x".repeat(5_000));
        let (status, problem) = asked(&server, &method, &path, &large);
        assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
    }
}
