#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod catalogue;
mod definition;
mod error;
mod events;
mod feed;
mod gather;
mod http;
mod labels;
mod metrics;
mod page;
mod process;
mod sources;
mod table;

pub use definition::{Definition, Group, Kind, PREFIX};
pub use error::MetricsError;
pub use http::{HttpMetrics, OpenStream};
pub use metrics::{CONTENT_TYPE, Metrics};
pub use sources::{Ask, Facts, LaneFigures, PeerFigure, PeerFigures, ProductionFigures, Sources};
pub use table::table;
