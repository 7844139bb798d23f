//! `picot bootstrap`: how far a node is in receiving a state.

use super::args::{BootstrapCommand, DbArgs};
use super::{CliError, World};
use crate::bootstrap::read_status;
use crate::data_layout::DataLayout;

pub(super) fn run(command: &BootstrapCommand, world: &mut World<'_>) -> Result<(), CliError> {
    let BootstrapCommand::Status(arguments) = command;
    status(arguments, world)
}

fn status(arguments: &DbArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let layout = DataLayout::new(&arguments.data);
    let status = read_status(&layout.bootstrap_file()).map_err(|error| CliError::Check {
        data: arguments.data.clone(),
        source: Box::new(error),
    })?;
    if arguments.json {
        return world.say_json(&status);
    }
    match status {
        None => world.say(format_args!("this node has received no state from others")),
        Some(status) => {
            let at = picot_models::Timestamp(status.at);
            world.say(format_args!("{}\nas of {at}", status.text()))
        }
    }
}
