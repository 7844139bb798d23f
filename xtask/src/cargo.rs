//! The one way in which tasks run cargo.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::failure::{Failure, Outcome};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The cargo that runs this task, or the one in the path.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Packages, targets and the resolved graph, for all platforms.
pub(crate) fn metadata() -> Result<Metadata, Failure> {
    MetadataCommand::new()
        .cargo_path(program())
        .current_dir(root())
        .exec()
        .map_err(|error| Failure::Task(format!("cargo metadata failed: {error}")))
}

/// Whether `cargo <name>` is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    Command::new(program())
        .args([name, "--version"])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// One call of cargo: what is run is also what is shown to be run by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Invocation {
    pub(crate) fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            arguments: arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned())
                .collect(),
            variables: Vec::new(),
        }
    }

    /// Adds arguments at the end.
    pub(crate) fn and<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets an environment variable for this call.
    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    /// The process to start; in the caller's working folder, unless the task changes that.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.args(&self.arguments).envs(
            self.variables
                .iter()
                .map(|(variable, value)| (variable, value)),
        );
        command
    }

    /// Runs it in the workspace folder, its output passing through, and waits.
    pub(crate) fn run(&self) -> Outcome {
        eprintln!("$ {self}");
        let status = self
            .command()
            .current_dir(root())
            .status()
            .map_err(|error| self.did_not_start(&error))?;
        if status.success() {
            return Ok(());
        }
        let code = status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1);
        Err(Failure::Program(code))
    }

    /// Runs it in the workspace folder and returns what it printed; its standard error passes through.
    pub(crate) fn output(&self) -> Result<String, Failure> {
        let output = self
            .command()
            .current_dir(root())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| self.did_not_start(&error))?;
        if !output.status.success() {
            return Err(Failure::Task(format!("'{self}' failed")));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| Failure::Task(format!("'{self}' printed something that is not UTF-8")))
    }

    pub(crate) fn did_not_start(&self, error: &std::io::Error) -> Failure {
        Failure::Task(format!("'{self}' could not be started: {error}"))
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (variable, value) in &self.variables {
            write!(formatter, "{variable}={} ", quoted(value))?;
        }
        write!(formatter, "cargo")?;
        for argument in &self.arguments {
            write!(formatter, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

/// A word as a shell wants it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_shown_as_it_would_be_typed() {
        let invocation = Invocation::new(["doc", "--no-deps"])
            .and(["it's"])
            .with("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            invocation.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"
        );
    }

    #[test]
    fn the_code_of_a_failing_cargo_is_passed_on() {
        let failure = Invocation::new(["no-such-command-of-cargo"])
            .run()
            .unwrap_err();
        assert!(matches!(failure, Failure::Program(code) if code != 0));
    }

    #[test]
    fn a_missing_subcommand_is_seen() {
        assert!(has_subcommand("clippy"));
        assert!(!has_subcommand("no-such-command-of-cargo"));
    }
}
