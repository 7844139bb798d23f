//! The encrypted file.

use super::{PASSPHRASE, World, address, config, key, random, sorted_addresses};
use crate::{FileWallet, KdfParams, MAX_KEYS, Wallet, WalletConfig, WalletError};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

#[test]
fn keys_come_back_with_the_passphrase_and_only_with_it() {
    let world = World::new();
    drop(world.create(&[1, 2, 3]));
    let wallet = world.open().unwrap();
    assert!(wallet.is_locked());
    let error = wallet.unlock("wrong horse").unwrap_err();
    assert!(matches!(error, WalletError::WrongPassphrase(_)));
    assert!(
        error
            .to_string()
            .starts_with("wrong passphrase, or wallet file"),
        "{error}"
    );
    assert!(wallet.is_locked());
    wallet.unlock(PASSPHRASE).unwrap();
    assert_eq!(wallet.addresses(), sorted_addresses(&[1, 2, 3]));
}

#[test]
fn the_file_tells_neither_keys_nor_addresses() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let file = fs::read_to_string(world.path()).unwrap();
    let secret = key(1)
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    assert!(!file.contains(&secret));
    assert!(!file.contains(&address(1).to_string()));
    assert!(!file.contains(wallet.export(&address(1)).unwrap().as_str()));
}

#[test]
fn what_is_added_and_removed_is_in_the_file_at_once() {
    let world = World::new();
    let wallet = world.create(&[1, 2]);
    wallet.remove(&address(1), &mut random()).unwrap();
    let generated = wallet.generate(&mut random()).unwrap();
    let again = world.open().unwrap();
    again.unlock(PASSPHRASE).unwrap();
    let mut expected = vec![address(2), generated];
    expected.sort();
    assert_eq!(again.addresses(), expected);
    assert_eq!(wallet.addresses(), expected);
}

#[test]
fn an_exported_key_can_be_imported() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let text = wallet.export(&address(1)).unwrap();
    assert!(text.starts_with("sec1"));
    assert!(matches!(
        wallet.import(&text, &mut random()),
        Err(WalletError::DuplicateKey(_))
    ));
    wallet.remove(&address(1), &mut random()).unwrap();
    assert_eq!(wallet.import(&text, &mut random()).unwrap(), address(1));
    let public_text = address(1).to_string();
    let error = wallet.import(&public_text, &mut random()).unwrap_err();
    assert!(matches!(error, WalletError::KeyText(_)));
    assert!(matches!(
        wallet.export(&address(9)),
        Err(WalletError::UnknownAddress(_))
    ));
}

#[test]
fn an_existing_file_is_never_overwritten_by_a_new_wallet() {
    let world = World::new();
    drop(world.create(&[1]));
    let before = fs::read(world.path()).unwrap();
    let made = FileWallet::create(&world.path(), "x", config(), world.log(), &mut random());
    assert!(matches!(made, Err(WalletError::AlreadyExists(_))));
    assert_eq!(fs::read(world.path()).unwrap(), before);
}

#[test]
fn a_missing_file_is_told_from_an_unreadable_one() {
    let world = World::new();
    assert!(matches!(world.open(), Err(WalletError::NotFound(_))));
    fs::create_dir(world.path()).unwrap();
    assert!(matches!(world.open(), Err(WalletError::Io { .. })));
}

#[test]
fn a_file_that_another_process_changed_is_not_overwritten() {
    let world = World::new();
    let (ours, theirs) = (world.create(&[1]), world.open().unwrap());
    theirs.unlock(PASSPHRASE).unwrap();
    theirs.add(key(2), &mut random()).unwrap();
    let error = ours.add(key(3), &mut random()).unwrap_err();
    assert!(matches!(error, WalletError::ChangedOnDisk(_)));
    assert_eq!(ours.addresses(), [address(1)]);
    ours.unlock(PASSPHRASE).unwrap();
    ours.add(key(3), &mut random()).unwrap();
    assert_eq!(ours.addresses(), sorted_addresses(&[1, 2, 3]));
}

#[test]
fn a_failed_write_changes_nothing() {
    let world = World::new();
    let wallet = world.create(&[1]);
    // A folder in the way of the new file.
    fs::create_dir(world.folder.path().join("wallet.json.new")).unwrap();
    assert!(matches!(
        wallet.add(key(2), &mut random()),
        Err(WalletError::Io { .. })
    ));
    assert!(matches!(
        wallet.remove(&address(1), &mut random()),
        Err(WalletError::Io { .. })
    ));
    assert_eq!(wallet.addresses(), [address(1)]);
    let again = world.open().unwrap();
    again.unlock(PASSPHRASE).unwrap();
    assert_eq!(again.addresses(), [address(1)]);
}

#[test]
fn what_a_crash_left_of_a_new_file_does_no_harm() {
    let world = World::new();
    let wallet = world.create(&[1]);
    fs::write(world.folder.path().join("wallet.json.new"), "half a fi").unwrap();
    wallet.add(key(2), &mut random()).unwrap();
    let again = world.open().unwrap();
    again.unlock(PASSPHRASE).unwrap();
    assert_eq!(again.addresses(), sorted_addresses(&[1, 2]));
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let world = World::new();
    let wallet = world.create(&[1]);
    let refused = wallet.change_passphrase("wrong horse", "new", &mut random());
    assert!(matches!(refused, Err(WalletError::WrongPassphrase(_))));
    wallet
        .change_passphrase(PASSPHRASE, "battery staple", &mut random())
        .unwrap();
    wallet.add(key(2), &mut random()).unwrap();
    let again = world.open().unwrap();
    assert!(matches!(
        again.unlock(PASSPHRASE),
        Err(WalletError::WrongPassphrase(_))
    ));
    again.unlock("battery staple").unwrap();
    assert_eq!(again.addresses(), sorted_addresses(&[1, 2]));
}

#[test]
fn no_nonce_is_used_twice() {
    let world = World::new();
    let wallet = world.create(&[]);
    let mut nonces = std::collections::BTreeSet::new();
    for number in 1..=20 {
        wallet.add(key(number), &mut random()).unwrap();
        let file: serde_json::Value =
            serde_json::from_slice(&fs::read(world.path()).unwrap()).unwrap();
        nonces.insert(file["cipher"]["nonce"].as_str().unwrap().to_owned());
    }
    assert_eq!(nonces.len(), 20);
}

#[test]
fn a_locked_wallet_takes_and_gives_no_keys() {
    let world = World::new();
    let wallet = world.create(&[1]);
    wallet.lock();
    assert!(matches!(
        wallet.add(key(2), &mut random()),
        Err(WalletError::Locked)
    ));
    assert!(matches!(
        wallet.remove(&address(1), &mut random()),
        Err(WalletError::Locked)
    ));
    assert!(matches!(
        wallet.export(&address(1)),
        Err(WalletError::Locked)
    ));
}

#[test]
fn a_wallet_has_a_most_of_keys() {
    let mut keys = crate::keys::Keys::default();
    for number in 0..MAX_KEYS as u64 {
        keys = match keys.with(key(number)) {
            Ok((keys, _)) => keys,
            Err(error) => panic!("{error}"),
        };
    }
    assert!(matches!(
        keys.with(key(u64::MAX)),
        Err(WalletError::Full(MAX_KEYS))
    ));
    let plaintext = keys.to_plaintext();
    let again = crate::keys::Keys::from_plaintext(&plaintext).unwrap();
    assert_eq!(again.addresses(), keys.addresses());
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone_and_other_permissions_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let wallet = world.create(&[1]);
    assert_eq!(wallet.warnings(), []);
    let mode = || fs::metadata(world.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let wallet = world.open().unwrap();
    let warnings: Vec<_> = wallet.warnings().iter().map(ToString::to_string).collect();
    assert!(warnings[0].contains("can be read by other users") && warnings[0].contains("644"));
    wallet.unlock(PASSPHRASE).unwrap();
    wallet.add(key(2), &mut random()).unwrap();
    assert_eq!(mode(), 0o600, "a change mends it");
}

/// What opening, then unlocking, says of a file with this content.
fn outcome_of(world: &World, content: &[u8]) -> Result<(), WalletError> {
    fs::write(world.path(), content).unwrap();
    world.open()?.unlock(PASSPHRASE)
}

fn edited(path: &Path, edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut file = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut file);
    serde_json::to_vec(&file).unwrap()
}

#[test]
fn damage_of_the_structure_is_told_from_a_wrong_passphrase() {
    let world = World::new();
    drop(world.create(&[1]));
    let good = fs::read(world.path()).unwrap();
    assert!(outcome_of(&world, &good).is_ok());
    let malformed = |content: &[u8]| {
        let result = outcome_of(&world, content);
        assert!(
            matches!(result, Err(WalletError::Malformed { .. })),
            "{result:?}"
        );
        fs::write(world.path(), &good).unwrap();
    };
    malformed(b"not json");
    malformed(b"[1]");
    malformed(&[0xff; 100]);
    malformed(&vec![b' '; 2_000_000]);
    malformed(&edited(&world.path(), |file| file["more"] = 1.into()));
    malformed(&edited(&world.path(), |file| {
        file["kdf"]["salt"] = "00".into()
    }));
    malformed(&edited(&world.path(), |file| {
        file["kdf"]["algorithm"] = "md5".into()
    }));
    malformed(&edited(&world.path(), |file| {
        file["cipher"]["nonce"] = "zz".into()
    }));
    malformed(&edited(&world.path(), |file| {
        file["cipher"]["ciphertext"] = "abc".into()
    }));
    let no_keys = outcome_of(
        &world,
        &edited(&world.path(), |file| {
            file["cipher"]["ciphertext"] = "".into()
        }),
    );
    assert!(matches!(no_keys, Err(WalletError::WrongPassphrase(_))));
}

#[test]
fn a_truncated_file_is_said_to_be_truncated() {
    let world = World::new();
    drop(world.create(&[1]));
    let good = fs::read(world.path()).unwrap();
    for len in 0..good.len() - 2 {
        let result = outcome_of(&world, &good[..len]);
        assert!(
            matches!(result, Err(WalletError::Truncated { bytes, .. }) if bytes == len),
            "{len}: {result:?}"
        );
    }
}

#[test]
fn a_file_of_another_version_is_refused_by_its_version() {
    let world = World::new();
    drop(world.create(&[1]));
    let newer = br#"{"version": 2, "whatever": {"comes": "then"}}"#;
    let error = outcome_of(&world, newer).unwrap_err();
    assert!(matches!(
        error,
        WalletError::UnknownVersion {
            found: 2,
            known: 1,
            ..
        }
    ));
}

#[test]
fn a_hostile_file_cannot_ask_for_endless_memory_or_time() {
    let world = World::new();
    drop(world.create(&[1]));
    let good = fs::read(world.path()).unwrap();
    for (field, value) in [
        ("memory_kib", u64::from(u32::MAX)),
        ("memory_kib", 7),
        ("passes", 1_000_000),
        ("passes", 0),
        ("lanes", 1_000),
        ("lanes", 0),
    ] {
        fs::write(world.path(), &good).unwrap();
        let hostile = edited(&world.path(), |file| {
            file["kdf"]["params"][field] = value.into()
        });
        let error = outcome_of(&world, &hostile).unwrap_err();
        let named =
            matches!(&error, WalletError::KdfOutOfBounds { reason, .. } if reason.contains(field));
        assert!(named, "{error}");
    }
    let (memory_kib, passes, lanes) = (KdfParams::MAX_MEMORY_KIB, KdfParams::MAX_PASSES, 1);
    let kdf = KdfParams {
        memory_kib,
        passes,
        lanes,
    };
    let both = WalletConfig { kdf }.validate().unwrap_err();
    assert!(
        both.to_string().contains("memory_kib times passes"),
        "{both}"
    );
}

#[test]
fn every_part_of_the_file_is_authenticated() {
    let world = World::new();
    drop(world.create(&[1]));
    let good = fs::read(world.path()).unwrap();
    let flip = |text: &str| {
        if text.starts_with('0') {
            text.replacen('0', "1", 1)
        } else {
            format!("0{}", &text[1..])
        }
    };
    let parts: [fn(&mut serde_json::Value) -> &mut serde_json::Value; 3] = [
        |file| &mut file["kdf"]["salt"],
        |file| &mut file["cipher"]["nonce"],
        |file| &mut file["cipher"]["ciphertext"],
    ];
    for part in parts {
        fs::write(world.path(), &good).unwrap();
        let damaged = edited(&world.path(), |file| {
            let value = part(file);
            *value = flip(value.as_str().unwrap()).into();
        });
        let result = outcome_of(&world, &damaged);
        assert!(
            matches!(result, Err(WalletError::WrongPassphrase(_))),
            "{result:?}"
        );
    }
    fs::write(world.path(), &good).unwrap();
    let costlier = edited(&world.path(), |file| {
        file["kdf"]["params"]["passes"] = 2.into()
    });
    assert!(matches!(
        outcome_of(&world, &costlier),
        Err(WalletError::WrongPassphrase(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_of_one_byte_is_taken_for_a_good_wallet_or_panics(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let world = World::new();
        drop(world.create(&[1, 2]));
        let good = fs::read(world.path()).unwrap();
        let mut damaged = good.clone();
        let at = at.index(damaged.len());
        damaged[at] = to;
        let same: Result<serde_json::Value, _> = serde_json::from_slice(&damaged);
        let same = same.ok() == serde_json::from_slice(&good).ok();
        prop_assert_eq!(outcome_of(&world, &damaged).is_ok(), same);
    }
}

/// A change of this file is a change of the format: files of users must go on opening.
#[test]
fn the_file_of_version_1_is_pinned() {
    let golden = include_str!("golden/wallet-v1.json");
    let world = World::new();
    let fixed = &mut |out: &mut [u8]| out.fill(7);
    let made = FileWallet::create(&world.path(), PASSPHRASE, config(), world.log(), fixed);
    made.unwrap().add(key(1), fixed).unwrap();
    assert_eq!(fs::read_to_string(world.path()).unwrap(), golden);
    fs::write(world.path(), golden).unwrap();
    let wallet = world.open().unwrap();
    wallet.unlock(PASSPHRASE).unwrap();
    assert_eq!(wallet.addresses(), [address(1)]);
}
