//! What the page costs the machine that looks at it: four nodes, 32 threads.

use crate::network::Network;
use crate::page::Page;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// All processes of the browser together.
const MOST_PERCENT: f64 = 15.0;
/// Two slots a second, as the production preset has them.
const THREADS: u64 = 32;
const PERIOD_MS: u64 = 16_000;
/// The length of a tick of the kernel's accounts: 100 a second on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures for some seconds, and fails if it is too much.
pub(crate) fn measure(seconds: u64) -> ExitCode {
    let network = Network::start(|genesis| {
        genesis["params"]["thread_count"] = json!(THREADS);
        genesis["params"]["t0_ms"] = json!(PERIOD_MS);
    });
    let page = Page::open(&network.url());
    page.wait_for_slots("final", 40);
    let before = ticks(page.browser.process());
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let passed = start.elapsed().as_secs_f64();
    let after = ticks(page.browser.process());
    let used: u64 = after
        .iter()
        .map(|(process, ticks)| ticks.saturating_sub(before.get(process).copied().unwrap_or(0)))
        .sum();
    #[allow(clippy::cast_precision_loss, reason = "ticks of seconds are few")]
    let percent = used as f64 / TICKS_PER_SECOND / passed * 100.0;
    println!(
        "{percent:.1} % of a core over {passed:.0} s by all processes of the browser; at most {MOST_PERCENT} %"
    );
    if percent <= MOST_PERCENT {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The processor time of all descendants of a process, by process.
fn ticks(root: u32) -> BTreeMap<u32, u64> {
    let processes = std::fs::read_dir("/proc").expect("Linux");
    let numbers =
        processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let known: BTreeMap<u32, (u32, u64)> = numbers
        .filter_map(|number| Some((number, stat(number)?)))
        .collect();
    let descends = |process: u32| {
        std::iter::successors(Some(process), |process| {
            known.get(process).map(|(parent, _)| *parent)
        })
        .take(64)
        .any(|process| process == root)
    };
    known
        .iter()
        .filter(|(process, _)| descends(**process))
        .map(|(process, (_, ticks))| (*process, *ticks))
        .collect()
}

/// The parent and the processor time of a process.
fn stat(process: u32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some((fields.get(1)?.parse().ok()?, user + system))
}
