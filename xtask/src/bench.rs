//! `cargo xtask bench`: measures, and compares with the goals as ratios within one run.

#![allow(
    clippy::float_arithmetic,
    reason = "times and ratios are for people to read"
)]

mod estimates;
mod goals;

use std::ffi::OsString;
use std::time::SystemTime;

use cargo_metadata::{Metadata, TargetKind};

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};
use estimates::Estimates;
use goals::{GOALS, Goal, Line, Verdict};

pub(crate) const TASK: Task = Task {
    name: "bench",
    summary: "runs the benchmarks and compares ratios with their goals",
    help: "\
Usage: cargo xtask bench [--report] [--no-run] [crate]... [-- criterion options]

Runs the benchmarks of the crates named (folder or package; all, if none is),
then prints each ratio against its named reference of the same run, with the
goal and where it comes from. A goal that is missed or was not measured makes
the exit code 1.

  --report   print only: a missed goal is not an error
  --no-run   do not measure again, read what the last run left
",
    passes_help_on: false,
    run,
};

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    report: bool,
    no_run: bool,
    crates: Vec<String>,
    criterion: Vec<OsString>,
}

/// A package and its benchmarks.
#[derive(Debug, PartialEq, Eq)]
struct Bench {
    package: String,
    targets: Vec<String>,
}

fn run(arguments: &[OsString]) -> Outcome {
    let request = parse(arguments)?;
    let metadata = cargo::metadata()?;
    let benches = chosen(&with_benches(&metadata), &request.crates)?;
    let criterion = metadata
        .target_directory
        .join("criterion")
        .into_std_path_buf();

    let start = SystemTime::now();
    if !request.no_run {
        for bench in &benches {
            invocation(bench, &request.criterion)
                .with("CRITERION_HOME", &criterion)
                .run()?;
        }
    }
    let estimates = Estimates {
        folder: criterion,
        not_before: (!request.no_run).then_some(start),
    };
    let goals = asked_for(&benches, &request.crates);
    let lines: Vec<Line> = goals
        .iter()
        .map(|goal| goal.compare(&|bench| estimates.median(bench)))
        .collect();
    print_table(&lines);
    verdict(&lines, request.report)
}

fn parse(arguments: &[OsString]) -> Result<Request, Failure> {
    let mut request = Request::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.to_str() {
            Some("--") => request.criterion = rest.by_ref().cloned().collect(),
            Some("--report") => request.report = true,
            Some("--no-run") => request.no_run = true,
            Some(name) if !name.starts_with('-') => request.crates.push(name.to_owned()),
            _ => {
                let argument = argument.to_string_lossy();
                return Err(Failure::Usage(format!(
                    "'{argument}' is unknown; see 'cargo xtask help bench'"
                )));
            }
        }
    }
    Ok(request)
}

/// Every workspace package that has a benchmark.
fn with_benches(metadata: &Metadata) -> Vec<Bench> {
    let benches = |package: &cargo_metadata::Package| -> Vec<String> {
        package
            .targets
            .iter()
            .filter(|target| target.kind.contains(&TargetKind::Bench))
            .map(|target| target.name.clone())
            .collect()
    };
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Bench {
            package: package.name.to_string(),
            targets: benches(package),
        })
        .filter(|bench| !bench.targets.is_empty())
        .collect()
}

/// Those that were named, by folder or package; all, if none was.
fn chosen(benches: &[Bench], names: &[String]) -> Result<Vec<Bench>, Failure> {
    let is_named = |bench: &Bench, name: &str| {
        bench.package == name || bench.package.strip_prefix("picot-") == Some(name)
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| !benches.iter().any(|bench| is_named(bench, name)))
    {
        let known: Vec<&str> = benches.iter().map(|bench| bench.package.as_str()).collect();
        return Err(Failure::Usage(format!(
            "'{unknown}' has no benchmarks; these have: {}",
            known.join(", ")
        )));
    }
    Ok(benches
        .iter()
        .filter(|bench| names.is_empty() || names.iter().any(|name| is_named(bench, name)))
        .map(|bench| Bench {
            package: bench.package.clone(),
            targets: bench.targets.clone(),
        })
        .collect())
}

/// The goals of the crates named; all, if none is, also those whose benchmark is gone.
fn asked_for(benches: &[Bench], names: &[String]) -> Vec<&'static Goal> {
    let is_chosen = |goal: &&Goal| benches.iter().any(|bench| bench.package == goal.package);
    GOALS
        .iter()
        .filter(|goal| names.is_empty() || is_chosen(goal))
        .collect()
}

/// Names each benchmark, so that cargo does not build the unit tests for measuring too.
fn invocation(bench: &Bench, criterion: &[OsString]) -> Invocation {
    Invocation::new(["bench", "--package", &bench.package])
        .and(
            bench
                .targets
                .iter()
                .flat_map(|target| ["--bench", target.as_str()]),
        )
        .and((!criterion.is_empty()).then_some("--"))
        .and(criterion)
}

fn print_table(lines: &[Line]) {
    let mut rows = vec![["benchmark", "measured", "goal", "verdict", "rule"].map(str::to_owned)];
    rows.extend(lines.iter().map(Line::row));
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    println!();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

/// A goal that was not measured is not met: a benchmark that was renamed must not pass in silence.
fn verdict(lines: &[Line], report: bool) -> Outcome {
    let count = |wanted: Verdict| lines.iter().filter(|line| line.verdict == wanted).count();
    let (missed, unmeasured) = (count(Verdict::Missed), count(Verdict::NotMeasured));
    println!(
        "\nbench: {} goals met, {missed} missed, {unmeasured} not measured",
        count(Verdict::Met)
    );
    if report || (missed == 0 && unmeasured == 0) {
        return Ok(());
    }
    Err(Failure::Task("not every goal was met".into()))
}

#[cfg(test)]
mod tests {
    use super::goals::Measure;
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn two() -> Vec<Bench> {
        ["picot-crypto", "picot-pool"]
            .map(|package| Bench {
                package: package.into(),
                targets: vec!["speed".into()],
            })
            .into()
    }

    #[test]
    fn the_command_line_is_read() {
        let request = parse(&words(&["--report", "crypto", "--", "--quick", "batch"])).unwrap();
        let expected = Request {
            report: true,
            no_run: false,
            crates: vec!["crypto".into()],
            criterion: words(&["--quick", "batch"]),
        };
        assert_eq!(request, expected);
        assert!(matches!(
            parse(&words(&["--nosuch"])),
            Err(Failure::Usage(_))
        ));
    }

    #[test]
    fn crates_are_chosen_by_folder_or_package_and_an_unknown_one_is_refused() {
        let packages = |names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
            chosen(&two(), &names)
                .unwrap()
                .into_iter()
                .map(|bench| bench.package)
                .collect()
        };
        assert_eq!(packages(&[]), ["picot-crypto", "picot-pool"]);
        assert_eq!(packages(&["pool"]), ["picot-pool"]);
        assert_eq!(packages(&["picot-crypto"]), ["picot-crypto"]);
        assert!(matches!(
            chosen(&two(), &["clock".into()]),
            Err(Failure::Usage(_))
        ));
    }

    #[test]
    fn a_goal_without_a_benchmark_is_shown_unless_other_crates_are_named() {
        let names = |names: &[String]| {
            asked_for(&two(), names)
                .iter()
                .map(|goal| goal.package)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&[]).len(), GOALS.len());
        // A crate may have several goals, beside each other.
        let mut of_two = names(&["crypto".into(), "pool".into()]);
        of_two.dedup();
        assert_eq!(of_two, ["picot-crypto", "picot-pool"]);
    }

    #[test]
    fn only_benchmarks_are_built() {
        let bench = Bench {
            package: "picot-crypto".into(),
            targets: vec!["batch".into(), "hash".into()],
        };
        assert_eq!(
            invocation(&bench, &words(&["--quick"])).to_string(),
            "cargo bench --package picot-crypto --bench batch --bench hash -- --quick"
        );
    }

    #[test]
    fn a_missed_or_unmeasured_goal_fails_unless_only_a_report_is_asked_for() {
        let line = |verdict| Line {
            verdict,
            ..Line::default()
        };
        assert!(verdict(&[line(Verdict::Met), line(Verdict::Reported)], false).is_ok());
        for bad in [Verdict::Missed, Verdict::NotMeasured] {
            assert!(verdict(&[line(Verdict::Met), line(bad)], false).is_err());
            assert!(verdict(&[line(Verdict::Met), line(bad)], true).is_ok());
        }
    }

    #[test]
    fn every_goal_names_a_package_of_the_workspace() {
        let metadata = cargo::metadata().unwrap();
        for goal in &GOALS {
            assert!(
                metadata
                    .workspace_packages()
                    .iter()
                    .any(|package| package.name == goal.package),
                "{}",
                goal.package
            );
            if let Measure::Ratio {
                numerator,
                denominator,
            } = goal.measure
            {
                assert_ne!(numerator, denominator);
            }
        }
    }
}
