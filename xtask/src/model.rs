//! `cargo xtask model`: the long comparison of execution and stakes with a plain model.

use std::ffi::OsString;
use std::time::Instant;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::{Failure, Outcome};

pub(crate) const TASK: Task = Task {
    name: "model",
    summary: "compares 40,000 random cycles of execution and stakes with a plain model",
    help: "\
Usage: cargo xtask model

Runs 40 random histories of 1,000 cycles each, in the release profile, on the real
execution and on a second implementation of documents 05 and 06 in plain maps, and
compares all of both at every slot, final and ahead of it (design 06, what must be
shown). 'cargo xtask test' does so for 1,000 cycles. Fails with the seed of the
history and what differs. It takes about two minutes once it is built.
",
    passes_help_on: false,
    run,
};

fn run(arguments: &[OsString]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!(
            "'model' takes no arguments, but got '{}'",
            argument.to_string_lossy()
        )));
    }
    let comparison = comparison();
    comparison.clone().and(["--no-run"]).run()?;
    let start = Instant::now();
    comparison
        .and(["--", "against_a_model", "--ignored", "--nocapture"])
        .run()?;
    println!("compared in {} s", start.elapsed().as_secs());
    Ok(())
}

fn comparison() -> Invocation {
    Invocation::new([
        "test",
        "--release",
        "--package=picot-execution",
        "--test=it",
    ])
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
    fn the_comparison_is_a_test_of_execution() {
        assert_eq!(
            comparison().to_string(),
            "cargo test --release --package=picot-execution --test=it"
        );
    }
}
