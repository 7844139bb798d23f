//! What can be written after `picot load`.

use crate::cli::args::WalletArgs;
use clap::Args;
use picot_client::{ApiUrl, DEFAULT_API};
use picot_models::{Address, Amount};

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Transfers per second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100, conflicts_with = "max", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rate: u64,
    /// As fast as the nodes take them, instead of a rate
    #[arg(long)]
    pub(crate) max: bool,
    /// For so long [default: 10, or until --count is reached]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seconds: Option<u64>,
    /// So many transfers
    #[arg(long, value_name = "TRANSFERS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// A node that is submitted to, in turn with others; may be given many times
    #[arg(long = "api", value_name = "URL", env = "PICOT_API", hide_env_values = true, default_value = DEFAULT_API)]
    pub(crate) apis: Vec<ApiUrl>,
    /// Accounts that send, spread over all threads
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub(crate) accounts: u32,
    /// The text that the accounts' keys are derived from
    #[arg(long, value_name = "TEXT", default_value = "picot load")]
    pub(crate) seed: String,
    /// Print the accounts' addresses, for a genesis that gives them coins, and send nothing
    #[arg(long)]
    pub(crate) addresses: bool,
    /// The accounts have coins of the genesis: do not send them any
    #[arg(long)]
    pub(crate) funded: bool,
    /// Whose coins the accounts get; needed only if there are several keys
    #[arg(long, value_name = "ADDR", conflicts_with = "funded")]
    pub(crate) from: Option<Address>,
    /// What a transfer pays to be included, in coins
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0.001",
        allow_negative_numbers = true
    )]
    pub(crate) fee: Amount,
    /// Transfers that may be submitted and not final, at most
    #[arg(long, value_name = "TRANSFERS", default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) open: u32,
    /// Connections that submit
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) connections: u32,
    /// Periods in which a transfer may be included [default: as many as the chain allows]
    #[arg(long, value_name = "PERIODS")]
    pub(crate) expire_in: Option<u64>,
    /// Seconds to wait, after the last submission, for what is not final
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}
