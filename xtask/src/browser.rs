//! `cargo xtask browser`: the dashboard, module by module and as a page in headless Chromium.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};
use crate::test::{self, PICOT_BIN};

pub(crate) const TASK: Task = Task {
    name: "browser",
    summary: "tests the dashboard in headless Chromium on real nodes",
    help: "\
Usage: cargo xtask browser [filter]...
       cargo xtask browser --pictures
       cargo xtask browser --measure [SECONDS]

Runs the tests of the dashboard's modules ('node --test', if Node.js is there), then
the page in headless Chromium on networks of four real nodes: it loads, streams, shows
a miss when a node is killed, says that its node is gone, goes on when it is back, is
used by keys alone, and asks nobody but its node. With filters, only the tests in the
browser whose name contains one of them.

  --pictures   writes the pictures of the documentation to crates/node/docs/src/images
  --measure S  what the page costs with 4 nodes and 32 threads, over S seconds [60]

Chromium and its driver must be there; on Debian or Ubuntu:

    apt-get install chromium chromium-driver nodejs

PICOT_CHROMIUM and PICOT_CHROMEDRIVER name other ones.
",
    passes_help_on: false,
    run,
};

const CHROMIUM: &str = "PICOT_CHROMIUM";
const CHROMEDRIVER: &str = "PICOT_CHROMEDRIVER";
const MODULE_TESTS: &str = "crates/dashboard/tests";
const PICTURES: &str = "crates/node/docs/src/images";
const MEASURED_S: &str = "60";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Work {
    Tests(Vec<String>),
    Pictures,
    Measure(String),
}

fn run(arguments: &[OsString]) -> Outcome {
    let work = Work::parse(arguments)?;
    if let Some(missing) = missing() {
        return Err(Failure::Task(missing));
    }
    if matches!(work, Work::Tests(_)) {
        test_modules()?;
    }
    let picot = test::build("picot", &[])?;
    plan(&work).with(PICOT_BIN, picot).run()
}

/// All tests, as `cargo xtask ci` runs them.
pub(crate) fn run_tests() -> Outcome {
    run(&[])
}

/// What has to be installed first, and how; none if all is there.
pub(crate) fn missing() -> Option<String> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"];
    let wanted: [(&str, &str, &[&str]); 2] = [
        (CHROMIUM, "Chromium", &chromium),
        (CHROMEDRIVER, "chromedriver", &["chromedriver"]),
    ];
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|(variable, _, programs)| {
            std::env::var_os(variable).is_none() && !programs.iter().any(|name| is_installed(name))
        })
        .map(|(_, name, _)| name)
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "the dashboard cannot be tested: {} is missing; on Debian or Ubuntu: \
             apt-get install chromium chromium-driver nodejs",
            missing.join(" and ")
        )
    })
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn test_modules() -> Outcome {
    if !is_installed("node") {
        eprintln!("Node.js is not installed: the modules of the dashboard are not tested alone");
        return Ok(());
    }
    let files = module_tests(&cargo::root().join(MODULE_TESTS))?;
    eprintln!("$ node --test {MODULE_TESTS}/*.test.mjs");
    let status = Command::new("node")
        .arg("--test")
        .args(files)
        .current_dir(cargo::root())
        .status()
        .map_err(|error| Failure::Task(format!("node does not start: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Task(
        "a module of the dashboard fails its tests".into(),
    ))
}

/// Each file by its name: a folder means something else to each version of Node.js.
fn module_tests(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error| Failure::Task(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn plan(work: &Work) -> Invocation {
    let command = |arguments: [&str; 2]| {
        let run = ["run", "--package", "picot-tests", "--bin", "picot-browser"];
        Invocation::new(run).and(["--"]).and(arguments)
    };
    match work {
        // One at a time: each has a network of four nodes and a browser.
        Work::Tests(filters) => {
            Invocation::new(["test", "--package", "picot-tests", "--test", "browser"])
                .and(["--", "--ignored", "--test-threads=1"])
                .and(filters)
        }
        Work::Pictures => command(["pictures", PICTURES]),
        Work::Measure(seconds) => command(["measure", seconds]),
    }
}

impl Work {
    fn parse(arguments: &[OsString]) -> Result<Self, Failure> {
        let usage =
            |what: String| Failure::Usage(format!("{what}; see 'cargo xtask help browser'"));
        let words: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
        match words.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
            ["--pictures"] => Ok(Self::Pictures),
            ["--measure"] => Ok(Self::Measure(MEASURED_S.into())),
            ["--measure", seconds] if seconds.parse::<u64>().is_ok_and(|number| number > 0) => {
                Ok(Self::Measure(seconds.into()))
            }
            ["--measure", ..] => Err(usage("'--measure' takes a number of seconds".into())),
            ref filters => match filters.iter().find(|filter| filter.starts_with('-')) {
                Some(wrong) => Err(usage(format!("'{wrong}' is no option here"))),
                None => Ok(Self::Tests(filters.iter().map(|&it| it.into()).collect())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Work, Failure> {
        Work::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_tests_run_one_at_a_time_and_pictures_and_figures_are_made_by_command() {
        let shown = |words: &[&str]| plan(&parse(words).unwrap()).to_string();
        assert_eq!(
            shown(&["miss"]),
            "cargo test --package picot-tests --test browser -- --ignored --test-threads=1 miss"
        );
        let command = "cargo run --package picot-tests --bin picot-browser --";
        assert_eq!(
            shown(&["--pictures"]),
            format!("{command} pictures crates/node/docs/src/images")
        );
        assert_eq!(shown(&["--measure"]), format!("{command} measure 60"));
        assert_eq!(shown(&["--measure", "5"]), format!("{command} measure 5"));
        for wrong in [
            &["--picture"][..],
            &["--measure", "x"],
            &["--measure", "0"],
            &["miss", "-q"],
        ] {
            assert!(matches!(parse(wrong), Err(Failure::Usage(_))), "{wrong:?}");
        }
    }

    #[test]
    fn every_module_test_is_found() {
        let files = module_tests(&cargo::root().join(MODULE_TESTS)).unwrap();
        assert!(files.len() >= 7, "{files:?}");
    }
}
