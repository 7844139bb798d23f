//! Snapshots of the state, and a state that takes the place of another.

use super::{chain, config, folder, open};
use crate::DataDir;
use picot_ledger::mocks::{check_state_snapshot, check_state_store};
use picot_ledger::{
    LatticeHash, STATE_FORMAT, StateBatch, StateMetadata, StateSnapshot, StateStore,
};
use picot_models::Slot;
use picot_serialization::Encode;
use std::sync::Arc;

fn commit(store: &dyn StateStore, pairs: &[(&[u8], &[u8])], slot: Option<Slot>) {
    let mut batch = StateBatch::new();
    for (key, value) in pairs {
        batch.put(key.to_vec(), value.to_vec());
    }
    if let Some(last_final_slot) = slot {
        let metadata = StateMetadata {
            format: STATE_FORMAT,
            chain_id: chain(),
            last_final_slot,
            lattice: LatticeHash::new(),
        };
        batch.set_metadata(metadata.to_bytes());
    }
    store.commit(batch).unwrap();
}

fn value(data: &DataDir, key: &[u8]) -> Option<Vec<u8>> {
    data.state().get(key).unwrap()
}

fn slot(data: &DataDir) -> Option<Slot> {
    let metadata = StateMetadata::read(&*data.state()).unwrap();
    metadata.map(|metadata| metadata.last_final_slot)
}

#[test]
fn snapshots_of_the_disk_state_keep_their_contract() {
    let folder = folder();
    let state = open(folder.path()).state();
    let take = || -> Arc<dyn StateSnapshot> { Arc::new(state.snapshot()) };
    check_state_snapshot(&*state, take);
}

#[test]
fn what_is_received_keeps_the_contract_of_state_stores() {
    let mut folders = Vec::new();
    check_state_store(|| {
        let folder = folder();
        let incoming = open(folder.path()).incoming();
        folders.push(folder);
        incoming
    });
}

#[test]
fn what_is_received_is_apart_from_the_state_until_it_is_adopted() {
    let folder = folder();
    let data = open(folder.path());
    commit(&*data.state(), &[(b"a", b"old")], Some(Slot::new(1, 0)));
    commit(&*data.incoming(), &[(b"a", b"new"), (b"b", b"new")], None);
    data.node()
        .write(vec![(b"kept".to_vec(), Some(vec![7]))])
        .unwrap();
    assert_eq!(value(&data, b"a"), Some(b"old".to_vec()));
    drop(data);
    let data = open(folder.path());
    assert_eq!(
        (value(&data, b"a"), value(&data, b"b")),
        (Some(b"old".to_vec()), None)
    );
    assert_eq!(
        data.incoming().scan(&[], &[], 9).unwrap().len(),
        2,
        "it is resumed"
    );
    assert!(
        data.clone().adopt_incoming().is_err(),
        "it has no metadata yet"
    );
    assert_eq!(slot(&data), Some(Slot::new(1, 0)));
    commit(&*data.incoming(), &[], Some(Slot::new(5, 1)));
    data.adopt_incoming().unwrap();
    let data = open(folder.path());
    assert_eq!(value(&data, b"b"), Some(b"new".to_vec()));
    assert_eq!(slot(&data), Some(Slot::new(5, 1)));
    assert_eq!(data.incoming().get(b"a").unwrap(), Some(b"old".to_vec()));
    assert_eq!(data.node().get(b"kept").unwrap(), Some(vec![7]));
}

#[test]
fn the_state_before_is_removed_and_another_one_adopted_in_its_place() {
    let folder = folder();
    let data = open(folder.path());
    commit(&*data.incoming(), &[(b"a", b"2")], Some(Slot::new(2, 0)));
    data.adopt_incoming().unwrap();
    let data = open(folder.path());
    data.clear_incoming().unwrap();
    drop(data);
    let data = open(folder.path());
    assert_eq!(data.incoming().scan(&[], &[], 9).unwrap(), []);
    assert_eq!(data.incoming().metadata().unwrap(), None);
    assert_eq!(value(&data, b"a"), Some(b"2".to_vec()), "the state stays");
    commit(&*data.incoming(), &[(b"a", b"3")], Some(Slot::new(3, 0)));
    data.adopt_incoming().unwrap();
    let data = open(folder.path());
    assert_eq!(value(&data, b"a"), Some(b"3".to_vec()));
    let again = DataDir::open(folder.path(), &chain(), &config());
    assert!(
        again.is_err(),
        "the directory is locked while a snapshot is held"
    );
    let snapshot = data.state().snapshot();
    drop(data);
    assert!(DataDir::open(folder.path(), &chain(), &config()).is_err());
    drop(snapshot);
    assert!(DataDir::open(folder.path(), &chain(), &config()).is_ok());
}
