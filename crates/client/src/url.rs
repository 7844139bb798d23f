//! Where a node answers.

use crate::error::printable;
use displaydoc::Display;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use thiserror::Error;
use ureq::http::Uri;

/// Where a node answers unless told otherwise.
pub const DEFAULT_API: &str = "http://127.0.0.1:4701";

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

impl From<SocketAddr> for ApiUrl {
    fn from(address: SocketAddr) -> Self {
        Self(format!("http://{address}"))
    }
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
