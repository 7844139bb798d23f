//! How far many runs are: a bar at a terminal, a line every so often elsewhere, nothing beside JSON.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR: &str = "{bar:32} {pos}/{len} seeds  {msg}  {elapsed} of {duration}";

/// How progress is told.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Not at all.
    Quiet,
    /// As a bar.
    Bar(ProgressBar),
    /// As lines.
    Lines {
        /// Of how many runs.
        seeds: u64,
        /// When the last line was written.
        last: Mutex<Instant>,
    },
}

impl Progress {
    /// For so many runs; `quiet` if what is printed is for a program.
    pub(crate) fn new(seeds: u64, quiet: bool) -> Self {
        if quiet || seeds < 2 {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines {
                seeds,
                last: Mutex::new(now()),
            };
        }
        let bar = ProgressBar::new(seeds);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        bar.set_message(violations(0));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self::Bar(bar)
    }

    /// So many runs are done, of which so many failed.
    pub(crate) fn tell(&self, runs: u64, failures: u64) {
        match self {
            Self::Quiet => {}
            Self::Bar(bar) => {
                bar.set_message(violations(failures));
                bar.set_position(runs);
            }
            Self::Lines { seeds, last } => {
                let Ok(mut last) = last.lock() else {
                    return;
                };
                let now = now();
                if now.duration_since(*last) >= LINE_EVERY {
                    *last = now;
                    eprintln!("{runs} of {seeds} seeds, {}", violations(failures));
                }
            }
        }
    }

    /// Prints lines on standard error, above a bar.
    pub(crate) fn print(&self, lines: &[String]) {
        let print = || lines.iter().for_each(|line| eprintln!("{line}"));
        match self {
            Self::Bar(bar) => bar.suspend(print),
            Self::Quiet | Self::Lines { .. } => print(),
        }
    }

    /// Takes a bar away.
    pub(crate) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn violations(count: u64) -> String {
    format!("{count} violations")
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long runs take is told to a person; nothing inside a run knows it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_and_json_have_no_progress() {
        assert!(matches!(Progress::new(1, false), Progress::Quiet));
        assert!(matches!(Progress::new(100, true), Progress::Quiet));
        assert!(!matches!(Progress::new(100, false), Progress::Quiet));
    }

    #[test]
    fn the_bar_is_of_a_form_that_can_be_drawn() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
