//! `cargo xtask localnet`: a network of real nodes on this machine.

mod child;
mod layout;
mod links;
mod options;
mod status;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Task;
use crate::cargo::{self, Invocation};
use crate::failure::{Failure, Outcome};
use child::Process;
use layout::Place;
use links::Links;
use options::Options;

pub(crate) const TASK: Task = Task {
    name: "localnet",
    summary: "runs a network of real nodes on this machine",
    help: "\
Usage: cargo xtask localnet [options]

Builds picot in the release profile, makes keys and one genesis, runs so many
nodes on loopback, and shows a line for each. Ctrl-C stops them all. Logs and
data stay in the folder until the next run.

  --nodes N           how many [4]
  --stake 10,5,1,0    rolls of each; who has none only follows [10 each]
  --policy P          who proposes: all, drawn or ranked:K [that of the preset]
  --rule R            the canonical rule, such as ranked-draw or lowest-hash
  --preset P          dev or production [dev]
  --dir DIR           where keys, data and logs are [picot-data/localnet]
  --keep              go on with the network of before
  --load RATE         transfers per second, or 'max', to all nodes in turn
  --seconds S         end after so long [at Ctrl-C]
  --kill I@S          end node I without warning S seconds after the start, and
                      start it again 10 s later; may be given many times
  --partition '0,1|2,3@10..30'
                      these groups do not hear each other from second 10 to 30
  --netem 'delay 100ms loss 1%'
                      what all links between nodes are like; '2: delay 1s' makes
                      those of node 2 so
  --debug             the development profile, which builds faster
  --picot FILE        run this program instead of building one
  --base-port PORT    ten ports a node from here on; 0 takes free ones [4800]

'--partition' and '--netem' put each node into a network namespace, which takes
the rights of an administrator.
",
    passes_help_on: false,
    run,
};

/// Between two looks at the nodes.
const LOOK: Duration = Duration::from_millis(100);
/// Between two states of the lines at a terminal, and elsewhere.
const UPDATE_INTERVAL: Duration = Duration::from_millis(500);
const LINES_INTERVAL: Duration = Duration::from_secs(5);
/// How long a killed node stays away.
const RESTART_AFTER: Duration = Duration::from_secs(10);

fn run(arguments: &[OsString]) -> Outcome {
    let options = Options::parse(arguments)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::Task(format!("cannot take signals: {error}")))?;
    }
    // Before anything is built or written: it may not be possible.
    let links = if options.needs_links() {
        links::sweep();
        Some(Links::make(options.nodes, &options.netem)?)
    } else {
        None
    };
    let picot = program(&options)?;
    let places = layout::places(&options)?;
    let genesis = layout::make(&options, &picot, &places)?;
    let mut network = Network {
        picot,
        genesis,
        nodes: Vec::new(),
        load: None,
        links,
        places,
        options,
        lines_shown: 0,
    };
    let ended = network.start().and_then(|()| network.follow(&stop));
    network.stop(ended)
}

/// The picot that is run: built now, unless one is named.
fn program(options: &Options) -> Result<PathBuf, Failure> {
    if let Some(picot) = &options.picot {
        let found = std::fs::canonicalize(picot);
        return found.map_err(|error| layout::failed("find", picot, &error));
    }
    let (flag, folder) = if options.debug {
        (None, "debug")
    } else {
        (Some("--release"), "release")
    };
    Invocation::new(["build", "--package", "picot-node", "--bin", "picot"])
        .and(flag)
        .run()?;
    let target = cargo::metadata()?.target_directory.into_std_path_buf();
    Ok(target
        .join(folder)
        .join(format!("picot{}", std::env::consts::EXE_SUFFIX)))
}

/// A node, and what is known of it.
struct Node {
    /// None while it is killed.
    process: Option<Process>,
    restart_at: Option<Instant>,
    /// It ended by itself.
    failed: bool,
    /// The most slots that it said to have decided in one run.
    decided: u64,
}

/// All processes of the network. They end with it.
struct Network {
    options: Options,
    picot: PathBuf,
    genesis: PathBuf,
    places: Vec<Place>,
    nodes: Vec<Node>,
    load: Option<Process>,
    /// Dropped after the processes in it.
    links: Option<Links>,
    lines_shown: usize,
}

impl Network {
    fn start(&mut self) -> Outcome {
        for node in 0..self.places.len() {
            let process = self.start_node(node)?;
            self.nodes.push(Node {
                process: Some(process),
                restart_at: None,
                failed: false,
                decided: 0,
            });
        }
        for (node, place) in self.places.iter().enumerate() {
            println!(
                "node {node}  api http://{}/  log {}",
                self.api(node),
                place.log.display()
            );
        }
        println!();
        Ok(())
    }

    fn start_node(&self, node: usize) -> Result<Process, Failure> {
        let place = self.place(node)?;
        let mut command = match &self.links {
            Some(links) => links.command(node, &self.picot),
            None => Command::new(&self.picot),
        };
        let listen = match &self.links {
            Some(_) => Ipv4Addr::UNSPECIFIED,
            None => Ipv4Addr::LOCALHOST,
        };
        command
            .arg("node")
            .arg("--data")
            .arg(&place.data)
            .arg("--genesis")
            .arg(&self.genesis);
        command.args(["--api", &self.api(node).to_string()]);
        command.args(["--control", &format!("127.0.0.1:{}", place.ports.control)]);
        command.args([
            "--listen",
            &format!("/ip4/{listen}/tcp/{}", place.ports.listen),
        ]);
        command.arg("--no-discovery");
        for (other, place) in self
            .places
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != node)
        {
            let address = match &self.links {
                Some(links) => links.address(other, node),
                None => Ipv4Addr::LOCALHOST,
            };
            command.args([
                "--peer",
                &format!("/ip4/{address}/tcp/{}", place.ports.listen),
            ]);
        }
        Process::start(format!("node {node}"), command, &place.log)
    }

    fn place(&self, node: usize) -> Result<&Place, Failure> {
        let place = self.places.get(node);
        place.ok_or_else(|| Failure::Task(format!("there is no node {node}")))
    }

    fn api(&self, node: usize) -> SocketAddr {
        let port = self.places.get(node).map_or(0, |place| place.ports.api);
        match &self.links {
            Some(links) => links.api(node, port),
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        }
    }

    /// Shows the nodes, and does what was asked for, until it is told to stop or time is up.
    fn follow(&mut self, stop: &AtomicBool) -> Outcome {
        let start = Instant::now();
        let is_terminal = std::io::stdout().is_terminal();
        let interval = if is_terminal {
            UPDATE_INTERVAL
        } else {
            LINES_INTERVAL
        };
        let mut shown_at: Option<Instant> = None;
        let mut kills = self.options.kills.clone();
        while !stop.load(Ordering::Relaxed) {
            let passed = start.elapsed();
            if self.options.length.is_some_and(|length| passed >= length) {
                break;
            }
            let due = |kill: &mut options::Kill| passed.as_secs() >= kill.at_s;
            for kill in kills.extract_if(.., due) {
                self.kill(kill.node);
            }
            self.partition(passed.as_secs())?;
            self.restart()?;
            self.look()?;
            if shown_at.is_none_or(|at| at.elapsed() >= interval) {
                shown_at = Some(Instant::now());
                self.show(passed, is_terminal);
            }
            self.begin_load()?;
            std::thread::sleep(LOOK);
        }
        self.show(start.elapsed(), is_terminal);
        Ok(())
    }

    fn kill(&mut self, node: usize) {
        let Some(node) = self.nodes.get_mut(node) else {
            return;
        };
        if let Some(process) = node.process.take() {
            process.kill();
            node.restart_at = Instant::now().checked_add(RESTART_AFTER);
        }
    }

    fn restart(&mut self) -> Outcome {
        for index in 0..self.nodes.len() {
            let is_due = |node: &Node| node.restart_at.is_some_and(|at| Instant::now() >= at);
            if !self.nodes.get(index).is_some_and(is_due) {
                continue;
            }
            let process = self.start_node(index)?;
            if let Some(node) = self.nodes.get_mut(index) {
                node.process = Some(process);
                node.restart_at = None;
            }
        }
        Ok(())
    }

    fn partition(&mut self, now_s: u64) -> Outcome {
        let Some(links) = &mut self.links else {
            return Ok(());
        };
        let partitions = self.options.partitions.iter();
        let now: Vec<_> = partitions
            .filter(|partition| partition.during_s.contains(&now_s))
            .collect();
        links.apply(&now)
    }

    /// Tells of processes that ended by themselves; an error once no node is left.
    fn look(&mut self) -> Outcome {
        let mut told = Vec::new();
        for node in &mut self.nodes {
            if let Some(text) = node.process.as_mut().and_then(Process::ended) {
                node.process = None;
                node.failed = true;
                told.push(text);
            }
        }
        if let Some(text) = self.load.as_mut().and_then(Process::ended) {
            self.load = None;
            told.push(text);
        }
        for text in told {
            println!("{text}");
            // The lines begin anew below it.
            self.lines_shown = 0;
        }
        if self.nodes.iter().all(|node| node.failed) {
            return Err(Failure::Task("no node is left".to_owned()));
        }
        Ok(())
    }

    /// Begins the load once all nodes decide.
    fn begin_load(&mut self) -> Outcome {
        let decide = self.nodes.iter().all(|node| node.decided > 0);
        let Some(rate) = self
            .options
            .load
            .as_ref()
            .filter(|_| self.load.is_none() && decide)
        else {
            return Ok(());
        };
        let mut command = Command::new(&self.picot);
        command.args(["load", "--funded", "--accounts", layout::LOAD_ACCOUNTS]);
        command
            .args(["--seconds", "1000000", "--data"])
            .arg(&self.options.dir);
        if rate == "max" {
            command.arg("--max");
        } else {
            command.args(["--rate", rate]);
        }
        for node in 0..self.nodes.len() {
            command.args(["--api", &format!("http://{}", self.api(node))]);
        }
        let log = self.options.dir.join("load.log");
        self.load = Some(Process::start("the load".to_owned(), command, &log)?);
        self.options.load = None;
        Ok(())
    }

    fn show(&mut self, passed: Duration, is_terminal: bool) {
        let mut lines = vec![self.headline(passed)];
        for index in 0..self.nodes.len() {
            let status = status::ask(self.api(index));
            let rolls = self.options.stake.get(index).copied().unwrap_or(0);
            let Some(node) = self.nodes.get_mut(index) else {
                continue;
            };
            if let Some(status) = &status {
                node.decided = node.decided.max(status.decided);
            }
            let delay = node
                .process
                .as_ref()
                .and_then(|process| status::delay(&process.last_lines()));
            let note = match (node.failed, node.restart_at) {
                (true, _) => "ended by itself",
                (false, Some(_)) => "killed, starts again soon",
                (false, None) if status.is_none() => "starts, or is too busy to answer",
                (false, None) => "",
            };
            lines.push(status::line(
                index,
                rolls,
                status.as_ref(),
                delay.as_deref(),
                note,
            ));
        }
        if let Some(line) = self.load.as_ref().and_then(|load| load.last_lines().pop()) {
            lines.push(format!("load  {line}"));
        }
        let mut text = String::new();
        if is_terminal && self.lines_shown > 0 {
            text.push_str(&format!("\u{1b}[{}A", self.lines_shown));
        }
        for line in &lines {
            text.push_str(line);
            text.push_str(if is_terminal { "\u{1b}[K\n" } else { "\n" });
        }
        self.lines_shown = lines.len();
        // Nobody who reads is no reason to leave nodes behind.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn headline(&self, passed: Duration) -> String {
        let now_s = passed.as_secs();
        let is_cut = |partition: &options::Partition| partition.during_s.contains(&now_s);
        let cut = if self.options.partitions.iter().any(is_cut) {
            ", cut in parts"
        } else {
            ""
        };
        format!("after {now_s} s{cut}")
    }

    /// Stops all processes, the load first, and tells how they ended.
    fn stop(mut self, ended: Outcome) -> Outcome {
        if let Some(mut load) = self.load.take() {
            load.ask("-INT");
            load.wait();
            println!(
                "the load came to (all of it in {}):",
                self.options.dir.join("load.log").display()
            );
            for line in load.last_lines() {
                println!("  {line}");
            }
        }
        for process in self.nodes.iter().filter_map(|node| node.process.as_ref()) {
            process.ask("-TERM");
        }
        let mut in_order = true;
        for process in self
            .nodes
            .iter_mut()
            .filter_map(|node| node.process.as_mut())
        {
            in_order &= process.wait();
        }
        ended?;
        if self.nodes.iter().any(|node| node.failed) {
            return Err(Failure::Task("a node ended by itself".to_owned()));
        }
        if !in_order {
            return Err(Failure::Task(
                "a node did not stop when it was asked to: see its log".to_owned(),
            ));
        }
        println!("stopped; data and logs are in {}", shown(&self.options.dir));
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
