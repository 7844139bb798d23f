//! Whose directory it is, and who may use it.

use super::{chain, config, folder, open, try_open};
use crate::{Created, DataDir, DatabaseConfig, DatabaseError, Durability, LogOrigin};
use picot_models::Timestamp;
use picot_models::mocks::chain_id;
use picot_wallet::SigningLog;
use std::fs;

#[test]
fn a_new_directory_says_what_was_made_and_a_later_start_does_not() {
    let folder = folder();
    let path = folder.path().join("deep").join("data");
    let all = |made| Created {
        chain: made,
        store: made,
        signing_log: made,
    };
    let first = open(&path);
    assert_eq!(first.created(), all(true));
    let log = first.signing_log();
    assert_eq!(log.begun().unwrap(), None);
    log.declare(LogOrigin::Complete, Timestamp(7)).unwrap();
    assert_eq!(log.begun().unwrap(), Some(Timestamp(7)));
    drop(log);
    drop(first);
    assert_eq!(open(&path).created(), all(false));
    assert_eq!(open(&path).path(), path);
}

#[test]
fn a_signing_log_is_new_until_somebody_says_what_it_knows_of_the_past() {
    let folder = folder();
    drop(open(folder.path()));
    let again = open(folder.path());
    assert!(again.created().signing_log && !again.created().store);
    assert_eq!(again.signing_log().origin().unwrap(), LogOrigin::New);
    let since = LogOrigin::Since(Timestamp(1_700_000_000_123));
    again.signing_log().declare(since, Timestamp(8)).unwrap();
    drop(again);
    let later = open(folder.path());
    assert!(!later.created().signing_log);
    assert_eq!(later.signing_log().origin().unwrap(), since);
}

#[test]
fn nothing_but_the_lock_and_the_named_entries_is_put_into_a_directory() {
    let folder = folder();
    drop(open(folder.path()));
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name != "lock");
    names.sort();
    assert_eq!(names, DataDir::ENTRIES);
}

#[test]
fn a_lost_signing_log_is_noticed() {
    let folder = folder();
    drop(open(folder.path()));
    fs::remove_dir_all(folder.path().join("signing")).unwrap();
    let created = open(folder.path()).created();
    assert_eq!(
        created,
        Created {
            chain: false,
            store: false,
            signing_log: true
        }
    );
}

#[test]
fn a_directory_in_use_is_refused_until_its_last_store_is_gone() {
    let folder = folder();
    let data = open(folder.path());
    let refused = || {
        let error = try_open(folder.path()).err().unwrap();
        assert!(
            error.to_string().ends_with("is in use by another process"),
            "{error}"
        );
        matches!(error, DatabaseError::InUse(_))
    };
    assert!(refused());
    let log = data.signing_log();
    drop(data);
    assert!(refused(), "the log is still open");
    drop(log);
    open(folder.path());
}

#[test]
fn a_directory_of_another_chain_is_refused_and_both_chains_are_named() {
    let folder = folder();
    drop(open(folder.path()));
    let other = chain_id(9);
    let error = DataDir::open(folder.path(), &other, &config())
        .err()
        .unwrap();
    assert!(matches!(error, DatabaseError::AnotherChain { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&chain().to_string()) && text.contains(&other.to_string()),
        "{text}"
    );
    open(folder.path());
}

#[test]
fn a_newer_format_is_refused_and_not_misread() {
    let folder = folder();
    drop(open(folder.path()));
    let written = fs::read_to_string(folder.path().join("chain")).unwrap();
    assert!(
        written.starts_with("picot data, format 1\nchain1"),
        "{written}"
    );
    fs::write(
        folder.path().join("chain"),
        "picot data, format 2\nwhatever that has",
    )
    .unwrap();
    let error = try_open(folder.path()).err().unwrap();
    assert!(matches!(
        error,
        DatabaseError::NewerFormat {
            found: 2,
            known: 1,
            ..
        }
    ));
}

#[test]
fn what_a_crash_left_of_a_first_start_does_no_harm() {
    let folder = folder();
    let half = folder.path().join("store.new");
    fs::create_dir_all(half.join("keyspaces")).unwrap();
    fs::write(half.join("0.jnl"), "half").unwrap();
    fs::create_dir_all(folder.path().join("signing")).unwrap();
    fs::write(folder.path().join("signing").join("claims.new"), "half").unwrap();
    fs::write(folder.path().join("chain.new"), "half").unwrap();
    let data = open(folder.path());
    assert!(data.created().store && data.created().signing_log && data.created().chain);
    assert!(!half.exists());
    data.signing_log()
        .prune(picot_models::Slot::GENESIS)
        .unwrap();
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("wallet.json"), "mine").unwrap();
    drop(open(folder.path()));
    assert_eq!(
        fs::read(folder.path().join("wallet.json")).unwrap(),
        b"mine"
    );
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let folder = folder();
    type Edit = fn(&mut DatabaseConfig);
    let edits: [(Edit, &str); 3] = [
        (|config| config.memtable_bytes = 0, "memtable_bytes"),
        (|config| config.max_journal_bytes = 0, "max_journal_bytes"),
        (|config| config.worker_threads = 0, "worker_threads"),
    ];
    for (edit, name) in edits {
        let mut config = DatabaseConfig::default();
        edit(&mut config);
        let error = DataDir::open(folder.path(), &chain(), &config)
            .err()
            .unwrap();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn by_default_everything_waits_for_the_disk() {
    let config = DatabaseConfig::default();
    config.validate().unwrap();
    assert_eq!(config.durability, Durability::Machine);
    DatabaseConfig::dev().validate().unwrap();
    assert_eq!(DatabaseConfig::dev().durability, Durability::Process);
}
