//! `cargo xtask metrics`: the table of all metrics, from their catalogue.

use std::ffi::OsString;

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};

/// The table, from the root of the workspace. A test of the crate fails when it is stale.
const TABLE: &str = "crates/metrics/METRICS.md";

pub(crate) const TASK: Task = Task {
    name: "metrics",
    summary: "writes the table of all metrics of a node",
    help: "\
Usage: cargo xtask metrics

Writes crates/metrics/METRICS.md from the catalogue in crates/metrics/src/catalogue.rs:
name, type, unit, labels and meaning of everything that a node tells at /metrics.
",
    passes_help_on: false,
    run,
};

fn run(arguments: &[OsString]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!(
            "'metrics' takes no arguments, but got '{}'",
            argument.to_string_lossy()
        )));
    }
    writer().and([cargo::root().join(TABLE)]).run()?;
    println!("wrote {TABLE}");
    Ok(())
}

fn writer() -> Invocation {
    Invocation::new([
        "run",
        "--quiet",
        "--package=picot-metrics",
        "--example=metrics_table",
        "--",
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
    fn the_table_is_where_the_test_of_the_crate_looks() {
        assert!(cargo::root().join(TABLE).is_file());
    }
}
