//! Where the passphrase of a key file comes from.

use crate::data_layout::DataLayout;
use displaydoc::Display;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// The environment variable with the passphrase.
const VARIABLE: &str = "PICOT_PASSPHRASE";
/// Where a passphrase of a person comes from.
const TYPED: &str = "what was typed";
/// The most bytes of a passphrase file.
const MAX_BYTES: u64 = 1_024;

/// A passphrase: erased from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a text as passphrase.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// That of the environment variable `PICOT_PASSPHRASE`, if it is set to text.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        std::env::var_os(VARIABLE)
            .map(OsString::into_string)
            .and_then(Result::ok)
            .map(Self::new)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(..)")
    }
}

/// Why there is no passphrase.
#[derive(Debug, Display, Error)]
pub enum PassphraseError {
    /// cannot read passphrase file {path}
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// passphrase file {path} has more than {max} bytes
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// passphrase file {0} is not UTF-8 text
    NotText(PathBuf),
    /// development passphrase file {path} is open to other users of this machine (mode {mode})
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions, in octal.
        mode: String,
    },
    /// {0} is empty
    Empty(String),
    /// none was given, and there is no terminal to ask for it
    NobodyToAsk,
    /// the two that were typed differ
    Different,
    /// asking for it failed
    Prompt(#[source] io::Error),
}

impl PassphraseError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NobodyToAsk => Some(format!(
                "give it with `--passphrase-file` or the environment variable {VARIABLE}"
            )),
            Self::Exposed { path, .. } => Some(format!("`chmod 600 {}`", path.display())),
            Self::Different | Self::Prompt(_) => None,
            _ => Some("name a file that has it with `--passphrase-file`".to_owned()),
        }
    }
}

/// What a passphrase is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To open a key file.
    Unlock,
    /// To make one: asked for twice, and never empty.
    Create,
}

/// Asks a person.
pub trait Prompt {
    /// Whether there is somebody to ask.
    fn is_interactive(&self) -> bool;

    /// Asks without showing what is typed.
    ///
    /// # Errors
    /// Those of the terminal.
    fn secret(&mut self, question: &str) -> io::Result<Zeroizing<String>>;

    /// Asks for a line.
    ///
    /// # Errors
    /// Those of the terminal.
    fn line(&mut self, question: &str) -> io::Result<String>;
}

/// Asks at the terminal of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPrompt;

impl Prompt for SystemPrompt {
    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn secret(&mut self, question: &str) -> io::Result<Zeroizing<String>> {
        rpassword::prompt_password(question).map(Zeroizing::new)
    }

    fn line(&mut self, question: &str) -> io::Result<String> {
        let mut err = io::stderr();
        err.write_all(question.as_bytes())?;
        err.flush()?;
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

/// Where to look, in this order: the file that was named, the environment, the development
/// passphrase of the data directory, a person.
#[derive(Debug, Clone, Default)]
pub struct PassphraseSource {
    /// The file that was named.
    pub file: Option<PathBuf>,
    /// What the environment gives.
    pub environment: Option<Passphrase>,
}

impl PassphraseSource {
    /// Finds the passphrase of a data directory's key file.
    ///
    /// # Errors
    /// A file that cannot be used, nobody to ask, or a passphrase that protects nothing.
    pub fn obtain(
        &self,
        layout: &DataLayout,
        purpose: Purpose,
        prompt: &mut dyn Prompt,
    ) -> Result<Passphrase, PassphraseError> {
        let of_file = |path: &Path| format!("passphrase file {}", path.display());
        let (found, place) = match (&self.file, &self.environment) {
            (Some(path), _) => (read_file(path)?, of_file(path)),
            (None, Some(passphrase)) => (
                passphrase.clone(),
                format!("environment variable {VARIABLE}"),
            ),
            (None, None) => match dev_passphrase(layout)? {
                Some(passphrase) => (passphrase, of_file(&layout.dev_passphrase_file())),
                None => (ask(layout, purpose, prompt)?, TYPED.to_owned()),
            },
        };
        if found.as_str().is_empty() {
            return Err(PassphraseError::Empty(place));
        }
        Ok(found)
    }
}

/// The passphrase that a development directory holds, if it is one.
fn dev_passphrase(layout: &DataLayout) -> Result<Option<Passphrase>, PassphraseError> {
    let path = layout.dev_passphrase_file();
    if !layout.is_dev() {
        return Ok(None);
    }
    check_mode(&path)?;
    read_file(&path).map(Some)
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), PassphraseError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = path.metadata().map_err(|source| PassphraseError::File {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(PassphraseError::Exposed {
        path: path.to_owned(),
        mode: format!("{mode:04o}"),
    })
}

#[cfg(not(unix))]
fn check_mode(_path: &Path) -> Result<(), PassphraseError> {
    Ok(())
}

fn read_file(path: &Path) -> Result<Passphrase, PassphraseError> {
    let path = path.to_owned();
    let mut bytes = Zeroizing::new(Vec::with_capacity(2_048));
    let read = File::open(&path).and_then(|file| {
        let mut bounded = file.take(MAX_BYTES.saturating_add(1));
        bounded.read_to_end(&mut bytes)
    });
    if let Err(source) = read {
        return Err(PassphraseError::File { path, source });
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        let max = MAX_BYTES;
        return Err(PassphraseError::TooLong { path, max });
    }
    match std::str::from_utf8(&bytes) {
        // The line end that editors add is not part of it.
        Ok(text) => Ok(Passphrase::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        )),
        Err(_) => Err(PassphraseError::NotText(path)),
    }
}

fn ask(
    layout: &DataLayout,
    purpose: Purpose,
    prompt: &mut dyn Prompt,
) -> Result<Passphrase, PassphraseError> {
    if !prompt.is_interactive() {
        return Err(PassphraseError::NobodyToAsk);
    }
    let keys = layout.keys_file();
    let mut typed = |question: String| prompt.secret(&question).map_err(PassphraseError::Prompt);
    match purpose {
        Purpose::Unlock => typed(format!("Passphrase of {}: ", keys.display())).map(Passphrase),
        Purpose::Create => {
            let first = typed(format!("New passphrase for {}: ", keys.display()))?;
            if first.is_empty() {
                return Err(PassphraseError::Empty(TYPED.to_owned()));
            }
            let second = typed("The same again: ".to_owned())?;
            if first != second {
                return Err(PassphraseError::Different);
            }
            Ok(Passphrase(first))
        }
    }
}

#[cfg(test)]
mod tests;
