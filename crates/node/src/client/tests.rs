//! What a client makes of answers, good and bad.

use super::stub::{Answer, StubNode};
use super::*;
use picot_models::mocks;
use std::io::Write;
use std::net::TcpListener;

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
        state: picot_api::types::BlockState::Final,
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
    let error = raw("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{")
        .status()
        .unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::TooLarge { .. } | ClientError::Broken { .. }
        ),
        "{error:?}"
    );
}
