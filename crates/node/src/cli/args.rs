//! What can be written after `picot`.

mod checkpoint;
mod db;
mod genesis;
mod network;
mod peers;

pub(crate) use checkpoint::{CheckpointCommand, CheckpointShowArgs};
pub(crate) use db::{DbArgs, DbCommand};
pub(crate) use genesis::{GenesisCommand, GenesisFileArgs, GenesisNewArgs, Preset};
pub(crate) use network::NetworkArgs;
pub(crate) use peers::{PeerArgs, PeersAddArgs, PeersBanArgs, PeersCommand};

use super::load::LoadArgs;
use crate::client::{ApiUrl, DEFAULT_API};
use crate::data_layout::DEFAULT_DEV_DATA;
use crate::history_mode::HistoryMode;
use clap::{Args, Parser, Subcommand, ValueEnum};
use picot_models::{Address, Amount, BlockId, CheckpointHash, OperationId, Slot};
use std::ffi::OsString;
use std::net::SocketAddr;
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

Exit codes: 0 good, 1 failure, 2 wrong usage, 77 refused for safety's sake: a signing log that is damaged or
misses what its keys signed, or data that another process uses, or of another chain or a newer program."
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
  picot node --data /var/lib/picot --history cycles=30     blocks of older cycles are dropped")]
    Node(NodeArgs),
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
  picot block blk1… --json")]
    Block(BlockArgs),
    /// Show what is known of a slot
    #[command(after_help = "\
Examples:
  picot slot 12/3                  thread 3 of period 12
  picot slot 12/3 --json")]
    Slot(SlotArgs),
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
  picot transfer addr1… 12.5 --wait accepted     do not wait until it is final")]
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
    /// Run a development chain: makes keys and genesis if there are none
    #[arg(long, conflicts_with = "genesis")]
    pub(crate) dev: bool,
    /// Where the node keeps its data [default with --dev: ./picot-data/dev]
    #[arg(
        long,
        value_name = "DIR",
        env = "PICOT_DATA",
        hide_env_values = true,
        required_unless_present = "dev"
    )]
    pub(crate) data: Option<PathBuf>,
    /// The genesis of the chain; copied into the data directory at the first start
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
    /// Where the HTTP interface listens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4701", value_parser = listen_address)]
    pub(crate) api: SocketAddr,
    /// Where the control interface listens, on this machine; port 0 takes a free one, and the commands find it
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0", value_parser = loopback_address)]
    pub(crate) control: SocketAddr,
    /// Forget the development chain of before and start anew
    #[arg(long, requires = "dev")]
    pub(crate) reset: bool,
    /// What is logged, such as `info` or `picot_consensus=debug`
    #[arg(long, value_name = "FILTER", env = "PICOT_LOG", hide_env_values = true, value_parser = log_filter)]
    pub(crate) log: Option<String>,
    /// Log JSON, one object a line
    #[arg(long)]
    pub(crate) log_json: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    /// Sign although there is no signing log: the keys have signed nothing on this chain, ever
    #[arg(long)]
    pub(crate) keys_never_signed: bool,
    /// The least fee of operations that this node takes in, in coins
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0.001",
        allow_negative_numbers = true
    )]
    pub(crate) min_fee: Amount,
    /// How much of the past is kept: `full`, or `cycles=N` for the blocks of the last N cycles
    #[arg(long, value_name = "HOW", default_value = "full")]
    pub(crate) history: HistoryMode,
    /// A checkpoint that you trust: a node without a state follows the chain of certificates from there
    #[arg(long, value_name = "HASH", conflicts_with = "dev")]
    pub(crate) trusted_checkpoint: Option<CheckpointHash>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
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

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key; makes the key file if there is none
    #[command(
        visible_alias = "generate",
        after_help = "\
Examples:
  picot keys new
  picot keys new --data /var/lib/picot --passphrase-file /etc/picot/passphrase"
    )]
    New(KeysArgs),
    /// Add a key that is written as `sec1…`; makes the key file if there is none
    #[command(
        visible_alias = "add",
        after_help = "\
Examples:
  picot keys import                              asks for the key, without showing it
  picot keys import --secret-file key.txt"
    )]
    Import(KeysImportArgs),
    /// List the addresses of the keys
    #[command(after_help = "\
Examples:
  picot keys list
  picot keys list --data /var/lib/picot --json")]
    List(KeysArgs),
    /// Remove a key, for good
    #[command(after_help = "\
Examples:
  picot keys export addr1… > key.txt             keep it elsewhere first
  picot keys remove addr1…")]
    Remove(KeysRemoveArgs),
    /// Let a key sign again that was seen in use elsewhere
    #[command(after_help = "\
Examples:
  picot keys allow addr1…                        once no other node uses the key")]
    Allow(KeysAllowArgs),
    /// Print a secret key: whoever has it has the coins
    #[command(after_help = "\
Examples:
  picot keys export addr1…
  picot keys export addr1… > key.txt")]
    Export(KeysExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) wallet: WalletArgs,
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeysImportArgs {
    /// A file with the key; without it, the key is asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeysRemoveArgs {
    /// Whose key
    pub(crate) address: Address,
    /// Do not ask whether that is meant
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeysAllowArgs {
    /// Whose key
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
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

#[derive(Debug, Args)]
pub(crate) struct DrawsArgs {
    /// Whose draws [default: those of the node's own keys]
    pub(crate) addresses: Vec<Address>,
    /// Periods before now to look at
    #[arg(long, value_name = "PERIODS", default_value_t = 4)]
    pub(crate) past: u64,
    /// Periods from now on to look at, as far as they are drawn
    #[arg(long, value_name = "PERIODS", default_value_t = 4)]
    pub(crate) coming: u64,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct KeysExportArgs {
    /// Whose key
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) keys: KeysArgs,
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
    /// What the operation pays to be included, in coins
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0.01",
        allow_negative_numbers = true
    )]
    pub(crate) fee: Amount,
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

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address of this machine and a port, such as 127.0.0.1:4701";
    text.parse().map_err(|_| expected.to_owned())
}

fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let address = listen_address(text)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(
            "keys and factories are controlled from this machine only, such as 127.0.0.1:4702"
                .to_owned(),
        )
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}: expected a filter such as `info` or `picot_consensus=debug`"
        )),
    }
}

fn roll_count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("expected at least one roll".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("expected a whole number of rolls, at least one".to_owned()),
    }
}
