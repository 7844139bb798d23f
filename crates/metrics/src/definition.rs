//! What a metric is called, and what it tells.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// What every metric of a node begins with.
pub const PREFIX: &str = "picot";

/// What kind of figure a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a size was at most so large.
    Histogram,
    /// Text, in the labels.
    Info,
}

impl Kind {
    /// As the text format calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    pub(crate) const fn metric_type(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
            Self::Info => MetricType::Info,
        }
    }
}

/// One metric. All that a node tells are in the [`catalogue`](crate::catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name without prefix, unit and what its kind adds.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit, which is part of its name; empty if it just counts.
    pub unit: &'static str,
    /// The names of its labels. Each has few values: none is an address, an id or a peer.
    pub labels: &'static [&'static str],
    /// What it tells, in a sentence without its full stop.
    pub help: &'static str,
}

impl Definition {
    /// The name of the family in the text format: `picot_produced`.
    #[must_use]
    pub fn family(&self) -> String {
        let unit = if self.unit.is_empty() { "" } else { "_" };
        format!("{PREFIX}_{}{unit}{}", self.name, self.unit)
    }

    /// The name by which it is asked for: `picot_produced_total`. A histogram's is followed by
    /// `_bucket`, `_sum` or `_count`.
    #[must_use]
    pub fn full_name(&self) -> String {
        let family = self.family();
        match self.kind {
            Kind::Counter => family + "_total",
            Kind::Info => family + "_info",
            Kind::Gauge | Kind::Histogram => family,
        }
    }

    /// The names of its series.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        let name = self.full_name();
        match self.kind {
            Kind::Histogram => ["bucket", "sum", "count"]
                .iter()
                .map(|part| format!("{name}_{part}"))
                .collect(),
            Kind::Counter | Kind::Gauge | Kind::Info => vec![name],
        }
    }

    pub(crate) fn unit(&self) -> Option<Unit> {
        match self.unit {
            "" => None,
            "seconds" => Some(Unit::Seconds),
            "bytes" => Some(Unit::Bytes),
            other => Some(Unit::Other(other.to_owned())),
        }
    }
}

/// Metrics that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The metrics.
    pub metrics: &'static [&'static Definition],
}

#[cfg(test)]
mod tests {
    use crate::catalogue;

    #[test]
    fn a_name_has_prefix_unit_and_what_its_kind_adds() {
        assert_eq!(catalogue::PRODUCED.full_name(), "picot_produced_total");
        assert_eq!(catalogue::PRODUCED.family(), "picot_produced");
        assert_eq!(
            catalogue::FINALITY_LAG.full_name(),
            "picot_finality_lag_slots"
        );
        assert_eq!(catalogue::NODE.full_name(), "picot_node_info");
        let series = catalogue::DECISION_DELAY.series();
        assert_eq!(series.len(), 3);
        assert_eq!(series[0], "picot_decision_delay_seconds_bucket");
    }
}
