//! What became of stakes, as tables.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use picot_models::Address;
use picot_simulator::SimConfig;
use picot_simulator::staking::{CycleReport, NEWCOMERS, STAKERS, StakerCycle, StakingReport};
use serde_json::Value as Json;

const NANOS_PER_COIN: u64 = 1_000_000_000;

/// The number of a staker; those without a node come after the others.
fn name(address: &Address) -> String {
    let number = (0..STAKERS + NEWCOMERS).find(|one| SimConfig::address(*one) == *address);
    number.map_or_else(|| address.to_string(), |number| number.to_string())
}

/// A report as JSON.
pub(crate) fn to_json(report: &StakingReport) -> Json {
    report.to_json(name)
}

/// A report as text: by cycle, and by staker.
pub(crate) fn tables(report: &StakingReport) -> String {
    format!(
        "{}\n{}\n{} states compared with the model",
        by_cycle(report),
        by_staker(report),
        report.states
    )
}

fn coins(nanos: u64) -> String {
    (nanos / NANOS_PER_COIN).to_string()
}

/// A number, or nothing where it is 0.
fn some(number: u64) -> String {
    if number == 0 {
        String::new()
    } else {
        number.to_string()
    }
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

fn by_cycle(report: &StakingReport) -> String {
    let mut table = new_table(&[
        "cycle",
        "stakers",
        "rolls",
        "drawing",
        "bought",
        "taken back",
        "sold",
        "for missing",
        "faults",
        "slashed",
        "of deferred",
        "due",
        "deferred",
        "missed slots",
        "draws not by stake, %",
    ]);
    for cycle in &report.cycles {
        let sum = |of: fn(&StakerCycle) -> u64| cycle.sum(of);
        let unfair = cycle.draws_not_by_stake();
        table.add_row([
            cycle.cycle.to_string(),
            sum(|one| u64::from(one.rolls > 0)).to_string(),
            sum(|one| one.rolls).to_string(),
            sum(|one| one.weight).to_string(),
            some(sum(|one| one.bought)),
            some(sum(|one| one.taken_back)),
            some(sum(|one| one.sold)),
            some(sum(|one| one.sold_implicitly)),
            some(sum(|one| one.faults)),
            some(slashed_coins(cycle)),
            some(sum(|one| one.slashed_credits) / NANOS_PER_COIN),
            some(sum(|one| one.reimbursed) / NANOS_PER_COIN),
            coins(sum(|one| one.deferred)),
            some(cycle.misses),
            format!("{}.{:02}", unfair / 100, unfair % 100),
        ]);
    }
    table.to_string()
}

/// Coins that faults cost, whatever they were taken from: rolls at what one cost before.
fn slashed_coins(cycle: &CycleReport) -> u64 {
    let price = picot_models::ChainParams::dev().roll_price.as_nanos();
    cycle.sum(|one| one.slashed_credits + one.slashed_rolls * price) / NANOS_PER_COIN
}

fn by_staker(report: &StakingReport) -> String {
    let mut table = new_table(&[
        "staker",
        "rolls first",
        "rolls last",
        "bought",
        "sold",
        "for missing",
        "faults",
        "cycles without draws",
        "draws",
        "expected by rolls",
    ]);
    let mut addresses = report.addresses();
    addresses.sort_by_key(|address| {
        let number = name(address);
        (number.len(), number)
    });
    for address in addresses {
        let of = |one: fn(&StakerCycle) -> u64| -> u64 {
            let cycles = report.cycles.iter();
            cycles.map(|cycle| one(&cycle.of(&address))).sum()
        };
        let first = report.cycles.first().map(|cycle| cycle.of(&address).weight);
        let last = report.cycles.last().map(|cycle| cycle.of(&address).rolls);
        let luck = report.luck(&address);
        let hundredths = luck.expected / 10_000;
        table.add_row([
            name(&address),
            first.unwrap_or(0).to_string(),
            last.unwrap_or(0).to_string(),
            some(of(|one| one.bought)),
            some(of(|one| one.sold)),
            some(of(|one| one.sold_implicitly)),
            some(of(|one| one.faults)),
            some(of(|one| u64::from(one.weight == 0))),
            luck.draws.to_string(),
            format!("{}.{:02}", hundredths / 100, hundredths % 100),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_cycle_and_each_staker_has_a_line() {
        let staker = StakerCycle {
            weight: 7,
            draws: 3,
            slashed_credits: 200 * NANOS_PER_COIN,
            ..StakerCycle::default()
        };
        let cycle = |cycle| CycleReport {
            cycle,
            stakers: BTreeMap::from([(SimConfig::address(21), staker)]),
            ..CycleReport::default()
        };
        let report = StakingReport {
            cycles: vec![cycle(8), cycle(9)],
            states: 5,
        };
        let text = tables(&report);
        assert!(text.contains("│ 8 ") && text.contains("│ 9 "), "{text}");
        assert!(text.contains("│ 21 ") && text.contains("200"), "{text}");
        assert!(text.contains("6.00") && text.contains("5 states"), "{text}");
    }
}
