//! What a client makes of answers, good and bad.

use crate::http::MAX_ANSWER_BYTES;
use crate::mocks::{Answer, StubNode};
use crate::*;
use picot_api_types::control::{FactoryName, KeysResponse};
use picot_api_types::{
    BlockResponse, BlockState, CandidateEvent, DecidedEvent, LeadingEvent, MissedEvent,
    OpenedEvent, OperationEvent, ProblemCode, RoundEvent, SlotEvent, SubmitBatchResponse,
    SubmitResponse, SubmittedOperation, Topic,
};
use picot_models::{BlockId, Hash, OperationId, Slot, Value, mocks};
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

fn client(node: &StubNode) -> ApiClient {
    ApiClient::new(node.url().clone())
}

fn raw(answer: &'static str) -> ApiClient {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4_096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    ApiClient::new(url.parse().unwrap())
}

#[test]
fn a_url_may_leave_out_its_scheme_and_may_end_in_a_slash() {
    for text in [
        "http://127.0.0.1:4701",
        "http://127.0.0.1:4701/",
        "127.0.0.1:4701",
        " 127.0.0.1:4701/ ",
    ] {
        let url: ApiUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), DEFAULT_API, "{text}");
    }
    assert!("[::1]:4701".parse::<ApiUrl>().is_ok());
    assert!("http://node.example:80".parse::<ApiUrl>().is_ok());
}

#[test]
fn a_url_that_is_no_nodes_is_refused_with_the_reason() {
    let reason = |text: &str| text.parse::<ApiUrl>().unwrap_err().to_string();
    assert!(reason("https://127.0.0.1:4701").contains("plain http, not `https`"));
    assert!(reason("http://127.0.0.1:4701/api/v1").contains("must end after the port"));
    assert!(reason("http://me:word@host:1").contains("no user names"));
    for port in ["81x", "65536", "99999999999"] {
        let text = reason(&format!("http://127.0.0.1:{port}"));
        assert!(text.contains("expected the URL of a node"), "{text}");
    }
    assert!(reason("http://127.0.0.1:81x").contains("the port is no number"));
    assert!(reason("").contains("http://127.0.0.1:4701"));
    assert!(reason("http://").contains("expected the URL of a node"));
    assert!(reason("a host").contains("expected the URL of a node"));
}

#[test]
fn an_answer_is_read_as_its_type() {
    let id = mocks::block(
        &mocks::key(1),
        Slot::new(1, 0),
        vec![],
        vec![],
        &mocks::chain_id(1),
    )
    .id();
    let answer = BlockResponse {
        id,
        slot: Slot::new(1, 0),
        state: BlockState::Final,
        producer: mocks::address(1),
        version: 1,
        parents: vec![id],
        operations: vec![],
        endorsements: vec![],
        denunciations: vec![],
        size_bytes: 7,
    };
    let node = StubNode::start().on(&format!("GET /blocks/{id}"), Answer::json(&answer));
    assert_eq!(client(&node).block(&id).unwrap(), answer);
}

#[test]
fn an_operation_is_sent_as_its_envelope() {
    let chain = mocks::chain_id(1);
    let operation = mocks::transfer(&mocks::key(1), mocks::address(2), 5, 1, 9, &chain);
    let id = operation.id();
    let node = StubNode::start().on("POST /operations", Answer::json(&SubmitResponse { id }));
    let envelope = operation.into_envelope();
    assert_eq!(client(&node).submit(&envelope).unwrap().id, id);
    let (_, body) = node.asked().remove(0);
    let sent: SubmittedOperation = serde_json::from_str(&body).unwrap();
    assert_eq!(sent, envelope);
}

#[test]
fn a_batch_is_sent_as_the_list_of_its_operations() {
    let answer = SubmitBatchResponse { results: vec![] };
    let node = StubNode::start().on("POST /operations/batch", Answer::json(&answer));
    assert_eq!(client(&node).submit_batch(&[]).unwrap(), answer);
    let sent: serde_json::Value = serde_json::from_str(&node.asked()[0].1).unwrap();
    assert_eq!(sent, serde_json::json!({ "operations": [] }));
}

#[test]
fn a_refusal_keeps_its_code_and_detail() {
    let refused = Answer::problem(ProblemCode::FeeTooLow, "the fee 0 is under 0.01");
    let node = StubNode::start().on("GET /status", refused);
    let error = client(&node).status().unwrap_err();
    assert!(error.is_refusal(ProblemCode::FeeTooLow));
    assert!(!error.is_refusal(ProblemCode::NotFound));
    assert_eq!(error.to_string(), "the fee 0 is under 0.01 (fee_too_low)");
}

#[test]
fn a_refusal_with_a_code_of_a_later_version_is_still_told() {
    let body = r#"{"type":"/x","title":"x","status":422,"code":"brand_new","detail":"no"}"#;
    let node = StubNode::start().on("GET /status", Answer::text(422, body));
    let error = client(&node).status().unwrap_err();
    assert_eq!(error.to_string(), "no (brand_new)");
}

#[test]
fn text_of_a_node_cannot_drive_the_terminal() {
    let refused = Answer::problem(ProblemCode::Internal, "a\u{1b}[2Jb\r\nc");
    let node = StubNode::start().on("GET /status", refused);
    let text = client(&node).status().unwrap_err().to_string();
    assert_eq!(text, "a [2Jb  c (internal)");
}

#[test]
fn a_node_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url: ApiUrl = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let error = ApiClient::new(url.clone()).status().unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!("no node answers at {url}: connection refused")
    );
}

#[test]
fn a_node_whose_name_nobody_knows_is_unreachable() {
    // Reserved for names that never exist.
    let url = "http://nobody.invalid:4701".parse().unwrap();
    let error = ApiClient::new(url).status().unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
}

#[test]
fn an_answer_that_is_not_json_says_what_was_expected() {
    let node = StubNode::start().on("GET /status", Answer::text(200, "<html>hello</html>"));
    let error = client(&node).status().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ClientError::NotPicot { .. }), "{error:?}");
    assert!(
        text.contains("is not a Picot node of this version"),
        "{text}"
    );
    assert!(
        text.contains("/api/v1/status gave no JSON of the known shape"),
        "{text}"
    );
}

#[test]
fn a_failure_without_a_problem_body_names_its_status() {
    let node = StubNode::start().on("GET /status", Answer::text(502, "bad gateway"));
    let text = client(&node).status().unwrap_err().to_string();
    assert!(
        text.contains("HTTP status 502 Bad Gateway without saying why"),
        "{text}"
    );
}

#[test]
fn what_does_not_speak_http_is_no_node() {
    let error = raw("SSH-2.0-OpenSSH_9.9\r\n\r\n").status().unwrap_err();
    assert!(matches!(error, ClientError::NotPicot { .. }), "{error:?}");
}

#[test]
fn a_connection_that_ends_early_is_told_apart_from_a_missing_node() {
    let error = raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        .status()
        .unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error:?}");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    // More than is read, and not all that is announced.
    let body = " ".repeat(usize::try_from(MAX_ANSWER_BYTES).unwrap() + 1);
    let answer = Answer::text(200, body).broken_off();
    let node = StubNode::start().on("GET /status", answer);
    let error = client(&node).status().unwrap_err();
    let max = MAX_ANSWER_BYTES;
    assert!(
        matches!(error, ClientError::TooLarge { max: told, .. } if told == max),
        "{error:?}"
    );
}

#[test]
fn an_event_that_is_too_large_is_told_as_that_and_not_asked_for_again() {
    let data = "9".repeat(usize::try_from(MAX_ANSWER_BYTES).unwrap());
    let text = format!("event: slot\ndata: {data}\n\n");
    let node = StubNode::start().on("GET /stream/slots", Answer::text(200, text));
    let client = client(&node);
    let resumed = client.final_slots_resumed(None, at_once(9));
    let all: Vec<_> = resumed.collect();
    assert!(
        matches!(all.as_slice(), [Err(ClientError::TooLarge { .. })]),
        "{} items",
        all.len()
    );
    assert_eq!(node.asked().len(), 1);
    let error = client.final_slots(None).unwrap().next_event().unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error:?}");
}

#[test]
fn what_may_pass_by_itself_is_told_apart_from_what_does_not() {
    for (code, passes) in [
        (ProblemCode::Unavailable, true),
        (ProblemCode::PoolFull, true),
        (ProblemCode::Timeout, true),
        (ProblemCode::NotFound, false),
        (ProblemCode::Internal, false),
    ] {
        let node = StubNode::start().on("GET /status", Answer::problem(code, "so"));
        let error = client(&node).status().unwrap_err();
        assert_eq!(error.is_passing(), passes, "{error}");
    }
}

#[test]
fn the_control_interface_is_asked_with_its_token() {
    let keys = KeysResponse {
        locked: false,
        keys: vec![],
    };
    let node = StubNode::start().on("GET /control/v1/keys", Answer::json(&keys));
    let control = ControlClient::new(node.url().clone(), "open sesame");
    assert_eq!(control.keys().unwrap(), keys);
    assert_eq!(
        node.headers("authorization"),
        [Some("Bearer open sesame".to_owned())]
    );
}

#[test]
fn every_route_of_the_control_interface_is_asked_for_its_own_thing() {
    let node = StubNode::start();
    let control = ControlClient::new(node.url().clone(), "t");
    let address = mocks::address(1);
    let refusals = [
        control.factories().unwrap_err(),
        control.switch(FactoryName::Blocks, true).unwrap_err(),
        control
            .history(FactoryName::Endorsements, Some(Slot::new(3, 1)), 7)
            .unwrap_err(),
        control.history(FactoryName::Blocks, None, 7).unwrap_err(),
        control.keys().unwrap_err(),
        control.add_key(None).unwrap_err(),
        control.remove_key(&address).unwrap_err(),
        control.clear_refusal(&address).unwrap_err(),
        control.peers().unwrap_err(),
        control.add_peer("/ip4/1.2.3.4/tcp/1", true).unwrap_err(),
        control.remove_peer("../keys").unwrap_err(),
        control.ban_peer("12D3KooX", 9).unwrap_err(),
        control.unban_peer("12D3KooX").unwrap_err(),
    ];
    for refusal in &refusals {
        assert!(refusal.is_refusal(ProblemCode::NoSuchRoute), "{refusal}");
    }
    let asked: Vec<_> = node
        .asked()
        .into_iter()
        .map(|(line, body)| format!("{} {body}", line.replace("/control/v1", "")))
        .collect();
    assert_eq!(
        asked,
        [
            "GET /factories ".to_owned(),
            "PUT /factories/blocks {\"enabled\":true}".to_owned(),
            "GET /factories/endorsements/history?limit=7&before=3/1 ".to_owned(),
            "GET /factories/blocks/history?limit=7 ".to_owned(),
            "GET /keys ".to_owned(),
            "POST /keys {\"secret_key\":null}".to_owned(),
            format!("DELETE /keys/{address} "),
            format!("DELETE /keys/{address}/refusal "),
            "GET /peers ".to_owned(),
            "POST /peers {\"address\":\"/ip4/1.2.3.4/tcp/1\",\"reserved\":true}".to_owned(),
            "DELETE /peers/___keys ".to_owned(),
            "POST /peers/12D3KooX/ban {\"seconds\":9}".to_owned(),
            "DELETE /peers/12D3KooX/ban ".to_owned(),
        ]
    );
}

/// One event of the stream of final slots.
fn slot_event(slot: Slot) -> String {
    let event = SlotEvent {
        slot,
        block: None,
        producer: None,
        operations: std::collections::BTreeMap::new(),
        state_hash: None,
    };
    let data = serde_json::to_string(&event).unwrap();
    format!("event: slot\nid: {slot}\ndata: {data}\n\n")
}

fn missed_event() -> &'static str {
    "event: missed\ndata: {\"count\":null,\"next\":{\"period\":5,\"thread\":0}}\n\n"
}

fn at_once(tries: u32) -> Resume {
    Resume {
        tries,
        first_pause: Duration::ZERO,
        max_pause: Duration::ZERO,
    }
}

fn slot_of(event: &StreamEvent) -> Option<Slot> {
    match event {
        StreamEvent::Slot(event) => Some(event.slot),
        StreamEvent::Missed(_) => None,
    }
}

#[test]
fn a_stream_gives_final_slots_and_what_was_missed_and_then_ends() {
    let news = "event: news\ndata: 7\n\n";
    let text = format!("{}{news}{}", missed_event(), slot_event(Slot::new(5, 0)));
    let node = StubNode::start().on("GET /stream/slots?from=3/1", Answer::text(200, text));
    let client = client(&node);
    let mut stream = client.final_slots(Some(Slot::new(3, 1))).unwrap();
    let missed = MissedEvent {
        count: None,
        next: Some(Slot::new(5, 0)),
    };
    assert_eq!(
        stream.next_event().unwrap(),
        Some(StreamEvent::Missed(missed))
    );
    let event = stream.next_event().unwrap().unwrap();
    assert_eq!(slot_of(&event), Some(Slot::new(5, 0)));
    assert_eq!(stream.next_event().unwrap(), None);
}

#[test]
fn an_event_of_an_unknown_shape_is_told() {
    let text = "event: slot\ndata: 7\n\n";
    let node = StubNode::start().on("GET /stream/slots", Answer::text(200, text));
    let client = client(&node);
    let error = client.final_slots(None).unwrap().next_event().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the stream's event `slot` is of no known shape"),
        "{error}"
    );
    let resumed = client.final_slots_resumed(None, at_once(9));
    let all: Vec<_> = resumed.collect();
    assert!(matches!(
        all.as_slice(),
        [Err(ClientError::NotPicot { .. })]
    ));
}

#[test]
fn a_stream_that_breaks_goes_on_after_the_last_event_that_came() {
    let slots = |slots: &[Slot]| {
        slots
            .iter()
            .map(|slot| slot_event(*slot))
            .collect::<String>()
    };
    let (one, two, three) = (Slot::new(1, 0), Slot::new(1, 1), Slot::new(2, 0));
    let busy = Answer::problem(ProblemCode::Unavailable, "starting");
    let path = "GET /stream/slots?from=1/0";
    let node = StubNode::start()
        .on(path, Answer::text(200, slots(&[one])).broken_off())
        .on(path, busy)
        .on(
            path,
            Answer::text(200, format!("{}{}", missed_event(), slots(&[two]))),
        )
        .on(path, Answer::text(200, slots(&[three])))
        .on(
            path,
            Answer::problem(ProblemCode::InvalidParameter, "no more"),
        );
    let client = client(&node);
    let resumed = client.final_slots_resumed(Some(one), at_once(3));
    let mut all: Vec<_> = resumed.collect();
    let last = all.pop().unwrap().unwrap_err();
    assert!(last.is_refusal(ProblemCode::InvalidParameter), "{last}");
    let came: Vec<_> = all
        .iter()
        .map(|event| slot_of(event.as_ref().unwrap()))
        .collect();
    assert_eq!(came, [Some(one), None, Some(two), Some(three)]);
    let after = |slot: Slot| Some(slot.to_string());
    assert_eq!(
        node.headers("last-event-id"),
        [None, after(one), after(one), after(two), after(three)]
    );
}

#[test]
fn a_stream_that_does_not_come_back_ends_with_the_reason() {
    let path = "GET /stream/slots";
    let node = StubNode::start()
        .on(path, Answer::text(200, slot_event(Slot::new(1, 0))))
        .on(path, Answer::problem(ProblemCode::Unavailable, "too many"));
    let client = client(&node);
    let mut resumed = client.final_slots_resumed(None, at_once(2));
    assert!(resumed.next().unwrap().is_ok());
    let error = resumed.next().unwrap().unwrap_err();
    assert!(error.is_refusal(ProblemCode::Unavailable), "{error}");
    assert!(resumed.next().is_none(), "an error is the last item");
    assert_eq!(node.asked().len(), 3, "once, and two tries after its end");
}

#[test]
fn every_route_of_the_interface_is_asked_for_its_own_thing() {
    let node = StubNode::start();
    let client = client(&node);
    let (address, slot) = (mocks::address(1), Slot::new(12, 3));
    let operation = mocks::transfer(&mocks::key(1), address, 5, 1, 9, &mocks::chain_id(1));
    let (block, id) = (BlockId::from_hash(Hash([1; 32])), operation.id());
    let page = Page {
        cursor: Some("12/3".to_owned()),
        limit: Some(7),
    };
    let first = Page::first(9);
    let refusals = [
        client.status().map(|_| ()),
        client.parameters().map(|_| ()),
        client.block(&block).map(|_| ()),
        client.slot(slot).map(|_| ()),
        client.agreement(slot).map(|_| ()),
        client.slots(&page).map(|_| ()),
        client.blocks(&first, Some(&address)).map(|_| ()),
        client.block_operations(&block, &page).map(|_| ()),
        client.checkpoints().map(|_| ()),
        client.checkpoint(slot).map(|_| ()),
        client.address(&address).map(|_| ()),
        client.draws(&address, slot, Slot::new(20, 0)).map(|_| ()),
        client.slot_draws(&Page::default()).map(|_| ()),
        client.datastore(&address, &[0, 255]).map(|_| ()),
        client.stakers(&page).map(|_| ()),
        client.cycles().map(|_| ()),
        client.production(4, &first).map(|_| ()),
        client.peers().map(|_| ()),
        client.pool().map(|_| ()),
        client.fees(None).map(|_| ()),
        client.fees(Some(&address)).map(|_| ()),
        client.live().map(|_| ()),
        client.ready().map(|_| ()),
        client.openapi().map(|_| ()),
        client.pending_operations(&address, &first).map(|_| ()),
        client.simulate(address, operation.content()).map(|_| ()),
        client.operation(&id).map(|_| ()),
        client.submit(operation.envelope()).map(|_| ()),
        client.submit_batch(&[]).map(|_| ()),
        client.final_slots(Some(slot)).map(|_| ()),
        client.events(&EventFilter::default()).map(|_| ()),
    ];
    for refusal in refusals {
        let refusal = refusal.unwrap_err();
        assert!(refusal.is_refusal(ProblemCode::NoSuchRoute), "{refusal}");
    }
    let lines: Vec<_> = node.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(
        lines,
        [
            "GET /status".to_owned(),
            "GET /parameters".to_owned(),
            format!("GET /blocks/{block}"),
            "GET /slots/12/3".to_owned(),
            "GET /slots/12/3/agreement".to_owned(),
            "GET /slots?before=12/3&limit=7".to_owned(),
            format!("GET /blocks?limit=9&producer={address}"),
            format!("GET /blocks/{block}/operations?after=12/3&limit=7"),
            "GET /checkpoints".to_owned(),
            "GET /checkpoints/12/3".to_owned(),
            format!("GET /addresses/{address}"),
            format!("GET /addresses/{address}/draws?from=12/3&to=20/0"),
            "GET /draws".to_owned(),
            format!("GET /addresses/{address}/datastore/00ff"),
            "GET /stakers?after=12/3&limit=7".to_owned(),
            "GET /cycles".to_owned(),
            "GET /cycles/4/production?limit=9".to_owned(),
            "GET /peers".to_owned(),
            "GET /pool".to_owned(),
            "GET /fees".to_owned(),
            format!("GET /fees?sender={address}"),
            "GET /health/live".to_owned(),
            "GET /health/ready".to_owned(),
            "GET /openapi.json".to_owned(),
            format!("GET /operations?sender={address}&limit=9"),
            "POST /operations/simulate".to_owned(),
            format!("GET /operations/{id}"),
            "POST /operations".to_owned(),
            "POST /operations/batch".to_owned(),
            "GET /stream/slots?from=12/3".to_owned(),
            "GET /stream/events".to_owned(),
        ]
    );
}

#[test]
fn every_event_of_the_stream_of_everything_is_read_as_its_type() {
    let (slot, block) = (Slot::new(5, 0), BlockId::from_hash(Hash([1; 32])));
    let id = OperationId::from_hash(Hash([2; 32]));
    let producer = mocks::address(1);
    let candidate = CandidateEvent {
        slot,
        block,
        producer,
        own: true,
    };
    let decided = DecidedEvent {
        slot,
        through: 5,
        value: Value::Block { id: block },
        round: 0,
        delay_ms: 700,
    };
    let operation = OperationEvent {
        id,
        state: None,
        slot: None,
        block: None,
        outcome: None,
    };
    let leading = LeadingEvent { slot, block: None };
    let round = RoundEvent { slot, round: 1 };
    fn event(name: &str, data: &impl serde::Serialize) -> String {
        let data = serde_json::to_string(data).unwrap();
        format!("event: {name}\ndata: {data}\n\n")
    }
    let text = [
        event("opened", &OpenedEvent { slot }),
        event("candidate", &candidate),
        event("leading", &leading),
        event("round", &round),
        event("news", &7),
        event("decided", &decided),
        slot_event(slot),
        event("operation", &operation),
        missed_event().to_owned(),
    ];
    let filter = EventFilter {
        topics: vec![Topic::Candidate, Topic::Slot],
        from: Some(Slot::new(3, 1)),
        operations: vec![id, id],
    };
    let path = format!("GET /stream/events?topics=candidate,slot&from=3/1&operation={id},{id}");
    let node = StubNode::start()
        .on(&path, Answer::text(200, text.concat()))
        .on(&path, Answer::problem(ProblemCode::NotFound, "enough"));
    let client = client(&node);
    let events = client.events_resumed(&filter, at_once(1));
    let events: Vec<_> = events.map_while(Result::ok).collect();
    assert_eq!(events.len(), 8);
    assert_eq!(events[0], NodeEvent::Opened(OpenedEvent { slot }));
    assert_eq!(events[1], NodeEvent::Candidate(candidate));
    assert_eq!(events[2], NodeEvent::Leading(leading));
    assert_eq!(events[3], NodeEvent::Round(round));
    assert_eq!(events[4], NodeEvent::Decided(decided));
    assert!(matches!(&events[5], NodeEvent::Slot(event) if event.slot == slot));
    assert_eq!(events[6], NodeEvent::Operation(operation));
    assert!(matches!(events[7], NodeEvent::Missed(_)));
    assert_eq!(
        node.headers("last-event-id"),
        [None, Some("5/0".to_owned())]
    );
}
