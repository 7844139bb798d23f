//! What a command touches outside of files and the node's interface.

use super::{CliError, Environment, Passphrase, Prompt};
use picot_clock::{Clock, Millis};
use serde::Serialize;
use std::error::Error;
use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// The surroundings of a command.
pub struct World<'a> {
    /// Where results go.
    pub out: &'a mut dyn Write,
    /// Where progress, warnings and errors go.
    pub err: &'a mut dyn Write,
    /// Who is asked.
    pub prompt: &'a mut dyn Prompt,
    /// The passphrase of the environment.
    pub passphrase: Option<Passphrase>,
    /// The other variables of the environment that are this program's.
    pub environment: &'a Environment,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Sleeps.
    pub pause: &'a mut dyn FnMut(Millis),
}

impl World<'_> {
    /// Prints a result.
    pub(crate) fn say(&mut self, text: impl Display) -> Result<(), CliError> {
        writeln!(self.out, "{text}").map_err(CliError::Output)?;
        self.out.flush().map_err(CliError::Output)
    }

    /// Prints a result for programs.
    pub(crate) fn say_json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let json = serde_json::to_string_pretty(value);
        self.say(json.map_err(|error| CliError::Output(error.into()))?)
    }

    /// Prints what is not the result. That nobody reads it is no failure.
    pub(crate) fn note(&mut self, text: impl Display) {
        let _ = writeln!(self.err, "{text}");
    }

    /// A mistyped variable is no error: other programs may have theirs. It is told.
    pub(crate) fn note_unknown_variables(&mut self) {
        let environment = self.environment;
        for name in environment.unknown() {
            self.note(format_args!(
                "warning: environment variable {name} is no setting"
            ));
        }
    }

    /// Tells an error with its causes, and what to do about it.
    pub(crate) fn report(&mut self, error: &CliError) {
        // Whoever stopped reading knows why.
        if matches!(error, CliError::Output(error) if error.kind() == ErrorKind::BrokenPipe) {
            return;
        }
        self.note(format_args!("error: {}", with_causes(error)));
        if let Some(hint) = error.hint() {
            self.note(format_args!("  hint: {hint}"));
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
