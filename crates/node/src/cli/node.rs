//! `picot node`.

use super::args::{NetworkArgs, NodeArgs};
use super::{CliError, PassphraseSource, World};
use crate::data_layout::DEFAULT_DEV_DATA;
use crate::history_mode::HistoryMode;
use crate::network::NetworkOptions;
use picot_models::{Amount, CheckpointHash};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a node is started with.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Run a development chain: make keys and genesis if there are none.
    pub dev: bool,
    /// The data directory.
    pub data: PathBuf,
    /// The genesis file of a first start; never together with `dev`.
    pub genesis: Option<PathBuf>,
    /// Where the HTTP interface listens. Port 0 takes a free one.
    pub api: SocketAddr,
    /// Where the control interface listens, on loopback. Port 0 takes a free one.
    pub control: SocketAddr,
    /// Start anew, without the chain of before; only together with `dev`.
    pub reset: bool,
    /// What is logged: a filter that was checked. None: the default of the node.
    pub log: Option<String>,
    /// Log JSON.
    pub log_json: bool,
    /// Where the passphrase of the key file comes from.
    pub passphrase: PassphraseSource,
    /// Whether the operator states that the keys have signed nothing on this chain, ever.
    pub keys_never_signed: bool,
    /// The least fee of operations taken in.
    pub min_fee: Amount,
    /// How much of the past is kept.
    pub history: HistoryMode,
    /// How it takes part in the network.
    pub network: NetworkOptions,
    /// A checkpoint that the operator trusts.
    pub trusted_checkpoint: Option<CheckpointHash>,
}

pub(super) fn run(arguments: NodeArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let options = options(arguments, world);
    let data = options.data.clone();
    crate::node_command::run(options).map_err(|error| CliError::Run {
        data,
        source: Box::new(error),
    })
}

pub(super) fn options(arguments: NodeArgs, world: &World<'_>) -> NodeOptions {
    NodeOptions {
        dev: arguments.dev,
        // Without `--dev`, a missing directory is refused before this.
        data: arguments
            .data
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DEV_DATA)),
        genesis: arguments.genesis,
        api: arguments.api,
        control: arguments.control,
        reset: arguments.reset,
        log: arguments.log,
        log_json: arguments.log_json,
        passphrase: PassphraseSource {
            file: arguments.passphrase.passphrase_file,
            environment: world.passphrase.clone(),
        },
        keys_never_signed: arguments.keys_never_signed,
        min_fee: arguments.min_fee,
        history: arguments.history,
        trusted_checkpoint: arguments.trusted_checkpoint,
        network: network(arguments.network, arguments.dev),
    }
}

/// A development node is alone unless told otherwise; every other one listens.
fn network(arguments: NetworkArgs, dev: bool) -> NetworkOptions {
    let mut listen = arguments.listen;
    if listen.is_empty() && !dev {
        listen = NetworkOptions::default_listen();
    }
    NetworkOptions {
        listen,
        external: arguments.external,
        peers: arguments.peer,
        reserved: arguments.reserved,
        discovery: !arguments.no_discovery,
        max_per_address: usize::try_from(arguments.max_per_address).unwrap_or(usize::MAX),
    }
}
