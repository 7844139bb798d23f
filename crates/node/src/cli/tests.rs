//! Whole commands: what they print, what they ask a node, and how they end.

mod chain;
mod config;
mod contracts;
mod factory;
mod genesis;
mod keys;
mod load;
mod parsing;
mod protection;
mod read;
mod send;

use super::*;
use crate::data_layout::DataLayout;
use picot_client::mocks::StubNode;
use picot_clock::{Clock, ManualClock};
use picot_models::{Address, Timestamp};
use std::collections::VecDeque;
use std::io;
use zeroize::Zeroizing;

/// A person who types prepared answers, or nobody.
pub(crate) struct FakePrompt {
    answers: Option<VecDeque<String>>,
}

impl FakePrompt {
    pub(crate) fn answering(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| (*answer).to_owned());
        Self {
            answers: Some(answers.collect()),
        }
    }

    pub(crate) fn nobody() -> Self {
        Self { answers: None }
    }

    fn next(&mut self) -> io::Result<String> {
        let answers = self.answers.as_mut();
        let next = answers.and_then(VecDeque::pop_front);
        next.ok_or_else(|| io::Error::other("nobody answers"))
    }
}

impl Prompt for FakePrompt {
    fn is_interactive(&self) -> bool {
        self.answers.is_some()
    }

    fn secret(&mut self, _question: &str) -> io::Result<Zeroizing<String>> {
        self.next().map(Zeroizing::new)
    }

    fn line(&mut self, _question: &str) -> io::Result<String> {
        self.next()
    }
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// A data directory of development, in which the passphrase needs no typing.
struct DevDirectory(tempfile::TempDir);

impl DevDirectory {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = DataLayout::new(directory.path()).dev_passphrase_file();
        std::fs::write(&path, "dev\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(directory)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn layout(&self) -> DataLayout {
        DataLayout::new(self.0.path())
    }

    /// As if this node ran on the directory.
    fn is_run_by(&self, node: &StubNode) {
        let address = node.url().to_string().replace("http://", "");
        let access = crate::control_file::ControlAccess {
            address: address.parse().unwrap(),
            token: "open sesame".to_owned(),
        };
        let text = serde_json::to_string(&access).unwrap();
        std::fs::write(self.layout().control_file(), text).unwrap();
    }

    fn new_key(&self) -> Address {
        let ended = picot(&["keys", "new", "--json", "--data", self.path()]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let answer: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        answer["address"].as_str().unwrap().parse().unwrap()
    }
}

/// Runs `picot` with these arguments, nobody at the terminal, and time that passes in pauses.
fn picot(arguments: &[&str]) -> Ended {
    picot_with(arguments, &mut FakePrompt::nobody(), None)
}

fn picot_with(
    arguments: &[&str],
    prompt: &mut dyn Prompt,
    passphrase: Option<Passphrase>,
) -> Ended {
    picot_in(arguments, prompt, passphrase, &Environment::default())
}

fn picot_in(
    arguments: &[&str],
    prompt: &mut dyn Prompt,
    passphrase: Option<Passphrase>,
    environment: &Environment,
) -> Ended {
    let arguments = std::iter::once("picot").chain(arguments.iter().copied());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            return Ended {
                code: error.exit_code(),
                out: String::new(),
                err: error.to_string(),
            };
        }
    };
    let clock = ManualClock::new(Timestamp(1_767_225_600_000));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(
        cli,
        &mut World {
            out: &mut out,
            err: &mut err,
            prompt,
            passphrase,
            environment,
            clock: &clock as &dyn Clock,
            pause: &mut |length| {
                clock.advance(length).unwrap();
            },
        },
    );
    Ended {
        code,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// As [`picot`], asking a node.
fn picot_at(node: &StubNode, arguments: &[&str]) -> Ended {
    let url = node.url().to_string();
    picot(&[arguments, &["--api", &url]].concat())
}

/// Where no node is.
fn no_node() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn output_that_nobody_reads_ends_the_command_without_a_word() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = DevDirectory::new();
    directory.new_key();
    let cli = Cli::try_parse_from(["picot", "keys", "list", "--data", directory.path()]).unwrap();
    let mut err = Vec::new();
    let code = run(
        cli,
        &mut World {
            out: &mut Closed,
            err: &mut err,
            prompt: &mut FakePrompt::nobody(),
            passphrase: None,
            environment: &Environment::default(),
            clock: &SystemClock,
            pause: &mut |_| (),
        },
    );
    assert_eq!((code, err.len()), (1, 0));
}
