//! The conformance suites of the ports, on the disk.

use super::{config, durable_config, folder, open};
use crate::{DiskArchive, DiskSigningLog, NodeStore};
use picot_ledger::StateStore;
use picot_ledger::mocks::{check_reopen, check_state_store};
use picot_models::{Block, BlockId, Outcome, Slot};
use picot_storage::mocks::{
    archive_reopen_suite, archive_suite, candidate, decided_block, decided_miss,
};
use picot_storage::{BlockArchive, Decided, Pruned, StorageError};
use picot_wallet::mocks::{signing_history_suite, signing_log_reopen_suite, signing_log_suite};
use std::sync::Arc;
use tempfile::TempDir;

#[test]
fn the_disk_state_keeps_the_contract_of_state_stores() {
    let mut folders = Vec::new();
    check_state_store(|| {
        let folder = folder();
        let state = open(folder.path()).state();
        folders.push(folder);
        state
    });
}

#[test]
fn the_disk_state_keeps_the_contract_of_state_stores_over_restarts() {
    let folder = folder();
    check_reopen(|| -> Arc<dyn StateStore> { open(folder.path()).state() });
}

/// An archive with the folder that it is in.
struct ArchiveIn {
    folder: TempDir,
    archive: Arc<DiskArchive>,
}

impl ArchiveIn {
    fn new() -> Self {
        Self::of(folder())
    }

    fn of(folder: TempDir) -> Self {
        let archive = open(folder.path()).archive();
        Self { folder, archive }
    }

    fn reopen(self) -> Self {
        drop(self.archive);
        Self::of(self.folder)
    }
}

impl BlockArchive for ArchiveIn {
    fn store_candidates(&self, blocks: &[Block]) -> Result<(), StorageError> {
        self.archive.store_candidates(blocks)
    }
    fn store_decided(&self, decided: &[Decided]) -> Result<(), StorageError> {
        self.archive.store_decided(decided)
    }
    fn first_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        self.archive.first_outcome(thread)
    }
    fn prune_before(&self, slot: Slot, max: usize) -> Result<Pruned, StorageError> {
        self.archive.prune_before(slot, max)
    }
    fn reclaim(&self) -> Result<(), StorageError> {
        self.archive.reclaim()
    }
    fn last_outcome(&self, thread: u8) -> Result<Option<Arc<Outcome>>, StorageError> {
        self.archive.last_outcome(thread)
    }
    fn decided_at(&self, slot: Slot) -> Result<Option<Decided>, StorageError> {
        self.archive.decided_at(slot)
    }
    fn decided_from(
        &self,
        thread: u8,
        period: u64,
        max: usize,
    ) -> Result<Vec<Decided>, StorageError> {
        self.archive.decided_from(thread, period, max)
    }
    fn block(&self, id: &BlockId) -> Result<Option<Block>, StorageError> {
        self.archive.block(id)
    }
}

#[test]
fn the_disk_archive_keeps_the_contract_of_archives() {
    archive_suite(ArchiveIn::new);
    archive_reopen_suite(ArchiveIn::new, ArchiveIn::reopen);
}

#[test]
fn the_disk_log_keeps_the_contract_of_signing_logs() {
    for config in [config(), durable_config()] {
        let folder = folder();
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            let (log, made) =
                DiskSigningLog::open(&folder.path().join(count.to_string()), &config).unwrap();
            assert!(made);
            log
        };
        signing_log_suite(&mut fresh);
        signing_history_suite(&mut fresh);
    }
}

#[test]
fn the_disk_log_keeps_the_contract_of_signing_logs_over_restarts() {
    let folder = folder();
    let open = || {
        DiskSigningLog::open(folder.path(), &durable_config())
            .unwrap()
            .0
    };
    signing_log_reopen_suite(open, |log| {
        drop(log);
        open()
    });
}

#[test]
fn the_node_store_is_an_ordered_map_over_restarts() {
    let folder = folder();
    let node = open(folder.path()).node();
    let set = |node: &NodeStore, key: &str, value: &str| {
        node.write([(key.into(), Some(value.into()))]).unwrap();
    };
    for key in ["history/2", "history/1", "history/3", "switch/blocks"] {
        set(&node, key, "old");
    }
    set(&node, "history/1", "new");
    node.write([("history/2".into(), None), ("a".into(), Some(Vec::new()))])
        .unwrap();
    node.sync().unwrap();
    drop(node);
    let node = open(folder.path()).node();
    let pair = |key: &str, value: &str| (Vec::from(key), Vec::from(value));
    assert_eq!(node.get(b"history/1").unwrap(), Some(b"new".to_vec()));
    assert_eq!(node.get(b"history/2").unwrap(), None);
    let ascending = [pair("history/1", "new"), pair("history/3", "old")];
    assert_eq!(node.first(b"history/", 10).unwrap(), ascending);
    assert_eq!(node.first(b"history/", 1).unwrap(), ascending[..1]);
    assert_eq!(node.last(b"history/", 1).unwrap(), ascending[1..]);
    assert_eq!(node.first(b"", 10).unwrap().len(), 4);
    let before = |end: &[u8], limit| node.last_before(b"history/", end, limit).unwrap();
    assert_eq!(before(b"history/3", 10), ascending[..1]);
    assert_eq!(before(b"history/9", 1), ascending[1..]);
    assert_eq!(before(b"history/1", 10), []);
    assert_eq!(before(b"a", 10), []);
}

#[test]
fn what_was_flushed_to_tables_is_read_as_before() {
    let folder = folder();
    let decided = |period| match period % 2 {
        0 => decided_block(&candidate(Slot::new(period, 0), 1, 10)),
        _ => decided_miss(Slot::new(period, 0), period),
    };
    let expected: Vec<_> = (1..=100).map(decided).collect();
    let held = candidate(Slot::new(150, 0), 1, 3);
    let data = open(folder.path());
    data.archive().store_decided(&expected[..50]).unwrap();
    data.flush_to_tables();
    data.archive()
        .store_candidates(std::slice::from_ref(&held))
        .unwrap();
    data.flush_to_tables();
    data.archive().store_decided(&expected[50..]).unwrap();
    assert_eq!(data.archive().decided_from(0, 0, 999).unwrap(), expected);
    drop(data);
    let archive = open(folder.path()).archive();
    assert_eq!(archive.decided_from(0, 0, 999).unwrap(), expected);
    assert_eq!(
        archive.last_outcome(0).unwrap().as_ref(),
        Some(&expected[99].outcome)
    );
    assert_eq!(archive.block(&held.id()).unwrap(), Some(held.clone()));
    archive
        .store_decided(&[decided_miss(Slot::new(101, 0), 200)])
        .unwrap();
    assert_eq!(
        archive.block(&held.id()).unwrap(),
        None,
        "a lost candidate of before the restart"
    );
}

#[test]
fn the_disk_keeps_the_contract_of_checkpoint_stores_over_restarts_too() {
    use picot_checkpoint::CheckpointStore;
    let folder = folder();
    let store = open(folder.path()).checkpoints();
    picot_checkpoint::mocks::checkpoint_store_suite(&*store);
    let before = store.ascending(&[0], &[255], 99).unwrap();
    assert!(!before.is_empty());
    drop(store);
    let store = open(folder.path()).checkpoints();
    assert_eq!(store.ascending(&[0], &[255], 99).unwrap(), before);
}
