//! What is dropped gives its space back, and a crash in between leaves an archive without a gap.

use super::{config, crash_image, folder, open};
use crate::DataDir;
use crate::DatabaseConfig;
use picot_models::mocks::{block, chain_id, key, key_in_thread, operation};
use picot_models::{Amount, Block, OperationKind, Slot};
use picot_storage::BlockArchive;
use picot_storage::mocks::{CHAIN, decided_block};
use std::fs;
use std::path::Path;
use std::time::Duration;

fn size_of(path: &Path) -> u64 {
    let mut size = 0;
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        // A file that a compaction removes meanwhile takes no space.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        size += if metadata.is_dir() {
            size_of(&entry.path())
        } else {
            metadata.len()
        };
    }
    size
}

/// A block with so many bytes that do not compress.
fn block_of(period: u64, bytes: usize) -> Block {
    let mut state = period.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let bytecode = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    let kind = OperationKind::Deploy {
        bytecode: bytecode.take(bytes).collect(),
        max_gas: 1,
        max_coins: Amount::ZERO,
        datastore: Vec::new(),
    };
    let sender = key_in_thread(0, 1, 50);
    let operations = vec![operation(&sender, kind, 1, period + 5, &chain_id(CHAIN))];
    block(
        &key(1),
        Slot::new(period, 0),
        vec![],
        operations,
        &chain_id(CHAIN),
    )
}

fn fill(data: &DataDir, periods: std::ops::RangeInclusive<u64>, bytes: usize) {
    for period in periods {
        let decided = decided_block(&block_of(period, bytes));
        data.archive().store_decided(&[decided]).unwrap();
    }
}

fn prune(data: &DataDir, before: u64) {
    let archive = data.archive();
    while !archive
        .prune_before(Slot::new(before, 0), 16)
        .unwrap()
        .is_nothing()
    {}
}

/// Small tables and journals, as they would be of an archive a thousand times as large.
fn small() -> DatabaseConfig {
    DatabaseConfig {
        max_journal_bytes: DatabaseConfig::MIN_JOURNAL_BYTES,
        ..config()
    }
}

/// Waits until a folder has fewer bytes: the engine removes files that nobody reads any more on a thread
/// of its own.
fn shrinks_below(folder: &Path, limit: u64) {
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..3_000 {
        if size_of(folder) < limit {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{} bytes are left, and not below {limit}", size_of(folder));
}

#[test]
fn the_directory_shrinks_by_what_was_dropped() {
    const BYTES: usize = 256 * 1024;
    let folder = folder();
    let data = DataDir::open(folder.path(), &super::chain(), &small()).unwrap();
    fill(&data, 1..=200, BYTES);
    data.flush_to_tables();
    let keyspaces = folder.path().join("store").join("keyspaces");
    let before = size_of(&keyspaces);
    assert!(before > 190 * BYTES as u64, "{before}");
    prune(&data, 151);
    data.archive().reclaim().unwrap();
    shrinks_below(&keyspaces, 60 * BYTES as u64);
    let kept = data.archive().decided_from(0, 0, 1_000).unwrap();
    assert_eq!(kept.len(), 50);
    drop(data);
    let again = open(folder.path());
    assert_eq!(again.archive().decided_from(0, 0, 1_000).unwrap(), kept);
    prune(&again, 500);
    again.archive().reclaim().unwrap();
    shrinks_below(&keyspaces, 2 * BYTES as u64);
}

#[test]
fn small_blocks_give_their_space_back_too() {
    let folder = folder();
    let data = open(folder.path());
    fill(&data, 1..=2_000, 300);
    data.flush_to_tables();
    let keyspaces = folder.path().join("store").join("keyspaces");
    let before = size_of(&keyspaces);
    prune(&data, 1_801);
    data.archive().reclaim().unwrap();
    shrinks_below(&keyspaces, before / 4);
}

#[test]
fn a_process_that_is_killed_while_it_drops_leaves_no_gap_and_goes_on() {
    let folder = folder();
    let data = open(folder.path());
    fill(&data, 1..=60, 3_000);
    data.flush_to_tables();
    let archive = data.archive();
    let mut dropped = 0;
    while !archive
        .prune_before(Slot::new(41, 0), 7)
        .unwrap()
        .is_nothing()
    {
        dropped = (dropped + 7).min(40);
        let image = crash_image(folder.path());
        let again = open(image.path());
        let kept = again.archive().decided_from(0, 0, 1_000).unwrap();
        let periods: Vec<u64> = kept.iter().map(|decided| decided.slot().period).collect();
        assert_eq!(periods, (dropped + 1..=60).collect::<Vec<_>>());
        prune(&again, 41);
        again.archive().reclaim().unwrap();
        assert_eq!(again.archive().decided_from(0, 0, 1_000).unwrap().len(), 20);
        fill(&again, 61..=61, 100);
    }
    assert_eq!(dropped, 40);
}

#[test]
fn an_archive_that_was_killed_while_it_gave_space_back_is_whole() {
    let folder = folder();
    let data = open(folder.path());
    fill(&data, 1..=150, 30_000);
    data.flush_to_tables();
    prune(&data, 101);
    let kept = data.archive().decided_from(0, 0, 1_000).unwrap();
    let archive = data.archive();
    let reclaiming = std::thread::spawn(move || archive.reclaim().unwrap());
    loop {
        let is_done = reclaiming.is_finished();
        let image = crash_image(folder.path());
        // What was copied in the middle of a step of the engine may not open; what does is whole.
        if let Ok(again) = super::try_open(image.path()) {
            assert_eq!(again.archive().decided_from(0, 0, 1_000).unwrap(), kept);
        }
        if is_done {
            break;
        }
    }
    reclaiming.join().unwrap();
}
