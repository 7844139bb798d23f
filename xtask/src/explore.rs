//! `cargo xtask explore`: the long explorations of the vote rules.

use std::ffi::OsString;
use std::time::Instant;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::{Failure, Outcome};

pub(crate) const TASK: Task = Task {
    name: "explore",
    summary: "visits every state of the vote rules, for sizes that take long",
    help: "\
Usage: cargo xtask explore

Visits every state that the vote rules of consensus can lead to (design 07, what
must be shown, 2), in the release profile, for the sizes that are too long for
'cargo xtask test': 4 validators with 1 Byzantine, 3 rounds and 3 values; 7
validators with 2 Byzantine, 2 rounds, 2 and 3 values. Prints the number of
states; fails, with the votes that lead there, if two values are decided or a
lemma of the safety argument does not hold. It takes a quarter of a minute once
it is built.
",
    passes_help_on: false,
    run,
};

fn run(arguments: &[OsString]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!(
            "'explore' takes no arguments, but got '{}'",
            argument.to_string_lossy()
        )));
    }
    let explorations = explorations();
    let build = explorations.clone().and(["--no-run"]);
    build.run()?;
    let start = Instant::now();
    explorations
        .and(["--", "--ignored", "--nocapture", "--test-threads=1"])
        .run()?;
    println!("explored in {} s", start.elapsed().as_secs());
    Ok(())
}

fn explorations() -> Invocation {
    let package = "--package=picot-consensus";
    Invocation::new(["test", "--release", package, "--test=exploration"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_refused() {
        assert!(matches!(
            run(&["now".into()]),
            Err(Failure::Usage(message)) if message.contains("now")
        ));
    }

    #[test]
    fn the_explorations_are_a_test_of_consensus() {
        assert_eq!(
            explorations().to_string(),
            "cargo test --release --package=picot-consensus --test=exploration"
        );
    }
}
