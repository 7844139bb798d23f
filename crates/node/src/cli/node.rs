//! `picot node`.

use super::args::NodeArgs;
use super::settings::{self, SettingsError};
use super::{CliError, PassphraseSource, World};
use crate::history_mode::HistoryMode;
use crate::network::NetworkOptions;
use picot_api::ApiConfig;
use picot_models::CheckpointHash;
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
    /// Where the HTTP interface listens, and its bounds.
    pub api: ApiConfig,
    /// Where the control interface listens, on loopback. Port 0 takes a free one.
    pub control: SocketAddr,
    /// Start anew, without the chain of before; only together with `dev`.
    pub reset: bool,
    /// What is logged: a filter that was checked.
    pub log: String,
    /// Log JSON.
    pub log_json: bool,
    /// Where the passphrase of the key file comes from.
    pub passphrase: PassphraseSource,
    /// Whether the operator states that the keys have signed nothing on this chain, ever.
    pub keys_never_signed: bool,
    /// The bounds of what is pending.
    pub pool: picot_pool::Config,
    /// How much of the past is kept.
    pub history: HistoryMode,
    /// How it takes part in the network.
    pub network: NetworkOptions,
    /// A checkpoint that the operator trusts.
    pub trusted_checkpoint: Option<CheckpointHash>,
}

pub(super) fn run(arguments: NodeArgs, world: &mut World<'_>) -> Result<(), CliError> {
    world.note_unknown_variables();
    let options = options(arguments, world)?;
    let data = options.data.clone();
    crate::node_command::run(options).map_err(|error| CliError::Run {
        data,
        source: Box::new(error),
    })
}

pub(super) fn options(
    arguments: NodeArgs,
    world: &World<'_>,
) -> Result<NodeOptions, SettingsError> {
    let values = settings::merge(&arguments.settings, world.environment)?.values;
    if arguments.reset && !values.dev {
        return Err(SettingsError::ResetWithoutDev);
    }
    Ok(NodeOptions {
        dev: values.dev,
        data: values.data.ok_or(SettingsError::NoData)?,
        genesis: values.genesis,
        api: values.api,
        control: values.control,
        reset: arguments.reset,
        log: values.log,
        log_json: values.log_json,
        passphrase: PassphraseSource {
            file: values.passphrase_file,
            environment: world.passphrase.clone(),
        },
        keys_never_signed: arguments.keys_never_signed,
        pool: values.pool,
        history: values.history,
        trusted_checkpoint: values.trusted_checkpoint,
        network: NetworkOptions {
            listen: values.listen.unwrap_or_default(),
            ..values.network
        },
    })
}
