//! A bootstrap of 1,000,000 accounts over sockets of this machine, from disk to disk, beside copying and
//! hashing the same bytes.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

#[path = "../tests/it/loopback.rs"]
mod loopback;
#[path = "../tests/it/state.rs"]
mod state;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use loopback::{Certified, Links, Node};
use picot_bootstrap::ServerConfig;
use picot_clock::Stop;
use picot_database::{DataDir, DatabaseConfig};
use picot_ledger::{LatticeHash, StateBatch, StateSnapshot, StateStore};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ACCOUNTS: u64 = 1_000_000;
/// Pairs of one commit of the copy: as many as a chunk has of small ones.
const COMMIT_PAIRS: usize = 8_192;

fn open(folder: &TempDir, certified: &Certified) -> DataDir {
    let config = DatabaseConfig::default();
    DataDir::open(folder.path(), &certified.chain.id(), &config).unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(rounds: u64, mut round: impl FnMut() -> Duration) -> Duration {
    (0..rounds).map(|_| round()).sum()
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// What any node must do that gets these bytes: read, write and hash them.
fn copy_and_hash(from: &dyn StateSnapshot, to: &dyn StateStore) -> LatticeHash {
    let mut hash = LatticeHash::new();
    let mut batch = StateBatch::new();
    let mut visitor = |key: &[u8], value: &[u8]| {
        hash.add(key, value);
        batch.put(key.to_vec(), value.to_vec());
        if batch.changes.len() >= COMMIT_PAIRS {
            to.commit(std::mem::take(&mut batch)).unwrap();
        }
        ControlFlow::Continue(())
    };
    from.visit(&[], &mut visitor).unwrap();
    to.commit(batch).unwrap();
    to.sync().unwrap();
    hash
}

fn bootstrap(c: &mut Criterion) {
    let (folder, empty) = (TempDir::new().unwrap(), picot_models::Hash([0; 32]));
    let data = open(&folder, &Certified::of(empty));
    state::write_accounts(&*data.state(), ACCOUNTS);
    data.flush().unwrap();
    let hash = LatticeHash::of_store(&*data.state()).unwrap().digest();
    let certified = Certified::of(hash);
    let snapshot = Arc::new(data.state().snapshot());
    let mut group = c.benchmark_group("bootstrap");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(60));
    group.bench_function("copy_and_hash_1000000", |b| {
        b.iter_custom(|rounds| {
            timed(rounds, || {
                let folder = TempDir::new().unwrap();
                let target = open(&folder, &certified);
                let start = now();
                let copied = copy_and_hash(&*snapshot, &*target.incoming());
                let took = start.elapsed();
                assert_eq!(copied.digest(), hash);
                took
            })
        });
    });
    let config = ServerConfig {
        peer_bytes_per_second: 1 << 40,
        total_bytes_per_second: 1 << 40,
        busy_wait: picot_clock::Millis(50),
        ..ServerConfig::default()
    };
    group.bench_function("bootstrap_1000000", |b| {
        b.iter_custom(|rounds| {
            timed(rounds, || {
                let folder = TempDir::new().unwrap();
                let target = open(&folder, &certified);
                // The index is part of it: nobody asked this node before.
                let serve = || Node::start(&certified, Arc::clone(&snapshot) as _, config.clone());
                let node = serve();
                let start = now();
                let links = Links::connect(&[&node]);
                let archive = certified.empty_archive();
                let ended = links.receive(archive, target.incoming(), &Stop::new(), |_| {});
                let took = start.elapsed();
                assert_eq!(ended.unwrap(), certified.checkpoint());
                took
            })
        });
    });
    group.finish();
}

criterion_group!(benches, bootstrap);
criterion_main!(benches);
