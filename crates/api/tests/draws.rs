//! `GET /addresses/{address}/draws`, with mocks of the node behind it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use picot_api::{ApiConfig, ApiContext, ApiServer, NodeFacts, Production};
use picot_checkpoint::mocks::MockCheckpoints;
use picot_clock::{ManualClock, SlotRange};
use picot_consensus::SlotStatus;
use picot_consensus::mocks::MockConsensus;
use picot_execution::mocks::MockExecution;
use picot_execution::{ExecutionSummary, Totals};
use picot_models::mocks::{address, block, genesis, key};
use picot_models::{
    Address, Block, Endorsement, Genesis, Hash, ProposalPolicy, Signed, Slot, Timestamp, Value,
};
use picot_pool::mocks::MockPool;
use picot_selector::mocks::MockSelector;
use picot_selector::{AddressDraw, SelectorError};
use picot_storage::mocks::MockStorage;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

struct Facts;

impl Production for Facts {
    fn facts(&self) -> NodeFacts {
        NodeFacts {
            staking_addresses: vec![],
            producing: false,
            not_producing: None,
            blocks_produced: 0,
            endorsements_produced: 0,
            refused: BTreeMap::new(),
        }
    }
}

/// A node in period 20, that knows these cycles (of 16 periods) and these blocks; all else of thread
/// 0 before period 20 is decided as misses.
fn node(selector: MockSelector, blocks: Vec<Block>, policy: ProposalPolicy) -> ApiServer {
    let mut genesis = genesis(&[(1, 10)]);
    genesis.params.proposal_policy = policy;
    node_of(genesis, selector, blocks)
}

fn node_of(genesis: Genesis, selector: MockSelector, blocks: Vec<Block>) -> ApiServer {
    let slot_clock = genesis.slot_clock().unwrap();
    let now = slot_clock.start_of(Slot::new(20, 0)).unwrap();
    let mut execution = MockExecution::new();
    execution
        .expect_subscribe()
        .return_once(|| crossbeam_channel::bounded(1).1);
    execution.expect_summary().returning(|| ExecutionSummary {
        last_final_slot: Slot::new(19, 3),
        state_hash: Hash([5; 32]),
        totals: Totals::default(),
        cycle: 1,
        candidate_slot: Slot::new(20, 0),
        waiting_decided: 0,
        stopped: None,
    });
    let mut consensus = MockConsensus::new();
    consensus
        .expect_subscribe()
        .returning(|| crossbeam_channel::bounded(1).1);
    let ids: BTreeMap<_, _> = blocks
        .iter()
        .map(|block| (block.header.content().slot, block.id()))
        .collect();
    consensus.expect_slot_status().returning(move |slot| {
        if slot.period >= 20 {
            return Ok(SlotStatus::NotOpen);
        }
        let through = slot.period;
        let value = ids
            .get(&slot)
            .map_or(Value::Miss { through }, |id| Value::Block { id: *id });
        Ok(SlotStatus::Decided {
            outcome: slot,
            value,
        })
    });
    let mut storage = MockStorage::new();
    storage
        .expect_block()
        .returning(move |id| Ok(blocks.iter().find(|block| block.id() == *id).cloned()));
    let context = ApiContext {
        chain_id: genesis.chain_id(),
        genesis: Arc::new(genesis),
        slot_clock,
        clock: Arc::new(ManualClock::new(now)),
        selector: Arc::new(selector),
        pool: Arc::new(MockPool::new()),
        execution: Arc::new(execution),
        consensus: Arc::new(consensus),
        storage: Arc::new(storage),
        checkpoints: Arc::new(MockCheckpoints::new()),
        production: Arc::new(Facts),
        peers: None,
        metrics: None,
        node_version: "0.0.0",
        started_at: Timestamp(1),
    };
    let config = ApiConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..ApiConfig::default()
    };
    ApiServer::start(config, Arc::new(context)).unwrap()
}

fn get(server: &ApiServer, query: &str) -> (u16, Json) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let url = format!(
        "http://{}/api/v1/addresses/{}/draws{query}",
        server.address(),
        address(1)
    );
    let mut response = agent.get(url).call().unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
    (response.status().as_u16(), body)
}

fn drawn(draws: Vec<(u64, Option<u32>, Vec<u32>)>) -> MockSelector {
    let mut selector = MockSelector::new();
    selector.expect_ready_cycles().returning(|| vec![0, 1, 2]);
    selector.expect_slots_of().returning(move |_, range| {
        let draw = |(period, producer_rank, endorser_indices): &(u64, _, Vec<u32>)| AddressDraw {
            slot: Slot::new(*period, 0),
            producer_rank: *producer_rank,
            endorser_indices: endorser_indices.clone(),
        };
        let all = draws.iter().map(draw);
        Ok(all
            .filter(|draw| draw.slot >= range.start() && draw.slot < range.end())
            .collect())
    });
    selector
}

/// A block of a key, which carries these endorsements of an earlier slot.
fn of(signer: u64, period: u64, endorsed: Option<(u64, &[u32])>) -> Block {
    let chain_id = genesis(&[(1, 10)]).chain_id();
    let made = block(
        &key(signer),
        Slot::new(period, 0),
        vec![],
        vec![],
        &chain_id,
    );
    let Some((earlier, indices)) = endorsed else {
        return made;
    };
    let mut header = made.header.content().clone();
    let endorsement = |index: &u32| {
        let content = Endorsement {
            slot: Slot::new(earlier, 0),
            index: *index,
            block: made.id(),
        };
        Signed::sign(content, &key(1), &chain_id).into_envelope()
    };
    header.endorsements = indices.iter().map(endorsement).collect();
    Block {
        header: Arc::new(Signed::sign(header, &key(signer), &chain_id)),
        operations: made.operations,
    }
}

#[test]
fn past_draws_tell_what_came_of_them_and_coming_ones_when_they_are() {
    let selector = drawn(vec![
        (0, Some(0), vec![0]),
        (13, Some(0), vec![]),
        (14, Some(1), vec![1, 3]),
        (15, Some(2), vec![0]),
        (21, Some(0), vec![2]),
    ]);
    let blocks = vec![
        of(1, 13, None),
        of(2, 14, None),
        of(1, 16, Some((14, &[3]))),
    ];
    let server = node(selector, blocks, ProposalPolicy::All);
    let (status, body) = get(&server, "");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["from"], json!({ "period": 12, "thread": 0 }));
    assert_eq!(body["to"], json!({ "period": 28, "thread": 0 }));
    let draws = body["draws"].as_array().unwrap();
    let results: Vec<_> = draws
        .iter()
        .map(|draw| draw["result"]["type"].clone())
        .collect();
    assert_eq!(results, ["produced", "of_another", "missed", "undecided"]);
    assert_eq!(draws[0]["endorsed"], Json::Null, "nothing was due");
    assert_eq!(draws[1]["result"]["producer"], json!(address(2)));
    // Slot 15 has no block: that of 16 carries the endorsements of 14.
    assert_eq!(draws[1]["endorsed"], json!([3]));
    assert_eq!(
        draws[2]["endorsed"],
        Json::Null,
        "there was nothing to endorse"
    );
    assert_eq!(draws[3]["rank"], 0);
    assert!(draws[3]["start"].as_u64().unwrap() > draws[2]["start"].as_u64().unwrap());
}

#[test]
fn ranks_that_may_not_propose_are_no_draws() {
    let selector = drawn(vec![(14, Some(1), vec![]), (15, Some(1), vec![2])]);
    let server = node(selector, vec![], ProposalPolicy::Drawn);
    let (_, body) = get(&server, "");
    let draws = body["draws"].as_array().unwrap();
    assert_eq!(draws.len(), 1);
    assert_eq!(
        (&draws[0]["rank"], &draws[0]["endorser_indices"]),
        (&Json::Null, &json!([2]))
    );
}

#[test]
fn what_is_asked_for_is_cut_to_what_is_known_and_bounded() {
    let server = node(drawn(vec![]), vec![], ProposalPolicy::All);
    let (status, body) = get(&server, "?from=40/0&to=90/0");
    assert_eq!(
        (status, &body["to"]),
        (200, &json!({ "period": 48, "thread": 0 }))
    );
    let (status, body) = get(&server, "?from=60/0&to=90/0");
    assert_eq!((status, body["draws"].as_array().unwrap().len()), (200, 0));
    for query in ["?from=x", "?to=1"] {
        let (status, body) = get(&server, query);
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("invalid_parameter")),
            "{query}"
        );
    }
}

#[test]
fn a_range_that_is_too_long_for_one_answer_is_read_in_parts() {
    let mut selector = MockSelector::new();
    let slots_of = |_: &Address, range: SlotRange| {
        assert!(range.count_slots().unwrap() <= 512);
        let periods = range.start().period..range.end().period;
        Ok(periods
            .map(|period| AddressDraw {
                slot: Slot::new(period, 0),
                producer_rank: Some(0),
                endorser_indices: vec![],
            })
            .collect())
    };
    selector.expect_slots_of().returning(slots_of);
    let cycles = || (0..100).collect();
    selector.expect_ready_cycles().returning(cycles);
    let server = node(selector, vec![], ProposalPolicy::All);
    let (mut from, mut seen, mut answers) = ("100/0".to_owned(), Vec::new(), 0);
    loop {
        let (status, body) = get(&server, &format!("?from={from}&to=400/0"));
        assert_eq!(status, 200, "{body}");
        let draws = body["draws"].as_array().unwrap();
        seen.extend(
            draws
                .iter()
                .map(|draw| draw["slot"]["period"].as_u64().unwrap()),
        );
        answers += 1;
        if body["next"].is_null() {
            assert_eq!(body["to"], json!({ "period": 400, "thread": 0 }));
            break;
        }
        assert_eq!(body["next"], body["to"]);
        let next: Slot = serde_json::from_value(body["next"].clone()).unwrap();
        from = next.to_string();
    }
    assert_eq!(seen, (100..400).collect::<Vec<_>>());
    // 300 periods of four threads.
    assert_eq!(answers, 3);
}

#[test]
fn what_is_told_unless_asked_otherwise_fits_in_one_answer_of_many_threads() {
    let mut genesis = genesis(&[(1, 10)]);
    genesis.params.thread_count = 64;
    genesis.params.t0_ms = 64_000;
    let server = node_of(genesis, drawn(vec![]), vec![]);
    let (status, body) = get(&server, "");
    assert_eq!((status, &body["next"]), (200, &Json::Null), "{body}");
    assert_eq!(body["from"], json!({ "period": 16, "thread": 0 }));
    assert_eq!(body["to"], json!({ "period": 24, "thread": 0 }));
}

#[test]
fn without_draws_or_past_their_pruning_it_says_so() {
    let mut selector = MockSelector::new();
    selector.expect_ready_cycles().returning(Vec::new);
    let server = node(selector, vec![], ProposalPolicy::All);
    let (status, body) = get(&server, "");
    assert_eq!((status, &body["code"]), (409, &json!("not_yet_known")));
    let mut selector = MockSelector::new();
    selector.expect_ready_cycles().returning(|| vec![0, 1]);
    selector.expect_slots_of().returning(|_, _| {
        Err(SelectorError::Pruned {
            cycle: 0,
            oldest: 1,
        })
    });
    let server = node(selector, vec![], ProposalPolicy::All);
    let (status, body) = get(&server, "");
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));
}
