//! All settings with their types, and how texts become values.

use crate::history_mode::HistoryMode;
use crate::network::NetworkOptions;
use crate::node_command::DEFAULT_LOG;
use picot_api::ApiConfig;
use picot_models::{Amount, CheckpointHash};
use picot_network::Address;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The least fee of operations that are taken in: 0.001 coins.
const MIN_FEE: Amount = Amount::from_nanos(1_000_000);
/// Connections with one address.
const MAX_PER_ADDRESS: usize = 4;

/// All settings of a node.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Values {
    pub(in crate::cli) dev: bool,
    pub(in crate::cli) data: Option<PathBuf>,
    pub(in crate::cli) genesis: Option<PathBuf>,
    pub(in crate::cli) history: HistoryMode,
    pub(in crate::cli) passphrase_file: Option<PathBuf>,
    pub(in crate::cli) trusted_checkpoint: Option<CheckpointHash>,
    pub(in crate::cli) log: String,
    pub(in crate::cli) log_json: bool,
    pub(in crate::cli) api: ApiConfig,
    pub(in crate::cli) control: SocketAddr,
    pub(in crate::cli) pool: picot_pool::Config,
    /// None: it depends on whether the node is one of development.
    pub(in crate::cli) listen: Option<Vec<Address>>,
    pub(in crate::cli) network: NetworkOptions,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            dev: false,
            data: None,
            genesis: None,
            history: HistoryMode::Full,
            passphrase_file: None,
            trusted_checkpoint: None,
            log: DEFAULT_LOG.to_owned(),
            log_json: false,
            api: ApiConfig::default(),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            pool: picot_pool::Config {
                min_fee: MIN_FEE,
                ..picot_pool::Config::default()
            },
            listen: None,
            network: NetworkOptions {
                discovery: true,
                max_per_address: MAX_PER_ADDRESS,
                ..NetworkOptions::alone()
            },
        }
    }
}

/// The only text of a value that is no list.
pub(super) fn one(texts: &[String]) -> Result<&str, String> {
    match texts {
        [only] => Ok(only),
        _ => Err(format!("expected one value, got {}", texts.len())),
    }
}

/// A type whose errors say what was expected.
pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub(super) fn switch(texts: &[String]) -> Result<bool, String> {
    match one(texts)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected `true` or `false`".to_owned()),
    }
}

/// A whole number in a range.
pub(super) fn number<T: TryFrom<u64>>(
    texts: &[String],
    least: u64,
    most: u64,
) -> Result<T, String> {
    let expected = || format!("expected a whole number from {least} to {most}");
    let number = one(texts)?.parse().map_err(|_| expected())?;
    if !(least..=most).contains(&number) {
        return Err(expected());
    }
    T::try_from(number).map_err(|_| expected())
}

/// A number of milliseconds in a range.
pub(super) fn milliseconds(texts: &[String], least: u64, most: u64) -> Result<Duration, String> {
    number(texts, least, most).map(Duration::from_millis)
}

pub(super) fn path(texts: &[String]) -> Result<Option<PathBuf>, String> {
    match one(texts)? {
        "" => Err("expected a path".to_owned()),
        text => Ok(Some(PathBuf::from(text))),
    }
}

pub(super) fn listen_address(texts: &[String]) -> Result<SocketAddr, String> {
    let expected = "expected an address of this machine and a port, such as 127.0.0.1:4701";
    one(texts)?.parse().map_err(|_| expected.to_owned())
}

pub(super) fn loopback_address(texts: &[String]) -> Result<SocketAddr, String> {
    let address = listen_address(texts)?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(
            "keys and factories are controlled from this machine only, such as 127.0.0.1:4702"
                .to_owned(),
        )
    }
}

pub(super) fn log_filter(texts: &[String]) -> Result<String, String> {
    let text = one(texts)?;
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}: expected a filter such as `info` or `picot_consensus=debug`"
        )),
    }
}

pub(super) fn addresses(texts: &[String]) -> Result<Vec<Address>, String> {
    texts.iter().map(|text| parse(text)).collect()
}

/// What is shown of a value that may be absent.
pub(super) fn optional<T: Display>(value: Option<T>) -> Vec<String> {
    value.iter().map(ToString::to_string).collect()
}

/// What is shown of a path that may be absent.
pub(super) fn shown_path(path: Option<&PathBuf>) -> Vec<String> {
    path.iter().map(|path| path.display().to_string()).collect()
}

/// What is shown of a list.
pub(super) fn texts<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
