//! What can be written after `picot protection`.

use crate::data_layout::DEFAULT_DEV_DATA;
use clap::{Args, Subcommand};
use picot_models::Address;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ProtectionCommand {
    /// Write what was signed to a file
    #[command(after_help = "\
Examples:
  picot protection export --output signed.json
  picot protection export --address addr1… > signed.json")]
    Export(ProtectionExportArgs),
    /// Take over what was signed elsewhere: nothing is signed here that contradicts it
    #[command(after_help = "\
Examples:
  picot protection import signed.json
  picot protection import signed.json --data /var/lib/picot --genesis main.json")]
    Import(ProtectionImportArgs),
    /// Show what was signed, by address
    #[command(after_help = "\
Examples:
  picot protection show
  picot protection show --data /var/lib/picot --json")]
    Show(ProtectionArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ProtectionArgs {
    /// The data directory of the node, which must be stopped
    #[arg(long, value_name = "DIR", env = "PICOT_DATA", hide_env_values = true, default_value = DEFAULT_DEV_DATA)]
    pub(crate) data: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectionExportArgs {
    /// Of these addresses alone; may be given many times [default: all]
    #[arg(long = "address", value_name = "ADDR")]
    pub(crate) addresses: Vec<Address>,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) at: ProtectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectionImportArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The genesis of the chain, for a data directory that has none yet
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: ProtectionArgs,
}
