//! `cargo xtask sim`: many whole nodes on virtual time, built for speed.

use std::ffi::OsString;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::Outcome;

pub(crate) const TASK: Task = Task {
    name: "sim",
    summary: "simulates many nodes on virtual time",
    help: "\
Usage: cargo xtask sim [options of 'picot-sim']

Builds the simulator in the release profile, with overflow checks, and runs it
with the options given. Examples:

  cargo xtask sim --seeds 0..10000 --faults documented --stake skewed
  cargo xtask sim --validators 100 --latency aws --preset production

Exit code 1 means that an invariant was broken; the seed and the command that
replays it are printed. 'cargo xtask sim --help' shows all options.
",
    passes_help_on: true,
    run,
};

/// The allocator of the simulator keeps what is freed, for it is needed again at once: to give it back to
/// the system and ask for it again takes a tenth of the time of a large run.
const KEEPS_MEMORY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

fn run(arguments: &[OsString]) -> Outcome {
    plan(arguments).run()
}

fn plan(arguments: &[OsString]) -> Invocation {
    Invocation::new([
        "run",
        "--release",
        "--package",
        "picot-simulator",
        "--bin",
        "picot-sim",
    ])
    .and(["--"])
    .and(arguments)
    .with(KEEPS_MEMORY.0, KEEPS_MEMORY.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_to_the_simulator_unchanged() {
        let arguments = ["--seeds", "0..10"].map(OsString::from);
        assert_eq!(
            plan(&arguments).to_string(),
            "MIMALLOC_PURGE_DELAY=-1 cargo run --release --package picot-simulator --bin picot-sim -- \
             --seeds 0..10"
        );
    }
}
