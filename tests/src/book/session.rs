//! The steps of a chapter, typed in a fresh directory, against real nodes.

use super::chapter::{Chapter, Step};
use super::shown::{Names, appears};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what a program prints.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// Before a command is typed again.
const TYPE_INTERVAL: Duration = Duration::from_millis(200);
/// What stands for the key that ends a program.
const INTERRUPT: &str = "^C";
/// The ports that the book names: each stands for a free one.
const NAMED_PORTS: std::ops::RangeInclusive<u16> = 4_700..=4_799;
/// Below those that the system gives to whoever asks for any.
const FREE_PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Lines of each node that are told with a failure.
const TOLD_LINES: usize = 20;
/// The port at which the commands look for a node.
const API_PORT: u16 = 4_701;
/// Commands that change nothing, wherever they are typed.
const READING: [&str; 16] = [
    "picot address",
    "picot agreement",
    "picot checkpoint show",
    "picot cycles",
    "picot draws",
    "picot factory history",
    "picot factory status",
    "picot fees",
    "picot keys list",
    "picot operation ",
    "picot peers list",
    "picot pool",
    "picot slot",
    "picot stakers",
    "picot status",
    "curl -s http",
];
/// Somebody to send coins to, whose key nobody here has.
const FRIEND: &str = "addr1qrq8h02qutd80ppzvevygl2emmdx62jsgks9xp7sdvz090kk5pv4g2vusaw";

/// Types all that a chapter says.
///
/// # Panics
/// Something is not as it says: the line is told.
pub fn run(chapter: &Chapter) {
    let mut session = Session::new(chapter);
    if chapter.wants_node() {
        session.start_development_node();
    }
    for step in chapter.steps() {
        if let Err(what) = session.do_step(&step) {
            let path = chapter.path.display();
            panic!("{path}:{}: {what}\n{}", step.line, session.told());
        }
    }
    let stopped = session.nodes.into_iter().try_for_each(Node::stop);
    stopped.unwrap_or_else(|what| panic!("{}: {what}", chapter.path.display()));
}

struct Session {
    directory: tempfile::TempDir,
    ports: Ports,
    names: Names,
    nodes: Vec<Node>,
}

impl Session {
    fn new(chapter: &Chapter) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let programs = directory.path().join(".programs");
        std::fs::create_dir(&programs).expect("a folder");
        std::os::unix::fs::symlink(crate::picot(), programs.join("picot")).expect("a link");
        // Where a checkout has it.
        let built = directory.path().join("target");
        std::fs::create_dir(&built).expect("a folder");
        std::os::unix::fs::symlink(&programs, built.join("debug")).expect("a link");
        let mut names = Names::default();
        names.know("addr1…friend", FRIEND);
        let steps = chapter.steps();
        let texts = steps.iter().filter_map(|step| step.command.as_deref());
        Self {
            directory,
            ports: Ports::new(texts),
            names,
            nodes: Vec::new(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn start_development_node(&mut self) {
        let mut node = self.start("picot node --dev").expect("a development node");
        node.wait_for(&["slot … block …".to_owned()], &mut self.names)
            .expect("its first slot");
        let printed = node.output.lines();
        let staker = ["staker addr1… …".to_owned()];
        appears(&staker, &printed, &mut self.names).expect("its staker");
        self.nodes.push(node);
    }

    fn do_step(&mut self, step: &Step) -> Result<(), String> {
        let Some(command) = &step.command else {
            return self.follow(&step.shown, step.exit);
        };
        if command.starts_with("cargo ") {
            // Its flags are checked by another test: it would build.
            return Ok(());
        }
        let command = self.names.put_into(command)?;
        if step.exit == 0 && (command == "picot node" || command.starts_with("picot node ")) {
            let node = self.start(&command)?;
            self.nodes.push(node);
            return self.follow(&step.shown, step.exit);
        }
        let start = Instant::now();
        loop {
            let wrong = match self.type_and_look(&command, step) {
                Ok(()) => return Ok(()),
                Err(wrong) => wrong,
            };
            // What a node tells of itself is true in a moment, if not now.
            if !only_reads(&command) || start.elapsed() >= PATIENCE {
                return Err(wrong);
            }
            std::thread::sleep(TYPE_INTERVAL);
        }
    }

    fn type_and_look(&mut self, command: &str, step: &Step) -> Result<(), String> {
        let (code, printed) = self.type_in(command)?;
        if code != Some(step.exit) {
            let printed = printed.join("\n");
            return Err(format!(
                "`{command}` exits with {code:?} instead of {}:\n{printed}",
                step.exit
            ));
        }
        appears(&step.shown, &printed, &mut self.names).map_err(|line| {
            let printed = printed.join("\n");
            format!("`{command}` does not print `{line}`:\n{printed}")
        })
    }

    /// Waits for what the node started last says, and interrupts it where that is shown.
    fn follow(&mut self, shown: &[String], exit: i32) -> Result<(), String> {
        let mut node = self.nodes.pop().ok_or("no node runs that could say so")?;
        let place = shown.iter().position(|line| line.trim() == INTERRUPT);
        let before = &shown[..place.unwrap_or(shown.len())];
        node.wait_for(before, &mut self.names)?;
        let Some(place) = place else {
            self.nodes.push(node);
            return Ok(());
        };
        node.signal("-INT");
        let status = node.wait()?;
        let printed = node.output.lines();
        appears(&shown[place + 1..], &printed, &mut self.names)
            .map_err(|line| format!("the node does not print `{line}`:\n{}", printed.join("\n")))?;
        match status.code() {
            Some(code) if code == exit => Ok(()),
            code => Err(format!("the node exits with {code:?} instead of {exit}")),
        }
    }

    fn start(&self, command: &str) -> Result<Node, String> {
        let mut command = self.ports.put_into(command);
        if !command.contains("--api ") {
            command.push_str(&format!(" --api 127.0.0.1:{}", self.ports.of(API_PORT)));
        }
        let mut child = self.shell(&format!("exec {command}"));
        let child = child
            .spawn()
            .map_err(|error| format!("`{command}`: {error}"))?;
        Ok(Node::new(child))
    }

    fn type_in(&self, command: &str) -> Result<(Option<i32>, Vec<String>), String> {
        let text = format!("{{ {}\n}} 2>&1", self.ports.put_into(command));
        let child = self.shell(&text).spawn();
        let mut running = Node::new(child.map_err(|error| format!("`{command}`: {error}"))?);
        let status = running.wait()?;
        Ok((status.code(), running.output.lines()))
    }

    fn shell(&self, text: &str) -> Command {
        let mut shell = Command::new("sh");
        let mut path = self.path().join(".programs").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PICOT_") {
                shell.env_remove(name);
            }
        }
        let api = format!("http://127.0.0.1:{}", self.ports.of(API_PORT));
        shell
            .args(["-c", text])
            .current_dir(self.path())
            .env("PATH", path)
            .env("HOME", self.path())
            .env("PICOT_API", api)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    /// What the nodes said last.
    fn told(&self) -> String {
        let told = self.nodes.iter().map(|node| {
            let lines = node.output.lines();
            lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n")
        });
        told.collect::<Vec<_>>().join("\n---\n")
    }
}

/// A program that runs, killed when dropped.
struct Node {
    child: Child,
    output: Output,
}

impl Node {
    fn new(mut child: Child) -> Self {
        let output = Output::default();
        output.collect(child.stdout.take().expect("piped"));
        output.collect(child.stderr.take().expect("piped"));
        Self { child, output }
    }

    fn wait_for(&mut self, shown: &[String], names: &mut Names) -> Result<(), String> {
        let start = Instant::now();
        loop {
            // What it said is complete only if it had ended before that was looked at.
            let has_ended = self.has_ended();
            let printed = self.output.lines();
            let missing = match appears(shown, &printed, names) {
                Ok(()) => return Ok(()),
                Err(line) => line,
            };
            if has_ended || start.elapsed() >= PATIENCE {
                let printed = printed.join("\n");
                return Err(format!("the node does not print `{missing}`:\n{printed}"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some() && self.output.is_complete()
    }

    fn wait(&mut self) -> Result<ExitStatus, String> {
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed() >= PATIENCE {
                return Err(format!(
                    "it does not end:\n{}",
                    self.output.lines().join("\n")
                ));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(self.child.wait().expect("a child"))
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(killed.expect("kill runs").success(), "it takes {signal}");
    }

    /// Ends it as a service manager would.
    fn stop(mut self) -> Result<(), String> {
        self.signal("-TERM");
        let status = self.wait()?;
        if status.success() {
            Ok(())
        } else {
            let printed = self.output.lines().join("\n");
            Err(format!("a node ends with {status}:\n{printed}"))
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program printed, line by line.
#[derive(Clone, Default)]
struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    open: Arc<Mutex<usize>>,
}

impl Output {
    fn collect(&self, stream: impl Read + Send + 'static) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let all = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                all.lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
            *all.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        });
    }

    fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn is_complete(&self) -> bool {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) == 0
    }
}

/// Free ports for those that a chapter names.
struct Ports {
    /// Held for as long as the chapter runs: whose it is, the ports after it belong to.
    _claim: TcpListener,
    free: BTreeMap<u16, u16>,
}

impl Ports {
    fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut named: Vec<u16> = texts.flat_map(ports_in).collect();
        named.push(API_PORT);
        named.sort_unstable();
        named.dedup();
        let step = named.len() + 1;
        let count = FREE_PORTS.len() / step;
        let start = usize::try_from(std::process::id()).expect("32 bits");
        for place in (start..start + count).map(|place| place % count) {
            let first = FREE_PORTS.start + u16::try_from(place * step).expect("within the range");
            let Ok(claim) = bind(first) else { continue };
            let theirs = (first + 1..).take(named.len());
            if theirs.clone().all(|port| bind(port).is_ok()) {
                let free = named.into_iter().zip(theirs).collect();
                return Self {
                    _claim: claim,
                    free,
                };
            }
        }
        panic!("no port is free");
    }

    fn of(&self, named: u16) -> u16 {
        self.free[&named]
    }

    fn put_into(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (named, free) in &self.free {
            text = replace_number(&text, *named, *free);
        }
        text
    }
}

fn only_reads(command: &str) -> bool {
    READING.iter().any(|start| command.starts_with(start))
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn ports_in(text: &str) -> Vec<u16> {
    let numbers = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let numbers = numbers.filter_map(|number| number.parse().ok());
    numbers.filter(|port| NAMED_PORTS.contains(port)).collect()
}

/// Replaces a number where it stands alone.
fn replace_number(text: &str, from: u16, to: u16) -> String {
    let from = from.to_string();
    let mut made = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(&from) {
        let (before, after) = (&rest[..place], &rest[place + from.len()..]);
        let is_part = |letter: Option<char>| letter.is_some_and(|it| it.is_ascii_alphanumeric());
        let is_alone = !is_part(before.chars().last()) && !is_part(after.chars().next());
        made.push_str(before);
        made.push_str(&if is_alone {
            to.to_string()
        } else {
            from.clone()
        });
        rest = after;
    }
    made + rest
}
