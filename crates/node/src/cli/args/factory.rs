//! What can be written after `picot factory`.

use super::ControlArgs;
use clap::{Args, Subcommand, ValueEnum};
use picot_models::Slot;

#[derive(Debug, Subcommand)]
pub(crate) enum FactoryCommand {
    /// Show whether both factories produce, and how that goes
    #[command(after_help = "\
Examples:
  picot factory status
  picot factory status --data /var/lib/picot --json")]
    Status(ControlArgs),
    /// Switch production on; it stays so over restarts
    #[command(after_help = "\
Examples:
  picot factory enable                           blocks and endorsements
  picot factory enable endorsements")]
    Enable(FactorySwitchArgs),
    /// Switch production off; it stays so over restarts
    #[command(after_help = "\
Examples:
  picot factory disable                          blocks and endorsements
  picot factory disable blocks")]
    Disable(FactorySwitchArgs),
    /// Show what was produced, or why not, and what became of it
    #[command(after_help = "\
Examples:
  picot factory history                          blocks, latest first
  picot factory history endorsements --limit 50
  picot factory history --before 120/0 --json")]
    History(FactoryHistoryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FactorySwitchArgs {
    /// Which factory [default: both]
    #[arg(value_enum)]
    pub(crate) factory: Option<Factory>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FactoryHistoryArgs {
    /// Which factory
    #[arg(value_enum, default_value_t = Factory::Blocks)]
    pub(crate) factory: Factory,
    /// How many lines, from 1 to 1000
    #[arg(long, value_name = "LINES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    /// Of slots before this one
    #[arg(long, value_name = "PERIOD/THREAD")]
    pub(crate) before: Option<Slot>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Factory {
    /// Block production
    Blocks,
    /// Endorsing
    Endorsements,
}
