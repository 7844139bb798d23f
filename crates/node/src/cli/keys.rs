//! `picot keys`: the keys of the encrypted key file.

use super::args::{
    KeysAllowArgs, KeysArgs, KeysCommand, KeysExportArgs, KeysImportArgs, KeysRemoveArgs,
};
use super::{CliError, PassphraseError, World, control, tables, wallet};
use crate::data_layout::DataLayout;
use crate::randomness::SystemRandomness;
use picot_api::control::types::KeyStatus;
use picot_models::text::{export_secret_key, import_secret_key};
use picot_models::{Address, SecretKey};
use picot_wallet::{FileWallet, Wallet, WalletError};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most bytes of a file with one secret key.
const MAX_SECRET_BYTES: u64 = 1_024;

pub(super) fn run(command: KeysCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        KeysCommand::New(arguments) => new(&arguments, world),
        KeysCommand::Import(arguments) => import(&arguments, world),
        KeysCommand::List(arguments) => list(&arguments, world),
        KeysCommand::Remove(arguments) => remove(&arguments, world),
        KeysCommand::Allow(arguments) => allow(&arguments, world),
        KeysCommand::Export(arguments) => export(&arguments, world),
    }
}

/// One key, for programs.
#[derive(Serialize)]
struct KeyAnswer {
    address: Address,
    file: PathBuf,
}

/// One exported key, for programs.
#[derive(Serialize)]
struct SecretAnswer<'a> {
    address: Address,
    secret_key: &'a str,
}

/// All keys, for programs.
#[derive(Serialize)]
struct KeysAnswer {
    addresses: Vec<Address>,
    file: PathBuf,
}

/// The keys of a running node, for programs.
#[derive(Serialize)]
struct HotKeysAnswer {
    addresses: Vec<Address>,
    file: PathBuf,
    keys: Vec<KeyStatus>,
}

fn new(arguments: &KeysArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let data = &arguments.wallet.data;
    let made = control::ask_if_running(data, "make a key", |node| node.add_key(None))?;
    if let Some(made) = made {
        return tell_in_use("new key of", made.address, arguments, world);
    }
    let _alone = control::keep_nodes_away(data)?;
    let mut random = SystemRandomness::new()?;
    let wallet = wallet::open_or_create(&arguments.wallet, &mut random, world)?;
    let address = wallet.generate(&mut |bytes| random.fill(bytes))?;
    tell_added("new key of", address, arguments, world)
}

fn import(arguments: &KeysImportArgs, world: &mut World<'_>) -> Result<(), CliError> {
    // What is wrong with the key is told before a file is made for it.
    let key = match &arguments.secret_file {
        Some(path) => read_secret(path)?,
        None => ask_secret(world)?,
    };
    let keys = &arguments.keys;
    let added = control::ask_if_running(&keys.wallet.data, "add a key", |node| {
        node.add_key(Some(export_secret_key(&key)))
    })?;
    if let Some(added) = added {
        world.note(
            "warning: if this key signed on another machine, remove it here at once, and bring \
             along what it signed with `picot protection`",
        );
        return tell_in_use("imported the key of", added.address, keys, world);
    }
    let _alone = control::keep_nodes_away(&keys.wallet.data)?;
    let mut random = SystemRandomness::new()?;
    let wallet = wallet::open_or_create(&arguments.keys.wallet, &mut random, world)?;
    let address = wallet.add(key, &mut |bytes| random.fill(bytes))?;
    tell_added("imported the key of", address, &arguments.keys, world)
}

fn list(arguments: &KeysArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let data = &arguments.wallet.data;
    if let Some(answer) = control::ask_if_running(data, "list the keys", |node| node.keys())? {
        if arguments.json {
            let held = answer.keys.iter().filter(|key| key.held);
            return world.say_json(&HotKeysAnswer {
                addresses: held.map(|key| key.address).collect(),
                file: file_of(arguments),
                keys: answer.keys,
            });
        }
        return world.say(tables::keys(&answer));
    }
    let addresses = wallet::open(&arguments.wallet, world)?.addresses();
    if arguments.json {
        let file = file_of(arguments);
        return world.say_json(&KeysAnswer { addresses, file });
    }
    if addresses.is_empty() {
        world.note(format_args!("{} has no keys", file_of(arguments).display()));
        return Ok(());
    }
    world.say(tables::addresses(&addresses))
}

fn remove(arguments: &KeysRemoveArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let address = arguments.address;
    let data = &arguments.keys.wallet.data;
    if let Some(answer) = control::ask_if_running(data, "list the keys", |node| node.keys())? {
        if !answer
            .keys
            .iter()
            .any(|key| key.held && key.address == address)
        {
            return Err(WalletError::UnknownAddress(Box::new(address)).into());
        }
        if !arguments.yes {
            confirm(address, world)?;
        }
        control::ask(data, "remove the key", |node| node.remove_key(&address))?;
        return tell_removed(arguments, world);
    }
    let _alone = control::keep_nodes_away(data)?;
    let wallet = wallet::open(&arguments.keys.wallet, world)?;
    check_present(&wallet, address)?;
    if !arguments.yes {
        confirm(address, world)?;
    }
    let mut random = SystemRandomness::new()?;
    wallet.remove(&address, &mut |bytes| random.fill(bytes))?;
    tell_removed(arguments, world)
}

fn tell_removed(arguments: &KeysRemoveArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let address = arguments.address;
    if arguments.keys.json {
        let file = file_of(&arguments.keys);
        return world.say_json(&KeyAnswer { address, file });
    }
    world.say(format_args!("removed the key of {address}"))
}

fn allow(arguments: &KeysAllowArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let (address, control) = (arguments.address, &arguments.control);
    let action = format!("let the key of {address} sign again");
    let cleared = control::ask(&control.data, &action, |node| node.clear_refusal(&address))?;
    if control.json {
        return world.say_json(&cleared);
    }
    world.say(format_args!(
        "the key of {address} signs blocks and endorsements again, and votes from the next start"
    ))
}

fn export(arguments: &KeysExportArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let address = arguments.address;
    let wallet = wallet::open(&arguments.keys.wallet, world)?;
    let secret = wallet.export(&address)?;
    world.note("warning: whoever has this key has the coins and rolls of its address");
    if arguments.keys.json {
        let secret_key = secret.as_str();
        return world.say_json(&SecretAnswer {
            address,
            secret_key,
        });
    }
    world.say(secret.as_str())
}

fn tell_added(
    what: &str,
    address: Address,
    arguments: &KeysArgs,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let file = file_of(arguments);
    if arguments.json {
        return world.say_json(&KeyAnswer { address, file });
    }
    world.say(format_args!("{what} {address} is in {}", file.display()))
}

fn tell_in_use(
    what: &str,
    address: Address,
    arguments: &KeysArgs,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    tell_added(what, address, arguments, world)?;
    world.note("the running node uses it from the next slot on");
    Ok(())
}

fn confirm(address: Address, world: &mut World<'_>) -> Result<(), CliError> {
    if !world.prompt.is_interactive() {
        return Err(CliError::NotConfirmed);
    }
    let question = format!(
        "Without a copy of its key, the coins and rolls of {address} are lost.\n\
         Type `remove` to remove it: "
    );
    let answer = world
        .prompt
        .line(&question)
        .map_err(PassphraseError::Prompt)?;
    if answer.trim() == "remove" {
        Ok(())
    } else {
        Err(CliError::Declined)
    }
}

fn check_present(wallet: &FileWallet, address: Address) -> Result<(), CliError> {
    match wallet.public_key(&address) {
        Some(_) => Ok(()),
        None => Err(WalletError::UnknownAddress(Box::new(address)).into()),
    }
}

fn ask_secret(world: &mut World<'_>) -> Result<SecretKey, CliError> {
    if !world.prompt.is_interactive() {
        return Err(CliError::NoSecret);
    }
    let typed = world.prompt.secret("Secret key (sec1…): ");
    parse_secret(&typed.map_err(PassphraseError::Prompt)?, "what was typed")
}

fn read_secret(path: &Path) -> Result<SecretKey, CliError> {
    let mut text = Zeroizing::new(String::with_capacity(2_048));
    let read =
        File::open(path).and_then(|file| file.take(MAX_SECRET_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => parse_secret(&text, &format!("the text in {}", path.display())),
        Err(source) => Err(CliError::File {
            action: "read secret key file",
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse_secret(text: &str, place: &str) -> Result<SecretKey, CliError> {
    import_secret_key(text.trim()).map_err(|source| CliError::Secret {
        place: place.to_owned(),
        source,
    })
}

fn file_of(arguments: &KeysArgs) -> PathBuf {
    DataLayout::new(&arguments.wallet.data).keys_file()
}
