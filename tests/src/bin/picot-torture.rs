//! `cargo xtask torture`, once everything is built.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "it talks to a person in a terminal, and tells how long it took"
)]

use picot_tests::{corrupt, torture};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place)?.parse::<u64>().ok();
    let (Some(kind), Some(count), Some(seed)) = (arguments.first(), number(1), number(2)) else {
        eprintln!("usage: picot-torture kill|corrupt COUNT SEED");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    match kind.as_str() {
        "kill" => tell_kills(&torture::torture(count, seed)),
        "corrupt" => tell_damages(&corrupt::corrupt(count, seed)),
        _ => return ExitCode::from(2),
    }
    println!("in {:.1} s, seed {seed}", start.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn tell_kills(report: &torture::Report) {
    println!(
        "{} rounds: {} ends at {} named fault points, {} kills at random moments",
        report.rounds,
        report.reached.values().sum::<u64>(),
        report.reached.len(),
        report.kills
    );
    for (point, count) in &report.reached {
        println!("  {count:5}  {point}");
    }
    for (point, count) in &report.not_reached {
        println!("  {count:5}  {point}: not passed in time, killed instead");
    }
    println!(
        "{} states equal to those of the twin, which has {} slots; {} signatures heard, none \
         contradicted, all in the signing logs",
        report.states, report.slots, report.signatures
    );
}

fn tell_damages(report: &corrupt::Report) {
    println!(
        "{} cases: {} looks found a good state ({} of these with a lost end), {} refused",
        report.parts.values().sum::<u64>(),
        report.good,
        report.shortened,
        report.refused.values().sum::<u64>()
    );
    for (part, count) in &report.parts {
        println!("  {count:5}  {part}");
    }
    for (hint, count) in &report.refused {
        println!("  {count:5}  told: {hint} ...");
    }
}
