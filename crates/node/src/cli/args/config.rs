//! Arguments of `picot config` and `picot completions`.

use super::SettingArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a file of settings: names every key that is unknown and every value that is wrong, by line
    #[command(after_help = "\
Examples:
  picot config check /etc/picot/picot.toml
  PICOT_CONFIG=/etc/picot/picot.toml picot config check

Variables of the environment that look like settings and are none are named too.")]
    Check(ConfigCheckArgs),
    /// Show what a node would be started with, and where each value was said
    #[command(after_help = "\
Examples:
  picot config show                              defaults and the environment
  picot config show --config /etc/picot/picot.toml --min-fee 0.01
  picot config show --config /etc/picot/picot.toml --json")]
    Show(Box<ConfigShowArgs>),
    /// Print a file that documents every setting
    #[command(after_help = "\
Examples:
  picot config example > picot.toml")]
    Example,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArgs {
    /// The file [env: PICOT_CONFIG]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub(crate) shell: CompletionShell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompletionShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}
