//! Reports as tables.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use picot_simulator::Report;

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
        (
            "blocks not by stake, percent",
            hundredths(report.unfairness()),
        ),
        ("events", report.events.to_string()),
        ("simulated, ms", report.simulated_ms.to_string()),
    ] {
        table.add_row([name.to_owned(), value]);
    }
    format!("{table}\n{}", shares(report))
}

fn shares(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["validator", "rolls", "blocks"]);
    for share in report.shares.iter().take(SHOWN_SHARES) {
        let row = [
            share.validator.to_string(),
            share.rolls.to_string(),
            share.blocks.to_string(),
        ];
        table.add_row(row);
    }
    table.to_string()
}
