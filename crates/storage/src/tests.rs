//! The rules of the storage, by name.

use crate::mocks::{
    CHAIN, MockBlockArchive, archive_reopen_suite, archive_suite, candidate, decided_block,
    decided_miss,
};
use crate::{BlockArchive, BoundedStorage, MemoryArchive, Storage, StorageConfig, StorageError};
use picot_models::mocks::{chain_id, key};
use picot_models::{Block, Endorsement, Signed, SignedEndorsement, Slot};
use picot_serialization::Encode;
use proptest::prelude::*;
use std::sync::Arc;

fn storage(config: StorageConfig) -> BoundedStorage {
    BoundedStorage::new(config, Arc::new(MemoryArchive::new())).unwrap()
}

fn of_period(period: u64) -> Block {
    candidate(Slot::new(period, 0), 1, 1)
}

fn holds(storage: &BoundedStorage, block: &Block) -> bool {
    storage.block(&block.id()).unwrap().as_ref() == Some(block)
}

fn endorsement(period: u64, index: u32) -> Arc<SignedEndorsement> {
    let content = Endorsement {
        slot: Slot::new(period, 0),
        index,
        block: of_period(period).id(),
    };
    Arc::new(Signed::sign(content, &key(1), &chain_id(CHAIN)))
}

#[test]
fn the_memory_archive_keeps_the_contract_of_archives() {
    archive_suite(MemoryArchive::new);
    archive_reopen_suite(MemoryArchive::new, |archive| archive.clone());
}

#[test]
fn a_failing_archive_says_so_and_keeps_what_it_has() {
    let archive = MemoryArchive::new();
    let miss = decided_miss(Slot::new(1, 0), 1);
    archive.store_decided(std::slice::from_ref(&miss)).unwrap();
    archive.fail_writes(true);
    let failed = |result| matches!(result, Err(StorageError::Archive { .. }));
    assert!(failed(
        archive.store_decided(&[decided_miss(Slot::new(2, 0), 2)])
    ));
    assert!(failed(archive.store_candidates(&[of_period(2)])));
    archive.fail_writes(false);
    archive.fail_reads(true);
    assert!(failed(archive.decided_at(Slot::new(1, 0)).map(|_| ())));
    archive.fail_reads(false);
    assert_eq!(archive.decided_from(0, 0, 10).unwrap(), [miss]);
    assert_eq!(archive.writes(), 1);
}

#[test]
fn a_block_in_memory_is_given_without_asking_the_archive() {
    let storage = BoundedStorage::new(StorageConfig::default(), Arc::new(MockBlockArchive::new()));
    let storage = storage.unwrap();
    storage.put_block(of_period(1));
    assert!(holds(&storage, &of_period(1)));
}

#[test]
fn a_block_that_is_not_in_memory_is_read_from_the_archive() {
    let archive = MemoryArchive::new();
    archive
        .store_decided(&[decided_block(&of_period(1))])
        .unwrap();
    let storage = BoundedStorage::new(StorageConfig::default(), Arc::new(archive.clone()));
    let storage = storage.unwrap();
    assert!(holds(&storage, &of_period(1)));
    assert!(!holds(&storage, &of_period(2)));
    archive.fail_reads(true);
    let failed = storage.block(&of_period(1).id());
    assert!(matches!(failed, Err(StorageError::Archive { .. })));
}

#[test]
fn when_there_are_too_many_blocks_the_oldest_slots_leave_first() {
    let storage = storage(StorageConfig {
        max_blocks: 2,
        ..StorageConfig::default()
    });
    for period in [7, 5, 6] {
        storage.put_block(of_period(period));
    }
    assert!(!holds(&storage, &of_period(5)));
    assert!(holds(&storage, &of_period(6)) && holds(&storage, &of_period(7)));
    storage.put_block(of_period(1));
    assert!(!holds(&storage, &of_period(1)), "also if it is the new one");
    assert_eq!(storage.block_usage().0, 2);
}

#[test]
fn when_there_are_too_many_bytes_the_oldest_slots_leave_first() {
    let len = of_period(1).encoded_len();
    let max_block_bytes = 2 * len + len / 2;
    let storage = storage(StorageConfig {
        max_block_bytes,
        ..StorageConfig::default()
    });
    for period in 1..=4 {
        storage.put_block(of_period(period));
    }
    assert!(!holds(&storage, &of_period(2)));
    assert!(holds(&storage, &of_period(3)) && holds(&storage, &of_period(4)));
    let huge = candidate(Slot::new(5, 0), 1, 100);
    assert!(huge.encoded_len() > max_block_bytes);
    storage.put_block(huge);
    assert_eq!(
        storage.block_usage(),
        (0, 0),
        "one that is alone too large is not kept"
    );
}

#[test]
fn the_same_block_twice_counts_once() {
    let storage = storage(StorageConfig::default());
    storage.put_block(of_period(1));
    let usage = storage.block_usage();
    storage.put_block(of_period(1));
    assert_eq!(storage.block_usage(), usage);
    assert_eq!(usage, (1, of_period(1).encoded_len()));
}

#[test]
fn endorsements_are_bounded_and_the_oldest_slots_leave_first() {
    let storage = storage(StorageConfig {
        max_endorsements: 2,
        ..StorageConfig::default()
    });
    let (old, middle, new) = (endorsement(1, 0), endorsement(2, 0), endorsement(2, 1));
    storage.put_endorsements(vec![new.clone(), old.clone(), middle.clone(), new.clone()]);
    assert_eq!(storage.endorsement(&old.id()), None);
    assert_eq!(storage.endorsement(&middle.id()), Some(middle));
    assert_eq!(storage.endorsement(&new.id()), Some(new));
}

#[test]
fn what_is_older_than_a_slot_is_forgotten_on_demand() {
    let storage = storage(StorageConfig::default());
    for period in 1..=3 {
        storage.put_block(of_period(period));
        storage.put_endorsements(vec![endorsement(period, 0)]);
    }
    storage.forget_before(Slot::new(2, 0));
    assert!(!holds(&storage, &of_period(1)) && holds(&storage, &of_period(2)));
    assert_eq!(storage.endorsement(&endorsement(1, 0).id()), None);
    assert_eq!(storage.endorsement_count(), 2);
    storage.forget_before(Slot::new(9, 0));
    assert_eq!(storage.block_usage(), (0, 0));
}

#[test]
fn bounds_of_nothing_are_refused_by_name() {
    let archive: Arc<dyn BlockArchive> = Arc::new(MemoryArchive::new());
    let edits: [fn(&mut StorageConfig); 3] = [
        |config| config.max_blocks = 0,
        |config| config.max_block_bytes = 0,
        |config| config.max_endorsements = 0,
    ];
    for (edit, name) in edits
        .iter()
        .zip(["max_blocks", "max_block_bytes", "max_endorsements"])
    {
        let mut config = StorageConfig::default();
        edit(&mut config);
        let error = BoundedStorage::new(config, Arc::clone(&archive))
            .err()
            .unwrap();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn the_default_bounds_are_pinned() {
    let StorageConfig {
        max_blocks,
        max_block_bytes,
        max_endorsements,
    } = StorageConfig::default();
    assert_eq!(
        (max_blocks, max_block_bytes, max_endorsements),
        (1_024, 268_435_456, 65_536)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn memory_is_bounded_and_holds_the_newest_slots_whatever_comes(
        periods in prop::collection::vec(0_u64..12, 0..40),
        max_blocks in 1_usize..8,
    ) {
        let storage = storage(StorageConfig { max_blocks, ..StorageConfig::default() });
        let mut distinct = std::collections::BTreeSet::new();
        for period in periods {
            storage.put_block(of_period(period));
            distinct.insert(period);
            let newest: Vec<_> = distinct.iter().rev().take(max_blocks).copied().collect();
            for period in 0..12 {
                prop_assert_eq!(holds(&storage, &of_period(period)), newest.contains(&period));
            }
            let bytes: usize = newest.iter().map(|period| of_period(*period).encoded_len()).sum();
            prop_assert_eq!(storage.block_usage(), (newest.len(), bytes));
        }
    }
}
