//! What can be written after `picot`.

mod chain;
mod checkpoint;
mod config;
mod contracts;
mod db;
mod factory;
mod genesis;
mod keys;
mod peers;
mod protection;
mod settings;

pub(crate) use chain::{
    AfterArgs, BlocksArgs, CyclesArgs, FeesArgs, OperationsArgs, PoolArgs, SlotsArgs, StakersArgs,
    TopicName, WatchArgs,
};
pub(crate) use checkpoint::{CheckpointCommand, CheckpointShowArgs};
pub(crate) use config::{
    CompletionShell, CompletionsArgs, ConfigCheckArgs, ConfigCommand, ConfigShowArgs,
};
pub(crate) use contracts::{CallArgs, DeployArgs};
pub(crate) use db::{DbArgs, DbCommand};
pub(crate) use factory::{Factory, FactoryCommand, FactoryHistoryArgs, FactorySwitchArgs};
pub(crate) use genesis::{GenesisCommand, GenesisFileArgs, GenesisNewArgs, Preset};
pub(crate) use keys::{
    KeysAllowArgs, KeysArgs, KeysCommand, KeysExportArgs, KeysImportArgs, KeysRemoveArgs,
};
pub(crate) use peers::{PeerArgs, PeersAddArgs, PeersBanArgs, PeersCommand};
pub(crate) use protection::{
    ProtectionArgs, ProtectionCommand, ProtectionExportArgs, ProtectionImportArgs,
};
pub(crate) use settings::SettingArgs;

use super::load::LoadArgs;
use crate::data_layout::DEFAULT_DEV_DATA;
use clap::{Args, Parser, Subcommand, ValueEnum};
use picot_client::{ApiUrl, DEFAULT_API};
use picot_models::{Address, Amount, BlockId, OperationId, Slot};
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs a Picot node, keeps its keys, and talks to a running one.
#[derive(Debug, Parser)]
#[command(
    name = "picot",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  picot node --dev                 run a development node, data in ./picot-data/dev
  picot status                     how that node is doing
  picot transfer addr1… 12.5       send coins, and wait until that is final
  picot help transfer              more on one command

Exit codes:
   0  good
   1  failure
   2  wrong usage: an argument, or a setting wherever it is written
  77  refused for safety's sake: a signing log that is damaged or misses what its keys signed, or data
      that another process uses, or of another chain or a newer program"
)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node
    #[command(after_help = "\
Examples:
  picot node --dev                               fresh keys and genesis at the first start
  picot node --dev --reset                       the same, forgetting the chain of before
  picot node --dev --data /tmp/dev2 --api 127.0.0.1:4702
  picot node --data /var/lib/picot --genesis main.json --passphrase-file /etc/picot/passphrase
  picot node --data /var/lib/picot --history cycles=30     blocks of older cycles are dropped
  picot node --config /etc/picot/picot.toml      settings of a file
  picot node --dev --set api.max_streams=16      any setting of `picot config show`

A setting is taken from its flag, else from the environment (PICOT_DATA, PICOT_API_LISTEN…), else from
the file, else it is the default. `picot config show` tells where each value comes from.")]
    Node(Box<NodeArgs>),
    /// Check, show and document the settings of `picot node`
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot config example > picot.toml              every setting, documented
  picot config check picot.toml                  what is wrong with it, by line
  picot config show --config picot.toml          what is in force, and where it was said"
    )]
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Make, check or show a genesis file
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot genesis new --preset dev --staker addr1…:10 --allocate addr1…=1000 --output genesis.json
  picot genesis check genesis.json"
    )]
    Genesis {
        #[command(subcommand)]
        command: GenesisCommand,
    },
    /// Keep the keys of the encrypted key file
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot keys new                                 make a key in ./picot-data/dev
  picot keys list --data /var/lib/picot

The passphrase is taken from --passphrase-file, else from the environment variable
PICOT_PASSPHRASE, else from the file dev-passphrase of a development directory, else asked for."
    )]
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Switch production, and see what it did
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot factory status                           of the node that runs on ./picot-data/dev
  picot factory disable blocks
  picot factory history --limit 20

The node is found through its data directory: whoever may read that may control the node."
    )]
    Factory {
        #[command(subcommand)]
        command: FactoryCommand,
    },
    /// Move what keys signed between machines, so that they never sign twice
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot protection export --output signed.json   on the old machine, whose node is stopped for good
  picot protection import signed.json            on the new one, before its node is started

The file format is described in the README of the crate picot-wallet."
    )]
    Protection {
        #[command(subcommand)]
        command: ProtectionCommand,
    },
    /// See and change the peers of a running node
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot peers list                               of the node that runs on ./picot-data/dev
  picot peers ban 12D3Koo… --seconds 3600

The node is found through its data directory: whoever may read that may control the node."
    )]
    Peers {
        #[command(subcommand)]
        command: PeersCommand,
    },
    /// Show when addresses are drawn, and what came of it
    #[command(after_help = "\
Examples:
  picot draws                                    of the addresses of the node's own keys
  picot draws addr1… --past 16 --coming 4
  picot draws --all                              of all addresses, for the slots to come
  picot draws --json")]
    Draws(DrawsArgs),
    /// Show how a running node is doing
    #[command(after_help = "\
Examples:
  picot status
  picot status --api http://127.0.0.1:4702
  picot status --json")]
    Status(StatusArgs),
    /// Show a block
    #[command(after_help = "\
Examples:
  picot block blk1…
  picot block blk1… --operations                 what is in it, and what came of that
  picot block blk1… --json")]
    Block(BlockArgs),
    /// List decided blocks, latest first
    #[command(after_help = "\
Examples:
  picot blocks
  picot blocks --producer addr1… --limit 100
  picot blocks --before 120/0 --json")]
    Blocks(BlocksArgs),
    /// Show what is known of a slot
    #[command(after_help = "\
Examples:
  picot slot 12/3                  thread 3 of period 12
  picot slot 12/3 --json")]
    Slot(SlotArgs),
    /// List slots, latest first: open, decided, missed
    #[command(after_help = "\
Examples:
  picot slots
  picot slots --before 120/0 --limit 64
  picot slots --json")]
    Slots(SlotsArgs),
    /// Show how a slot was, or is being, agreed on: candidates, votes by round, certificate
    #[command(after_help = "\
Examples:
  picot agreement 12/3
  picot agreement 12/3 --json                    with every signer")]
    Agreement(SlotArgs),
    /// List stakers, most rolls first
    #[command(after_help = "\
Examples:
  picot stakers
  picot stakers --limit 1000 --json")]
    Stakers(StakersArgs),
    /// Show cycles: stake, blocks, misses, endorsements
    #[command(after_help = "\
Examples:
  picot cycles
  picot cycles 12                                what each address did in cycle 12
  picot cycles 12 --json")]
    Cycles(CyclesArgs),
    /// Show what an operation should pay, by what is pending
    #[command(after_help = "\
Examples:
  picot fees
  picot fees --sender addr1…                     in the thread of this address
  picot transfer addr1… 12.5 --fee auto          takes the one for the next block")]
    Fees(FeesArgs),
    /// Show what is pending at a node, by thread
    #[command(after_help = "\
Examples:
  picot pool
  picot pool --json")]
    Pool(PoolArgs),
    /// List what an address has pending at a node
    #[command(after_help = "\
Examples:
  picot operations addr1…
  picot operations addr1… --limit 100 --json")]
    Operations(OperationsArgs),
    /// Tell what happens at a node, line by line, as it happens
    #[command(after_help = "\
Examples:
  picot watch
  picot watch --topic decided --topic slot
  picot watch --operation op1… --json            one JSON object a line

It goes on when the node is started anew, and says what was missed meanwhile.")]
    Watch(WatchArgs),
    /// Show what validators certified of the state
    #[command(after_help = "\
Examples:
  picot checkpoint show                the newest
  picot checkpoint show 127/3 --json   that of the last slot of period 127

A new node can be told to trust the hash of a checkpoint instead of following the chain of
certificates from the genesis.")]
    Checkpoint {
        #[command(subcommand)]
        command: CheckpointCommand,
    },
    /// Show the coins and rolls of an address
    #[command(after_help = "\
Examples:
  picot address addr1…
  picot address addr1… --json")]
    Address(AddressArgs),
    /// Show an operation and what it came to
    #[command(after_help = "\
Examples:
  picot operation op1…
  picot operation op1… --json")]
    Operation(OperationArgs),
    /// Send coins
    #[command(after_help = "\
Examples:
  picot transfer addr1… 12.5                     from the only key of ./picot-data/dev
  picot transfer addr1… 12.5 --from addr1… --fee 0.001
  picot transfer addr1… 12.5 --wait accepted     do not wait until it is final
  picot transfer addr1… 12.5 --fee auto          what the node suggests for the next block
  picot transfer addr1… 12.5 --dry-run           what it would do: nothing is signed or sent")]
    Transfer(TransferArgs),
    /// Buy rolls: the right to produce, at the chain's roll price
    #[command(after_help = "\
Examples:
  picot buy-rolls 3
  picot buy-rolls 3 --from addr1…")]
    BuyRolls(RollsArgs),
    /// Sell rolls: their price comes back some cycles later
    #[command(after_help = "\
Examples:
  picot sell-rolls 1
  picot sell-rolls 1 --from addr1…")]
    SellRolls(RollsArgs),
    /// Deploy a contract; the node needs an engine for contracts
    #[command(after_help = "\
Examples:
  picot deploy contract.wasm --max-gas 1000000
  picot deploy contract.wasm --max-gas 1000000 --max-coins 5 --entry 01=ff")]
    Deploy(DeployArgs),
    /// Call a function of a contract; the node needs an engine for contracts
    #[command(after_help = "\
Examples:
  picot call addr1… play --max-gas 100000
  picot call addr1… play --parameter 00ff --max-gas 100000 --coins 2.5")]
    Call(CallArgs),
    /// Submit many transfers, and tell what became of them
    #[command(after_help = "\
Examples:
  picot load                                     100 a second for 10 s, at the node of ./picot-data/dev
  picot load --rate 2000 --seconds 60 --api http://127.0.0.1:4701 --api http://127.0.0.1:4711
  picot load --max --count 100000 --json         as fast as the node takes them
  picot load --accounts 64 --addresses           for a genesis that gives the accounts coins")]
    Load(LoadArgs),
    /// Simulate many nodes on virtual time, with faults by seed
    #[command(
        disable_help_flag = true,
        after_help = "\
Examples:
  picot sim --seeds 0..1000 --faults documented
  picot sim --validators 100 --latency aws --rule ranked-draw
  picot sim --help                               all options

Runs the program picot-sim, which lies beside picot or on the PATH, with these arguments and with its
exit code. `cargo xtask sim` builds and runs it."
    )]
    Sim(SimArgs),
    /// Show how far a node is in receiving the state of a checkpoint from others
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot bootstrap status
  picot bootstrap status --data /var/lib/picot --json

A node receives a state by itself when it starts far behind and no peer has what was decided since."
    )]
    Bootstrap {
        #[command(subcommand)]
        command: BootstrapCommand,
    },
    /// Care for the data of a stopped node
    #[command(
        arg_required_else_help = true,
        after_help = "\
Examples:
  picot db info
  picot db check
  picot db check --data /var/lib/picot --json"
    )]
    Db {
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = "\
Examples:
  picot completions bash > ~/.local/share/bash-completion/completions/picot
  picot completions zsh > ~/.zfunc/_picot                       with ~/.zfunc in $fpath
  picot completions fish > ~/.config/fish/completions/picot.fish")]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// What `picot-sim` is given
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Forget the development chain of before and start anew
    #[arg(long)]
    pub(crate) reset: bool,
    /// Sign although there is no signing log: the keys have signed nothing on this chain, ever
    #[arg(long)]
    pub(crate) keys_never_signed: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BootstrapCommand {
    /// Show how far the last bootstrap of a data directory is, whether its node runs or not
    #[command(after_help = "\
Examples:
  picot bootstrap status
  picot bootstrap status --data /var/lib/picot --json")]
    Status(DbArgs),
}

/// Which running node is controlled.
#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// The data directory of the node, which must run
    #[arg(long, value_name = "DIR", env = "PICOT_DATA", hide_env_values = true, default_value = DEFAULT_DEV_DATA)]
    pub(crate) data: PathBuf,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DrawsArgs {
    /// Whose draws [default: those of the node's own keys]
    #[arg(conflicts_with = "all")]
    pub(crate) addresses: Vec<Address>,
    /// Periods before now to look at
    #[arg(long, value_name = "PERIODS", default_value_t = 4)]
    pub(crate) past: u64,
    /// Periods from now on to look at, as far as they are drawn
    #[arg(long, value_name = "PERIODS", default_value_t = 4)]
    pub(crate) coming: u64,
    /// Who is drawn for each slot, whoever it is
    #[arg(long, conflicts_with_all = ["past", "coming"])]
    pub(crate) all: bool,
    /// With --all: from this slot on [default: from now on]
    #[arg(long, value_name = "PERIOD/THREAD", requires = "all")]
    pub(crate) from: Option<Slot>,
    /// With --all: how many slots, from 1 to 1000
    #[arg(long, value_name = "SLOTS", requires = "all", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

/// Where keys are, and how to get at them.
#[derive(Debug, Args)]
pub(crate) struct WalletArgs {
    /// The data directory whose keys are used
    #[arg(long, value_name = "DIR", env = "PICOT_DATA", hide_env_values = true, default_value = DEFAULT_DEV_DATA)]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// A file with the passphrase of the key file [else: PICOT_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Which node is asked.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    /// The node that is asked
    #[arg(long, value_name = "URL", env = "PICOT_API", hide_env_values = true, default_value = DEFAULT_API)]
    pub(crate) api: ApiUrl,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BlockArgs {
    /// The block's id, `blk1…`
    pub(crate) id: BlockId,
    /// List its operations, with what each came to
    #[arg(long)]
    pub(crate) operations: bool,
    /// With --operations: how many, from 1 to 1000
    #[arg(long, value_name = "LINES", requires = "operations", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    /// With --operations: those after this, as the part before said
    #[arg(long, value_name = "CURSOR", requires = "operations")]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SlotArgs {
    /// The slot, such as `12/3`
    #[arg(value_name = "PERIOD/THREAD")]
    pub(crate) slot: Slot,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    /// The address, `addr1…`
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OperationArgs {
    /// The operation's id, `op1…`
    pub(crate) id: OperationId,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// Who gets the coins, `addr1…`
    pub(crate) to: Address,
    /// How many coins, such as `12.5`
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollsArgs {
    /// How many rolls
    #[arg(value_parser = roll_count, allow_negative_numbers = true)]
    pub(crate) count: u64,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

/// What all orders have in common.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// What the operation pays to be included, in coins; `auto` asks the node what the next block takes
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0.01",
        allow_negative_numbers = true,
        value_parser = fee
    )]
    pub(crate) fee: Fee,
    /// Ask the node what the operation would do, and neither sign nor send it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Whose coins or rolls; needed only if there are several keys
    #[arg(long, value_name = "ADDR")]
    pub(crate) from: Option<Address>,
    /// How far the operation must be before the command ends
    #[arg(long, value_enum, default_value_t = WaitFor::Final)]
    pub(crate) wait: WaitFor,
    /// Periods from now in which it may be included [default: as many as the chain allows]
    #[arg(long, value_name = "PERIODS")]
    pub(crate) expire_in: Option<u64>,
    /// Seconds to wait for `--wait final` before giving up
    #[arg(long, value_name = "SECONDS", default_value_t = 240, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// The node has taken it in
    Accepted,
    /// It is executed in a final slot
    Final,
}

/// What an operation pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fee {
    /// What the node suggests for the next block.
    Auto,
    /// So many coins.
    Coins(Amount),
}

fn fee(text: &str) -> Result<Fee, String> {
    if text == "auto" {
        return Ok(Fee::Auto);
    }
    let coins: Result<Amount, _> = text.parse();
    coins
        .map(Fee::Coins)
        .map_err(|error| format!("{error}, or `auto`"))
}

fn roll_count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("expected at least one roll".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("expected a whole number of rolls, at least one".to_owned()),
    }
}
