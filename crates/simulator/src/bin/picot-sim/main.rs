//! The command line of the simulator: one run with a report, or many seeds at once.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to a person in a terminal"
)]

mod args;
mod commit;
mod progress;
mod show;
mod staking;

use args::Args;
use clap::Parser;
use commit::commit;
use mimalloc::MiMalloc;
use picot_simulator::staking::{Rules, StakingReport, audit};
use picot_simulator::{Invariant, Latencies, Report, Run, Share, run_scenario};
use progress::Progress;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Nodes by the hundred allocate small things all the time, and free what others allocated: with it such a
/// run takes a sixth less processor time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs with violations that are shown in full.
const SHOWN_FAILURES: u64 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    match latencies(&args).and_then(|latencies| run_all(&args, &latencies)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("picot-sim: {text}");
            ExitCode::from(2)
        }
    }
}

fn latencies(args: &Args) -> Result<Latencies, String> {
    match args.latency.as_str() {
        "lan" => Ok(Latencies::lan()),
        "aws" => Ok(Latencies::aws()),
        path => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
            Latencies::parse(&text).map_err(|error| format!("{path}: {error}"))
        }
    }
}

/// What all runs together came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    failures: u64,
    /// By invariant: its violations, and the first seed with one.
    broken: BTreeMap<Invariant, (u64, u64)>,
    report: Report,
    /// The report of the only run, with its hash.
    last: Option<Run>,
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long the runs took is told to a person; nothing inside a run knows it"
)]
fn run_all(args: &Args, latencies: &Latencies) -> Result<bool, String> {
    let begin = Instant::now();
    let seeds = args.seeds();
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(cores).max(1);
    let count = usize::try_from(seeds.end.saturating_sub(seeds.start)).unwrap_or(usize::MAX);
    // Runs have a processor each as long as there are enough of them.
    let threads = jobs / jobs.min(count.max(1));
    // A wrong setting is told before anything is run.
    args.config(seeds.start, latencies)?
        .validate()
        .map_err(|error| error.to_string())?;
    let failed: Mutex<Option<String>> = Mutex::new(None);
    let progress = Progress::new(seeds.end.saturating_sub(seeds.start), args.json);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let limit = args.time_limit.unwrap_or(u64::MAX);
            if seed >= seeds.end || begin.elapsed().as_secs() >= limit {
                break;
            }
            match one(args, latencies, seed, threads) {
                Ok(run) => {
                    if args.first && run.violation.is_some() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    add(args, &sum, &progress, run);
                }
                Err(text) => {
                    if let Ok(mut failed) = failed.lock() {
                        failed.get_or_insert(format!("seed {seed}: {text}"));
                    }
                    break;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(count) {
            scope.spawn(work);
        }
        // One run has the first thread, whose memory grows at the least cost.
        work();
    });
    progress.end();
    if let Ok(Some(text)) = failed.into_inner() {
        return Err(text);
    }
    let sum = sum.into_inner().map_err(|error| error.to_string())?;
    let took_ms = begin.elapsed().as_millis();
    tell(args, sum, took_ms)
}

fn one(args: &Args, latencies: &Latencies, seed: u64, threads: usize) -> Result<Run, String> {
    let mut config = args.config(seed, latencies)?;
    config.threads = threads;
    let scenario = args.scenario(&config);
    let result = run_scenario(&config, &scenario).map_err(|error| error.to_string())?;
    if args.twice {
        let again = run_scenario(&config, &scenario).map_err(|error| error.to_string())?;
        if again.trace_hash != result.trace_hash {
            return Err("two runs have different traces".to_owned());
        }
    }
    Ok(result)
}

fn add(args: &Args, sum: &Mutex<Sum>, progress: &Progress, run: Run) {
    let Ok(mut sum) = sum.lock() else {
        return;
    };
    sum.runs += 1;
    if let Some(violation) = &run.violation {
        sum.failures += 1;
        let (times, first) = sum
            .broken
            .entry(violation.invariant)
            .or_insert((0, run.seed));
        *times += 1;
        *first = run.seed.min(*first);
        if sum.failures <= SHOWN_FAILURES {
            progress.print(&failure(args, &run));
        }
    }
    let runs = sum.runs;
    merge(&mut sum.report, &run.report);
    merge_shares(runs, &mut sum.report.shares, &run.report.shares);
    progress.tell(sum.runs, sum.failures);
    sum.last = Some(run);
}

/// All that is needed to look at a failure and to see it again.
fn failure(args: &Args, run: &Run) -> Vec<String> {
    let mut lines = run.last_events.clone();
    if let Some(violation) = &run.violation {
        lines.push(format!("seed {}, commit {}", run.seed, commit()));
        lines.push(violation.to_string());
    }
    lines.push(format!("again: {}", args.replay_command(run.seed)));
    lines
}

fn merge(sum: &mut Report, report: &Report) {
    sum.slots += report.slots;
    sum.misses += report.misses;
    sum.delays_ms.extend(&report.delays_ms);
    for (round, count) in &report.rounds {
        *sum.rounds.entry(*round).or_default() += count;
    }
    sum.messages += report.messages;
    sum.bytes += report.bytes;
    sum.nodes = sum.nodes.max(report.nodes);
    sum.events += report.events;
    sum.crashes += report.crashes;
    sum.bans += report.bans;
    sum.joins.add(&report.joins);
    for (kind, traffic) in &report.kinds {
        let all = sum.kinds.entry(*kind).or_default();
        all.packets += traffic.packets;
        all.bytes += traffic.bytes;
    }
    sum.proven_faults += report.proven_faults;
    sum.operations += report.operations;
    sum.simulated_ms += report.simulated_ms;
}

/// Blocks by staker, where all runs have the same stakers.
fn merge_shares(runs: u64, sum: &mut Vec<Share>, shares: &[Share]) {
    let stakes = |shares: &[Share]| shares.iter().map(|one| one.rolls).collect::<Vec<_>>();
    if runs == 1 {
        *sum = shares.to_vec();
    } else if stakes(sum) != stakes(shares) {
        sum.clear();
    }
    for (all, one) in sum.iter_mut().zip(shares).filter(|_| runs > 1) {
        all.blocks += one.blocks;
    }
}

/// What became of stakes, if that was recorded and is as it should be.
fn stakes(run: &Run) -> Option<StakingReport> {
    audit(run.stakes.as_ref()?, Rules::default()).ok()
}

fn tell(args: &Args, sum: Sum, took_ms: u128) -> Result<bool, String> {
    let is_one = sum.runs == 1;
    let (runs, failures) = (sum.runs, sum.failures);
    let mut report = sum.report;
    report.delays_ms.sort_unstable();
    let last = sum.last.ok_or("no seed was run")?;
    let stakes = stakes(&last).filter(|_| is_one);
    if is_one {
        report = last.report;
    }
    if args.json {
        let mut json = report.to_json();
        if let Some(fields) = json.as_object_mut() {
            fields.insert("runs".to_owned(), runs.into());
            fields.insert("violations".to_owned(), failures.into());
            fields.insert("commit".to_owned(), commit().into());
            if is_one {
                fields.insert("trace_hash".to_owned(), last.trace_hash.into());
                if let Some(stakes) = &stakes {
                    fields.insert("staking".to_owned(), staking::to_json(stakes));
                }
            }
        }
        println!("{json:#}");
    } else {
        if args.trace && is_one {
            for lane in &last.lanes {
                println!("{lane}");
            }
        }
        println!("{}", show::table(&report));
        if let Some(stakes) = &stakes {
            println!("{}", staking::tables(stakes));
        }
        if is_one {
            println!("trace {}", last.trace_hash);
        }
        for (invariant, (times, first)) in sum.broken {
            println!("{invariant}: broken in {times} runs, first by seed {first}");
        }
        let seeds = args.seeds();
        let left = seeds.end.saturating_sub(seeds.start).saturating_sub(runs);
        if left > 0 {
            println!(
                "{left} seeds of {}..{} were not run",
                seeds.start, seeds.end
            );
        }
        println!("{runs} runs, {failures} violations, {took_ms} ms");
    }
    Ok(failures == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_added_where_all_runs_have_the_same_stakers() {
        let shares = |rolls: &[u64]| -> Vec<Share> {
            let share = |(validator, rolls): (usize, &u64)| Share {
                validator,
                rolls: *rolls,
                blocks: 3,
            };
            rolls.iter().enumerate().map(share).collect()
        };
        let mut sum = Vec::new();
        merge_shares(1, &mut sum, &shares(&[5, 1]));
        merge_shares(2, &mut sum, &shares(&[5, 1]));
        assert_eq!(sum.iter().map(|one| one.blocks).collect::<Vec<_>>(), [6, 6]);
        merge_shares(3, &mut sum, &shares(&[5, 1, 1]));
        merge_shares(4, &mut sum, &shares(&[5, 1]));
        assert!(sum.is_empty());
    }
}
