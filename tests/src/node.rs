//! A `picot` process.

use picot_api::control::peers::PeersResponse;
use picot_api::types::{SlotEvent, StatusResponse};
use picot_models::Slot;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a condition may take to come, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a condition that nobody tells us about.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The program: told by `PICOT_BIN` (which `cargo xtask test` sets), or beside the test's own.
///
/// # Panics
/// There is none.
#[must_use]
pub fn picot() -> PathBuf {
    if let Some(path) = std::env::var_os("PICOT_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test
        .ancestors()
        .nth(2)
        .expect("a test is in the dependencies' folder");
    let path = target.join(format!("picot{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, which builds it",
        path.display()
    );
    path
}

/// The program that ends where the environment tells it to: told by `PICOT_FAULTS_BIN` (which `cargo
/// xtask test` sets), or beside the test's own.
///
/// # Panics
/// There is none.
#[must_use]
pub fn picot_with_faults() -> PathBuf {
    if let Some(path) = std::env::var_os("PICOT_FAULTS_BIN") {
        return PathBuf::from(path);
    }
    let path = picot().with_file_name(format!("picot-faults{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, which builds it",
        path.display()
    );
    path
}

/// What is answered, if something is.
pub(crate) fn ask(url: &str) -> Option<Json> {
    let mut response = agent().get(url).call().ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    serde_json::from_str(&text).ok()
}

/// What becomes final from a slot on, for as long as one request may take; none if nobody answers.
pub(crate) fn slot_events(
    url: &str,
    from: Slot,
) -> Option<impl Iterator<Item = SlotEvent> + use<>> {
    let url = format!("{url}/api/v1/stream/slots?from={from}");
    let answer = agent().get(url).call().ok()?;
    let lines = BufReader::new(answer.into_body().into_reader()).lines();
    let lines = lines.map_while(Result::ok);
    Some(lines.filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok()))
}

/// The status of a node, if it answers.
pub(crate) fn ask_status(url: &str) -> Option<StatusResponse> {
    serde_json::from_value(ask(&format!("{url}/api/v1/status"))?).ok()
}

/// Takes a file from other users of the machine, as a passphrase must be.
///
/// # Panics
/// It cannot be changed.
pub fn keep_private(file: &Path) {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(file, mode).expect("a file of ours");
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// A command that ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// What it wrote for people or programs.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Runs `picot` to its end.
///
/// # Panics
/// It cannot be run.
pub fn run_picot(args: &[&str]) -> Finished {
    let output = Command::new(picot())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("picot runs");
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// A running `picot node`, killed when dropped.
pub struct NodeProcess {
    child: Child,
    output: Arc<Output>,
    url: String,
    data: PathBuf,
}

impl NodeProcess {
    /// Starts a development node on a data directory and a free port, and waits until it answers.
    ///
    /// # Panics
    /// It ends, or says no address.
    #[must_use]
    pub fn start_dev(data: &Path) -> Self {
        Self::start(data, &["--dev"])
    }

    /// As [`NodeProcess::start_dev`], with these arguments instead of `--dev`.
    ///
    /// # Panics
    /// It ends, or says no address.
    #[must_use]
    pub fn start(data: &Path, args: &[&str]) -> Self {
        Self::begin(data, args).answering()
    }

    /// As [`NodeProcess::start`], without waiting until it answers: one that receives a state does not.
    ///
    /// # Panics
    /// It cannot be run.
    #[must_use]
    pub fn begin(data: &Path, args: &[&str]) -> Self {
        // A free port, unless the test wants a certain one.
        let api: &[&str] = if args.contains(&"--api") {
            &[]
        } else {
            &["--api", "127.0.0.1:0"]
        };
        let mut child = Command::new(picot())
            .args(["node", "--data"])
            .arg(data)
            .args(api)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("picot starts");
        let output = Arc::new(Output::default());
        collect(child.stdout.take().expect("piped"), &output);
        collect(child.stderr.take().expect("piped"), &output);
        Self {
            child,
            output,
            url: String::new(),
            data: data.to_owned(),
        }
    }

    /// Waits until it answers.
    ///
    /// # Panics
    /// It ends, or says no address.
    #[must_use]
    pub fn answering(mut self) -> Self {
        let line = self.wait_for_line("the address of its interface", |line| {
            line.contains("http://")
        });
        let start = line.find("http://").expect("just seen");
        self.url = line[start..]
            .split_whitespace()
            .next()
            .expect("an address")
            .trim_end_matches('/')
            .to_owned();
        self
    }

    /// Where its interface is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data directory, as an argument.
    #[must_use]
    pub fn data(&self) -> &str {
        self.data.to_str().expect("a path of letters")
    }

    /// What it wrote so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.output
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a line.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_for_line(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let lines = self
                .output
                .lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(line) = lines.iter().find(|line| is_it(line)) {
                return line.clone();
            }
            let (lines, _) = self
                .output
                .grown
                .wait_timeout(lines, LOOK_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner);
            let has_ended = self.child.try_wait().expect("a child").is_some();
            let found = lines.iter().any(|line| is_it(line));
            let text = lines.join("\n");
            drop(lines);
            assert!(
                found || !has_ended,
                "the node ended before it said {what}:\n{text}"
            );
            assert!(
                start.elapsed() < PATIENCE,
                "the node did not say {what}:\n{text}"
            );
        }
    }

    /// Asks its interface.
    ///
    /// # Panics
    /// It does not answer.
    pub fn get(&self, path: &str) -> (u16, Json) {
        self.try_get(path).expect("the node answers")
    }

    fn try_get(&self, path: &str) -> Option<(u16, Json)> {
        let mut response = agent()
            .get(format!("{}/api/v1{path}", self.url))
            .call()
            .ok()?;
        let text = response.body_mut().read_to_string().ok()?;
        Some((
            response.status().as_u16(),
            serde_json::from_str(&text).unwrap_or(Json::String(text)),
        ))
    }

    /// Sends to its interface.
    ///
    /// # Panics
    /// It does not answer.
    pub fn post(&self, path: &str, body: &str) -> (u16, Json) {
        let request = agent().post(format!("{}/api/v1{path}", self.url));
        let mut response = request
            .content_type("application/json")
            .send(body)
            .expect("the node answers");
        let text = response
            .body_mut()
            .read_to_string()
            .expect("the node answers with text");
        (
            response.status().as_u16(),
            serde_json::from_str(&text).unwrap_or(Json::String(text)),
        )
    }

    /// Its status.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn status(&self) -> StatusResponse {
        serde_json::from_value(self.get("/status").1).expect("a status")
    }

    /// Waits until it answers, where it did before.
    ///
    /// # Panics
    /// It never does.
    pub fn wait_for_answers(&self) {
        self.wait_for("answering", || self.try_get("/status").map(|_| ()));
    }

    /// Waits until its status is as wanted.
    ///
    /// # Panics
    /// It never is.
    pub fn wait_for_status(
        &self,
        what: &str,
        is_it: impl Fn(&StatusResponse) -> bool,
    ) -> StatusResponse {
        let start = Instant::now();
        loop {
            // One that begins again in its process does not answer for a while.
            let answer = self.try_get("/status");
            let status = answer.map(|(_, body)| serde_json::from_value(body).expect("a status"));
            if let Some(status) = status.as_ref().filter(|status| is_it(status)) {
                return StatusResponse::clone(status);
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never {what}: {status:#?}\n{}",
                self.lines().join("\n")
            );
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Waits until something is there.
    ///
    /// # Panics
    /// It never is.
    pub fn wait_for<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never {what}:\n{}",
                self.lines().join("\n")
            );
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// What becomes final from a slot on, as it does: an event for each slot, for ever.
    ///
    /// # Panics
    /// It does not answer.
    pub fn final_slots(&self, from: Slot) -> impl Iterator<Item = SlotEvent> + use<> {
        slot_events(&self.url, from).expect("the node answers")
    }

    /// Where it listens for other nodes, on loopback.
    ///
    /// # Panics
    /// It does not say.
    #[must_use]
    pub fn listens_at(&mut self) -> SocketAddrV4 {
        let line = self.wait_for_line("where it listens", |line| line.contains("listens on"));
        let port = line.rsplit('/').next().and_then(|port| port.parse().ok());
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port.expect("a port"))
    }

    /// Its peers and bans.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn peers(&self) -> PeersResponse {
        let listed = self.command(&["peers", "list", "--json"]);
        assert_eq!(listed.code, 0, "{listed:?}");
        serde_json::from_str(&listed.stdout).expect("peers")
    }

    /// The most memory that it ever had, in KiB; none where the system does not tell.
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Runs a command of `picot` against it: `--api` and `--data` are added where they belong.
    ///
    /// # Panics
    /// It cannot be run.
    pub fn command(&self, args: &[&str]) -> Finished {
        let mut all = args.to_vec();
        let command = args.first();
        let is_local = matches!(command, Some(&("factory" | "keys" | "peers")));
        if !is_local {
            all.extend(["--api", self.url()]);
        }
        if is_local || matches!(command, Some(&("transfer" | "buy-rolls" | "sell-rolls"))) {
            all.extend(["--data", self.data()]);
        }
        run_picot(&all)
    }

    /// Stops it with a signal, and gives its exit status and what it wrote.
    ///
    /// # Panics
    /// It does not end.
    pub fn stop(mut self, signal: &str) -> (ExitStatus, Vec<String>) {
        self.signal(signal);
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status, self.lines());
            }
            assert!(
                start.elapsed() < PATIENCE,
                "it did not stop:\n{}",
                self.lines().join("\n")
            );
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Ends it at once, as a power cut would the process.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("a child");
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(
            killed.expect("kill runs").success(),
            "the node takes {signal}"
        );
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

/// Keeps what a process writes, line by line, on a thread that ends with it.
fn collect(stream: impl Read + Send + 'static, output: &Arc<Output>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            output
                .lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
            output.grown.notify_all();
        }
    });
}
