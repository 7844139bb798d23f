//! `picot factory`: production of the node that runs on a data directory.

use super::args::{ControlArgs, Factory, FactoryCommand, FactoryHistoryArgs, FactorySwitchArgs};
use super::{CliError, World, control, tables};
use picot_api::control::types::{FactoriesResponse, FactoryName};

pub(super) fn run(command: FactoryCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        FactoryCommand::Status(arguments) => status(&arguments, world),
        FactoryCommand::Enable(arguments) => switch(&arguments, true, world),
        FactoryCommand::Disable(arguments) => switch(&arguments, false, world),
        FactoryCommand::History(arguments) => history(&arguments, world),
    }
}

fn name(factory: Factory) -> FactoryName {
    match factory {
        Factory::Blocks => FactoryName::Blocks,
        Factory::Endorsements => FactoryName::Endorsements,
    }
}

fn status(arguments: &ControlArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let answer = control::ask(&arguments.data, "read the factories", |node| {
        node.factories()
    })?;
    tell(&answer, arguments.json, world)
}

fn switch(
    arguments: &FactorySwitchArgs,
    enabled: bool,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let control = &arguments.control;
    let chosen = arguments
        .factory
        .map_or_else(|| FactoryName::ALL.to_vec(), |factory| vec![name(factory)]);
    let mut factories = Vec::new();
    for factory in chosen {
        let action = format!("switch the factory of {factory}");
        let switched = control::ask(&control.data, &action, |node| node.switch(factory, enabled));
        factories.push(switched?);
    }
    tell(&FactoriesResponse { factories }, control.json, world)
}

fn tell(answer: &FactoriesResponse, json: bool, world: &mut World<'_>) -> Result<(), CliError> {
    if json {
        return world.say_json(answer);
    }
    world.say(tables::factories(answer))
}

fn history(arguments: &FactoryHistoryArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let (factory, control) = (name(arguments.factory), &arguments.control);
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let action = format!("read the history of {factory}");
    let answer = control::ask(&control.data, &action, |node| {
        node.history(factory, arguments.before, limit)
    })?;
    if control.json {
        return world.say_json(&answer);
    }
    if answer.entries.is_empty() {
        world.note(format_args!("no key of this node was due for {factory}"));
        return Ok(());
    }
    world.say(tables::history(&answer))?;
    if let Some(next) = answer.next {
        world.note(format_args!("there is more: `--before {next}`"));
    }
    Ok(())
}
