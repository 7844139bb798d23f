//! `picot config`: the settings of a node, checked, shown and documented.

use super::args::{ConfigCheckArgs, ConfigCommand, ConfigShowArgs};
use super::settings::{self, FILE_VARIABLE, SettingsError, ShownSetting};
use super::{CliError, World, tables};
use std::path::PathBuf;

pub(super) fn run(command: ConfigCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        ConfigCommand::Check(arguments) => check(arguments, world),
        ConfigCommand::Show(arguments) => show(&arguments, world),
        ConfigCommand::Example => world.say(settings::example().trim_end()),
    }
}

fn check(arguments: ConfigCheckArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let path = arguments.file;
    let path = path.or_else(|| world.environment.get(FILE_VARIABLE).map(PathBuf::from));
    let path = path.ok_or(SettingsError::NoFile)?;
    let count = settings::check_file(&path)?;
    world.note_unknown_variables();
    world.say(format_args!(
        "{} is good: it says {count} of the settings",
        path.display()
    ))
}

fn show(arguments: &ConfigShowArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let merged = settings::merge(&arguments.settings, world.environment)?;
    let shown = settings::shown(&merged);
    world.note_unknown_variables();
    if arguments.json {
        return world.say_json(&shown);
    }
    world.say(table(shown))
}

fn table(shown: Vec<ShownSetting>) -> String {
    let row = |setting: ShownSetting| vec![setting.key.to_owned(), setting.text, setting.place];
    let rows = shown.into_iter().map(row).collect();
    tables::list(&["setting", "value", "said where"], rows)
}
