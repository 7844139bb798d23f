//! The key file of a data directory, opened.

use super::args::WalletArgs;
use super::{CliError, PassphraseSource, Purpose, World};
use crate::data_layout::DataLayout;
use crate::key_file;
use crate::randomness::SystemRandomness;
use picot_models::Address;
use picot_wallet::{FileWallet, Wallet};
use std::fs::DirBuilder;
use std::path::Path;

/// Opens the key file that there is, and unlocks it.
pub(super) fn open(arguments: &WalletArgs, world: &mut World<'_>) -> Result<FileWallet, CliError> {
    let layout = DataLayout::new(&arguments.data);
    let wallet = key_file::open_wallet(&layout, key_file::no_claims())?;
    let passphrase = source(arguments, world).obtain(&layout, Purpose::Unlock, world.prompt)?;
    wallet.unlock(passphrase.as_str())?;
    warn(&wallet, world);
    Ok(wallet)
}

/// As [`open`], but makes a key file, and the directory, if there is none.
pub(super) fn open_or_create(
    arguments: &WalletArgs,
    random: &mut SystemRandomness,
    world: &mut World<'_>,
) -> Result<FileWallet, CliError> {
    let layout = DataLayout::new(&arguments.data);
    let path = layout.keys_file();
    if path.exists() {
        return open(arguments, world);
    }
    let passphrase = source(arguments, world).obtain(&layout, Purpose::Create, world.prompt)?;
    make_directory(layout.root())?;
    let fill = &mut |bytes: &mut [u8]| random.fill(bytes);
    let wallet = FileWallet::create(
        &path,
        passphrase.as_str(),
        key_file::wallet_config(&layout),
        key_file::no_claims(),
        fill,
    )?;
    world.note(format_args!("made key file {}", path.display()));
    Ok(wallet)
}

/// Whose key signs: the one asked for, or else the only one there is.
pub(super) fn sender(
    wallet: &FileWallet,
    arguments: &WalletArgs,
    from: Option<Address>,
) -> Result<Address, CliError> {
    if let Some(address) = from {
        return Ok(address);
    }
    let path = DataLayout::new(&arguments.data).keys_file();
    match wallet.addresses().as_slice() {
        [] => Err(CliError::NoKeys(path)),
        [only] => Ok(*only),
        [first, rest @ ..] => Err(CliError::ManyKeys {
            path,
            count: rest.len().saturating_add(1),
            example: Box::new(*first),
        }),
    }
}

fn source(arguments: &WalletArgs, world: &World<'_>) -> PassphraseSource {
    PassphraseSource {
        file: arguments.passphrase.passphrase_file.clone(),
        environment: world.passphrase.clone(),
    }
}

fn warn(wallet: &FileWallet, world: &mut World<'_>) {
    for warning in wallet.warnings() {
        world.note(format_args!("warning: {warning}"));
    }
}

fn make_directory(path: &Path) -> Result<(), CliError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|source| CliError::File {
        action: "make directory",
        path: path.to_owned(),
        source,
    })
}
