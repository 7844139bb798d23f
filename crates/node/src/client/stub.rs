//! A node for tests: gives prepared answers, in order, over real sockets.

use super::ApiUrl;
use picot_api::{Problem, ProblemCode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is answered to one request.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(body: &impl Serialize) -> Self {
        Self::text(200, serde_json::to_string(body).unwrap())
    }

    pub(crate) fn problem(code: ProblemCode, detail: &str) -> Self {
        let problem = Problem::new(code, detail);
        Self::text(problem.status, serde_json::to_string(&problem).unwrap())
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
        }
    }
}

/// What a node was asked: `GET /api/v1/status` and the body.
pub(crate) type Asked = (String, String);

/// A node that knows a list of answers for each request line. The last one of a list stays.
pub(crate) struct StubNode {
    url: ApiUrl,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Vec<Answer>>>,
    asked: Mutex<Vec<Asked>>,
}

impl StubNode {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
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
            url: url.parse().unwrap(),
            shared,
        }
    }

    /// Adds an answer to a request such as `GET /status`.
    pub(crate) fn on(self, request: &str, answer: Answer) -> Self {
        let mut answers = self.shared.answers.lock().unwrap();
        answers.entry(request.to_owned()).or_default().push(answer);
        drop(answers);
        self
    }

    pub(crate) fn url(&self) -> &ApiUrl {
        &self.url
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) {
        let Some((request, body)) = read_request(stream) else {
            return;
        };
        let request = request.replace("/api/v1", "");
        let answer = self.next_answer(&request);
        self.asked.lock().unwrap().push((request, body));
        let head = format!(
            "HTTP/1.1 {} stub\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.status,
            answer.body.len()
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

fn read_request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let request = format!("{} {}", words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if header == "transfer-encoding: chunked" {
            panic!("the stub reads bodies of known length only");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((request, String::from_utf8(body).ok()?))
}
