//! How a task ends when it does not end well.

use std::process::ExitCode;

/// What every task returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a task ended, and with which exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// The task could not be done, or found something: exit code 1.
    Task(String),
    /// A program that the task ran ended with this code and has said why itself.
    Program(u8),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Task(_) => 1,
            Self::Program(code) => *code,
        })
    }

    /// What is left to say, if anything.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Usage(message) | Self::Task(message) => Some(message),
            Self::Program(_) => None,
        }
    }
}
