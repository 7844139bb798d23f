//! What can be written after `picot db`.

use crate::data_layout::DEFAULT_DEV_DATA;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Tell what is there: chain, formats, sizes, how far back the blocks reach, the final state
    #[command(after_help = "\
Examples:
  picot db info
  picot db info --data /var/lib/picot --json")]
    Info(DbArgs),
    /// Check state, archive and signing log against each other, executing the archive again
    #[command(after_help = "\
Examples:
  picot db check
  picot db check --data /var/lib/picot --json

An archive whose oldest blocks were dropped cannot be executed from the genesis on: then its outcomes
are followed up to the state, and certificates are verified as far as the validators are known.")]
    Check(DbArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    /// The data directory of the node
    #[arg(long, value_name = "DIR", env = "PICOT_DATA", hide_env_values = true, default_value = DEFAULT_DEV_DATA)]
    pub(crate) data: PathBuf,
    /// For programs
    #[arg(long)]
    pub(crate) json: bool,
}
