#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod block_facts;
mod config;
mod context;
pub mod control;
mod error;
mod event_feed;
mod extract;
mod interface;
mod kept;
mod limits;
mod listener;
mod metrics;
#[cfg(feature = "openapi")]
pub mod openapi;
mod pages;
mod problem;
mod router;
mod routes;
mod server;
mod slot_feed;
pub mod types {
    //! The bodies of requests and answers.
    pub use picot_api_types::*;
}

pub use config::ApiConfig;
pub use context::{ApiContext, NodeFacts, Production};
pub use control::{ControlContext, ControlToken, KeyControl};
pub use error::ApiError;
pub use metrics::ApiMetrics;
pub use pages::OPENAPI;
pub use picot_api_types::{Problem, ProblemCode};
pub use router::router;
pub use server::ApiServer;
