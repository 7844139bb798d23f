//! The labels of what is counted as it happens.

use crate::definition::Definition;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// Names and values of labels.
pub(crate) type Labels = Vec<(&'static str, String)>;

pub(crate) type Counters = Family<Labels, Counter>;
pub(crate) type Histograms = Family<Labels, Histogram, Buckets>;

/// Makes histograms with these upper bounds.
#[derive(Clone, Copy)]
pub(crate) struct Buckets(pub(crate) &'static [f64]);

impl Buckets {
    pub(crate) fn histogram(self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        self.histogram()
    }
}

/// The labels of a metric with these values.
pub(crate) fn labels<const N: usize>(metric: &Definition, values: [String; N]) -> Labels {
    debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
    metric.labels.iter().copied().zip(values).collect()
}

/// Adds what is counted as it happens to what is told.
pub(crate) fn register(registry: &mut Registry, metric: &Definition, counted: impl Metric) {
    match metric.unit() {
        None => registry.register(metric.name, metric.help, counted),
        Some(unit) => registry.register_with_unit(metric.name, metric.help, unit, counted),
    }
}
