//! A process that may end at any moment, and whose output goes to a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        variable: Option<(&str, String)>,
        log: &Path,
    ) -> Self {
        let out = File::create(log).expect("a file for what it says");
        let err = out.try_clone().expect("the same file");
        let child = Command::new(program)
            .args(arguments)
            .envs(variable)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .expect("it starts");
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// What it said so far.
    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(&self.log).expect("what it says");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Where its interface is, once it says so.
    pub(crate) fn url(&self) -> Option<String> {
        let output = self.output();
        let start = output.find("http://")?;
        let line = output[start..].split_once('\n')?.0;
        Some(
            line.split_whitespace()
                .next()?
                .trim_end_matches('/')
                .to_owned(),
        )
    }

    pub(crate) fn kill(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        self.child.wait().expect("a child");
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.expect("kill runs").success());
    }

    /// Asks it to stop, and says how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.child.wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
