//! The control interface of the node that runs on a data directory.

use super::CliError;
use crate::control_file;
use crate::data_layout::DataLayout;
use picot_client::{ClientError, ControlClient};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

/// Asks the node that runs on a directory.
pub(super) fn ask<T>(
    data: &Path,
    action: &str,
    ask: impl FnOnce(&ControlClient) -> Result<T, ClientError>,
) -> Result<T, CliError> {
    let layout = DataLayout::new(data);
    let client = control_file::client(&layout).map_err(|source| CliError::ControlFile {
        path: layout.control_file(),
        source,
    })?;
    let client = client.ok_or_else(|| not_there(data))?;
    ask(&client).map_err(|source| failed(data, action, source))
}

/// As [`ask`], but gives nothing if no node can be asked there. Whoever then changes something calls
/// [`keep_nodes_away`].
pub(super) fn ask_if_running<T>(
    data: &Path,
    action: &str,
    question: impl FnOnce(&ControlClient) -> Result<T, ClientError>,
) -> Result<Option<T>, CliError> {
    match ask(data, action, question) {
        Ok(answer) => Ok(Some(answer)),
        Err(CliError::NotRunning(_) | CliError::InUse(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a node away from a directory whose keys are changed without it, until the file is dropped.
/// None if no node ever used the directory.
///
/// # Errors
/// A node uses it, which does not tell where it can be asked: it would go on using a key that was
/// removed behind its back.
pub(super) fn keep_nodes_away(data: &Path) -> Result<Option<File>, CliError> {
    let path = DataLayout::new(data).lock_file();
    let failed = |source| CliError::File {
        action: "open",
        path: path.clone(),
        source,
    };
    let lock = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        lock => lock.map_err(failed)?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(CliError::InUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Nobody answers for a directory: because nobody uses it, or in spite of that.
fn not_there(data: &Path) -> CliError {
    match keep_nodes_away(data) {
        Err(in_use @ CliError::InUse(_)) => in_use,
        _ => CliError::NotRunning(data.to_owned()),
    }
}

fn failed(data: &Path, action: &str, source: ClientError) -> CliError {
    match source {
        // A node that was killed leaves its file behind.
        ClientError::Unreachable { .. } => not_there(data),
        source => CliError::Node {
            action: action.to_owned(),
            source,
        },
    }
}
