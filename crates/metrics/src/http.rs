//! What the interface counts of its own requests.

use crate::catalogue as metric;
use crate::labels::{Buckets, Counters, Histograms, labels, register};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// In seconds: reads of the state take well under a millisecond, waits for a place a second.
const DURATION_BUCKETS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];
/// What a request for nothing is counted as: paths that clients make up are no labels.
const UNKNOWN: &str = "unknown";

/// Counts requests. A clone counts into the same.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Counters,
    durations: Histograms,
    streams: Gauge,
}

impl HttpMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Counters::default(),
            durations: Histograms::new_with_constructor(Buckets(DURATION_BUCKETS)),
            streams: Gauge::default(),
        };
        register(registry, &metric::API_REQUESTS, metrics.requests.clone());
        register(registry, &metric::API_DURATION, metrics.durations.clone());
        register(registry, &metric::API_STREAMS, metrics.streams.clone());
        metrics
    }

    /// A request was answered. `template` is the route as it was declared, `/api/v1/blocks/{id}`; none
    /// if there is no such route.
    pub fn answered(&self, template: Option<&str>, status: u16, duration: Duration) {
        let route = template.map_or(UNKNOWN, route_kind);
        let of_request = labels(
            &metric::API_REQUESTS,
            [route.to_owned(), status.to_string()],
        );
        self.requests.get_or_create(&of_request).inc();
        let of_duration = labels(&metric::API_DURATION, [route.to_owned()]);
        self.durations
            .get_or_create(&of_duration)
            .observe(duration.as_secs_f64());
    }

    /// A stream is read, until what is returned is dropped.
    #[must_use]
    pub fn stream_opened(&self) -> OpenStream {
        self.streams.inc();
        OpenStream(self.streams.clone())
    }
}

/// A stream that is being read.
#[derive(Debug)]
pub struct OpenStream(Gauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The first part of a route after the version: `blocks` of `/api/v1/blocks/{id}`. Routes of one kind
/// cost about the same.
fn route_kind(template: &str) -> &str {
    let path = template.strip_prefix("/api/v1").unwrap_or(template);
    let first = path.trim_start_matches('/').split('/').next();
    match first {
        None | Some("") => "pages",
        // A file of the pages, or all of them.
        Some(name) if name.contains(['.', '{', '*']) => "pages",
        Some(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_counted_by_what_they_are_about() {
        for (template, kind) in [
            ("/api/v1/blocks/{id}", "blocks"),
            ("/api/v1/status", "status"),
            ("/api/v1/stream/slots", "stream"),
            ("/metrics", "metrics"),
            ("/health/live", "health"),
            ("/", "pages"),
            ("/{*path}", "pages"),
            ("/app.js", "pages"),
        ] {
            assert_eq!(route_kind(template), kind, "{template}");
        }
    }

    #[test]
    fn requests_for_nothing_are_one_kind_and_a_stream_counts_until_it_ends() {
        let mut registry = Registry::default();
        let http = HttpMetrics::new(&mut registry);
        http.answered(None, 404, Duration::from_millis(1));
        http.answered(None, 404, Duration::from_millis(1));
        let unknown = labels(&metric::API_REQUESTS, ["unknown".into(), "404".into()]);
        assert_eq!(http.requests.get_or_create(&unknown).get(), 2);
        let stream = http.stream_opened();
        assert_eq!(http.streams.get(), 1);
        drop(stream);
        assert_eq!(http.streams.get(), 0);
    }
}
