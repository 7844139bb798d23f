//! What can be written after `picot keys`.

use super::{ControlArgs, WalletArgs};
use clap::{Args, Subcommand};
use picot_models::Address;
use std::path::PathBuf;

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

#[derive(Debug, Args)]
pub(crate) struct KeysExportArgs {
    /// Whose key
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}
