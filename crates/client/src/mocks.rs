//! A node for tests: gives prepared answers, in order, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use crate::ApiUrl;
use picot_api_types::{Problem, ProblemCode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is answered to one request.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    body: String,
    /// Bytes that are announced and never come.
    missing: usize,
}

impl Answer {
    /// A good answer.
    #[must_use]
    pub fn json(body: &impl Serialize) -> Self {
        Self::text(200, serde_json::to_string(body).unwrap())
    }

    /// A refusal.
    #[must_use]
    pub fn problem(code: ProblemCode, detail: &str) -> Self {
        let problem = Problem::new(code, detail);
        Self::text(problem.status, serde_json::to_string(&problem).unwrap())
    }

    /// Any body.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            missing: 0,
        }
    }

    /// The same, broken off before its end.
    #[must_use]
    pub fn broken_off(self) -> Self {
        Self { missing: 1, ..self }
    }
}

/// What a node was asked: `GET /status` and the body. The base path `/api/v1` is left out.
pub type Asked = (String, String);

/// A node that knows a list of answers for each request line. The last one of a list stays.
pub struct StubNode {
    url: ApiUrl,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Vec<Answer>>>,
    asked: Mutex<Vec<Request>>,
}

#[derive(Clone, Default)]
struct Request {
    line: String,
    body: String,
    headers: BTreeMap<String, String>,
}

impl StubNode {
    /// A node on a free port of loopback.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().flatten() {
                    shared.serve(&stream);
                }
            }
        });
        Self {
            url: address.into(),
            shared,
        }
    }

    /// Adds an answer to a request such as `GET /status`.
    #[must_use]
    pub fn on(self, request: &str, answer: Answer) -> Self {
        let mut answers = self.shared.answers.lock().unwrap();
        answers.entry(request.to_owned()).or_default().push(answer);
        drop(answers);
        self
    }

    /// Where it is.
    #[must_use]
    pub const fn url(&self) -> &ApiUrl {
        &self.url
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        let pair = |request: &Request| (request.line.clone(), request.body.clone());
        asked.iter().map(pair).collect()
    }

    /// A header of all that it was asked, by its name in small letters.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        let asked = self.shared.asked.lock().unwrap();
        let header = |request: &Request| request.headers.get(name).cloned();
        asked.iter().map(header).collect()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) {
        let Some(request) = read_request(stream) else {
            return;
        };
        let answer = self.next_answer(&request.line);
        self.asked.lock().unwrap().push(request);
        let head = format!(
            "HTTP/1.1 {} stub\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.status,
            answer.body.len() + answer.missing
        );
        // The client may be gone, which is its own affair.
        let _ = stream.write_all(format!("{head}{}", answer.body).as_bytes());
    }

    fn next_answer(&self, request: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        match answers.get_mut(request) {
            None => Answer::problem(ProblemCode::NoSuchRoute, &format!("no stub: {request}")),
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list[0].clone(),
        }
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let line = format!("{} {}", words.next()?, words.next()?).replace("/api/v1", "");
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    assert!(
        !headers.contains_key("transfer-encoding"),
        "the stub reads bodies of known length only"
    );
    let length = headers.get("content-length");
    let length = length.map_or(Ok(0), |length| length.parse()).ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line,
        body: String::from_utf8(body).ok()?,
        headers,
    })
}
