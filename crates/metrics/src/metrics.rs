//! Everything that a node tells, as one page.

use crate::events::EventMetrics;
use crate::feed::Feed;
use crate::gather::Gather;
use crate::http::HttpMetrics;
use crate::{MetricsError, Sources, definition};
use picot_clock::Stop;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of a running node.
///
/// A figure is asked of its part when [`text`](Self::text) is called; what must be counted as it happens is
/// counted by the thread of [`run`](Self::run). All is lost when the process ends: readers of counters
/// know that.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
}

impl Metrics {
    /// Begins to count, on a thread of its own that ends with `stop`.
    ///
    /// # Errors
    /// There is no thread.
    pub fn run(sources: Sources, stop: Stop) -> Result<(Self, JoinHandle<()>), MetricsError> {
        let mut registry = Registry::with_prefix(definition::PREFIX);
        let events = Arc::new(EventMetrics::new(&mut registry, sources.slot_clock));
        let http = HttpMetrics::new(&mut registry);
        let feed = Feed {
            events,
            consensus: Arc::clone(&sources.consensus),
            execution: Arc::clone(&sources.execution),
            wallet: Arc::clone(&sources.wallet),
            clock: Arc::clone(&sources.clock),
        };
        let thread = feed.run(stop)?;
        registry.register_collector(Box::new(Gather::new(sources)));
        Ok((Self { registry, http }, thread))
    }

    /// The figures now, as OpenMetrics text. It asks every part, and may read the disk.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn text(&self) -> Result<String, MetricsError> {
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|_| MetricsError::Encode)?;
        Ok(text)
    }

    /// Where the interface counts its requests.
    #[must_use]
    pub const fn http(&self) -> &HttpMetrics {
        &self.http
    }
}
