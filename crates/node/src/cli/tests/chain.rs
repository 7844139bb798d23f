//! Commands that read lists and what goes on: what they ask for, and how that looks.

use super::*;
use picot_api_types::{
    AddressProduction, AgreementCandidate, AgreementResponse, AgreementRound, BlockOperation,
    BlockOperationsResponse, BlockState, BlockSummary, BlocksResponse, CandidateSummary,
    CertificateSummary, CycleSummary, CyclesResponse, FeesResponse, OperationResult,
    PendingOperation, PendingOperationsResponse, PoolBounds, PoolResponse, PoolThread, ProblemCode,
    ProductionResponse, PublicPeer, PublicPeersResponse, SlotDraw, SlotDrawsResponse, SlotPhase,
    SlotSummary, SlotsResponse, Staker, StakersResponse, SuggestedFee, SuggestedFees, ValueVotes,
    VoteKind, Votes,
};
use picot_client::mocks::Answer;
use picot_models::{Amount, BlockId, Hash, OperationId, Slot, Value, mocks};

const START: Timestamp = Timestamp(1_767_225_600_000);

fn block_id(number: u8) -> BlockId {
    BlockId::from_hash(Hash([number; 32]))
}

fn coins(text: &str) -> Amount {
    text.parse().unwrap()
}

/// What a command says that asks a node which gives this answer to this request.
fn said(request: &str, answer: &impl serde::Serialize, arguments: &[&str]) -> Ended {
    let node = StubNode::start().on(request, Answer::json(answer));
    let ended = picot_at(&node, arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    let json = picot_at(&node, &[arguments, &["--json"]].concat());
    let read: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(read, serde_json::to_value(answer).unwrap());
    ended
}

fn slot_summary(slot: Slot, status: SlotPhase) -> SlotSummary {
    SlotSummary {
        slot,
        start: START,
        status,
        round: None,
        block: None,
        producer: None,
        parents: None,
        operation_count: None,
        size_bytes: None,
        candidates: vec![],
        leading: None,
        drawn: Some(mocks::address(2)),
        own: false,
    }
}

#[test]
fn slots_show_what_they_are_decided_as_or_who_leads() {
    let undecided = SlotSummary {
        round: Some(1),
        candidates: vec![CandidateSummary {
            block: block_id(3),
            producer: Some(mocks::address(2)),
        }],
        leading: Some(block_id(3)),
        ..slot_summary(Slot::new(13, 1), SlotPhase::Undecided)
    };
    let decided = SlotSummary {
        block: Some(block_id(4)),
        producer: Some(mocks::address(1)),
        operation_count: Some(7),
        own: true,
        ..slot_summary(Slot::new(12, 3), SlotPhase::Final)
    };
    let answer = SlotsResponse {
        slots: vec![
            slot_summary(Slot::new(13, 2), SlotPhase::NotOpen),
            undecided,
            decided,
            slot_summary(Slot::new(12, 2), SlotPhase::Decided),
        ],
        next: Some("12/2".to_owned()),
    };
    let ended = said(
        "GET /slots?before=13/3&limit=4",
        &answer,
        &["slots", "--before", "13/3", "--limit", "4"],
    );
    assert_eq!(ended.err, "there is more: `--before 12/2`\n");
    insta::assert_snapshot!(ended.out);
}

#[test]
fn blocks_may_be_of_one_producer() {
    let producer = mocks::address(1);
    let answer = BlocksResponse {
        blocks: vec![BlockSummary {
            id: block_id(4),
            slot: Slot::new(12, 3),
            start: START,
            state: BlockState::Final,
            producer,
            operation_count: 7,
            size_bytes: 1_234,
        }],
        next: None,
    };
    let ended = said(
        &format!("GET /blocks?limit=20&producer={producer}"),
        &answer,
        &["blocks", "--producer", &producer.to_string()],
    );
    assert_eq!(ended.err, "");
    insta::assert_snapshot!(ended.out);
}

#[test]
fn an_agreement_shows_candidates_votes_and_certificate() {
    let value = Value::Block { id: block_id(4) };
    let answer = AgreementResponse {
        slot: Slot::new(12, 3),
        status: SlotPhase::Final,
        value: Some(value),
        outcome_slot: Some(Slot::new(12, 3)),
        decided_round: Some(1),
        delay_ms: Some(930),
        total_power: Some(300),
        quorum_power: Some(201),
        opened_at: None,
        round: None,
        candidates: vec![
            AgreementCandidate {
                block: block_id(4),
                producer: mocks::address(1),
                rank: Some(0),
                leading: true,
                canonical: Some(true),
            },
            AgreementCandidate {
                block: block_id(5),
                producer: mocks::address(2),
                rank: None,
                leading: false,
                canonical: Some(false),
            },
        ],
        rounds: vec![AgreementRound {
            round: 1,
            coordinator: Some(mocks::address(1)),
            notarise: vec![ValueVotes {
                value,
                power: 200,
                signers: vec![mocks::address(1), mocks::address(2)],
            }],
            nullify: Votes {
                power: 100,
                signers: vec![mocks::address(3)],
            },
            finalise: vec![ValueVotes {
                value: Value::Miss { through: 12 },
                power: 1,
                signers: vec![mocks::address(3)],
            }],
        }],
        certificate: Some(CertificateSummary {
            kind: VoteKind::Finalise,
            round: 1,
            value: Some(value),
            power: Some(300),
            signers: vec![mocks::address(1), mocks::address(2), mocks::address(3)],
        }),
    };
    let ended = said("GET /slots/12/3/agreement", &answer, &["agreement", "12/3"]);
    insta::assert_snapshot!(ended.out);
}

#[test]
fn stakers_show_their_share_and_the_next_part_is_asked_for_with_the_nodes_cursor() {
    let staker = |number, rolls, own| Staker {
        address: mocks::address(number),
        rolls,
        own,
    };
    let answer = StakersResponse {
        cycle: 4,
        total_rolls: 30,
        staker_count: 3,
        stakers: vec![staker(1, 20, true), staker(2, 9, false)],
        next: Some("9:x".to_owned()),
    };
    let ended = said(
        "GET /stakers?after=20%20y&limit=2",
        &answer,
        &["stakers", "--after", "20 y", "--limit", "2"],
    );
    assert_eq!(ended.err, "there is more: `--after 9:x`\n");
    insta::assert_snapshot!(ended.out);
}

#[test]
fn cycles_are_shown_in_short_and_one_by_address() {
    let cycles = CyclesResponse {
        cycles: vec![CycleSummary {
            cycle: 4,
            first_slot: Slot::new(64, 0),
            last_slot: Slot::new(79, 3),
            start: START,
            is_complete: true,
            total_rolls: 30,
            stakers: 3,
            produced: 60,
            missed: 4,
            endorsements: 240,
            missed_endorsements: 16,
        }],
    };
    let all = said("GET /cycles", &cycles, &["cycles"]);
    let production = ProductionResponse {
        cycle: 4,
        is_complete: false,
        production: vec![AddressProduction {
            address: mocks::address(1),
            own: true,
            produced: 40,
            missed: 1,
            endorsed: 160,
            missed_endorsements: 2,
        }],
        next: None,
    };
    let request = "GET /cycles/4/production?limit=20";
    let one = said(request, &production, &["cycles", "4"]);
    insta::assert_snapshot!(format!("{}\n{}", all.out, one.out));
}

#[test]
fn fees_tell_the_least_and_what_soon_costs() {
    let sender = mocks::address(1).to_string();
    let answer = FeesResponse {
        thread: Some(2),
        minimal_fee: coins("0.001"),
        suggested: SuggestedFees {
            next_block: coins("0.02"),
            within_periods: vec![SuggestedFee {
                periods: 4,
                fee: coins("0.005"),
            }],
        },
    };
    let request = format!("GET /fees?sender={sender}");
    let ended = said(&request, &answer, &["fees", "--sender", &sender]);
    insta::assert_snapshot!(ended.out);
}

#[test]
fn the_pool_is_shown_by_thread_with_its_bounds() {
    let answer = PoolResponse {
        operations: 3,
        operation_bytes: 420,
        endorsements: 16,
        denunciations: 0,
        threads: vec![PoolThread {
            thread: 0,
            operations: 3,
            not_yet_valid: 1,
            senders: 2,
            bytes: 420,
            evicted: 5,
            expired: 6,
            lowest_fee: Some(coins("1.5")),
            highest_fee: None,
        }],
        bounds: PoolBounds {
            max_operations_per_thread: 100,
            max_bytes_per_thread: 9_000,
            max_operations_per_sender: 10,
        },
    };
    let ended = said("GET /pool", &answer, &["pool"]);
    insta::assert_snapshot!(ended.out);
}

#[test]
fn operations_of_a_sender_and_of_a_block_show_what_they_order() {
    let (sender, chain) = (mocks::address(1), mocks::chain_id(7));
    let signed = mocks::transfer(&mocks::key(1), mocks::address(2), 5, 1, 9, &chain);
    let pending = PendingOperationsResponse {
        sender,
        total: 8,
        operations: vec![PendingOperation {
            id: signed.id(),
            operation: signed.envelope().clone(),
        }],
        next: None,
    };
    let text = sender.to_string();
    let request = format!("GET /operations?sender={sender}&limit=20");
    let of_sender = said(&request, &pending, &["operations", &text]);
    let block = block_id(4);
    let carried = BlockOperationsResponse {
        id: block,
        slot: Slot::new(12, 3),
        operation_count: 9,
        operations: vec![BlockOperation {
            id: signed.id(),
            sender,
            operation: signed.into_envelope(),
            outcome: Some(OperationResult::Succeeded),
        }],
        next: Some("1".to_owned()),
    };
    let request = format!("GET /blocks/{block}/operations?limit=1");
    let id = block.to_string();
    let of_block = said(
        &request,
        &carried,
        &["block", &id, "--operations", "--limit", "1"],
    );
    assert_eq!(of_block.err, "there is more: `--after 1`\n");
    insta::assert_snapshot!(format!("{}\n{}", of_sender.out, of_block.out));
}

#[test]
fn the_draws_of_all_are_shown_with_who_comes_next() {
    let answer = SlotDrawsResponse {
        draws: vec![SlotDraw {
            slot: Slot::new(13, 0),
            start: START,
            producer: Some(mocks::address(1)),
            ranked: vec![mocks::address(1), mocks::address(2)],
            own: true,
        }],
        next: Some("13/1".to_owned()),
    };
    let ended = said(
        "GET /draws?from=13/0&limit=1",
        &answer,
        &["draws", "--all", "--from", "13/0", "--limit", "1"],
    );
    assert_eq!(ended.err, "there is more: `--from 13/1`\n");
    insta::assert_snapshot!(ended.out);
}

#[test]
fn the_peers_of_any_node_are_shown_without_where_they_are() {
    let answer = PublicPeersResponse {
        node: Some("12D3KooA".to_owned()),
        connected: 1,
        clock_behind_ms: None,
        peers: vec![PublicPeer {
            node: "12D3KooB".to_owned(),
            outbound: true,
            agent: Some("picot/0.1.0\u{1b}[2J".to_owned()),
            round_trip_ms: Some(12),
            clock_ahead_ms: Some(-3),
            slots_ahead: 0,
        }],
    };
    let ended = said("GET /peers", &answer, &["peers", "show"]);
    insta::assert_snapshot!(ended.out);
}

#[test]
fn a_list_has_from_1_to_1000_lines() {
    for arguments in [["blocks", "--limit", "0"], ["stakers", "--limit", "1001"]] {
        assert_eq!(picot(&arguments).code, 2);
    }
    assert_eq!(picot(&["draws", "--from", "1/0"]).code, 2, "without --all");
    let block = block_id(1).to_string();
    assert_eq!(picot(&["block", &block, "--after", "x"]).code, 2);
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// A stream of one event of each kind.
fn everything() -> String {
    let (slot, block) = (r#""slot":{"period":5,"thread":0}"#, block_id(1));
    let operation = OperationId::from_hash(Hash([2; 32]));
    let producer = mocks::address(1);
    [
        event("opened", &format!("{{{slot}}}")),
        event(
            "candidate",
            &format!(r#"{{{slot},"block":"{block}","producer":"{producer}","own":true}}"#),
        ),
        event("leading", &format!(r#"{{{slot},"block":null}}"#)),
        event("round", &format!(r#"{{{slot},"round":1}}"#)),
        event(
            "decided",
            &format!(r#"{{{slot},"through":5,"value":{{"type":"block","id":"{block}"}},"round":0,"delay_ms":700}}"#),
        ),
        event(
            "slot",
            &format!(r#"{{{slot},"block":"{block}","producer":null,"operations":{{}},"state_hash":null}}"#),
        ),
        event(
            "operation",
            &format!(r#"{{"id":"{operation}","state":"final",{slot},"block":"{block}","outcome":{{"result":"succeeded"}}}}"#),
        ),
        event("missed", r#"{"count":3,"next":null}"#),
    ]
    .concat()
}

#[test]
fn what_happens_is_told_line_by_line() {
    let node = StubNode::start().on("GET /stream/events", Answer::text(200, everything()));
    let ended = picot_at(&node, &["watch", "--count", "8"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    insta::assert_snapshot!(ended.out);
    let json = picot_at(&node, &["watch", "--count", "8", "--json"]);
    let names: Vec<_> = json
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string())
        .collect();
    assert_eq!(names.len(), 8);
    assert_eq!(
        (names[0].as_str(), names[7].as_str()),
        ("\"opened\"", "\"missed\"")
    );
}

#[test]
fn watching_goes_on_where_a_stream_broke_and_ends_with_a_refusal() {
    let path = "GET /stream/events?topics=decided,slot&from=3/1";
    let slot = everything();
    let node = StubNode::start()
        .on(path, Answer::text(200, slot))
        .on(path, Answer::problem(ProblemCode::InvalidParameter, "no"));
    let arguments = [
        "watch", "--topic", "decided", "--topic", "slot", "--from", "3/1",
    ];
    let ended = picot_at(&node, &arguments);
    assert_eq!((ended.code, ended.out.lines().count()), (1, 8), "{ended:?}");
    assert!(ended.err.contains("cannot watch the node: no"), "{ended:?}");
}
