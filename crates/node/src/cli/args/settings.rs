//! The settings of `picot node`, as flags.

use crate::cli::settings::{check, check_assignment};
use clap::Args;
use std::path::PathBuf;

/// Settings of a node. Each one is checked where it is read and kept as text: it may be in a file or
/// the environment just as well.
#[derive(Debug, Default, Args)]
pub(crate) struct SettingArgs {
    /// A file with settings, as `picot config example` prints one [env: PICOT_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run a development chain: makes keys and genesis if there are none
    #[arg(long, conflicts_with = "genesis")]
    pub(crate) dev: bool,
    /// Where the node keeps its data [default with --dev: ./picot-data/dev]
    #[arg(long, value_name = "DIR", value_parser = value_of("data"))]
    pub(crate) data: Option<String>,
    /// The genesis of the chain; copied into the data directory at the first start
    #[arg(long, value_name = "FILE", value_parser = value_of("genesis"))]
    pub(crate) genesis: Option<String>,
    /// Where the HTTP interface listens [default: 127.0.0.1:4701]
    #[arg(long, value_name = "ADDR:PORT", value_parser = value_of("api.listen"))]
    pub(crate) api: Option<String>,
    /// Where the control interface listens, on this machine; the commands find it [default: a free port]
    #[arg(long, value_name = "ADDR:PORT", value_parser = value_of("control.listen"))]
    pub(crate) control: Option<String>,
    /// What is logged, such as `info` or `picot_consensus=debug` [default: warn]
    #[arg(long, value_name = "FILTER", value_parser = value_of("log"))]
    pub(crate) log: Option<String>,
    /// Log JSON, one object a line
    #[arg(long)]
    pub(crate) log_json: bool,
    /// A file with the passphrase of the key file [else: PICOT_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE", value_parser = value_of("passphrase_file"))]
    pub(crate) passphrase_file: Option<String>,
    /// The least fee of operations that this node takes in, in coins [default: 0.001]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, value_parser = value_of("pool.min_fee"))]
    pub(crate) min_fee: Option<String>,
    /// How much of the past is kept: `full`, or `cycles=N` for the blocks of the last N cycles
    /// [default: full]
    #[arg(long, value_name = "HOW", value_parser = value_of("history"))]
    pub(crate) history: Option<String>,
    /// A checkpoint that you trust: a node without a state follows the chain of certificates from there
    #[arg(long, value_name = "HASH", conflicts_with = "dev", value_parser = value_of("trusted_checkpoint"))]
    pub(crate) trusted_checkpoint: Option<String>,
    /// Any setting, such as api.max_streams=32; may be repeated. `picot config show` lists them all
    #[arg(long, value_name = "KEY=VALUE", value_parser = check_assignment)]
    pub(crate) set: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// Those that have to do with other nodes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Where to listen for other nodes, for example /ip4/0.0.0.0/tcp/4703; may be repeated
    /// [default: port 4703 of all addresses; with --dev: nowhere]
    #[arg(long, value_name = "MULTIADDR", verbatim_doc_comment, value_parser = value_of("network.listen"))]
    pub(crate) listen: Vec<String>,
    /// A node to connect to at first, with or without /p2p/NODE; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = value_of("network.peers"))]
    pub(crate) peer: Vec<String>,
    /// A node that always has a place, with /p2p/NODE; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = value_of("network.reserved"))]
    pub(crate) reserved: Vec<String>,
    /// Where others reach this node, if that differs from where it listens; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = value_of("network.external"))]
    pub(crate) external: Vec<String>,
    /// Look for no other nodes than those that are named or call
    #[arg(long)]
    pub(crate) no_discovery: bool,
    /// Connections with one address, at most [default: 4]
    #[arg(long, value_name = "COUNT", value_parser = value_of("network.max_per_address"))]
    pub(crate) max_per_address: Option<String>,
}

impl SettingArgs {
    /// What was said by flags of their own: keys, and texts, none for what was not said.
    pub(crate) fn own(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |text: &Option<String>| text.iter().cloned().collect();
        let switch = |is_on: bool, text: &str| is_on.then(|| text.to_owned()).into_iter().collect();
        let network = &self.network;
        vec![
            ("dev", switch(self.dev, "true")),
            ("data", one(&self.data)),
            ("genesis", one(&self.genesis)),
            ("api.listen", one(&self.api)),
            ("control.listen", one(&self.control)),
            ("log", one(&self.log)),
            ("log_json", switch(self.log_json, "true")),
            ("passphrase_file", one(&self.passphrase_file)),
            ("pool.min_fee", one(&self.min_fee)),
            ("history", one(&self.history)),
            ("trusted_checkpoint", one(&self.trusted_checkpoint)),
            ("network.listen", network.listen.clone()),
            ("network.peers", network.peer.clone()),
            ("network.reserved", network.reserved.clone()),
            ("network.external", network.external.clone()),
            ("network.discovery", switch(network.no_discovery, "false")),
            ("network.max_per_address", one(&network.max_per_address)),
        ]
    }
}

/// Refuses a text that is no value of a setting.
fn value_of(key: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| check(key, text)
}
