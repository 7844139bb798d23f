//! A browser that is driven: Chromium by its own driver, over the few commands of WebDriver that are
//! used here. A client library would bring an async runtime and forty crates for six requests.

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a condition may take to come, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// No window, nothing that is asked of anybody but the page, and a profile of its own.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en-GB",
];

/// A browser with one page. It ends when dropped.
pub(crate) struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    /// Its profile goes with it.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it with a window of that size.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub(crate) fn start(width: u32, height: u32) -> Self {
        let driver = program("PICOT_CHROMEDRIVER", &["chromedriver"]);
        let chromium = program(
            "PICOT_CHROMIUM",
            &["chromium", "chromium-browser", "google-chrome"],
        );
        let mut driver = Command::new(&driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{driver} does not start: {error}"));
        let port = port_of(&mut driver);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let profile = tempfile::tempdir().expect("a directory");
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--window-size={width},{height}"));
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let root = format!("http://127.0.0.1:{port}/session");
        let made = send(
            agent
                .post(&root)
                .content_type("application/json")
                .send(wanted.to_string()),
        );
        let id = made["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {made}"));
        Self {
            session: format!("{root}/{id}"),
            driver,
            agent,
            _profile: profile,
        }
    }

    /// The process of the driver, whose descendants are all of the browser.
    #[allow(
        dead_code,
        reason = "for the measurement, which is another program than the tests"
    )]
    pub(crate) fn process(&self) -> u32 {
        self.driver.id()
    }

    pub(crate) fn open(&self, url: &str) {
        // The browser has a first page of its own, whose requests are not those of the page.
        self.post("/url", &json!({"url": "about:blank"}));
        self.requests();
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs a function body in the page, and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Json {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true, and gives its value.
    ///
    /// # Panics
    /// It never is.
    pub(crate) fn wait_for(&self, what: &str, expression: &str) -> Json {
        let start = Instant::now();
        let script = format!("return ({expression})");
        loop {
            let found = self.run(&script);
            if found.as_bool() != Some(false) && !found.is_null() {
                return found;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never {what}; the page says:\n{}\n{:#?}",
                self.run("return document.body.innerText"),
                self.complaints()
            );
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Presses keys one after the other; names are those of WebDriver, such as `\u{E007}` for Enter.
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let strokes: Vec<Json> = strokes.collect();
        self.post(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}),
        );
    }

    /// Takes the window off the screen: its page is out of sight.
    #[allow(dead_code, reason = "the pictures and the measurement need none")]
    pub(crate) fn hide(&self) {
        self.post("/window/minimize", &json!({}));
    }

    /// Brings the window back.
    #[allow(dead_code, reason = "the pictures and the measurement need none")]
    pub(crate) fn unhide(&self) {
        self.post("/window/rect", &json!({"x": 0, "y": 0}));
    }

    /// A command of the browser's own protocol.
    pub(crate) fn command(&self, name: &str, parameters: &Json) -> Json {
        self.post(
            "/goog/cdp/execute",
            &json!({"cmd": name, "params": parameters}),
        )
    }

    /// What the console has that is not mere information, since the last call.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().expect("a list").iter();
        let bad =
            entries.filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")));
        bad.map(|entry| entry["message"].to_string()).collect()
    }

    /// The addresses of all requests since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "performance"}));
        let entries = entries.as_array().expect("a list").iter();
        let messages = entries
            .filter_map(|entry| serde_json::from_str::<Json>(entry["message"].as_str()?).ok());
        let sent = messages.filter(|it| it["message"]["method"] == "Network.requestWillBeSent");
        sent.map(|it| {
            it["message"]["params"]["request"]["url"]
                .as_str()
                .expect("an address")
                .to_owned()
        })
        .collect()
    }

    fn post(&self, path: &str, body: &Json) -> Json {
        let url = format!("{}{path}", self.session);
        send(
            self.agent
                .post(&url)
                .content_type("application/json")
                .send(body.to_string()),
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser; without it, the browser would stay.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The value of an answer.
fn send(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Json {
    let mut answer = answer.expect("the driver answers");
    let text = answer
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_string();
    let text = text.expect("the driver answers with text");
    let json: Json = serde_json::from_str(&text).expect("the driver answers with JSON");
    assert!(answer.status().is_success(), "the driver refuses: {text}");
    json["value"].clone()
}

/// The first of these that is there; a variable may name another one.
fn program(variable: &str, names: &[&str]) -> String {
    if let Some(named) = std::env::var_os(variable) {
        return named.to_str().expect("a path of letters").to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let found = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file());
    let found =
        found.unwrap_or_else(|| panic!("{names:?} is missing: see `cargo xtask help browser`"));
    found.to_str().expect("a path of letters").to_owned()
}

/// The port that the driver chose.
fn port_of(driver: &mut Child) -> u16 {
    let output = BufReader::new(driver.stdout.take().expect("piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("started successfully on port"));
    let line = line.expect("the driver starts");
    // Whoever stops reading would end it.
    std::thread::spawn(move || lines.for_each(drop));
    let port = line.trim_end_matches('.').rsplit(' ').next();
    port.and_then(|port| port.parse().ok()).expect("a port")
}
