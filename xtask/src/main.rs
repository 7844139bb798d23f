//! Arranges builds, tests, measurements and checks of the workspace: `cargo xtask <task>`.
//!
//! One file per task, plain std and as few dependencies as can be, so that the first build on a
//! fresh machine is quick. Exit codes: 0 well, 1 the task failed, 2 the command line is wrong;
//! the code of a program that a task runs is passed on.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these tasks talk to a person in a terminal"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tasks time their steps; nothing that nodes must agree on happens here"
)]

mod bench;
mod browser;
mod cargo;
mod ci;
mod explore;
mod failure;
mod localnet;
mod metrics;
mod model;
mod node;
mod openapi;
mod sim;
mod test;
mod tidy;
mod torture;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::{Failure, Outcome};

/// A task, its help and the function that does it.
struct Task {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    /// The task gets `--help` like any other argument, because another program knows its options.
    passes_help_on: bool,
    run: fn(&[OsString]) -> Outcome,
}

/// Every task, in the order in which the help lists them.
const TASKS: [Task; 13] = [
    node::TASK,
    localnet::TASK,
    sim::TASK,
    test::TASK,
    bench::TASK,
    explore::TASK,
    model::TASK,
    torture::TASK,
    browser::TASK,
    metrics::TASK,
    openapi::TASK,
    tidy::TASK,
    ci::TASK,
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                eprintln!("xtask: {message}");
            }
            failure.exit_code()
        }
    }
}

/// Finds the task that the first argument names and hands the rest to it.
fn dispatch(arguments: &[OsString]) -> Outcome {
    let Some((name, rest)) = arguments.split_first() else {
        eprint!("{}", overview());
        return Err(Failure::Usage("no task given".into()));
    };
    let name = name.to_string_lossy();
    match name.as_ref() {
        "-h" | "--help" | "help" => return print_help(rest),
        _ => {}
    }
    let task = find(&name)?;
    if !task.passes_help_on && rest.iter().any(is_help) {
        print!("{}", task.help);
        return Ok(());
    }
    (task.run)(rest)
}

fn print_help(rest: &[OsString]) -> Outcome {
    match rest.first() {
        None => print!("{}", overview()),
        Some(name) => print!("{}", find(&name.to_string_lossy())?.help),
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Task, Failure> {
    TASKS.iter().find(|task| task.name == name).ok_or_else(|| {
        Failure::Usage(format!(
            "there is no task '{name}'; the tasks are {}",
            task_names().join(", ")
        ))
    })
}

fn is_help(argument: &OsString) -> bool {
    argument == "-h" || argument == "--help"
}

/// The names that `cargo xtask` understands.
fn task_names() -> Vec<&'static str> {
    TASKS.iter().map(|task| task.name).collect()
}

fn overview() -> String {
    let mut text = String::from("Usage: cargo xtask <task> [arguments]\n\nTasks:\n");
    for task in &TASKS {
        text.push_str(&format!("  {:<8}  {}\n", task.name, task.summary));
    }
    text.push_str("\n'cargo xtask help <task>' tells more about one of them.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn an_unknown_task_is_a_usage_error_that_names_the_tasks() {
        let failure = dispatch(&words(&["nosuch"])).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)));
        let message = failure.message().unwrap();
        assert!(message.contains("nosuch"));
        for name in task_names() {
            assert!(message.contains(name));
        }
    }

    #[test]
    fn no_task_is_a_usage_error() {
        assert!(matches!(dispatch(&[]), Err(Failure::Usage(_))));
    }

    #[test]
    fn help_lists_every_task_and_every_task_has_help() {
        for task in &TASKS {
            assert!(overview().contains(task.summary));
            assert!(
                task.help
                    .contains(&format!("Usage: cargo xtask {}", task.name))
            );
            dispatch(&words(&["help", task.name])).unwrap();
        }
        assert!(dispatch(&words(&["help", "nosuch"])).is_err());
    }
}
