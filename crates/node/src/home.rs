//! What a node finds in its data directory, or puts there at its first start: genesis and wallet.

use crate::NodeError;
use crate::cli::{PassphraseSource, Purpose, SystemPrompt};
use crate::data_layout::{
    CONTROL_FILE, DEV_PASSPHRASE_FILE, DataLayout, GENESIS_FILE, KEYS_FILE, LOCK_FILE,
};
use crate::genesis_file::read_genesis;
use crate::key_file::{no_claims, open_wallet, wallet_config};
use crate::randomness::SystemRandomness;
use picot_clock::Millis;
use picot_database::DatabaseError;
use picot_models::{Amount, ChainParams, Genesis, GenesisStaker, Timestamp};
use picot_wallet::FileWallet;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Rolls of the staker of a development chain.
const DEV_ROLLS: u64 = 100;
/// Coins of the development account, which is the staker's.
const DEV_COINS: u64 = 1_000_000;
/// From the start of a fresh development chain to its first slot that can have a block.
const DEV_FIRST_SLOT_DELAY: Millis = Millis(1_500);

/// The chain of a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its genesis, valid.
    pub genesis: Genesis,
    /// Whether genesis and staking keys were made by this very start.
    pub is_new: bool,
}

/// Reads the genesis of a data directory, or takes over the one of `given` at the first start.
///
/// # Errors
/// There is none; it cannot be read; it is wrong; `given` is of another chain than the directory.
pub fn open_chain(layout: &DataLayout, given: Option<&Path>) -> Result<Chain, NodeError> {
    let path = layout.genesis_file();
    let given = given.map(read_genesis).transpose()?;
    if !path.exists() {
        let genesis = given.ok_or_else(|| NodeError::NoGenesis(layout.root().to_owned()))?;
        write_genesis(&path, &genesis)?;
        return Ok(Chain {
            genesis,
            is_new: false,
        });
    }
    let genesis = read_genesis(&path)?;
    match given {
        Some(given) if given != genesis => Err(NodeError::OtherChain {
            path: layout.root().to_owned(),
            found: Box::new(genesis.chain_id()),
            given: Box::new(given.chain_id()),
        }),
        _ => Ok(Chain {
            genesis,
            is_new: false,
        }),
    }
}

/// Reads the development chain of a data directory, or makes one with a key of its own, whose only
/// staker is that key.
///
/// # Errors
/// Something cannot be read, written or made.
pub fn open_dev_chain(layout: &DataLayout, now: Timestamp) -> Result<Chain, NodeError> {
    let root = layout.root();
    fs::create_dir_all(root).map_err(NodeError::file("create the data directory", root))?;
    let _alone = lock_directory(layout)?;
    if layout.genesis_file().exists() {
        return open_chain(layout, None);
    }
    // A start that ended half-way may have left a wallet: its key is used, and counts as old.
    let is_new = !layout.keys_file().exists();
    if is_new {
        make_dev_wallet(layout)?;
    }
    let staker = dev_staker(layout)?;
    let genesis = dev_genesis(staker, now)?;
    write_genesis(&layout.genesis_file(), &genesis)?;
    Ok(Chain { genesis, is_new })
}

/// Takes a development chain away, with its keys: only what a node puts into such a directory.
///
/// # Errors
/// The directory is not one of development, is in use, or cannot be changed.
pub fn reset_dev(layout: &DataLayout) -> Result<(), NodeError> {
    let root = layout.root();
    if !root.exists() {
        return Ok(());
    }
    if !layout.is_dev() {
        return if has_only_the_lock(root)? {
            Ok(())
        } else {
            Err(NodeError::NotDevelopment(root.to_owned()))
        };
    }
    let _alone = lock_directory(layout)?;
    for entry in fs::read_dir(root).map_err(NodeError::file("read", root))? {
        let entry = entry.map_err(NodeError::file("read", root))?;
        let path = entry.path();
        let mut of_node = NODE_FILES.iter().chain(&picot_database::DataDir::ENTRIES);
        if !of_node.any(|name| entry.file_name() == *name) {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(NodeError::file("remove", &path))?;
    }
    Ok(())
}

fn has_only_the_lock(root: &Path) -> Result<bool, NodeError> {
    for entry in fs::read_dir(root).map_err(NodeError::file("read", root))? {
        let entry = entry.map_err(NodeError::file("read", root))?;
        if entry.file_name() != LOCK_FILE {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a node puts into its data directory besides its stores. The lock stays: whoever removes the
/// rest holds it.
const NODE_FILES: [&str; 4] = [CONTROL_FILE, DEV_PASSPHRASE_FILE, GENESIS_FILE, KEYS_FILE];

/// Keeps another start, or a running node, away from a directory until the file is dropped. It is
/// the lock that [`DataDir`] takes later.
fn lock_directory(layout: &DataLayout) -> Result<File, NodeError> {
    let path = layout.lock_file();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(NodeError::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::InUse(layout.root().to_owned()).into()),
        Err(TryLockError::Error(source)) => Err(NodeError::file("lock", path)(source)),
    }
}

fn make_dev_wallet(layout: &DataLayout) -> Result<(), NodeError> {
    let mut randomness = SystemRandomness::new()?;
    let mut bytes = Zeroizing::new([0; 16]);
    randomness.fill(bytes.as_mut_slice());
    let mut passphrase = Zeroizing::new(String::new());
    for byte in bytes.iter() {
        // Writing to a string does not fail.
        let _ = write!(passphrase, "{byte:02x}");
    }
    write_private(&layout.dev_passphrase_file(), passphrase.as_bytes())?;
    let wallet = FileWallet::create(
        &layout.keys_file(),
        &passphrase,
        wallet_config(layout),
        no_claims(),
        &mut |bytes| randomness.fill(bytes),
    )?;
    wallet.generate(&mut |bytes| randomness.fill(bytes))?;
    Ok(())
}

fn dev_staker(layout: &DataLayout) -> Result<picot_models::Address, NodeError> {
    let wallet = open_wallet(layout, no_claims())?;
    let passphrase =
        PassphraseSource::default().obtain(layout, Purpose::Unlock, &mut SystemPrompt)?;
    wallet.unlock(passphrase.as_str())?;
    let addresses = picot_wallet::Wallet::addresses(&wallet);
    let missing = || NodeError::Stopped(format!("{} has no key", layout.keys_file().display()));
    addresses.first().copied().ok_or_else(missing)
}

/// A chain whose slot (1, 0), the first that can have a block, is about to start.
fn dev_genesis(staker: picot_models::Address, now: Timestamp) -> Result<Genesis, NodeError> {
    let params = ChainParams::dev();
    let first_slot = now.checked_add(DEV_FIRST_SLOT_DELAY);
    let genesis_timestamp = first_slot.and_then(|start| start.checked_sub(Millis(params.t0_ms)));
    let coins = Amount::from_coins(DEV_COINS).unwrap_or(Amount::MAX);
    let genesis = Genesis {
        name: "picot-dev".to_owned(),
        genesis_timestamp: genesis_timestamp
            .ok_or_else(|| NodeError::Stopped(format!("the clock of this machine says {now}")))?,
        params,
        stakers: vec![GenesisStaker {
            address: staker,
            rolls: DEV_ROLLS,
        }],
        allocations: BTreeMap::from([(staker, coins)]),
    };
    genesis.validate()?;
    Ok(genesis)
}

fn write_genesis(path: &Path, genesis: &Genesis) -> Result<(), NodeError> {
    genesis.validate()?;
    let root = path.parent().unwrap_or(path);
    fs::create_dir_all(root).map_err(NodeError::file("create the data directory", root))?;
    let text = serde_json::to_string_pretty(genesis)
        .map_err(|error| NodeError::file("write", path)(error.into()))?;
    // Whole or not at all: a start that ends in between finds no genesis.
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(root)?.sync_all()
    };
    write().map_err(NodeError::file("write", path))
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || -> std::io::Result<()> {
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(NodeError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::Slot;

    fn layout() -> (tempfile::TempDir, DataLayout) {
        let directory = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(directory.path().join("data"));
        (directory, layout)
    }

    #[test]
    fn a_fresh_development_chain_has_a_funded_staker_whose_key_is_in_the_wallet() {
        let (_directory, layout) = layout();
        let chain = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        assert!(chain.is_new);
        let staker = dev_staker(&layout).unwrap();
        assert_eq!(chain.genesis.stakers[0].address, staker);
        assert_eq!(
            chain.genesis.allocations[&staker],
            "1000000".parse().unwrap()
        );
    }

    #[test]
    fn the_first_slot_with_a_block_starts_right_after_the_first_start() {
        let (_directory, layout) = layout();
        let now = Timestamp(1_800_000_000_000);
        let genesis = open_dev_chain(&layout, now).unwrap().genesis;
        let start = genesis
            .slot_clock()
            .unwrap()
            .start_of(Slot::new(1, 0))
            .unwrap();
        assert_eq!(start.since(now), Some(DEV_FIRST_SLOT_DELAY));
    }

    #[test]
    fn a_second_start_goes_on_with_the_same_chain() {
        let (_directory, layout) = layout();
        let first = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        let second = open_dev_chain(&layout, Timestamp(1_900_000_000_000)).unwrap();
        assert_eq!(
            second,
            Chain {
                is_new: false,
                ..first
            }
        );
    }

    #[test]
    fn of_several_starts_at_once_on_a_fresh_directory_all_get_one_chain_or_are_told_it_is_in_use() {
        let (_directory, layout) = layout();
        let now = Timestamp(1_800_000_000_000);
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let layout = layout.clone();
                std::thread::spawn(move || open_dev_chain(&layout, now))
            })
            .collect();
        let mut chains = Vec::new();
        for start in starts {
            match start.join().unwrap() {
                Ok(chain) => chains.push(chain),
                Err(NodeError::Database(DatabaseError::InUse(_))) => {}
                Err(error) => unreachable!("{error}"),
            }
        }
        assert_eq!(chains.iter().filter(|chain| chain.is_new).count(), 1);
        let genesis = open_dev_chain(&layout, now).unwrap().genesis;
        assert!(chains.iter().all(|chain| chain.genesis == genesis));
        assert_eq!(dev_staker(&layout).unwrap(), genesis.stakers[0].address);
    }

    #[test]
    fn a_start_that_ended_before_the_genesis_was_written_goes_on_with_its_key_as_an_old_one() {
        let (_directory, layout) = layout();
        let first = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        fs::remove_file(layout.genesis_file()).unwrap();
        let second = open_dev_chain(&layout, Timestamp(1_900_000_000_000)).unwrap();
        assert!(!second.is_new);
        assert_eq!(second.genesis.stakers, first.genesis.stakers);
    }

    #[test]
    fn a_directory_without_a_chain_needs_a_genesis_file() {
        let (_directory, layout) = layout();
        assert!(matches!(
            open_chain(&layout, None),
            Err(NodeError::NoGenesis(_))
        ));
    }

    #[test]
    fn a_genesis_of_another_chain_is_refused_with_both_ids() {
        let (_directory, layout) = layout();
        let mut genesis = open_dev_chain(&layout, Timestamp(1_800_000_000_000))
            .unwrap()
            .genesis;
        genesis.name = "another".to_owned();
        let other = layout.root().join("other.json");
        write_genesis(&other, &genesis).unwrap();
        let error = open_chain(&layout, Some(&other)).unwrap_err();
        assert!(
            error.to_string().contains(&genesis.chain_id().to_string()),
            "{error}"
        );
    }

    #[test]
    fn a_reset_takes_the_chain_and_its_keys_away_and_nothing_else() {
        let (_directory, layout) = layout();
        let first = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        let note = layout.root().join("note.txt");
        fs::write(&note, "mine").unwrap();
        reset_dev(&layout).unwrap();
        assert!(note.exists());
        let second = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        assert_ne!(second.genesis.stakers, first.genesis.stakers);
    }

    #[test]
    fn a_directory_that_is_not_one_of_development_or_is_in_use_is_not_reset() {
        let (_directory, layout) = layout();
        let chain = open_dev_chain(&layout, Timestamp(1_800_000_000_000)).unwrap();
        let open = DataDir::open(
            layout.root(),
            &chain.genesis.chain_id(),
            &DatabaseConfig::dev(),
        )
        .unwrap();
        assert!(matches!(
            reset_dev(&layout),
            Err(NodeError::Database(DatabaseError::InUse(_)))
        ));
        drop(open);
        fs::remove_file(layout.dev_passphrase_file()).unwrap();
        assert!(matches!(
            reset_dev(&layout),
            Err(NodeError::NotDevelopment(_))
        ));
        assert!(layout.keys_file().exists());
    }
}
