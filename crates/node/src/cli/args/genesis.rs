//! What can be written after `picot genesis`.

use super::roll_count;
use clap::{Args, Subcommand, ValueEnum};
use picot_models::{Address, Amount, CanonicalRuleKind, ProposalPolicy};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum GenesisCommand {
    /// Make a genesis file
    #[command(after_help = "\
Examples:
  picot genesis new --preset dev --staker addr1…:10 --allocate addr1…=1000.5
  picot genesis new --preset production --name main --timestamp 1893456000000 \\
      --staker addr1…:100 --staker addr1…:50 --output genesis.json")]
    New(GenesisNewArgs),
    /// Check a genesis file and tell its chain id
    #[command(after_help = "\
Examples:
  picot genesis check genesis.json
  picot genesis check genesis.json --json")]
    Check(GenesisFileArgs),
    /// Show what a genesis file says
    #[command(after_help = "\
Examples:
  picot genesis show genesis.json
  picot genesis show picot-data/dev/genesis.json --json")]
    Show(GenesisFileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GenesisNewArgs {
    /// Which parameters
    #[arg(long, value_enum)]
    pub(crate) preset: Preset,
    /// A staker of the first cycles, and its rolls; may be given many times
    #[arg(long = "staker", value_name = "ADDR:ROLLS", required = true, value_parser = staker)]
    pub(crate) stakers: Vec<(Address, u64)>,
    /// First coins of an address; may be given many times
    #[arg(long = "allocate", value_name = "ADDR=AMOUNT", value_parser = allocation)]
    pub(crate) allocations: Vec<(Address, Amount)>,
    /// The name of the chain [default: that of the preset]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Who may propose a block: `all`, `drawn` or `ranked:K` [default: that of the preset]
    #[arg(long, value_parser = crate::cli::genesis::policy)]
    pub(crate) policy: Option<ProposalPolicy>,
    /// How candidates are ordered, such as `ranked-draw` [default: that of the preset]
    #[arg(long, value_parser = crate::cli::genesis::rule)]
    pub(crate) rule: Option<CanonicalRuleKind>,
    /// The start of slot 0/0, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) timestamp: Option<u64>,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// 4 threads, 2 s periods: for one machine
    Dev,
    /// 32 threads, 16 s periods: for a network
    Production,
}

#[derive(Debug, Args)]
pub(crate) struct GenesisFileArgs {
    /// The genesis file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

fn staker(text: &str) -> Result<(Address, u64), String> {
    let (address, rolls) = text
        .split_once(':')
        .ok_or("expected an address, a colon and a number of rolls")?;
    let address = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    Ok((address, roll_count(rolls)?))
}

fn allocation(text: &str) -> Result<(Address, Amount), String> {
    let (address, amount) = text
        .split_once('=')
        .ok_or("expected an address, an equals sign and an amount of coins")?;
    let address = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    let amount = amount
        .parse()
        .map_err(|error| format!("{amount}: {error}"))?;
    Ok((address, amount))
}
