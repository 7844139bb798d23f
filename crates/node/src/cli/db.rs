//! `picot db`: care for a stopped node's data.

use super::args::{DbArgs, DbCommand};
use super::{CliError, World};
use crate::data_layout::DataLayout;
use crate::db_check;

pub(super) fn run(command: DbCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        DbCommand::Check(arguments) => check(&arguments, world),
    }
}

fn check(arguments: &DbArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let layout = DataLayout::new(&arguments.data);
    let report = db_check::check(&layout).map_err(|error| CliError::Check {
        data: arguments.data.clone(),
        source: Box::new(error),
    })?;
    if arguments.json {
        return world.say_json(&report);
    }
    world.say(format_args!(
        "state     final up to slot {}\n          state hash {}: stored, recomputed from all pairs, and that of the archive executed again",
        report.last_final_slot, report.state_hash
    ))?;
    world.say(format_args!(
        "archive   {} decisions, {} blocks; {} decisions to execute at the next start",
        report.outcomes, report.blocks, report.outcomes_to_execute
    ))?;
    world.say(format_args!(
        "signing   {} blocks of our keys, each the only header claimed for its slot",
        report.own_blocks
    ))
}
