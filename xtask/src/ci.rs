//! `cargo xtask ci`: everything that must hold before a change is taken.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};
use crate::test::Reader;
use crate::{browser, test, tidy};

pub(crate) const TASK: Task = Task {
    name: "ci",
    summary: "runs every check that a change must pass",
    help: "\
Usage: cargo xtask ci

Format, tidy, clippy, the features, the tests, the documentation and, where they
are installed, the dashboard in Chromium and cargo-deny. Stops at the first step
that fails and says how to run that step by hand.
",
    passes_help_on: false,
    run,
};

/// One step: a call of cargo, or another task.
enum Work {
    Cargo(Invocation),
    Task {
        command: &'static str,
        run: fn() -> Outcome,
    },
}

struct Step {
    name: &'static str,
    work: Work,
}

impl Step {
    fn cargo<const N: usize>(name: &'static str, arguments: [&str; N]) -> Self {
        Self {
            name,
            work: Work::Cargo(Invocation::new(arguments)),
        }
    }

    fn run(&self) -> Outcome {
        match &self.work {
            Work::Cargo(invocation) => invocation.run(),
            Work::Task { run, .. } => run(),
        }
    }

    fn by_hand(&self) -> String {
        match &self.work {
            Work::Cargo(invocation) => invocation.to_string(),
            Work::Task { command, .. } => (*command).to_owned(),
        }
    }
}

fn run(arguments: &[OsString]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!(
            "'ci' takes no arguments, but got '{}'",
            argument.to_string_lossy()
        )));
    }
    let deny = cargo::has_subcommand("deny");
    if !deny {
        eprintln!(
            "cargo-deny is not installed; tidy checks licences, duplicates, bans and sources in its place"
        );
    }
    let browser = browser::missing();
    if let Some(missing) = &browser {
        eprintln!("{missing}");
    }
    run_steps(&steps(deny, browser.is_none()))
}

/// Cheap steps first, so that a small mistake is told in seconds.
fn steps(deny: bool, browser: bool) -> Vec<Step> {
    let mut steps = vec![
        Step::cargo("format", ["fmt", "--all", "--check"]),
        Step {
            name: "tidy",
            work: Work::Task {
                command: "cargo xtask tidy",
                run: tidy::run_checks,
            },
        },
        Step::cargo(
            "clippy",
            [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ),
        // What ships is built without the features that tests turn on: it has its own warnings.
        Step::cargo(
            "clippy of the binary",
            ["clippy", "--package", "picot-node", "--", "-D", "warnings"],
        ),
        Step::cargo("all features", ["check", "--workspace", "--all-features"]),
        Step {
            name: "test",
            work: Work::Task {
                command: "cargo xtask test",
                run: || test::run_tests(&[], Reader::Log),
            },
        },
        Step {
            name: "documentation",
            work: Work::Cargo(
                Invocation::new(["doc", "--no-deps", "--workspace"])
                    .with("RUSTDOCFLAGS", "-Dwarnings"),
            ),
        },
    ];
    if browser {
        steps.push(Step {
            name: "browser",
            work: Work::Task {
                command: "cargo xtask browser",
                run: browser::run_tests,
            },
        });
    }
    if deny {
        steps.push(Step::cargo(
            "deny",
            ["deny", "check", "licenses", "bans", "sources"],
        ));
    }
    steps
}

fn run_steps(steps: &[Step]) -> Outcome {
    let mut done: Vec<(&str, Duration)> = Vec::new();
    for step in steps {
        eprintln!("\nci: {}", step.name);
        let start = Instant::now();
        let outcome = step.run();
        let took = start.elapsed();
        if let Err(failure) = outcome {
            print_summary(&done);
            println!("  {:<22} failed after {}", step.name, seconds(took));
            println!(
                "\nci: {} failed; by hand:\n    {}",
                step.name,
                step.by_hand()
            );
            return Err(failure);
        }
        eprintln!("ci: {} passed in {}", step.name, seconds(took));
        done.push((step.name, took));
    }
    print_summary(&done);
    println!("\nci: all {} steps passed", done.len());
    Ok(())
}

fn print_summary(done: &[(&str, Duration)]) {
    println!("\nci:");
    for (name, took) in done {
        println!("  {name:<22} {}", seconds(*took));
    }
}

fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn deny_and_the_browser_are_steps_only_if_they_are_installed() {
        let names = |deny, browser| {
            let steps = steps(deny, browser);
            steps.iter().map(|step| step.name).collect::<Vec<_>>()
        };
        assert!(names(true, false).contains(&"deny"));
        assert!(!names(false, true).contains(&"deny"));
        assert!(names(false, true).contains(&"browser"));
        assert!(!names(true, false).contains(&"browser"));
    }

    #[test]
    fn every_step_can_be_run_by_hand() {
        assert!(
            steps(true, true)
                .iter()
                .all(|step| step.by_hand().contains("cargo "))
        );
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        fn counted() -> Outcome {
            RUNS.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        fn failing() -> Outcome {
            Err(Failure::Program(7))
        }
        let step = |run| Step {
            name: "step",
            work: Work::Task {
                command: "cargo xtask step",
                run,
            },
        };
        let outcome = run_steps(&[step(counted), step(failing), step(counted)]);
        assert!(matches!(outcome, Err(Failure::Program(7))));
        assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    }
}
