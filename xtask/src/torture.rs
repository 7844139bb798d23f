//! `cargo xtask torture`: nodes that are killed, and data that is damaged.

use std::ffi::OsString;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::{Failure, Outcome};
use crate::test::{self, FAULTS_BIN, PICOT_BIN};

pub(crate) const TASK: Task = Task {
    name: "torture",
    summary: "kills nodes and damages their data, thousands of times",
    help: "\
Usage: cargo xtask torture [--rounds N] [--seed S]
       cargo xtask torture --corrupt [--cases N] [--seed S]

Runs a network of four real nodes under load. One is never touched, the others are
ended N times, with 'kill -9' at random moments and at every named fault point of
the code (see 'FaultPoint' in crates/database), and started again. Each must come
back by itself, with the state hash that the untouched node has at the same slot,
having lost nothing final, and having signed nothing twice: what a witness on the
network heard is compared with the signing logs.

With '--corrupt', flips bytes of a stopped node's data and cuts its files short, in
N cases: 'picot db check' and a start must find the state that it was, or refuse
with a reason and what to do.

  --rounds N   rounds [1000]
  --cases N    cases [2000]
  --seed S     another run [the time]

The suite runs 50 rounds and 100 cases. Fails with the seed and what was wrong.
",
    passes_help_on: false,
    run,
};

const ROUNDS: u64 = 1_000;
const CASES: u64 = 2_000;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    corrupt: bool,
    count: u64,
    seed: Option<u64>,
}

fn run(arguments: &[OsString]) -> Outcome {
    let options = Options::parse(arguments)?;
    let [picot, faults] = test::build_programs()?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.map_or(0, |since| since.as_secs());
    plan(&options, now)
        .with(PICOT_BIN, picot)
        .with(FAULTS_BIN, faults)
        .run()
}

fn plan(options: &Options, now: u64) -> Invocation {
    let kind = if options.corrupt { "corrupt" } else { "kill" };
    let seed = options.seed.unwrap_or(now);
    Invocation::new(["run", "--package", "picot-tests", "--bin", "picot-torture"])
        .and(["--", kind])
        .and([options.count.to_string(), seed.to_string()])
}

impl Options {
    fn parse(arguments: &[OsString]) -> Result<Self, Failure> {
        let usage =
            |what: String| Failure::Usage(format!("{what}; see 'cargo xtask help torture'"));
        let corrupt = arguments.iter().any(|argument| argument == "--corrupt");
        let mut options = Self {
            corrupt,
            count: if corrupt { CASES } else { ROUNDS },
            seed: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let name = argument.to_string_lossy();
            if name == "--corrupt" {
                continue;
            }
            let value = rest.next().map(|value| value.to_string_lossy());
            let number = value.and_then(|value| value.parse::<u64>().ok());
            let number = number.ok_or_else(|| usage(format!("'{name}' needs a number")));
            match name.as_ref() {
                "--rounds" if !corrupt => options.count = number?,
                "--cases" if corrupt => options.count = number?,
                "--seed" => options.seed = Some(number?),
                _ => return Err(usage(format!("'{name}' is no option here"))),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Failure> {
        Options::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn rounds_are_of_kills_and_cases_of_damages() {
        let kills = parse(&["--rounds", "50", "--seed", "3"]).unwrap();
        assert_eq!(
            plan(&kills, 9).to_string(),
            "cargo run --package picot-tests --bin picot-torture -- kill 50 3"
        );
        let damages = parse(&["--corrupt"]).unwrap();
        assert_eq!(
            plan(&damages, 9).to_string(),
            "cargo run --package picot-tests --bin picot-torture -- corrupt 2000 9"
        );
        for wrong in [
            &["--cases", "3"][..],
            &["--corrupt", "--rounds", "3"],
            &["--rounds"],
            &["--seed", "x"],
            &["now"],
        ] {
            assert!(matches!(parse(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }
}
