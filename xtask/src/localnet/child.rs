//! A process of the network: its output goes to a file, its last lines are known, and it never
//! outlives us.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::layout::failed;
use crate::failure::Failure;

/// Lines that are kept to be told.
const LAST_LINES: usize = 15;
/// How long a process may take to end in order; a node closes in under five seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two looks at a process that ends.
const LOOK: Duration = Duration::from_millis(20);

/// A running process.
pub(super) struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it writes is appended to the log.
    pub(super) fn start(name: String, mut command: Command, log: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.map_err(|error| failed("write", log, &error))?;
        own_group(&mut command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::Task(format!("cannot start {name}: {error}")))?;
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let file = Arc::new(Mutex::new(file));
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let (lines, file) = (Arc::clone(&lines), Arc::clone(&file));
            std::thread::spawn(move || keep(stream, &lines, &file));
        }
        Ok(Self {
            name,
            child,
            lines,
            log: log.to_owned(),
        })
    }

    /// The last lines that it wrote, oldest first.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Its end, if it came; told with the end of its log.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(self.describe(status))
    }

    fn describe(&self, status: ExitStatus) -> String {
        let mut text = format!(
            "{} ended by itself ({status}); {} ends with:",
            self.name,
            self.log.display()
        );
        for line in self.last_lines() {
            text.push_str("\n  | ");
            text.push_str(&line);
        }
        text
    }

    /// Ends it at once.
    pub(super) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end.
    pub(super) fn ask(&self, signal: &str) {
        // It may be gone, which is as well.
        let _ = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }

    /// Waits for its end, and makes it end if it does not. Whether it ended in order.
    pub(super) fn wait(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.success();
            }
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ctrl-C at the terminal is for us alone: a node that gets two signals does not close in order.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

fn keep(stream: impl Read, lines: &Mutex<VecDeque<String>>, file: &Mutex<std::fs::File>) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        // A full disk must not stop the network.
        let _ = writeln!(
            file.lock().unwrap_or_else(PoisonError::into_inner),
            "{line}"
        );
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]
    use super::*;

    fn start(name: &str, script: &str) -> (Process, PathBuf) {
        let log = std::env::temp_dir().join(format!("picot-child-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        (Process::start(name.to_owned(), command, &log).unwrap(), log)
    }

    fn end_of(process: &mut Process) -> String {
        loop {
            if let Some(text) = process.ended()
                && process.last_lines().len() == LAST_LINES
            {
                return text;
            }
            std::thread::sleep(LOOK);
        }
    }

    #[test]
    fn a_process_that_ends_by_itself_is_told_with_the_end_of_its_log() {
        let (mut process, log) =
            start("ends", "for i in $(seq 100); do echo line $i; done; exit 3");
        let text = end_of(&mut process);
        while !process.last_lines().iter().any(|line| line == "line 100") {
            std::thread::sleep(LOOK);
        }
        assert!(
            text.contains("ends ended by itself (exit status: 3)"),
            "{text}"
        );
        assert!(text.contains(log.to_str().unwrap()), "{text}");
        assert_eq!(process.last_lines().len(), LAST_LINES);
        let kept = std::fs::read_to_string(&log).unwrap();
        assert_eq!(kept.lines().count(), 100);
        std::fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_process_ends_in_order_when_asked_and_is_gone_when_dropped() {
        let (mut asked, log) = start(
            "asked",
            "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done",
        );
        while asked.last_lines().is_empty() {
            std::thread::sleep(LOOK);
        }
        asked.ask("-TERM");
        assert!(asked.wait());
        std::fs::remove_file(log).unwrap();

        let (dropped, log) = start("dropped", "exec sleep 1000");
        let id = dropped.child.id().to_string();
        drop(dropped);
        let there = Command::new("kill")
            .args(["-0", &id])
            .stderr(Stdio::null())
            .status();
        assert!(!there.unwrap().success());
        std::fs::remove_file(log).unwrap();
    }
}
