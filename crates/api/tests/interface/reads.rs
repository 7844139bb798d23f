//! Single reads: agreement, simulation, pool, fees, datastore, health.

use crate::world::{Setting, World, decided, rolls_of};
use picot_api::ProblemCode;
use picot_consensus::BehindReason;
use picot_models::mocks::address;
use picot_models::{Slot, Timestamp, Value};
use serde_json::{Value as Json, json};

#[test]
fn the_agreement_of_an_open_slot_shows_candidates_and_votes_by_stake() {
    let world = World::new();
    let told = world.read("/api/v1/slots/5/0/agreement");
    let total: u64 = (1..=9).map(rolls_of).sum();
    assert_eq!(
        (&told["status"], &told["total_power"]),
        (&json!("undecided"), &json!(total))
    );
    assert_eq!(told["quorum_power"], json!(total * 2 / 3 + 1));
    assert_eq!((&told["opened_at"], &told["round"]), (&json!(7), &json!(1)));
    let candidate = json!([{
        "block": world.candidate.id(),
        "producer": address(3),
        "rank": 1,
        "leading": true,
        "canonical": true,
    }]);
    assert_eq!(told["candidates"], candidate);
    let value = json!({ "type": "block", "id": world.candidate.id() });
    let first = &told["rounds"][0];
    assert_eq!(
        (&first["coordinator"], &first["round"]),
        (&Json::Null, &json!(0))
    );
    let notarise = json!([{ "value": value, "power": 3, "signers": [address(1), address(2)] }]);
    assert_eq!(first["notarise"], notarise);
    assert_eq!(first["nullify"]["power"], 16);
    let second = &told["rounds"][1];
    assert_eq!(second["coordinator"], json!(address(4)));
    assert_eq!(
        (&second["finalise"][0]["power"], &second["nullify"]["power"]),
        (&json!(5), &json!(0))
    );
}

#[test]
fn the_delay_of_a_decision_is_told_as_long_as_the_node_remembers_it() {
    let world = World::new();
    let before = world.read("/api/v1/slots/4/1/agreement");
    assert_eq!(
        (&before["status"], &before["delay_ms"]),
        (&json!("final"), &Json::Null)
    );
    let value = Value::Block {
        id: world.final_block.id(),
    };
    world.events.send(decided(Slot::new(4, 1), value)).unwrap();
    while world.read("/api/v1/slots/4/1/agreement")["delay_ms"] != 123 {
        std::thread::yield_now();
    }
}

#[test]
fn nobody_voted_for_the_genesis_and_there_is_no_slot_of_a_thread_that_is_not() {
    let world = World::new();
    let genesis = world.get("/api/v1/slots/0/1/agreement").problem();
    assert_eq!(genesis.code, ProblemCode::NotFound);
    let thread = world.get("/api/v1/slots/4/4/agreement").problem();
    assert_eq!(thread.code, ProblemCode::InvalidParameter);
}

#[test]
fn a_simulation_tells_what_would_change() {
    let world = World::new();
    let order = world.final_block.operations[0].content();
    let body = json!({ "sender": address(1), "operation": order });
    let answer = world.post("/api/v1/operations/simulate", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(
        (&told["outcome"]["result"], &told["gas_used"]),
        (&json!("succeeded"), &json!(9))
    );
    let changes = json!([
        { "address": address(1), "before": "0.000000009", "after": "0.000000003" },
        { "address": address(2), "before": null, "after": "0.000000005" },
    ]);
    assert_eq!(told["balances"], changes);
    assert_eq!(told["rolls"], json!({ "before": 4, "after": 4 }));
}

#[test]
fn an_operation_that_no_block_can_hold_is_not_simulated() {
    let world = World::new();
    let kind = json!({
        "type": "call",
        "contract": address(2),
        "function": "f",
        "parameter": "",
        "max_gas": u64::MAX,
        "coins": "0",
    });
    let order = json!({ "fee": "1", "expire_period": 9, "kind": kind });
    let body = json!({ "sender": address(1), "operation": order });
    let answer = world.post("/api/v1/operations/simulate", &body);
    assert_eq!(answer.problem().code, ProblemCode::TooLarge);
}

#[test]
fn the_pool_is_told_by_thread_with_its_bounds() {
    let told = World::new().read("/api/v1/pool");
    assert_eq!(
        (&told["operations"], &told["operation_bytes"]),
        (&json!(28), &json!(4_000))
    );
    assert_eq!(told["threads"][3]["highest_fee"], "1000");
    assert_eq!(told["bounds"]["max_operations_per_sender"], 10);
}

#[test]
fn fees_are_those_of_the_senders_thread_or_of_the_one_that_asks_most() {
    let world = World::new();
    let any = world.read("/api/v1/fees");
    let minimal = json!("0.000000003");
    assert_eq!(
        (&any["thread"], &any["minimal_fee"]),
        (&Json::Null, &minimal)
    );
    let fee = |told: &Json, place: usize| told["suggested"]["within_periods"][place].clone();
    assert_ne!(any["suggested"]["next_block"], minimal);
    assert_eq!(
        (&fee(&any, 0)["periods"], &fee(&any, 1)["periods"]),
        (&json!(2), &json!(4))
    );
    assert_ne!(fee(&any, 0)["fee"], minimal);
    assert_eq!(fee(&any, 1)["fee"], minimal);
    let quiet = (1..100).map(address).find(|it| it.thread(4) == 3).unwrap();
    let told = world.read(&format!("/api/v1/fees?sender={quiet}"));
    assert_eq!(
        (&told["thread"], &told["suggested"]["next_block"]),
        (&json!(3), &minimal)
    );
}

#[test]
fn a_value_of_a_contract_is_told_in_hexadecimal() {
    let world = World::new();
    let path = format!("/api/v1/addresses/{}/datastore", address(1));
    let told = world.read(&format!("{path}/0aff"));
    assert_eq!(
        (&told["final"], &told["candidate"]),
        (&json!("0102ab"), &Json::Null)
    );
    for wrong in ["0af", "0AFF", "zz", &"00".repeat(256)] {
        let problem = world.get(&format!("{path}/{wrong}")).problem();
        assert_eq!(problem.code, ProblemCode::InvalidParameter, "{wrong}");
    }
}

#[test]
fn a_node_without_a_network_has_no_peers() {
    let told = World::new().read("/api/v1/peers");
    assert_eq!(
        (&told["node"], &told["connected"]),
        (&Json::Null, &json!(0))
    );
}

#[test]
fn a_node_is_ready_while_it_goes_on_and_is_in_step() {
    for path in ["/health/live", "/health/ready", "/api/v1/health/ready"] {
        assert_eq!(World::new().get(path).status, 200, "{path}");
    }
    let waiting = World::with(Setting {
        behind: Some(BehindReason::StartupWait {
            until: Timestamp(9),
        }),
        ..Setting::default()
    });
    assert_eq!(
        waiting.get("/health/ready").status,
        200,
        "it only waits before it signs"
    );
    let behind = World::with(Setting {
        behind: Some(BehindReason::Draws { cycle: 7 }),
        ..Setting::default()
    });
    let problem = behind.get("/health/ready").problem();
    assert_eq!((problem.code, problem.status), (ProblemCode::NotReady, 503));
    assert!(problem.detail.contains("cycle 7"), "{problem:?}");
    assert_eq!(behind.get("/health/live").status, 200);
    let stopped = World::with(Setting {
        stopped: Some("a damaged block".to_owned()),
        ..Setting::default()
    });
    let problem = stopped.get("/health/ready").problem();
    assert!(problem.detail.contains("a damaged block"), "{problem:?}");
}
