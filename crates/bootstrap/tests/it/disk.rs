//! A bootstrap from disk to disk.

use crate::loopback::{Certified, Links, Node};
use crate::state::write_accounts;
use picot_bootstrap::{BootstrapError, Phase, ServerConfig};
use picot_clock::Stop;
use picot_database::{DataDir, DatabaseConfig};
use picot_ledger::{LatticeHash, StateMetadata, StateStore};
use std::sync::Arc;
use tempfile::TempDir;

fn open(folder: &TempDir, certified: &Certified) -> DataDir {
    let chain_id = certified.chain.id();
    DataDir::open(folder.path(), &chain_id, &DatabaseConfig::dev()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A disk with a state, and the chain that certifies it.
fn source(accounts: u64) -> (TempDir, DataDir, Certified) {
    let folder = folder();
    let chain_id = Certified::of(picot_models::Hash([0; 32])).chain.id();
    let data = DataDir::open(folder.path(), &chain_id, &DatabaseConfig::dev()).unwrap();
    write_accounts(&*data.state(), accounts);
    let hash = LatticeHash::of_store(&*data.state()).unwrap().digest();
    (folder, data, Certified::of(hash))
}

fn all(store: &dyn StateStore) -> Vec<picot_ledger::Pair> {
    store.scan(&[], &[], usize::MAX).unwrap()
}

#[test]
fn a_state_comes_from_disk_to_disk_from_several_nodes_while_theirs_goes_on() {
    let (_folder, data, certified) = source(20_000);
    let snapshot = Arc::new(data.state().snapshot());
    let before = all(&*data.state());
    let serve = || {
        Node::start(
            &certified,
            Arc::clone(&snapshot) as _,
            ServerConfig::default(),
        )
    };
    let nodes = [serve(), serve()];
    // What the serving node commits meanwhile is not of the checkpoint.
    write_accounts(&*data.state(), 30_000);
    let new = folder();
    let received = open(&new, &certified);
    let links = Links::connect(&nodes.each_ref());
    let archive = certified.empty_archive();
    let mut last = None;
    let checkpoint = links.receive(archive, received.incoming(), &Stop::new(), |progress| {
        last = Some(progress.clone());
    });
    assert_eq!(checkpoint.unwrap(), certified.checkpoint());
    let last = last.unwrap();
    assert_eq!(last.phase, Phase::Done);
    assert_eq!(last.pairs_here, u64::try_from(before.len()).unwrap());
    received.adopt_incoming().unwrap();
    let received = open(&new, &certified);
    assert!(all(&*received.state()) == before, "key by key");
    let metadata = StateMetadata::read(&*received.state()).unwrap().unwrap();
    assert_eq!(metadata.last_final_slot, certified.checkpoint().slot);
    assert_eq!(
        metadata.lattice,
        LatticeHash::of_store(&*received.state()).unwrap()
    );
    assert!(links.blamed().is_empty());
}

#[test]
fn stopped_in_the_middle_it_goes_on_with_what_it_has_after_its_peers_are_gone() {
    let (_folder, data, certified) = source(40_000);
    let snapshot: Arc<picot_database::DiskStateSnapshot> = Arc::new(data.state().snapshot());
    let slow = ServerConfig {
        peer_bytes_per_second: 1 << 18,
        ..ServerConfig::default()
    };
    let node = Node::start(&certified, Arc::clone(&snapshot) as _, slow);
    let new = folder();
    let received = open(&new, &certified);
    let links = Links::connect(&[&node]);
    let stop = Stop::new();
    let ended = links.receive(
        certified.empty_archive(),
        received.incoming(),
        &stop,
        |progress| {
            if progress.chunks_here > 0 {
                node.hang_up();
                stop.stop();
            }
        },
    );
    assert!(matches!(ended, Err(BootstrapError::Stopped)), "{ended:?}");
    drop(received);
    let received = open(&new, &certified);
    assert!(!all(&*received.incoming()).is_empty(), "what came is kept");
    assert!(all(&*received.state()).is_empty(), "and is not the state");
    let quick = Node::start(&certified, snapshot, ServerConfig::default());
    let links = Links::connect(&[&quick]);
    let mut kept = 0;
    let archive = certified.empty_archive();
    let ended = links.receive(archive, received.incoming(), &Stop::new(), |progress| {
        kept = progress.bytes_kept;
    });
    assert_eq!(ended.unwrap(), certified.checkpoint());
    assert!(kept > 0);
    assert!(all(&*received.incoming()) == all(&*data.state()));
}
