//! `cargo xtask node`: a development node from this checkout, with one command.

use std::ffi::OsString;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::Outcome;

pub(crate) const TASK: Task = Task {
    name: "node",
    summary: "builds picot and runs a development node",
    help: "\
Usage: cargo xtask node [--release] [options of 'picot node']

Builds the picot binary and runs 'picot node --dev' with the options given, in
this folder. The development profile (with optimised cryptography) builds
fastest; '--release', if it comes first, builds for speed instead.

'cargo xtask node --help' shows the options of 'picot node' itself.
",
    passes_help_on: true,
    run,
};

fn run(arguments: &[OsString]) -> Outcome {
    become_program(&plan(arguments))
}

/// `cargo run` builds, then replaces itself by the node.
fn plan(arguments: &[OsString]) -> Invocation {
    let (release, rest) = match arguments.split_first() {
        Some((first, rest)) if first == "--release" => (true, rest),
        _ => (false, arguments),
    };
    Invocation::new(["run", "--package", "picot-node", "--bin", "picot"])
        .and(release.then_some("--release"))
        .and(["--", "node", "--dev"])
        .and(rest)
}

/// Replaces this process, so that signals and the exit code are the node's own.
#[cfg(unix)]
fn become_program(invocation: &Invocation) -> Outcome {
    use std::os::unix::process::CommandExt;

    let error = invocation.command().exec();
    Err(invocation.did_not_start(&error))
}

/// Waits for the node: Ctrl-C reaches it because it shares the console.
#[cfg(not(unix))]
fn become_program(invocation: &Invocation) -> Outcome {
    use crate::failure::Failure;

    let status = invocation
        .command()
        .status()
        .map_err(|error| invocation.did_not_start(&error))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Ok(()),
        code => Err(Failure::Program(code.unwrap_or(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(arguments: &[&str]) -> String {
        plan(&arguments.iter().map(OsString::from).collect::<Vec<_>>()).to_string()
    }

    #[test]
    fn options_go_to_the_node_unchanged() {
        assert_eq!(
            shown(&["--data", "some where", "--reset"]),
            "cargo run --package picot-node --bin picot -- node --dev --data 'some where' --reset"
        );
    }

    #[test]
    fn release_counts_only_in_first_place() {
        assert_eq!(
            shown(&["--release", "--reset"]),
            "cargo run --package picot-node --bin picot --release -- node --dev --reset"
        );
        assert_eq!(
            shown(&["--reset", "--release"]),
            "cargo run --package picot-node --bin picot -- node --dev --reset --release"
        );
    }
}
