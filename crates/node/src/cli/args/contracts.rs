//! Arguments of `picot deploy` and `picot call`.

use super::SendArgs;
use clap::Args;
use picot_models::{Address, Amount, DatastoreEntry};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The file with the contract's code
    #[arg(value_name = "FILE")]
    pub(crate) code: PathBuf,
    /// Gas that the deployment can use at most
    #[arg(long, value_name = "GAS")]
    pub(crate) max_gas: u64,
    /// Coins that the deployment can take at most
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0",
        allow_negative_numbers = true
    )]
    pub(crate) max_coins: Amount,
    /// An entry that the contract's datastore begins with, in hexadecimal; may be given many times
    #[arg(long = "entry", value_name = "KEY=VALUE", value_parser = entry)]
    pub(crate) entries: Vec<DatastoreEntry>,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The contract, `addr1…`
    pub(crate) contract: Address,
    /// The name of its function
    pub(crate) function: String,
    /// What the function is given, in hexadecimal
    #[arg(long, value_name = "HEX", default_value = "", value_parser = bytes)]
    pub(crate) parameter: Bytes,
    /// Gas that it can use at most
    #[arg(long, value_name = "GAS")]
    pub(crate) max_gas: u64,
    /// Coins given along
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "0",
        allow_negative_numbers = true
    )]
    pub(crate) coins: Amount,
    #[command(flatten)]
    pub(crate) send: SendArgs,
}

/// Bytes of one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    let expected = || "expected bytes in hexadecimal, two digits each".to_owned();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        let is_hex = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    let bytes: Option<Vec<_>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.map(Bytes).ok_or_else(expected)
}

fn entry(text: &str) -> Result<DatastoreEntry, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected a key, an equals sign and a value, in hexadecimal")?;
    Ok(DatastoreEntry {
        key: bytes(key)?.0,
        value: bytes(value)?.0,
    })
}
