//! `picot completions`: what a shell needs to complete commands and flags.

use super::args::{CompletionShell, CompletionsArgs};
use super::{Cli, CliError, World};
use clap::CommandFactory;
use clap_complete::Shell;

pub(super) fn run(arguments: &CompletionsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let shell = match arguments.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    // Into memory first: the generator knows no errors.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "picot", &mut script);
    world.out.write_all(&script).map_err(CliError::Output)
}
