//! Writes what was gathered in the text format, by the definitions of the catalogue only.

use crate::definition::{Definition, Kind};
use picot_clock::Millis;
use picot_models::Amount;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use std::fmt;

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Millis> for Value {
    fn from(length: Millis) -> Self {
        Self::Real(seconds(length))
    }
}

impl From<Amount> for Value {
    #[allow(
        clippy::float_arithmetic,
        reason = "only people and their programs read it"
    )]
    fn from(amount: Amount) -> Self {
        Self::Real(amount.as_nanos() as f64 / 1e9)
    }
}

/// Milliseconds as the unit of the text format.
#[allow(
    clippy::float_arithmetic,
    reason = "only people and their programs read it"
)]
pub(crate) fn seconds(length: Millis) -> f64 {
    length.as_millis() as f64 / 1e3
}

/// The label values of a sample, in the order of the definition's labels, and its figure.
pub(crate) type Sample = (Vec<String>, Value);

/// A page that is being written.
pub(crate) struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl<'a> Page<'a> {
    pub(crate) const fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self { encoder }
    }

    /// A metric without labels.
    pub(crate) fn one(&mut self, metric: &Definition, value: impl Into<Value>) -> fmt::Result {
        self.many(metric, [(Vec::new(), value.into())])
    }

    /// As [`Page::one`], if the figure is known.
    pub(crate) fn known<V: Into<Value>>(
        &mut self,
        metric: &Definition,
        value: Option<V>,
    ) -> fmt::Result {
        value.map_or(Ok(()), |value| self.one(metric, value))
    }

    /// A metric with one label.
    pub(crate) fn by<L: ToString, V: Into<Value>>(
        &mut self,
        metric: &Definition,
        samples: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let samples = samples.into_iter();
        self.many(
            metric,
            samples.map(|(label, value)| (vec![label.to_string()], value.into())),
        )
    }

    /// A metric; without samples there is nothing of it on the page.
    pub(crate) fn many(
        &mut self,
        metric: &Definition,
        samples: impl IntoIterator<Item = Sample>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let unit = metric.unit();
        let help = format!("{}.", metric.help);
        let mut encoder = self.encoder.encode_descriptor(
            metric.name,
            &help,
            unit.as_ref(),
            metric.kind.metric_type(),
        )?;
        for (values, value) in samples {
            debug_assert_eq!(values.len(), metric.labels.len(), "{}", metric.name);
            let labels: Vec<(&str, String)> = metric.labels.iter().copied().zip(values).collect();
            if metric.kind == Kind::Info {
                encoder.encode_info(&labels)?;
            } else if labels.is_empty() {
                encode(metric.kind, value, &mut encoder)?;
            } else {
                encode(metric.kind, value, &mut encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn encode(kind: Kind, value: Value, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (Kind::Counter, Value::Real(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (_, Value::Whole(value)) => encoder.encode_gauge(&value),
        (_, Value::Real(value)) => encoder.encode_gauge(&value),
    }
}
