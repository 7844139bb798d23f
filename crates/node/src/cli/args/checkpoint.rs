//! Arguments of `picot checkpoint`.

use super::ApiArgs;
use clap::{Args, Subcommand};
use picot_models::Slot;

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Show the newest certified checkpoint and what is being gathered, or that of a slot
    #[command(after_help = "\
Examples:
  picot checkpoint show
  picot checkpoint show 127/3 --json")]
    Show(CheckpointShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointShowArgs {
    /// The slot, such as `127/3`; the newest without it
    #[arg(value_name = "PERIOD/THREAD")]
    pub(crate) slot: Option<Slot>,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}
