//! One request, one answer: bounded in time and bytes, and never tried again by itself.

use crate::error::{ClientError, printable};
use crate::sse::Events;
use crate::url::ApiUrl;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, ErrorKind};
use std::time::Duration;
use ureq::http::{Response, StatusCode};
use ureq::typestate::WithBody;
use ureq::{Agent, Body, RequestBuilder, Timeout};

/// The most bytes of an answer: a full block of ids is a twentieth of it.
pub(crate) const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// Seconds to connect.
const CONNECT_SECONDS: u64 = 5;
/// Seconds for a whole request: three times what a node allows itself.
const REQUEST_SECONDS: u64 = 30;
/// Seconds without a byte of a stream after which the node counts as gone: it says something every 15 s.
const SILENCE_SECONDS: u64 = 40;

/// Speaks with one interface of one node.
pub(crate) struct Http {
    url: ApiUrl,
    base_path: &'static str,
    /// The header `Authorization`.
    token: Option<String>,
    agent: Agent,
}

/// The lines of a stream.
pub(crate) type Lines = Box<dyn BufRead + Send>;

impl Http {
    pub(crate) fn new(url: ApiUrl, base_path: &'static str, token: Option<String>) -> Self {
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
            base_path,
            token: token.map(|token| format!("Bearer {token}")),
            agent: Agent::new_with_config(config),
        }
    }

    pub(crate) const fn url(&self) -> &ApiUrl {
        &self.url
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.get(self.full(path)));
        self.read(request.call(), path)
    }

    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.delete(self.full(path)));
        self.read(request.call(), path)
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.post(self.full(path)));
        self.send(request, path, body)
    }

    pub(crate) fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let request = self.with_token(self.agent.put(self.full(path)));
        self.send(request, path, body)
    }

    fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder<WithBody>,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        // Without the white space that `send_json` would put between everything.
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Unwritable {
            reason: printable(&error.to_string()),
        })?;
        let request = request.content_type("application/json");
        self.read(request.send(body.as_slice()), path)
    }

    /// A stream of events, after the event of this id if one is named.
    pub(crate) fn stream(
        &self,
        path: &str,
        after: Option<&str>,
    ) -> Result<Events<Lines>, ClientError> {
        let mut request = self.with_token(self.agent.get(self.full(path)));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request
            .config()
            .timeout_global(None)
            .timeout_per_read(Some(Duration::from_secs(SILENCE_SECONDS)))
            .build();
        let mut answer = request.call().map_err(|error| self.trouble(error))?;
        if !answer.status().is_success() {
            let body = self.body(&mut answer)?;
            return Err(self.refusal(path, answer.status(), &body));
        }
        let body = answer.into_body().into_with_config().limit(u64::MAX);
        Ok(Events::new(Box::new(BufReader::new(body.reader()))))
    }

    /// What a stream that broke says.
    pub(crate) fn stream_trouble(&self, error: std::io::Error) -> ClientError {
        match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => ClientError::Slow {
                url: self.url.clone(),
                seconds: SILENCE_SECONDS,
            },
            error => self.trouble(error),
        }
    }

    pub(crate) fn not_picot(&self, reason: String) -> ClientError {
        let url = self.url.clone();
        ClientError::NotPicot { url, reason }
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

    fn body(&self, answer: &mut Response<Body>) -> Result<Vec<u8>, ClientError> {
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        body.read_to_vec().map_err(|error| self.trouble(error))
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
        path: &str,
    ) -> Result<T, ClientError> {
        let mut answer = answer.map_err(|error| self.trouble(error))?;
        let body = self.body(&mut answer)?;
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
