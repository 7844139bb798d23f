//! The control interface of the node that runs on a data directory.

use super::CliError;
use crate::client::{ClientError, ControlClient};
use crate::data_layout::DataLayout;
use std::path::Path;

/// Asks the node that runs on a directory.
pub(super) fn ask<T>(
    data: &Path,
    action: &str,
    ask: impl FnOnce(&ControlClient) -> Result<T, ClientError>,
) -> Result<T, CliError> {
    let layout = DataLayout::new(data);
    let client = ControlClient::of_data(&layout);
    let client = client.ok_or_else(|| CliError::NotRunning(data.to_owned()))?;
    ask(&client).map_err(|source| failed(data, action, source))
}

/// As [`ask`], but gives nothing if no node runs there.
pub(super) fn ask_if_running<T>(
    data: &Path,
    action: &str,
    question: impl FnOnce(&ControlClient) -> Result<T, ClientError>,
) -> Result<Option<T>, CliError> {
    match ask(data, action, question) {
        Ok(answer) => Ok(Some(answer)),
        Err(CliError::NotRunning(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(data: &Path, action: &str, source: ClientError) -> CliError {
    match source {
        // A node that was killed leaves its file behind.
        ClientError::Unreachable { .. } => CliError::NotRunning(data.to_owned()),
        source => CliError::Node {
            action: action.to_owned(),
            source,
        },
    }
}
