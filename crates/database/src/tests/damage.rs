//! Damaged files are errors: never panics, never misread, and never a new beginning.

use super::{chain, crash_image, folder, open, try_open};
use crate::DatabaseError;
use picot_checkpoint::CheckpointStore;
use picot_ledger::{LatticeHash, STATE_FORMAT, StateBatch, StateMetadata, StateStore};
use picot_models::Slot;
use picot_serialization::Encode;
use picot_storage::mocks::{candidate, decided_block};
use picot_storage::{BlockArchive, StorageError};
use picot_wallet::mocks::request;
use picot_wallet::{ClaimKind, SigningLog};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that was used and closed.
fn used() -> TempDir {
    let folder = folder();
    let data = open(folder.path());
    for period in 1..=30 {
        let claim = request(1, ClaimKind::Header, Slot::new(period, 0), 0, 1);
        data.signing_log().claim(&[claim]).unwrap();
        let block = candidate(Slot::new(period, 0), 1, 20);
        data.archive()
            .store_decided(&[decided_block(&block)])
            .unwrap();
        let mut batch = StateBatch::new();
        batch.put(period.to_be_bytes().to_vec(), vec![1; 500]);
        data.state().commit(batch).unwrap();
    }
    drop(data);
    folder
}

fn is_damaged(path: &Path) -> bool {
    match try_open(path) {
        Err(DatabaseError::Damaged { .. }) => true,
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    }
}

fn claims(folder: &Path) -> PathBuf {
    folder.join("signing").join("claims.redb")
}

#[test]
fn a_damaged_chain_file_is_an_error() {
    let folder = used();
    let path = folder.path().join("chain");
    let good = fs::read_to_string(&path).unwrap();
    let damaged: [&[u8]; 6] = [
        b"",
        b"\xff\xfe",
        b"picot data, format one\n",
        b"picot data, format 0\n",
        b"picot data, format 1\n",
        &good.as_bytes()[..good.len() - 4],
    ];
    for content in damaged {
        fs::write(&path, content).unwrap();
        assert!(is_damaged(folder.path()), "{content:?}");
    }
    fs::write(&path, good).unwrap();
    open(folder.path());
}

#[test]
fn an_empty_or_truncated_signing_log_is_never_taken_for_a_new_one() {
    let folder = used();
    let good = fs::read(claims(folder.path())).unwrap();
    for len in [0, 1, 100, 320, 4_096, good.len() / 2, good.len() - 1] {
        fs::write(claims(folder.path()), &good[..len]).unwrap();
        assert!(is_damaged(folder.path()), "{len} bytes of {}", good.len());
    }
    fs::write(claims(folder.path()), &good).unwrap();
    open(folder.path());
}

#[test]
fn a_signing_log_of_other_bytes_is_damaged() {
    let folder = used();
    fs::write(claims(folder.path()), vec![7; 100_000]).unwrap();
    assert!(is_damaged(folder.path()));
}

/// Whatever bytes of it are damaged, the log is refused, or has all claims.
#[test]
fn damage_anywhere_in_the_signing_log_is_found_when_it_is_opened() {
    let folder = used();
    let good = fs::read(claims(folder.path())).unwrap();
    let claimed = |path: &Path| {
        let log = open(path).signing_log();
        let address = request(1, ClaimKind::Header, Slot::GENESIS, 0, 1).address;
        log.records(&address, Slot::GENESIS).unwrap()
    };
    let expected = claimed(folder.path());
    assert_eq!(expected.len(), 30);
    let mut found = 0;
    let last = good.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..last).step_by(last / 40) {
        let mut damaged = good.clone();
        for byte in &mut damaged[at..(at + 64).min(good.len())] {
            *byte ^= 0x5a;
        }
        fs::write(claims(folder.path()), &damaged).unwrap();
        if is_damaged(folder.path()) {
            found += 1;
        } else {
            assert_eq!(claimed(folder.path()), expected, "damage at byte {at}");
        }
        fs::write(claims(folder.path()), &good).unwrap();
    }
    assert!(found > 0);
}

#[test]
fn a_store_without_its_marker_is_damaged_and_not_begun_anew() {
    let folder = used();
    fs::remove_file(folder.path().join("store").join("version")).unwrap();
    assert!(is_damaged(folder.path()));
    assert!(
        folder.path().join("store").join("keyspaces").exists(),
        "nothing was removed"
    );
}

#[test]
fn a_store_without_its_tables_is_damaged() {
    let folder = used();
    fs::remove_dir_all(folder.path().join("store").join("keyspaces")).unwrap();
    assert!(is_damaged(folder.path()));
}

/// Damage of the bulk store's journal may cost its end (design 14): then all of it, state and
/// archive alike, is as it was before, and never wrong.
#[test]
fn a_damaged_journal_costs_its_end_and_nothing_else() {
    let folder = used();
    let journal = folder.path().join("store").join("0.jnl");
    let good = fs::read(&journal).unwrap();
    let written = good.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..written).step_by(written / 25) {
        let image = crash_image(folder.path());
        let mut damaged = good.clone();
        for byte in &mut damaged[at..at + 8] {
            *byte ^= 0x5a;
        }
        fs::write(image.path().join("store").join("0.jnl"), &damaged).unwrap();
        let Ok(data) = try_open(image.path()) else {
            continue;
        };
        let decided = data.archive().decided_from(0, 0, 99).unwrap();
        let periods: Vec<_> = decided.iter().map(|one| one.slot().period).collect();
        assert!(
            periods.iter().copied().eq(1..=periods.len() as u64),
            "{periods:?}"
        );
        let state = data.state().scan(b"", b"", 99).unwrap();
        assert!(state.iter().all(|(_, value)| *value == [1; 500]));
        assert!(state.len() == periods.len() || state.len() + 1 == periods.len());
    }
}

/// Flushes the store to tables, then damages these.
#[test]
fn damaged_tables_are_errors_of_the_reads_that_meet_them() {
    let folder = folder();
    let block = |period| candidate(Slot::new(period, 0), 1, 40);
    {
        let data = open(folder.path());
        for period in 1..=400 {
            data.archive()
                .store_decided(&[decided_block(&block(period))])
                .unwrap();
        }
        data.flush_to_tables();
    }
    let image = crash_image(folder.path());
    let mut tables = Vec::new();
    files_under(&image.path().join("store").join("keyspaces"), &mut tables);
    tables.retain(|path| {
        let parent = path.parent().unwrap().file_name().unwrap();
        parent == "tables" || parent == "blobs"
    });
    assert!(!tables.is_empty());
    for table in &tables {
        let mut bytes = fs::read(table).unwrap();
        let middle = bytes.len() / 3;
        let end = (middle + 200).min(bytes.len());
        for byte in &mut bytes[middle..end] {
            *byte ^= 0x5a;
        }
        fs::write(table, bytes).unwrap();
    }
    let data = match try_open(image.path()) {
        Ok(data) => data,
        Err(error) => {
            assert!(matches!(error, DatabaseError::Damaged { .. }), "{error}");
            return;
        }
    };
    let mut errors = 0;
    for period in 1..=400 {
        match data.archive().decided_at(Slot::new(period, 0)) {
            Ok(Some(decided)) => assert_eq!(decided, decided_block(&block(period))),
            Ok(None) => panic!("slot {period}/0 is silently gone"),
            Err(StorageError::Archive { .. } | StorageError::Damaged { .. }) => errors += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(errors > 0, "the damage was met");
}

/// The engine itself would leave tables out, or ask for more memory than there is.
#[test]
fn a_list_of_tables_that_is_missing_or_damaged_is_found_whatever_byte_of_it_is_wrong() {
    let folder = used();
    // The last keyspace that was made has data too.
    {
        let checkpoints = open(folder.path()).checkpoints();
        checkpoints.write(vec![(vec![1], Some(vec![2]))]).unwrap();
        checkpoints.flush_to_tables();
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(keyspaces(folder.path())).unwrap() {
        let current = entry.unwrap().path().join("current");
        let number = fs::read(&current).unwrap()[..8].try_into().unwrap();
        files.push(current.with_file_name(format!("v{}", u64::from_le_bytes(number))));
        files.push(current);
    }
    assert!(files.len() >= 18, "{files:?}");
    for path in files {
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len().div_ceil(9)) {
            let mut damaged = good.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, damaged).unwrap();
            assert!(is_damaged(folder.path()), "byte {at} of {}", path.display());
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(is_damaged(folder.path()), "{} cut short", path.display());
        fs::remove_file(&path).unwrap();
        assert!(is_damaged(folder.path()), "{} removed", path.display());
        fs::write(&path, good).unwrap();
    }
    open(folder.path());
}

/// The engine itself would remove all the others.
#[test]
fn a_store_without_the_names_of_its_keyspaces_is_damaged_and_keeps_them() {
    let folder = used();
    fs::remove_dir_all(keyspaces(folder.path()).join("0")).unwrap();
    assert!(is_damaged(folder.path()));
    let left = fs::read_dir(keyspaces(folder.path())).unwrap().count();
    assert!(left >= 8, "{left}");
}

/// The engine makes them in order, each at an opening that finds it missing.
#[test]
fn a_last_keyspace_whose_making_was_cut_off_is_made_again() {
    let folder = used();
    let all = fs::read_dir(keyspaces(folder.path())).unwrap().count();
    let last = keyspaces(folder.path()).join((all - 1).to_string());
    fs::remove_file(last.join("current")).unwrap();
    let data = open(folder.path());
    data.checkpoints().write(vec![(vec![1], None)]).unwrap();
    assert_eq!(data.state().scan(b"", b"", 99).unwrap().len(), 30);
}

#[test]
fn a_store_without_the_second_state_is_damaged_if_that_is_in_use() {
    let folder = used();
    let second = keyspaces(folder.path()).join("2");
    {
        let data = open(folder.path());
        let mut batch = StateBatch::new();
        batch.set_metadata(metadata(Slot::new(40, 0)));
        data.incoming().commit(batch).unwrap();
        data.adopt_incoming().unwrap();
    }
    let aside = folder.path().join("aside");
    fs::rename(&second, &aside).unwrap();
    assert!(is_damaged(folder.path()));
    fs::rename(&aside, &second).unwrap();
    assert!(open(folder.path()).state().metadata().unwrap().is_some());
}

fn metadata(last_final_slot: Slot) -> Vec<u8> {
    let metadata = StateMetadata {
        format: STATE_FORMAT,
        chain_id: chain(),
        last_final_slot,
        lattice: LatticeHash::new(),
    };
    metadata.to_bytes()
}

fn keyspaces(folder: &Path) -> PathBuf {
    folder.join("store").join("keyspaces")
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
}
