//! The interface over a real connection, with mocks of the node behind it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod busy;

use crossbeam_channel::Sender;
use picot_api::{ApiConfig, ApiContext, ApiServer, NodeFacts, Production};
use picot_checkpoint::mocks::MockCheckpoints;
use picot_clock::ManualClock;
use picot_consensus::mocks::MockConsensus;
use picot_consensus::{ConsensusSummary, SlotStatus, ThreadSummary};
use picot_execution::mocks::MockExecution;
use picot_execution::{
    ExecutionSummary, Level, OperationOutcome, OperationStatus, SlotOutput, Totals,
};
use picot_models::mocks::{address, block, genesis, key, transfer};
use picot_models::{
    Amount, Block, ChainId, Genesis, Hash, SignedOperation, Slot, Timestamp, Value,
};
use picot_pool::mocks::MockPool;
use picot_pool::{PoolError, PoolStats};
use picot_selector::mocks::MockSelector;
use picot_selector::{Missing, SelectorError};
use picot_storage::mocks::MockStorage;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

struct Facts;

impl Production for Facts {
    fn facts(&self) -> NodeFacts {
        NodeFacts {
            staking_addresses: vec![address(1)],
            producing: false,
            not_producing: Some("the wallet is locked".to_owned()),
            blocks_produced: 3,
            endorsements_produced: 4,
            refused: [(address(1), "seen at 5/0".to_owned())].into(),
        }
    }
}

struct World {
    genesis: Genesis,
    consensus: MockConsensus,
    execution: MockExecution,
    pool: MockPool,
    selector: MockSelector,
    storage: MockStorage,
    checkpoints: MockCheckpoints,
    outputs: Sender<Arc<SlotOutput>>,
    clock: Arc<ManualClock>,
    config: ApiConfig,
}

impl World {
    fn new() -> Self {
        let (outputs, subscription) = crossbeam_channel::bounded(64);
        let mut consensus = MockConsensus::new();
        consensus
            .expect_subscribe()
            .returning(|| crossbeam_channel::bounded(1).1);
        let mut execution = MockExecution::new();
        execution
            .expect_subscribe()
            .return_once(move || subscription);
        execution.expect_summary().returning(|| ExecutionSummary {
            last_final_slot: Slot::new(4, 1),
            state_hash: Hash([5; 32]),
            totals: Totals {
                balances: Amount::from_nanos(7),
                ..Totals::default()
            },
            cycle: 0,
            candidate_slot: Slot::new(4, 2),
            waiting_decided: 0,
            stopped: None,
        });
        let genesis = genesis(&[(1, 10)]);
        let now = genesis.slot_clock().unwrap().start_of(Slot::new(5, 0));
        Self {
            genesis,
            clock: Arc::new(ManualClock::new(now.unwrap())),
            consensus,
            execution,
            pool: MockPool::new(),
            selector: MockSelector::new(),
            storage: MockStorage::new(),
            checkpoints: MockCheckpoints::new(),
            outputs,
            config: ApiConfig {
                listen: ([127, 0, 0, 1], 0).into(),
                ..ApiConfig::default()
            },
        }
    }

    fn chain_id(&self) -> ChainId {
        self.genesis.chain_id()
    }

    fn start(self) -> (ApiServer, Sender<Arc<SlotOutput>>) {
        let slot_clock = self.genesis.slot_clock().unwrap();
        let context = ApiContext {
            chain_id: self.genesis.chain_id(),
            genesis: Arc::new(self.genesis),
            slot_clock,
            clock: self.clock,
            selector: Arc::new(self.selector),
            pool: Arc::new(self.pool),
            execution: Arc::new(self.execution),
            consensus: Arc::new(self.consensus),
            storage: Arc::new(self.storage),
            checkpoints: Arc::new(self.checkpoints),
            production: Arc::new(Facts),
            peers: None,
            metrics: None,
            node_version: "0.0.0",
            started_at: Timestamp(1),
        };
        (
            ApiServer::start(self.config, Arc::new(context)).unwrap(),
            self.outputs,
        )
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> (u16, Json) {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Json::String(text)),
    )
}

fn get(server: &ApiServer, path: &str) -> (u16, Json) {
    answer(
        agent()
            .get(format!("http://{}/api/v1{path}", server.address()))
            .call()
            .unwrap(),
    )
}

fn post(server: &ApiServer, path: &str, body: &str) -> (u16, Json) {
    let request = agent().post(format!("http://{}/api/v1{path}", server.address()));
    answer(request.content_type("application/json").send(body).unwrap())
}

fn some_transfer(chain_id: &ChainId) -> SignedOperation {
    transfer(&key(1), address(2), 5, 1, 50, chain_id)
}

fn a_block(world: &World) -> Block {
    let chain_id = world.chain_id();
    block(
        &key(1),
        Slot::new(4, 1),
        vec![],
        vec![some_transfer(&chain_id)],
        &chain_id,
    )
}

#[test]
fn status_tells_slot_finality_production_and_supply() {
    let mut world = World::new();
    world.pool.expect_stats().returning(PoolStats::default);
    world
        .consensus
        .expect_summary()
        .returning(|| ConsensusSummary {
            threads: vec![ThreadSummary {
                thread: 0,
                decided_period: 4,
                latest_block: (Hash([1; 32]).into(), 4),
                open: Some((Slot::new(5, 0), 2)),
            }],
            behind: None,
            decided_slots: 20,
            missed_slots: 1,
            bad_signatures: 0,
            faults: 0,
        });
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, "/status");
    assert_eq!(status, 200);
    assert_eq!(body["current_slot"], json!({ "period": 5, "thread": 0 }));
    assert_eq!(body["last_final_slot"], json!({ "period": 4, "thread": 1 }));
    assert_eq!(body["threads"][0]["round"], 2);
    assert_eq!(body["production"]["not_producing"], "the wallet is locked");
    assert_eq!(
        body["production"]["refused"],
        json!({ address(1).to_string(): "seen at 5/0" })
    );
    assert_eq!(body["supply"]["balances"], "0.000000007");
}

#[test]
fn parameters_are_those_of_the_genesis() {
    let world = World::new();
    let chain_id = world.chain_id();
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, "/parameters");
    assert_eq!((status, &body["chain_id"]), (200, &json!(chain_id)));
    assert_eq!(body["params"]["thread_count"], 4);
}

#[test]
fn an_address_is_shown_final_and_candidate_with_what_is_to_come() {
    let mut world = World::new();
    world.execution.expect_balance().returning(|level, _| {
        Ok(Some(Amount::from_nanos(if level == Level::Final {
            1_000_000_000
        } else {
            2_000_000_000
        })))
    });
    world.execution.expect_rolls().returning(|_, _| Ok(3));
    world
        .execution
        .expect_deferred_credits()
        .returning(|_, _| Ok(BTreeMap::from([(2, Amount::from_nanos(500_000_000))])));
    let due = world.genesis.genesis_timestamp.0 + 3 * 16 * 2_000;
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, &format!("/addresses/{}", address(1)));
    assert_eq!(status, 200);
    assert_eq!(
        (&body["final"]["balance"], &body["candidate"]["balance"]),
        (&json!("1"), &json!("2"))
    );
    let credit = json!([{ "cycle": 2, "amount": "0.5", "due": due }]);
    assert_eq!(body["final"]["deferred_credits"], credit);
}

#[test]
fn a_block_id_where_an_address_should_be_is_named_as_such() {
    let world = World::new();
    let id = a_block(&world).id();
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, &format!("/addresses/{id}"));
    assert_eq!((status, &body["code"]), (400, &json!("invalid_parameter")));
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains("expected an address") && detail.contains("got a block id"),
        "{detail}"
    );
}

#[test]
fn a_block_is_told_with_its_state() {
    let mut world = World::new();
    let held = a_block(&world);
    let id = held.id();
    world
        .storage
        .expect_block()
        .returning(move |_| Ok(Some(held.clone())));
    world.consensus.expect_slot_status().returning(move |slot| {
        Ok(SlotStatus::Decided {
            outcome: slot,
            value: Value::Block { id },
        })
    });
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, &format!("/blocks/{id}"));
    assert_eq!(
        (status, &body["state"], &body["producer"]),
        (200, &json!("final"), &json!(address(1)))
    );
    assert_eq!(body["operations"].as_array().unwrap().len(), 1);
}

#[test]
fn a_block_that_lost_its_slot_is_told_as_lost() {
    let mut world = World::new();
    let held = a_block(&world);
    let id = held.id();
    world
        .storage
        .expect_block()
        .returning(move |_| Ok(Some(held.clone())));
    world.consensus.expect_slot_status().returning(|slot| {
        Ok(SlotStatus::Decided {
            outcome: slot,
            value: Value::Miss {
                through: slot.period,
            },
        })
    });
    let (server, _outputs) = world.start();
    assert_eq!(get(&server, &format!("/blocks/{id}")).1["state"], "lost");
}

#[test]
fn the_blocks_of_genesis_are_known_to_every_node() {
    let mut world = World::new();
    world.storage.expect_block().returning(|_| Ok(None));
    let id = world.genesis.block(2).id();
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, &format!("/blocks/{id}"));
    assert_eq!((status, &body["state"]), (200, &json!("final")));
}

#[test]
fn what_is_not_known_is_not_found() {
    let mut world = World::new();
    world.storage.expect_block().returning(|_| Ok(None));
    world
        .execution
        .expect_operation_status()
        .returning(|_| Ok(None));
    world.pool.expect_get().returning(|_| None);
    let block = a_block(&world).id();
    let operation = some_transfer(&world.chain_id()).id();
    let (server, _outputs) = world.start();
    for path in [
        format!("/blocks/{block}"),
        format!("/operations/{operation}"),
    ] {
        let (status, body) = get(&server, &path);
        assert_eq!(
            (status, &body["code"]),
            (404, &json!("not_found")),
            "{path}"
        );
    }
}

#[test]
fn a_slot_without_draws_yet_is_told_without_them() {
    let mut world = World::new();
    world.selector.expect_draws().returning(|_| {
        Err(SelectorError::NotReady {
            cycle: 6,
            missing: Missing::Table,
        })
    });
    world
        .consensus
        .expect_slot_status()
        .returning(|_| Ok(SlotStatus::NotOpen));
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, "/slots/99/3");
    assert_eq!(
        (status, &body["status"], &body["producers"]),
        (200, &json!("not_open"), &Json::Null)
    );
    let (status, body) = get(&server, "/slots/99/4");
    assert_eq!(
        (status, &body["code"]),
        (400, &json!("invalid_parameter")),
        "{body}"
    );
}

#[test]
fn an_accepted_operation_gets_its_id_and_202() {
    let mut world = World::new();
    let operation = some_transfer(&world.chain_id());
    world
        .pool
        .expect_add_operations()
        .times(1)
        .returning(|operations| vec![Ok(()); operations.len()]);
    let body = serde_json::to_string(operation.envelope()).unwrap();
    let (server, _outputs) = world.start();
    assert_eq!(
        post(&server, "/operations", &body),
        (202, json!({ "id": operation.id() }))
    );
}

#[test]
fn each_refusal_has_its_own_code() {
    let operation = some_transfer(&World::new().chain_id());
    let id = operation.id();
    let now = Slot::new(9, 0);
    let sender = Box::new(address(1));
    let refusals = [
        (PoolError::OperationSignature(id), 422, "invalid_signature"),
        (
            PoolError::OperationExpired {
                id,
                expire_period: 5,
                now,
            },
            422,
            "expired",
        ),
        (
            PoolError::OperationTooEarly {
                id,
                first_period: 500,
                now,
            },
            422,
            "too_early",
        ),
        (
            PoolError::OperationTooLarge {
                id,
                size: 2,
                max: 1,
            },
            422,
            "too_large",
        ),
        (
            PoolError::FeeTooLow {
                id,
                fee: Amount::ZERO,
                min: Amount::MAX,
            },
            422,
            "fee_too_low",
        ),
        (PoolError::OperationPending(id), 409, "already_pending"),
        (PoolError::OperationExecuted(id), 409, "already_executed"),
        (
            PoolError::BalanceTooLow {
                id,
                sender: sender.clone(),
                needed: 9,
                balance: Amount::ZERO,
            },
            422,
            "balance_too_low",
        ),
        (PoolError::NoRolls(id), 422, "invalid_operation"),
        (
            PoolError::SenderFull { id, sender, max: 1 },
            429,
            "pool_full",
        ),
        (PoolError::ThreadFull { id, thread: 0 }, 429, "pool_full"),
    ];
    let body = serde_json::to_string(operation.envelope()).unwrap();
    for (error, status, code) in refusals {
        let mut world = World::new();
        world
            .pool
            .expect_add_operations()
            .return_once(move |_| vec![Err(error)]);
        let (server, _outputs) = world.start();
        let (found, problem) = post(&server, "/operations", &body);
        assert_eq!((found, &problem["code"]), (status, &json!(code)));
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{problem}"
        );
    }
}

#[test]
fn broken_json_is_refused_with_its_place_and_never_reaches_the_pool() {
    let world = World::new();
    let operation = serde_json::to_value(some_transfer(&world.chain_id()).envelope()).unwrap();
    let (server, _outputs) = world.start();
    let mut unsigned = operation.clone();
    unsigned.as_object_mut().unwrap().remove("signature");
    let mut ten_decimals = operation.clone();
    ten_decimals["content"]["fee"] = json!("0.0000000001");
    let mut wrong_kind = operation;
    wrong_kind["content"]["kind"]["recipient"] = json!(picot_models::BlockId::from(Hash([1; 32])));
    for (body, expected) in [
        ("{\"content\": ".to_owned(), "line 1 column"),
        ("[]".to_owned(), "Envelope"),
        (unsigned.to_string(), "missing field `signature`"),
        (ten_decimals.to_string(), "at most 9 decimals, got 10"),
        (
            wrong_kind.to_string(),
            "expected an address (`addr1…`), got a block id",
        ),
    ] {
        let (status, problem) = post(&server, "/operations", &body);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            (400..=422).contains(&status) && problem["code"] == "invalid_body",
            "{problem}"
        );
        assert!(detail.contains(expected), "{detail}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let mut world = World::new();
    world.config.max_body_bytes = 1_000;
    let (server, _outputs) = world.start();
    let (status, problem) = post(
        &server,
        "/operations",
        &format!("\"{}\"", "x".repeat(2_000)),
    );
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
}

#[test]
fn a_client_that_says_nothing_gives_its_place_back() {
    let mut world = World::new();
    world.config.max_connections = 1;
    world.config.idle_timeout = Duration::from_millis(20);
    let (server, _outputs) = world.start();
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.write_all(b"GET /api/v1/parameters HTTP/1.1\r\nHos")
        .unwrap();
    assert_eq!(get(&server, "/parameters").0, 200);
    let mut rest = Vec::new();
    // Closed by the node, one way or another.
    let _ = silent.read_to_end(&mut rest);
    let _ = slow.read_to_end(&mut rest);
}

#[test]
fn a_batch_has_a_result_for_each_and_a_bound() {
    let mut world = World::new();
    world.config.max_batch = 2;
    let chain_id = world.chain_id();
    let first = some_transfer(&chain_id);
    let second = transfer(&key(1), address(2), 6, 1, 50, &chain_id);
    let id = second.id();
    world
        .pool
        .expect_add_operations()
        .times(1)
        .return_once(move |_| vec![Ok(()), Err(PoolError::OperationPending(id))]);
    let (server, _outputs) = world.start();
    let two = json!({ "operations": [first.envelope(), second.envelope()] });
    let (status, body) = post(&server, "/operations/batch", &two.to_string());
    assert_eq!((status, &body["results"][0]["problem"]), (200, &Json::Null));
    assert_eq!(body["results"][1]["problem"]["code"], "already_pending");
    let three = json!({ "operations": [first.envelope(), first.envelope(), first.envelope()] });
    let (status, problem) = post(&server, "/operations/batch", &three.to_string());
    assert_eq!((status, &problem["code"]), (413, &json!("batch_too_large")));
}

#[test]
fn an_operation_is_followed_from_pending_to_final() {
    let mut world = World::new();
    let operation = Arc::new(some_transfer(&world.chain_id()));
    let (id, pending) = (operation.id(), Arc::clone(&operation));
    let mut statuses = vec![None, Some(Level::Candidate), Some(Level::Final)].into_iter();
    world
        .execution
        .expect_operation_status()
        .returning(move |_| {
            let level = statuses.next().flatten();
            Ok(level.map(|level| OperationStatus {
                slot: Slot::new(4, 1),
                block: Hash([1; 32]).into(),
                outcome: OperationOutcome::Succeeded,
                level,
            }))
        });
    world
        .pool
        .expect_get()
        .returning(move |_| Some(Arc::clone(&pending)));
    world.storage.expect_block().returning(|_| Ok(None));
    let (server, _outputs) = world.start();
    let states: Vec<Json> = (0..3)
        .map(|_| get(&server, &format!("/operations/{id}")).1["state"].clone())
        .collect();
    assert_eq!(states, ["pending", "candidate", "final"]);
}

#[test]
fn what_has_no_route_is_a_problem_too() {
    let (server, _outputs) = World::new().start();
    assert_eq!(get(&server, "/nothing").1["code"], "no_such_route");
    let (status, problem) = post(&server, "/status", "{}");
    assert_eq!(
        (status, &problem["code"]),
        (405, &json!("method_not_allowed"))
    );
}

#[test]
fn a_taken_port_is_told_with_its_address() {
    let (server, _outputs) = World::new().start();
    let mut second = World::new();
    second.config.listen = server.address();
    let genesis = second.genesis.clone();
    let context = ApiContext {
        chain_id: genesis.chain_id(),
        slot_clock: genesis.slot_clock().unwrap(),
        clock: Arc::new(ManualClock::new(Timestamp(1))),
        genesis: Arc::new(genesis),
        selector: Arc::new(second.selector),
        pool: Arc::new(second.pool),
        execution: Arc::new(second.execution),
        consensus: Arc::new(second.consensus),
        storage: Arc::new(second.storage),
        checkpoints: Arc::new(MockCheckpoints::new()),
        production: Arc::new(Facts),
        peers: None,
        metrics: None,
        node_version: "0.0.0",
        started_at: Timestamp(1),
    };
    let error = ApiServer::start(second.config, Arc::new(context))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&server.address().to_string()), "{error}");
}

/// A stream of events, read line by line.
struct EventStream(BufReader<TcpStream>);

impl EventStream {
    fn open(server: &ApiServer, query: &str, last: Option<&str>) -> Self {
        let mut connection = TcpStream::connect(server.address()).unwrap();
        let last = last
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let request = format!("GET /api/v1/stream/slots{query} HTTP/1.1\r\nHost: x\r\n{last}\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(connection);
        // With its head it is there, and hears what comes from now on.
        let head = stream.by_ref().lines().map(Result::unwrap);
        assert!(head.take_while(|line| !line.is_empty()).count() > 0);
        Self(stream)
    }

    /// The name and the data of the next event.
    fn next(&mut self) -> (String, Json) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.trim().to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).unwrap());
            }
        }
    }
}

/// The slots after the last one that is final at the start, from 1 on.
fn later(number: u64) -> Slot {
    let of_all = 4 * 4 + 1 + number;
    Slot::new(of_all / 4, u8::try_from(of_all % 4).unwrap())
}

fn output(number: u64) -> Arc<SlotOutput> {
    Arc::new(SlotOutput {
        slot: later(number),
        block: None,
        producer: None,
        operations: vec![],
        minted: Amount::ZERO,
        ended_cycle: None,
        state_hash: None,
    })
}

#[test]
fn a_stream_resumes_after_the_slot_that_was_seen_last_and_goes_on() {
    let (server, outputs) = World::new().start();
    (1..=3).for_each(|number| outputs.send(output(number)).unwrap());
    let told = |stream: &mut EventStream, number| {
        let (name, data) = stream.next();
        assert_eq!(
            (name.as_str(), &data["slot"]),
            ("slot", &json!(later(number)))
        );
    };
    // Whether they were kept or came live depends on who was first; each comes once.
    let mut all = EventStream::open(&server, "?from=4/2", None);
    (1..=3).for_each(|number| told(&mut all, number));
    let mut resumed = EventStream::open(&server, "", Some("4/2"));
    (2..=3).for_each(|number| told(&mut resumed, number));
    outputs.send(output(4)).unwrap();
    told(&mut resumed, 4);
}

#[test]
fn a_stream_from_a_slot_that_is_not_kept_any_more_begins_with_what_was_missed() {
    let mut world = World::new();
    world.config.stream_history_slots = 2;
    let (server, outputs) = world.start();
    let mut live = EventStream::open(&server, "", None);
    (1..=5).for_each(|number| outputs.send(output(number)).unwrap());
    while live.next().1["slot"] != json!(later(5)) {}
    let (name, data) = EventStream::open(&server, "?from=4/2", None).next();
    assert_eq!((name.as_str(), &data["next"]), ("missed", &json!(later(4))));
}

#[test]
fn streams_are_bounded_and_the_interface_stops_with_readers_on_it() {
    let mut world = World::new();
    world.config.max_streams = 1;
    let (server, outputs) = world.start();
    let mut first = EventStream::open(&server, "?from=0/0", None);
    outputs.send(output(1)).unwrap();
    first.next();
    let (status, problem) = get(&server, "/stream/slots");
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    drop(server);
    let mut rest = Vec::new();
    first.0.read_to_end(&mut rest).unwrap();
}

fn certified(genesis: &Genesis) -> picot_models::CheckpointCertificate {
    let checkpoint = picot_models::Checkpoint {
        slot: Slot::new(15, 3),
        state_hash: Hash([5; 32]),
        validator_sets: Hash([6; 32]),
    };
    picot_checkpoint::mocks::certificate(&checkpoint, &[1], &genesis.chain_id())
}

#[test]
fn the_newest_checkpoint_and_those_that_are_being_signed_are_told() {
    let mut world = World::new();
    let genesis = world.genesis.clone();
    let certificate = certified(&genesis);
    let summary = picot_checkpoint::CheckpointSummary {
        certified: Some(certificate.clone()),
        open: vec![picot_checkpoint::OpenCheckpoint {
            slot: Slot::new(23, 3),
            own: None,
            power: 0,
            total_power: 10,
        }],
    };
    world
        .checkpoints
        .expect_summary()
        .returning(move || Ok(summary.clone()));
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, "/checkpoints");
    let content = &certificate.signatures[0].content;
    let hash = content.hash(&genesis.chain_id());
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({
            "certified": {
                "slot": { "period": 15, "thread": 3 },
                "hash": hash.to_string(),
                "state_hash": Hash([5; 32]).to_string(),
                "validator_sets": Hash([6; 32]).to_string(),
                "signers": [address(1).to_string()],
            },
            "open": [{
                "slot": { "period": 23, "thread": 3 },
                "state_hash": null,
                "power": 0,
                "total_power": 10,
            }],
        })
    );
}

#[test]
fn the_checkpoint_of_a_slot_is_told_or_why_there_is_none() {
    let mut world = World::new();
    let certificate = certified(&world.genesis);
    world
        .checkpoints
        .expect_certificate()
        .returning(move |slot| Ok((slot == Slot::new(15, 3)).then(|| certificate.clone())));
    let (server, _outputs) = world.start();
    let (status, body) = get(&server, "/checkpoints/15/3");
    assert_eq!((status, &body["slot"]["period"]), (200, &json!(15)));
    for (path, reason) in [
        ("/checkpoints/31/3", "no certificate"),
        ("/checkpoints/14/3", "not a slot"),
    ] {
        let (status, problem) = get(&server, path);
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{detail}");
    }
}
