//! A small blocking client of a node's HTTP interface.
//!
//! Every call is one request with a bounded time and a bounded answer. Nothing is tried again by
//! itself: whoever asks knows whether asking again makes sense.

mod control;
mod stream;

pub use control::ControlClient;
pub use stream::{SlotStream, StreamEvent};

use displaydoc::Display;
use picot_api::ProblemCode;
use picot_api::types::{
    AddressResponse, BlockResponse, CheckpointResponse, CheckpointsResponse, DrawsResponse,
    OperationResponse, ParametersResponse, SlotResponse, StatusResponse, SubmitBatchResponse,
    SubmitResponse, SubmittedOperation,
};
use picot_models::{Address, BlockId, OperationId, Slot};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, RequestBuilder, Timeout};

/// Where a node answers unless told otherwise.
pub const DEFAULT_API: &str = "http://127.0.0.1:4701";

/// Where the interface begins under a node's URL.
const BASE_PATH: &str = "/api/v1";
/// The most bytes of an answer: a full block of ids is a twentieth of it.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// Seconds to connect.
const CONNECT_SECONDS: u64 = 5;
/// Seconds for a whole request: three times what a node allows itself.
const REQUEST_SECONDS: u64 = 30;
/// The most characters of an error's text that are passed on to a person.
const MAX_DETAIL_CHARS: usize = 2_000;

/// Why a node gave no answer, or not the one asked for.
#[derive(Debug, Display, Error)]
pub enum ClientError {
    /// no node answers at {url}: {reason}
    Unreachable {
        /// Where.
        url: ApiUrl,
        /// What the system says.
        reason: String,
    },
    /// the node at {url} did not answer within {seconds} s
    Slow {
        /// Where.
        url: ApiUrl,
        /// How long was waited.
        seconds: u64,
    },
    /// the connection to {url} broke before the answer was complete: {reason}
    Broken {
        /// Where.
        url: ApiUrl,
        /// What the system says.
        reason: String,
    },
    /// what answers at {url} is not a Picot node of this version: {reason}
    NotPicot {
        /// Where.
        url: ApiUrl,
        /// What is wrong with the answer.
        reason: String,
    },
    /// the answer of {url} has more than {max} bytes
    TooLarge {
        /// Where.
        url: ApiUrl,
        /// The bound.
        max: u64,
    },
    /// {0}
    Refused(Refusal),
}

impl ClientError {
    /// Whether the node refused with this code.
    #[must_use]
    pub fn is_refusal(&self, code: ProblemCode) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is(code))
    }
}

/// A problem that a node told. Codes that this program does not know are kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What exactly, where and why.
    pub detail: String,
}

impl Refusal {
    /// Whether it has this code.
    #[must_use]
    pub fn is(&self, code: ProblemCode) -> bool {
        serde_json::to_value(code).is_ok_and(|value| value.as_str() == Some(&self.code))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = printable(&self.detail);
        write!(formatter, "{detail} ({})", printable(&self.code))
    }
}

/// Text from elsewhere, fit for a terminal: no control characters, not endless.
pub(crate) fn printable(text: &str) -> String {
    let plain = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars()
        .take(MAX_DETAIL_CHARS)
        .map(plain)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Where a node answers, such as `http://127.0.0.1:4701`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(String);

/// Why a text is not where a node answers.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum ApiUrlError {
    /// expected the URL of a node such as `http://127.0.0.1:4701`: {0}
    Wrong(String),
    /// nodes answer plain http, not `{0}`: for a node elsewhere, forward its port with a tunnel
    Scheme(String),
}

impl FromStr for ApiUrl {
    type Err = ApiUrlError;

    fn from_str(text: &str) -> Result<Self, ApiUrlError> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(ApiUrlError::Scheme(printable(scheme))),
            None => text,
        };
        let url = format!("http://{}", rest.trim_end_matches('/'));
        let wrong = |reason: &str| ApiUrlError::Wrong(reason.to_owned());
        let uri: Uri = url
            .parse()
            .map_err(|error| ApiUrlError::Wrong(format!("{error}")))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong("it names no host"));
        }
        if uri
            .authority()
            .is_some_and(|part| part.as_str().contains('@'))
        {
            return Err(wrong("nodes know no user names"));
        }
        // Without a number, the port of the web would be asked.
        let after_host = uri
            .authority()
            .and_then(|part| part.as_str().rsplit_once(':'));
        if after_host.is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err())
        {
            return Err(wrong("the port is no number up to 65535"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("it must end after the port"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The body of `POST /operations/batch`.
#[derive(Serialize)]
struct Batch<'a> {
    operations: &'a [SubmittedOperation],
}

/// Asks one node.
pub struct ApiClient {
    url: ApiUrl,
    base_path: &'static str,
    /// The header `Authorization`.
    token: Option<String>,
    agent: Agent,
}

impl ApiClient {
    /// A client of the node at a URL. Nothing is sent yet.
    #[must_use]
    pub fn new(url: ApiUrl) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A node is asked directly: most are on this machine.
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECONDS)))
            .timeout_global(Some(Duration::from_secs(REQUEST_SECONDS)))
            .user_agent(concat!("picot/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            url,
            base_path: BASE_PATH,
            token: None,
            agent: Agent::new_with_config(config),
        }
    }

    /// Where the node is.
    #[must_use]
    pub const fn url(&self) -> &ApiUrl {
        &self.url
    }

    /// `GET /status`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn status(&self) -> Result<StatusResponse, ClientError> {
        self.get("/status")
    }

    /// `GET /parameters`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn parameters(&self) -> Result<ParametersResponse, ClientError> {
        self.get("/parameters")
    }

    /// `GET /blocks/{id}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node has no such block.
    pub fn block(&self, id: &BlockId) -> Result<BlockResponse, ClientError> {
        self.get(&format!("/blocks/{id}"))
    }

    /// `GET /slots/{period}/{thread}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn slot(&self, slot: Slot) -> Result<SlotResponse, ClientError> {
        self.get(&format!("/slots/{}/{}", slot.period, slot.thread))
    }

    /// `GET /checkpoints`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn checkpoints(&self) -> Result<CheckpointsResponse, ClientError> {
        self.get("/checkpoints")
    }

    /// `GET /checkpoints/{period}/{thread}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn checkpoint(&self, slot: Slot) -> Result<CheckpointResponse, ClientError> {
        self.get(&format!("/checkpoints/{}/{}", slot.period, slot.thread))
    }

    /// `GET /addresses/{address}`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn address(&self, address: &Address) -> Result<AddressResponse, ClientError> {
        self.get(&format!("/addresses/{address}"))
    }

    /// `GET /addresses/{address}/draws`: of the slots from the first on, before the second.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn draws(
        &self,
        address: &Address,
        from: Slot,
        to: Slot,
    ) -> Result<DrawsResponse, ClientError> {
        self.get(&format!("/addresses/{address}/draws?from={from}&to={to}"))
    }

    /// `GET /operations/{id}`.
    ///
    /// # Errors
    /// [`ClientError`]; a refusal of code `not_found` if the node knows no such operation.
    pub fn operation(&self, id: &OperationId) -> Result<OperationResponse, ClientError> {
        self.get(&format!("/operations/{id}"))
    }

    /// `POST /operations`. Sending the same operation again does no harm.
    ///
    /// # Errors
    /// [`ClientError`]; refusals have the code that says why.
    pub fn submit(&self, operation: &SubmittedOperation) -> Result<SubmitResponse, ClientError> {
        self.post("/operations", operation)
    }

    /// `POST /operations/batch`.
    ///
    /// # Errors
    /// [`ClientError`] for the whole; what became of each operation is in the answer.
    pub fn submit_batch(
        &self,
        operations: &[SubmittedOperation],
    ) -> Result<SubmitBatchResponse, ClientError> {
        self.post("/operations/batch", &Batch { operations })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.get(self.full(path)));
        self.read(request.call(), path)
    }

    fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.delete(self.full(path)));
        self.read(request.call(), path)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.post(self.full(path)));
        self.read(request.send_json(body), path)
    }

    fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.put(self.full(path)));
        self.read(request.send_json(body), path)
    }

    fn with_token<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", token),
            None => request,
        }
    }

    fn full(&self, path: &str) -> String {
        format!("{}{}{path}", self.url, self.base_path)
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
        path: &str,
    ) -> Result<T, ClientError> {
        let mut answer = answer.map_err(|error| self.trouble(error))?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let body = body.read_to_vec().map_err(|error| self.trouble(error))?;
        if !answer.status().is_success() {
            return Err(self.refusal(path, answer.status(), &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            let error = printable(&error.to_string());
            let base = self.base_path;
            self.not_picot(format!(
                "{base}{path} gave no JSON of the known shape ({error})"
            ))
        })
    }

    fn refusal(&self, path: &str, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(refusal) => ClientError::Refused(refusal),
            Err(_) => self.not_picot(format!(
                "{}{path} gave HTTP status {status} without saying why",
                self.base_path
            )),
        }
    }

    fn not_picot(&self, reason: String) -> ClientError {
        let url = self.url.clone();
        ClientError::NotPicot { url, reason }
    }

    fn trouble(&self, error: ureq::Error) -> ClientError {
        let url = self.url.clone();
        let reason = printable(&error.to_string());
        match error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                ClientError::Unreachable { url, reason }
            }
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                let reason = format!("no connection within {CONNECT_SECONDS} s");
                ClientError::Unreachable { url, reason }
            }
            ureq::Error::Timeout(_) => ClientError::Slow {
                url,
                seconds: REQUEST_SECONDS,
            },
            ureq::Error::BodyExceedsLimit(max) => ClientError::TooLarge { url, max },
            ureq::Error::Io(error) if is_unreachable(error.kind()) => {
                let reason = error.kind().to_string();
                ClientError::Unreachable { url, reason }
            }
            // Before there is a connection, such as of a name that nobody knows.
            ureq::Error::Io(error) if !is_broken(error.kind()) => {
                ClientError::Unreachable { url, reason }
            }
            ureq::Error::Protocol(_)
            | ureq::Error::Http(_)
            | ureq::Error::LargeResponseHeader(..) => ClientError::NotPicot { url, reason },
            _ => ClientError::Broken { url, reason },
        }
    }
}

const fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
            | ErrorKind::TimedOut
    )
}

/// What happens to a connection that there is.
const fn is_broken(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::WriteZero
            | ErrorKind::Interrupted
            | ErrorKind::InvalidData
            | ErrorKind::WouldBlock
    )
}

#[cfg(test)]
pub(crate) mod stub;

#[cfg(test)]
mod tests;
