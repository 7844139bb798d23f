//! What a load came to: for programs, for people, and as a line while it runs.

use super::signer::SignedWork;
use super::tracker::{Counts, Tracker};
use picot_models::ChainId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Milliseconds of a second.
const SECOND_MS: u64 = 1_000;

/// What a load came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadReport {
    pub(crate) chain_id: ChainId,
    /// The nodes that were submitted to.
    pub(crate) apis: Vec<String>,
    pub(crate) accounts: usize,
    /// The rate asked for; none: as fast as the nodes take them.
    pub(crate) rate_per_s: Option<u64>,
    /// From the first submission to the last.
    pub(crate) submitting_ms: u64,
    pub(crate) submitted: u64,
    pub(crate) accepted: u64,
    /// By code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Sent without an answer: some of them may have been accepted.
    pub(crate) unanswered: u64,
    /// All that became final.
    #[serde(rename = "final")]
    pub(crate) final_count: u64,
    /// Of these, those that did not do what they ordered, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Of these, those whose result was not seen.
    pub(crate) untold: u64,
    /// No slot that could have included them has.
    pub(crate) expired: u64,
    /// Neither final nor expired when the load ended.
    pub(crate) open: usize,
    pub(crate) accepted_per_s: u64,
    /// From the first submission to the last that became final.
    pub(crate) final_per_s: u64,
    /// From submission to final.
    pub(crate) latency_ms: LatencyReport,
    /// What the thread that signs can do, while it is not waiting; none if it signed too little to tell.
    pub(crate) signing_per_s: Option<u64>,
}

/// Times from submission to final, in milliseconds; none if nothing became final.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LatencyReport {
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) max: Option<u64>,
}

impl LoadReport {
    /// What there is to tell of a tracker's operations.
    pub(super) fn new(
        chain_id: ChainId,
        apis: Vec<String>,
        accounts: usize,
        rate_per_s: Option<u64>,
        tracker: &Tracker,
        work: SignedWork,
    ) -> Self {
        let counts = tracker.counts().clone();
        let latencies = tracker.latencies();
        let percentile = |percent| latencies.percentile_ms(percent);
        Self {
            chain_id,
            apis,
            accounts,
            rate_per_s,
            submitting_ms: tracker.submitting_ms(),
            submitted: counts.submitted,
            accepted: counts.accepted,
            unanswered: counts.unanswered,
            final_count: counts.final_count(),
            untold: counts.untold,
            expired: counts.expired,
            open: tracker.open(),
            accepted_per_s: per_second(counts.accepted, tracker.submitting_ms()),
            final_per_s: per_second(counts.final_count(), tracker.finalising_ms()),
            latency_ms: LatencyReport {
                p50: percentile(50),
                p90: percentile(90),
                p99: percentile(99),
                max: percentile(50).map(|_| latencies.max_ms()),
            },
            signing_per_s: work
                .operations
                .saturating_mul(SECOND_MS)
                .checked_div(work.busy_ms),
            refused: counts.refused,
            failed: counts.failed,
        }
    }
}

/// How many a second that makes. Less than a second counts as one, or a single batch would look fast.
fn per_second(count: u64, ms: u64) -> u64 {
    let per_ms = count
        .saturating_mul(SECOND_MS)
        .checked_div(ms.max(SECOND_MS));
    per_ms.unwrap_or(0)
}

/// The rows of a report for people.
pub(crate) fn table(report: &LoadReport) -> Vec<(&'static str, String)> {
    let rate = match report.rate_per_s {
        Some(rate) => format!("{rate}/s asked for"),
        None => "as fast as the nodes take them".to_owned(),
    };
    let mut rows = vec![
        ("chain", report.chain_id.to_string()),
        ("nodes", report.apis.join(", ")),
        ("accounts", report.accounts.to_string()),
        (
            "submitted",
            format!(
                "{} in {}, {rate}",
                report.submitted,
                seconds(report.submitting_ms)
            ),
        ),
        (
            "accepted",
            format!("{}, {}/s", report.accepted, report.accepted_per_s),
        ),
        ("refused", reasons(&report.refused)),
    ];
    if report.unanswered > 0 {
        rows.push(("unanswered", report.unanswered.to_string()));
    }
    rows.push((
        "final",
        format!("{}, {}/s", report.final_count, report.final_per_s),
    ));
    if !report.failed.is_empty() {
        rows.push(("of these failed", reasons(&report.failed)));
    }
    if report.untold > 0 {
        rows.push(("of these untold", report.untold.to_string()));
    }
    rows.push(("expired", report.expired.to_string()));
    rows.push(("open at the end", report.open.to_string()));
    let latency = report.latency_ms;
    let of = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    let (p50, p90, p99, max) = (
        of(latency.p50),
        of(latency.p90),
        of(latency.p99),
        of(latency.max),
    );
    rows.push((
        "until final",
        format!("p50 {p50}, p90 {p90}, p99 {p99}, max {max}"),
    ));
    if let Some(rate) = report.signing_per_s {
        rows.push(("signing alone", format!("{rate}/s on one thread")));
    }
    rows
}

fn reasons(counts: &BTreeMap<String, u64>) -> String {
    let total = counts
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    if total == 0 {
        return "0".to_owned();
    }
    let mut text = total.to_string();
    for (index, (reason, count)) in counts.iter().enumerate() {
        let separator = if index == 0 { ": " } else { ", " };
        let _ = write!(
            text,
            "{separator}{count} {}",
            picot_client::printable(reason)
        );
    }
    text
}

/// A line while it runs; `before` is what it was `window_ms` ago.
pub(crate) fn line(
    elapsed_ms: u64,
    now: &Counts,
    open: usize,
    before: &Counts,
    window_ms: u64,
) -> String {
    let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), window_ms);
    let accepted = rate(now.accepted, before.accepted);
    let finals = rate(now.final_count(), before.final_count());
    let mut line = format!(
        "{:>7}  accepted {} ({accepted}/s)  final {} ({finals}/s)  open {open}",
        seconds(elapsed_ms),
        now.accepted,
        now.final_count(),
    );
    let failed = now
        .final_count()
        .saturating_sub(now.succeeded)
        .saturating_sub(now.untold);
    for (what, count) in [
        ("refused", now.refused_count()),
        ("failed", failed),
        ("unanswered", now.unanswered),
        ("expired", now.expired),
    ] {
        if count > 0 {
            let _ = write!(line, "  {what} {count}");
        }
    }
    line
}

/// Seconds with one decimal.
fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_div(100);
    format!(
        "{}.{} s",
        tenths.saturating_div(10),
        tenths.checked_rem(10).unwrap_or(0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_rates_of_its_window_and_only_the_troubles_that_there_are() {
        let before = Counts {
            accepted: 100,
            succeeded: 50,
            ..Counts::default()
        };
        let mut now = Counts {
            accepted: 1_100,
            succeeded: 550,
            ..Counts::default()
        };
        let calm = line(12_340, &now, 550, &before, 2_000);
        assert_eq!(
            calm,
            " 12.3 s  accepted 1100 (500/s)  final 550 (250/s)  open 550"
        );
        now.refused.insert("pool_full".to_owned(), 3);
        now.failed.insert("poor".to_owned(), 2);
        let troubled = line(12_340, &now, 550, &before, 2_000);
        assert!(
            troubled.ends_with("open 550  refused 3  failed 2"),
            "{troubled}"
        );
    }

    #[test]
    fn a_rate_of_less_than_a_second_is_not_blown_up() {
        assert_eq!(per_second(500, 3), 500);
        assert_eq!(per_second(500, 2_000), 250);
        assert_eq!(per_second(u64::MAX, 2_000), u64::MAX / 2_000);
    }

    #[test]
    fn reasons_are_told_with_their_counts_and_without_control_characters() {
        let counts = BTreeMap::from([("a\u{1b}".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(reasons(&counts), "3: 2 a, 1 b");
        assert_eq!(reasons(&BTreeMap::new()), "0");
    }
}
