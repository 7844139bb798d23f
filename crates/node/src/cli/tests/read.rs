//! Commands that ask a running node.

use super::*;
use picot_api::ProblemCode;
use picot_api::types::{AccountState, AddressResponse};
use picot_client::mocks::Answer;
use picot_models::{BlockId, Hash, mocks};

fn answer() -> AddressResponse {
    let state = AccountState {
        balance: Some("12.5".parse().unwrap()),
        rolls: 3,
        deferred_credits: vec![],
    };
    AddressResponse {
        address: mocks::address(1),
        thread: 2,
        final_state: state.clone(),
        candidate: state,
    }
}

#[test]
fn people_get_a_table_and_programs_json() {
    let address = mocks::address(1).to_string();
    let node = StubNode::start().on(
        &format!("GET /addresses/{address}"),
        Answer::json(&answer()),
    );
    let table = picot_at(&node, &["address", &address]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    assert!(table.out.contains("12.5   3"), "{}", table.out);
    let json = picot_at(&node, &["address", &address, "--json"]);
    let read: AddressResponse = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read, answer());
}

#[test]
fn what_a_node_does_not_know_is_told_with_its_detail_and_code() {
    let id = BlockId::from_hash(Hash([1; 32])).to_string();
    let refused = Answer::problem(ProblemCode::NotFound, "this node has no such block");
    let node = StubNode::start().on(&format!("GET /blocks/{id}"), refused);
    let ended = picot_at(&node, &["block", &id]);
    let expected =
        format!("error: cannot read block {id}: this node has no such block (not_found)\n");
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err),
        (1, "", expected)
    );
}

#[test]
fn every_reading_command_asks_for_its_own_thing() {
    let node = StubNode::start();
    let block = BlockId::from_hash(Hash([1; 32])).to_string();
    let operation = picot_models::OperationId::from_hash(Hash([2; 32])).to_string();
    let address = mocks::address(1).to_string();
    for arguments in [
        ["status"].as_slice(),
        &["block", &block],
        &["slot", "12/3"],
        &["address", &address],
        &["operation", &operation],
    ] {
        let ended = picot_at(&node, arguments);
        assert!(ended.err.contains("(no_such_route)"), "{ended:?}");
    }
    let asked: Vec<_> = node
        .asked()
        .into_iter()
        .map(|(request, _)| request)
        .collect();
    assert_eq!(
        asked,
        [
            "GET /status".to_owned(),
            format!("GET /blocks/{block}"),
            "GET /slots/12/3".to_owned(),
            format!("GET /addresses/{address}"),
            format!("GET /operations/{operation}"),
        ]
    );
}

#[test]
fn a_node_that_is_not_there_is_told_plainly() {
    let url = no_node();
    let ended = picot(&["status", "--api", &url]);
    assert_eq!(ended.code, 1);
    let expected = format!(
        "error: cannot read the status: no node answers at {url}: connection refused\n  \
         hint: is it running? start one with `picot node --dev`, or say where it is with `--api`\n"
    );
    assert_eq!(ended.err, expected);
}

#[test]
fn what_is_no_node_is_told_plainly() {
    let node = StubNode::start().on("GET /status", Answer::text(200, "hello"));
    let ended = picot_at(&node, &["status"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("gave no JSON of the known shape"),
        "{ended:?}"
    );
    assert!(ended.err.contains("hint: check `--api`"), "{ended:?}");
}

#[test]
fn a_busy_node_is_to_be_asked_again() {
    let busy = Answer::problem(ProblemCode::Unavailable, "too many requests");
    let node = StubNode::start().on("GET /status", busy);
    let ended = picot_at(&node, &["status"]);
    assert!(
        ended.err.contains("hint: try again in a few seconds"),
        "{ended:?}"
    );
}

#[test]
fn draws_that_are_not_known_are_told_apart_from_no_draws() {
    use picot_api::types::DrawsResponse;
    use picot_models::Slot;
    let address = mocks::address(1);
    let answer = DrawsResponse {
        address,
        from: Slot::new(9, 0),
        to: Slot::new(16, 0),
        draws: vec![],
        next: None,
    };
    let status = tables::tests::status_answer();
    let node = StubNode::start()
        .on("GET /status", Answer::json(&status))
        .on(
            &format!("GET /addresses/{address}/draws?from=8/0&to=17/0"),
            Answer::json(&answer),
        );
    let ended = picot_at(&node, &["draws"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for limit in [
        "the draws of slots before 9/0 are not known any more",
        "the draws of slots from 16/0 on are not known yet",
    ] {
        assert!(ended.err.contains(limit), "{ended:?}");
    }
}

#[test]
fn draws_of_a_long_range_are_read_in_parts_and_told_as_one() {
    use picot_api::types::{Draw, DrawResult, DrawsResponse};
    use picot_models::Slot;
    let address = mocks::address(1);
    let part = |from, to, next: Option<u64>| DrawsResponse {
        address,
        from: Slot::new(from, 0),
        to: Slot::new(to, 0),
        draws: vec![Draw {
            slot: Slot::new(from, 1),
            start: Timestamp(1_767_225_600_000),
            rank: Some(0),
            endorser_indices: vec![],
            result: DrawResult::Undecided,
            endorsed: None,
        }],
        next: next.map(|period| Slot::new(period, 0)),
    };
    let asked = |from| format!("GET /addresses/{address}/draws?from={from}/0&to=17/0");
    let node = |second| {
        StubNode::start()
            .on("GET /status", Answer::json(&tables::tests::status_answer()))
            .on(&asked(8), Answer::json(&part(8, 12, Some(12))))
            .on(&asked(12), Answer::json(&second))
    };
    let all = picot_at(&node(part(12, 17, None)), &["draws", "--json"]);
    assert_eq!(all.code, 0, "{all:?}");
    let read: Vec<DrawsResponse> = serde_json::from_str(&all.out).unwrap();
    assert_eq!(read.len(), 1);
    let slots: Vec<_> = read[0].draws.iter().map(|draw| draw.slot).collect();
    assert_eq!(slots, [Slot::new(8, 1), Slot::new(12, 1)]);
    assert_eq!((read[0].to, read[0].next), (Slot::new(17, 0), None));
    // A node that does not go on is asked no more, and the reason is told.
    let stuck = picot_at(&node(part(12, 12, Some(12))), &["draws"]);
    let note = "the node did not go on: the draws of slots from 12/0 on are not shown";
    assert!(stuck.err.contains(note), "{stuck:?}");
    assert!(!stuck.err.contains("not known yet"), "{stuck:?}");
}

#[test]
fn draws_are_of_the_nodes_own_keys_unless_others_are_named() {
    use picot_api::types::{Draw, DrawResult, DrawsResponse};
    use picot_models::Slot;
    let draws = |number| DrawsResponse {
        address: mocks::address(number),
        from: Slot::new(8, 0),
        to: Slot::new(17, 0),
        draws: vec![Draw {
            slot: Slot::new(9, 1),
            start: Timestamp(1_767_225_600_000),
            rank: Some(0),
            endorser_indices: vec![1, 3],
            result: DrawResult::Missed,
            endorsed: Some(vec![3]),
        }],
        next: None,
    };
    let request = |number| {
        let address = mocks::address(number);
        format!("GET /addresses/{address}/draws?from=8/0&to=17/0")
    };
    let status = tables::tests::status_answer();
    let node = StubNode::start()
        .on("GET /status", Answer::json(&status))
        .on(&request(1), Answer::json(&draws(1)))
        .on(&request(2), Answer::json(&draws(2)));
    let own = picot_at(&node, &["draws"]);
    assert_eq!(own.code, 0, "{own:?}");
    assert!(
        !own.err.contains("not known"),
        "all that was asked for: {own:?}"
    );
    assert!(own.out.contains(&mocks::address(1).to_string()));
    for part in ["9/1", "rank 0", "1 3 (1 carried)", "no block"] {
        assert!(own.out.contains(part), "{}", own.out);
    }
    let other = mocks::address(2).to_string();
    let json = picot_at(&node, &["draws", &other, "--json"]);
    let read: Vec<DrawsResponse> = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read, [draws(2)]);
}
