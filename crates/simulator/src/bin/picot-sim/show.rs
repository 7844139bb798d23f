//! Reports as tables.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use picot_simulator::{Joins, Report};

/// Stakers that are shown one by one.
const SHOWN_SHARES: usize = 12;

/// A number of hundredths.
fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// A report as text.
pub(crate) fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["measure", "value"]);
    let rounds: Vec<String> = report
        .rounds
        .iter()
        .map(|(round, count)| format!("{round}: {count}"))
        .collect();
    let per_node = |total| hundredths(report.per_slot_and_node(total));
    for (name, value) in [
        ("slots decided", report.slots.to_string()),
        ("of these missed", report.misses.to_string()),
        ("decision delay p50, ms", report.delay_ms(500).to_string()),
        ("decision delay p90, ms", report.delay_ms(900).to_string()),
        ("decision delay p99, ms", report.delay_ms(990).to_string()),
        ("decision delay max, ms", report.delay_ms(1_000).to_string()),
        ("decisions by deciding round", rounds.join(", ")),
        ("rounds per slot, mean", mean_rounds(report)),
        ("nodes", report.nodes.to_string()),
        ("messages sent per slot and node", per_node(report.messages)),
        ("bytes sent per slot and node", per_node(report.bytes)),
        (
            "operations in decided blocks",
            report.operations.to_string(),
        ),
        ("crashes", report.crashes.to_string()),
        (
            "stakers with proven faults",
            report.proven_faults.to_string(),
        ),
        ("bans", report.bans.to_string()),
        ("far behind and followed", report.joins.followed.to_string()),
        (
            "left behind while running",
            report.joins.left_behind.to_string(),
        ),
        (
            "looked for a state in vain",
            report.joins.in_vain.to_string(),
        ),
        ("states received", received(&report.joins)),
        ("lies about states found", report.joins.lies.to_string()),
        ("old outcomes dropped", report.joins.dropped.to_string()),
        (
            "blocks not by stake, percent",
            match report.shares.as_slice() {
                [] => "-".to_owned(),
                _ => hundredths(report.unfairness()),
            },
        ),
        ("events", report.events.to_string()),
        ("simulated, ms", report.simulated_ms.to_string()),
    ] {
        table.add_row([name.to_owned(), value]);
    }
    let table = format!("{table}\n{}", packets(report));
    // Runs with different stakers have no shares in common.
    if report.shares.is_empty() {
        return table;
    }
    format!("{table}\n{}", shares(report))
}

/// How many nodes joined by a state, and how long it took.
fn received(joins: &Joins) -> String {
    let times = |times_ms: &[u64]| {
        let at = |per_mille| Joins::per_mille(times_ms, per_mille);
        format!("p50 {} ms, max {} ms", at(500), at(1_000))
    };
    match joins.received_ms.len() {
        0 => "0".to_owned(),
        count => format!(
            "{count} ({}); {} chunks, resumed {} times; up to date: {} ({})",
            times(&joins.received_ms),
            joins.chunks,
            joins.resumed,
            joins.up_to_date_ms.len(),
            times(&joins.up_to_date_ms),
        ),
    }
}

/// What was sent, by kind.
fn packets(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["packet", "sent per slot and node", "bytes"]);
    for (kind, traffic) in &report.kinds {
        let per_node = |total| hundredths(report.per_slot_and_node(total));
        table.add_row([
            format!("{kind:?}"),
            per_node(traffic.packets),
            per_node(traffic.bytes),
        ]);
    }
    table
}

/// The rounds that a decision took, on average.
fn mean_rounds(report: &Report) -> String {
    let decisions: u64 = report.rounds.values().sum();
    let rounds: u64 = report
        .rounds
        .iter()
        .map(|(round, count)| (u64::from(*round) + 1) * count)
        .sum();
    hundredths((rounds * 100).checked_div(decisions).unwrap_or(0))
}

/// So many percent of a whole, in hundredths.
fn percent(part: u64, whole: u64) -> String {
    hundredths((part * 10_000).checked_div(whole).unwrap_or(0))
}

fn shares(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["validator", "rolls", "blocks", "stake, %", "blocks, %"]);
    let rolls = report.shares.iter().map(|share| share.rolls).sum();
    let blocks = report.shares.iter().map(|share| share.blocks).sum();
    for share in report.shares.iter().take(SHOWN_SHARES) {
        let row = [
            share.validator.to_string(),
            share.rolls.to_string(),
            share.blocks.to_string(),
            percent(share.rolls, rolls),
            percent(share.blocks, blocks),
        ];
        table.add_row(row);
    }
    let hidden = report.shares.len().saturating_sub(SHOWN_SHARES);
    if hidden > 0 {
        table.add_row([format!("{hidden} more")]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_simulator::Share;
    use std::collections::BTreeMap;

    #[test]
    fn a_report_shows_rounds_per_slot_and_shares_of_blocks_beside_those_of_stake() {
        let share = |validator, rolls, blocks| Share {
            validator,
            rolls,
            blocks,
        };
        let report = Report {
            rounds: BTreeMap::from([(0, 3), (1, 1)]),
            shares: vec![share(0, 1, 9), share(1, 3, 1)],
            ..Report::default()
        };
        let text = table(&report);
        assert!(text.contains("1.25"), "{text}");
        assert!(text.contains("25.00") && text.contains("90.00"), "{text}");
    }

    #[test]
    fn runs_with_different_stakers_show_no_shares() {
        let text = table(&Report::default());
        assert!(!text.contains("validator"), "{text}");
    }
}
