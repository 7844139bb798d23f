#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod api;
mod control;
mod error;
mod events;
mod http;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
mod query;
mod resume;
mod slots;
mod sse;
mod url;

pub use api::{ApiClient, Page};
pub use control::ControlClient;
pub use error::{ClientError, Refusal, printable};
pub use events::{EventFilter, NodeEvent};
pub use resume::{Resume, Resumed, Stream};
pub use slots::StreamEvent;
pub use url::{ApiUrl, ApiUrlError, DEFAULT_API};

#[cfg(test)]
mod tests;
