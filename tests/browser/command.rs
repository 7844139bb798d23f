//! `cargo xtask browser --pictures` and `--measure`, once everything is built.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    dead_code,
    reason = "it talks to a person in a terminal, measures time, and shares its helpers with the tests"
)]

mod driver;
mod load;
mod network;
mod page;
mod pictures;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pictures", folder] => pictures::make(Path::new(folder)),
        ["measure", seconds] => return load::measure(seconds.parse().expect("seconds")),
        _ => {
            eprintln!("usage: picot-browser pictures FOLDER | measure SECONDS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
