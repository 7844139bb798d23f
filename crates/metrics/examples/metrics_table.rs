//! Writes the table of all metrics to the file that it is given: `cargo xtask metrics`.

#![allow(clippy::print_stderr, reason = "it talks to a person in a terminal")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("to which file?");
        return ExitCode::from(2);
    };
    match std::fs::write(&path, picot_metrics::table()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
