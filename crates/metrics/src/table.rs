//! The table of all metrics, as people read it.

use crate::catalogue::GROUPS;
use crate::definition::{Definition, Kind};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Metrics of a Picot node

Made from the catalogue in `src/catalogue.rs` by `cargo xtask metrics`; a test fails when it is stale.

A node answers `GET /metrics` with them, as OpenMetrics text. A name is written as it is asked for. Of a
histogram there are `_bucket`, with the label `le`, `_sum` and `_count`. Counters begin at 0 with the process, but
for the coins minted, burnt and slashed, which are counted since the genesis. The values of a label are those that
the code has, the threads of the chain, statuses of HTTP, or the node's own version and chain: no peer and no client
can make more of them. A figure that is not known is absent.
";

/// The table in Markdown.
#[must_use]
pub fn table() -> String {
    let mut text = INTRODUCTION.to_owned();
    for group in GROUPS {
        text += "\n## ";
        text += group.title;
        text += "\n\n| name | type | unit | labels | what it tells |\n| --- | --- | --- | --- | --- |\n";
        for metric in group.metrics {
            row(&mut text, metric);
        }
    }
    text
}

fn row(text: &mut String, metric: &Definition) {
    let labels: Vec<_> = metric
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    let unit = match (metric.unit, metric.kind) {
        ("", Kind::Info) => "text",
        ("", _) => "count",
        (unit, _) => unit,
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "| `{}` | {} | {unit} | {} | {}. |",
        metric.full_name(),
        metric.kind.as_str(),
        labels.join(", "),
        metric.help
    );
}
