//! `picot checkpoint`: what validators certified.

use super::args::{CheckpointCommand, CheckpointShowArgs};
use super::{CliError, World, read, tables};
use picot_client::ApiClient;

pub(super) fn run(command: &CheckpointCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        CheckpointCommand::Show(arguments) => show(arguments, world),
    }
}

fn show(arguments: &CheckpointShowArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let Some(slot) = arguments.slot else {
        let ask = |client: &ApiClient| client.checkpoints();
        let action = "read the checkpoints";
        return read::show(&arguments.node, action, ask, tables::checkpoints, world);
    };
    let ask = |client: &ApiClient| client.checkpoint(slot);
    let action = format!("read the checkpoint of slot {slot}");
    read::show(&arguments.node, &action, ask, tables::checkpoint, world)
}
