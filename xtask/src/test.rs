//! `cargo xtask test`: every test of the workspace, with nothing but cargo.

use std::ffi::OsString;

use cargo_metadata::Message;

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};

pub(crate) const TASK: Task = Task {
    name: "test",
    summary: "runs the tests, in parallel with nextest if it is there",
    help: "\
Usage: cargo xtask test [filter]...

Builds the picot binary (the tests across processes start it), then runs the
unit and integration tests and the examples of the documentation. With filters,
only tests whose name contains one of them. 'cargo nextest' is used if it is
installed; nothing but cargo is needed.
",
    passes_help_on: false,
    run,
};

/// Where a test across processes finds the picot binary of this build.
pub(crate) const PICOT_BIN: &str = "PICOT_BIN";
/// Where it finds the one that ends itself at named moments.
pub(crate) const FAULTS_BIN: &str = "PICOT_FAULTS_BIN";

/// Who waits for the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person, who wants failures together at the end.
    Person,
    /// A log, where a failure must be near its test.
    Log,
}

fn run(arguments: &[OsString]) -> Outcome {
    run_tests(&filters(arguments)?, Reader::Person)
}

/// Builds the binary, then runs each runner in turn; stops at the first that fails.
pub(crate) fn run_tests(filters: &[String], reader: Reader) -> Outcome {
    let [picot, faults] = build_programs()?;
    let nextest = cargo::has_subcommand("nextest");
    if !nextest {
        eprintln!("cargo nextest is not installed; 'cargo test' runs the tests instead");
    }
    plan(filters, nextest, reader)
        .into_iter()
        .try_for_each(|invocation| {
            invocation
                .with(PICOT_BIN, &picot)
                .with(FAULTS_BIN, &faults)
                .run()
        })
}

fn filters(arguments: &[OsString]) -> Result<Vec<String>, Failure> {
    arguments
        .iter()
        .map(|argument| match argument.to_str() {
            Some(filter) if !filter.starts_with('-') => Ok(filter.to_owned()),
            _ => Err(Failure::Usage(format!(
                "'{}' is not a filter; see 'cargo xtask help test'",
                argument.to_string_lossy()
            ))),
        })
        .collect()
}

fn plan(filters: &[String], nextest: bool, reader: Reader) -> [Invocation; 2] {
    let separator = (!filters.is_empty()).then_some("--");
    let tests = if nextest {
        Invocation::new(["nextest", "run", "--workspace"])
            .and((reader == Reader::Log).then_some("--profile=ci"))
            // A filter may be meant for the examples of the documentation alone.
            .and((!filters.is_empty()).then_some("--no-tests=warn"))
            .and(filters)
    } else {
        Invocation::new([
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ])
        .and(separator)
        .and(filters)
    };
    let examples = Invocation::new(["test", "--workspace", "--doc"])
        .and(separator)
        .and(filters);
    [tests, examples]
}

/// Builds picot, and the one that ends itself at named moments, which needs a feature that no other
/// has; cargo itself says where it put them.
pub(crate) fn build_programs() -> Result<[OsString; 2], Failure> {
    let faults = build("picot-faults", &["--features", "fault-points"])?;
    Ok([build("picot", &[])?, faults])
}

/// Builds a binary of picot-node, and says where cargo put it.
pub(crate) fn build(name: &str, flags: &[&str]) -> Result<OsString, Failure> {
    let build = Invocation::new(["build", "--package", "picot-node", "--bin", name]).and(flags);
    eprintln!("$ {build}");
    let messages = build
        .and(["--message-format=json-render-diagnostics"])
        .output()?;
    executable(&messages, name)
        .ok_or_else(|| Failure::Task(format!("cargo build made no {name} binary")))
}

/// The executable of a name in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<OsString> {
    Message::parse_stream(messages.as_bytes())
        .filter_map(Result::ok)
        .find_map(|message| match message {
            Message::CompilerArtifact(artifact) if artifact.target.name == name => artifact
                .executable
                .map(|path| path.into_std_path_buf().into_os_string()),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(filters: &[&str], nextest: bool, reader: Reader) -> Vec<String> {
        let filters: Vec<String> = filters.iter().map(|&filter| filter.into()).collect();
        plan(&filters, nextest, reader)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn nextest_and_then_the_examples_are_run() {
        assert_eq!(
            shown(&[], true, Reader::Person),
            [
                "cargo nextest run --workspace",
                "cargo test --workspace --doc"
            ]
        );
        assert_eq!(
            shown(&[], true, Reader::Log)[0],
            "cargo nextest run --workspace --profile=ci"
        );
    }

    #[test]
    fn without_nextest_cargo_runs_the_same_tests() {
        assert_eq!(
            shown(&["slot", "draw"], false, Reader::Person),
            [
                "cargo test --workspace --lib --bins --tests --no-fail-fast -- slot draw",
                "cargo test --workspace --doc -- slot draw"
            ]
        );
    }

    #[test]
    fn an_option_is_not_a_filter() {
        assert!(matches!(
            filters(&["--nocapture".into()]),
            Err(Failure::Usage(_))
        ));
        assert_eq!(filters(&["slot".into()]).unwrap(), ["slot"]);
    }

    #[test]
    fn the_path_of_the_binary_is_read_from_the_messages_of_cargo() {
        let artifact = |name: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///p#0.1.0","manifest_path":"/p/Cargo.toml","target":{{"kind":["bin"],"crate_types":["bin"],"name":"{name}","src_path":"/p/src/main.rs","edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"0","debuginfo":1,"debug_assertions":true,"overflow_checks":true,"test":false}},"features":[],"filenames":[],"executable":{executable},"fresh":true}}"#
            )
        };
        let messages = [
            artifact("picot_node", "null"),
            artifact("picot", r#""/target/debug/picot""#),
        ]
        .join("\n");
        assert_eq!(
            executable(&messages, "picot").unwrap(),
            "/target/debug/picot"
        );
        assert_eq!(executable(&artifact("picot_node", "null"), "picot"), None);
    }
}
