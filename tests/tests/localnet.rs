//! `cargo xtask localnet`: real nodes that agree, one of which is killed and comes back, and nothing
//! that is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and measures its own patience"
)]

use picot_tests::picot;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a condition may take to come, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program `xtask`, which the tests of the workspace build.
fn xtask() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let path = folder.join(format!("xtask{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --package xtask`",
        path.display()
    );
    path
}

/// A running network; stopped in order when dropped, so that a failed test leaves no nodes behind.
struct Localnet {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    _directory: tempfile::TempDir,
}

impl Localnet {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(xtask())
            .args(["localnet", "--base-port", "0", "--picot"])
            .arg(picot())
            .arg("--dir")
            .arg(directory.path().join("net"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read(child.stdout.take().unwrap());
        Self {
            child,
            lines,
            seen: Vec::new(),
            _directory: directory,
        }
    }

    /// Waits until the latest lines of the nodes are as wanted.
    fn wait_for(
        &mut self,
        what: &str,
        nodes: usize,
        is_it: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let start = Instant::now();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("never {what}:\n{}", self.seen.join("\n")));
            self.seen.push(line);
            let latest = &self.seen[self.seen.len().saturating_sub(nodes)..];
            let is_whole = latest.len() == nodes
                && latest
                    .iter()
                    .enumerate()
                    .all(|(node, line)| line.starts_with(&format!("node {node}  ")));
            if is_whole && is_it(latest) {
                return latest.to_vec();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never {what}:\n{}",
                self.seen.join("\n")
            );
        }
    }

    fn interrupt(&self) {
        let status = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Where the nodes' interfaces are, as it told.
    fn apis(&self) -> Vec<String> {
        let told = self
            .seen
            .iter()
            .filter_map(|line| line.split_once("api http://"));
        told.map(|(_, rest)| rest.split('/').next().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.interrupt();
            let _ = self.child.wait();
        }
    }
}

fn read(stream: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The word after a word of a line.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut words = line.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()
}

fn decided(line: &str) -> u64 {
    value(line, "decided")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Whether all nodes have the same state at the same slot.
fn agree(lines: &[String]) -> bool {
    let at = |line: &String| {
        Some((
            value(line, "final")?.to_owned(),
            value(line, "state")?.to_owned(),
        ))
    };
    let first = at(&lines[0]);
    first.is_some() && lines.iter().all(|line| at(line) == first)
}

#[test]
fn four_nodes_decide_and_agree_and_are_gone_after_ctrl_c() {
    let mut network = Localnet::start(&["--nodes", "4"]);
    network.wait_for("agreed after some decisions", 4, |lines| {
        agree(lines) && lines.iter().all(|line| decided(line) > 0)
    });
    let apis = network.apis();
    assert_eq!(apis.len(), 4);
    assert!(apis.iter().all(|api| TcpStream::connect(api).is_ok()));
    network.interrupt();
    assert!(network.child.wait().unwrap().success());
    assert!(apis.iter().all(|api| TcpStream::connect(api).is_err()));
}

#[test]
fn a_killed_node_stops_nobody_and_catches_up_after_its_restart() {
    let mut network = Localnet::start(&["--nodes", "4", "--kill", "1@6"]);
    let before = network.wait_for("with a killed node", 4, |lines| lines[1].contains("killed"));
    let others = [0, 2, 3].map(|node: usize| decided(&before[node]));
    let most = others.into_iter().max().unwrap();
    let lines = network.wait_for("agreed after the restart", 4, |lines| {
        agree(lines) && decided(&lines[1]) > 0 && decided(&lines[0]) > most
    });
    // They went on without it: what it decided since its restart is less than what they did.
    assert!(decided(&lines[0]) > most, "{lines:?}");
    network.interrupt();
    assert!(network.child.wait().unwrap().success());
}

#[test]
fn what_cannot_be_done_is_told_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    let output = Command::new(xtask())
        .args([
            "localnet",
            "--nodes",
            "2",
            "--netem",
            "no such thing",
            "--picot",
        ])
        .arg(picot())
        .arg("--dir")
        .arg(&net)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("this machine does not allow"), "{text}");
    assert!(!net.exists());
}
