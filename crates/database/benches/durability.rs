//! What a durable write costs, beside the floor: one small append and sync of a plain file.
//!
//! `machine` waits for the disk, `process` does not (`Durability`). `day_off` is what a development
//! node writes after a day of sleep: range misses of 2,700 cycles in 4 threads.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use picot_database::{DataDir, DatabaseConfig, Durability};
use picot_ledger::{StateBatch, StateStore};
use picot_models::Slot;
use picot_models::mocks::chain_id;
use picot_storage::mocks::{CHAIN, candidate, decided_block, decided_miss};
use picot_storage::{BlockArchive, Decided};
use picot_wallet::mocks::request;
use picot_wallet::{ClaimKind, ClaimRecord, SigningLog};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const LEVELS: [(Durability, &str); 2] = [
    (Durability::Machine, "machine"),
    (Durability::Process, "process"),
];

/// In the build folder, which is on a disk, unlike the folder for temporary files of many machines.
fn folder() -> TempDir {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(target).unwrap()
}

fn open(folder: &TempDir, durability: Durability) -> DataDir {
    let config = DatabaseConfig {
        durability,
        ..DatabaseConfig::default()
    };
    DataDir::open(folder.path(), &chain_id(CHAIN), &config).unwrap()
}

fn claims(period: u64, count: u8) -> Vec<ClaimRecord> {
    let claim = |thread| {
        let mut claim = request(1, ClaimKind::Notarise, Slot::new(period, thread), 0, 1);
        claim.payload = vec![1; 120];
        claim
    };
    (0..count).map(claim).collect()
}

fn floor(c: &mut Criterion) {
    let folder = folder();
    let path = folder.path().join("floor");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    c.bench_function("database/floor_append_and_sync", |b| {
        b.iter(|| {
            file.write_all(&[1; 300]).unwrap();
            file.sync_data().unwrap();
        });
    });
}

fn claim(c: &mut Criterion) {
    for (durability, name) in LEVELS {
        for count in [1, 4] {
            let folder = folder();
            let log = open(&folder, durability).signing_log();
            let mut period = 0;
            c.bench_function(&format!("database/claim_{count}_{name}"), |b| {
                b.iter(|| {
                    period += 1;
                    log.claim(&claims(period, count)).unwrap()
                });
            });
        }
    }
}

/// Four threads that claim at once, each waiting for its answer: per claim of one of them.
fn claim_together(c: &mut Criterion) {
    let folder = folder();
    let log = open(&folder, Durability::Machine).signing_log();
    let mut period = 0;
    c.bench_function("database/claim_1_by_each_of_4_threads_machine", |b| {
        b.iter_custom(|rounds| {
            let from = period;
            period += rounds;
            #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
            let start = std::time::Instant::now();
            std::thread::scope(|scope| {
                for signer in 1..=4 {
                    let log = &log;
                    scope.spawn(move || {
                        for period in from..from + rounds {
                            let slot = Slot::new(period, 0);
                            let claim = request(signer, ClaimKind::Notarise, slot, 0, 1);
                            log.claim(&[claim]).unwrap();
                        }
                    });
                }
            });
            start.elapsed()
        });
    });
}

fn decide(c: &mut Criterion) {
    for (durability, name) in LEVELS {
        for operations in [0, 100] {
            let folder = folder();
            let archive = open(&folder, durability).archive();
            let mut period = 0;
            c.bench_function(
                &format!("database/decide_block_of_{operations}_{name}"),
                |b| {
                    b.iter_batched(
                        || {
                            period += 1;
                            decided_block(&candidate(Slot::new(period, 0), 1, operations))
                        },
                        |decided| archive.store_decided(&[decided]).unwrap(),
                        BatchSize::SmallInput,
                    );
                },
            );
        }
    }
}

fn state(c: &mut Criterion) {
    for (changes, name) in [(3, "miss"), (2_000, "block_of_1000")] {
        let folder = folder();
        let state = open(&folder, Durability::Machine).state();
        let mut number = 0_u64;
        c.bench_function(&format!("database/state_commit_{name}"), |b| {
            b.iter_batched(
                || {
                    number += 1;
                    let mut batch = StateBatch::new();
                    for change in 0..changes {
                        let key = (number * 7_919 + change) % 100_000;
                        batch.put(key.to_be_bytes().to_vec(), vec![1; 40]);
                    }
                    batch.set_metadata(vec![1; 2_200]);
                    batch
                },
                |batch| state.commit(batch).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

/// The pairs that a final slot with 10,000 transfers between accounts of a million changes, as
/// `execution` writes them: balances, what became of each operation, some small ones.
fn pairs_of_slot(number: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    const TRANSFERS: u64 = 10_000;
    const ACCOUNTS: u64 = 1_000_000;
    let balance = |change: u64| {
        let account = (number * 2 * TRANSFERS + change).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let account = (account % ACCOUNTS).to_be_bytes();
        let key = [&[1; 2][..], &account, &[1; 24]].concat();
        (key, vec![7; 8])
    };
    let mut pairs: Vec<_> = (0..2 * TRANSFERS).map(balance).collect();
    let operations = vec![9; 40 * usize::try_from(TRANSFERS).unwrap()];
    pairs.push(([&[0x20_u8][..], &number.to_be_bytes()].concat(), operations));
    pairs.extend((0..6).map(|kind| (vec![0x22, kind], vec![3; 60])));
    pairs
}

/// The state of a final slot with 10,000 transfers until it is on disk, and the engine's own batch
/// of the same pairs.
fn final_slot(c: &mut Criterion) {
    let metadata = vec![1; 2_200];
    let mut number = 0;
    let folder_of_state = folder();
    let state = open(&folder_of_state, Durability::Machine).state();
    c.bench_function("database/final_slot_10000_transfers", |b| {
        b.iter_batched(
            || {
                number += 1;
                let mut batch = StateBatch::new();
                for (key, value) in pairs_of_slot(number) {
                    batch.put(key, value);
                }
                batch.set_metadata(metadata.clone());
                batch
            },
            |batch| {
                state.commit(batch).unwrap();
                state.sync().unwrap();
            },
            BatchSize::PerIteration,
        );
    });
    let folder_of_engine = folder();
    let engine = fjall::Database::builder(folder_of_engine.path())
        .open()
        .unwrap();
    let options = fjall::KeyspaceCreateOptions::default;
    let keyspace = engine.keyspace("pairs", options).unwrap();
    c.bench_function("database/engine_batch_10000_transfers", |b| {
        b.iter_batched(
            || {
                number += 1;
                let mut pairs = pairs_of_slot(number);
                pairs.push((vec![u8::MAX; 513], metadata.clone()));
                // As a batch of the state is: ascending, each key once.
                pairs.into_iter().collect::<BTreeMap<_, _>>()
            },
            |pairs| {
                let sync = Some(fjall::PersistMode::SyncAll);
                let mut batch = engine.batch().durability(sync);
                for (key, value) in pairs {
                    batch.insert(&keyspace, key, value);
                }
                batch.commit().unwrap();
            },
            BatchSize::PerIteration,
        );
    });
}

const CYCLES: u64 = 2_700;
const PERIODS_PER_CYCLE: u64 = 16;

fn misses_of_cycle(cycle: u64) -> Vec<Decided> {
    let first = cycle * PERIODS_PER_CYCLE;
    let last = first + PERIODS_PER_CYCLE - 1;
    (0..4)
        .map(|thread| decided_miss(Slot::new(first, thread), last))
        .collect()
}

fn day_off(c: &mut Criterion) {
    let mut group = c.benchmark_group("database");
    group.sample_size(10).warm_up_time(Duration::from_millis(1));
    let all: Vec<_> = (1..=CYCLES).map(misses_of_cycle).collect();
    for (durability, name) in LEVELS {
        for at_once in [1, 100] {
            let id = format!("day_off_archive_{at_once}_cycles_at_once_{name}");
            group.bench_function(id, |b| {
                b.iter_batched(
                    || {
                        let folder = folder();
                        let archive = open(&folder, durability).archive();
                        (archive, folder)
                    },
                    |(archive, folder)| {
                        for cycles in all.chunks(at_once) {
                            archive.store_decided(&cycles.concat()).unwrap();
                        }
                        (archive, folder)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.bench_function(format!("day_off_claims_{name}"), |b| {
            b.iter_batched(
                || {
                    let folder = folder();
                    let log = open(&folder, durability).signing_log();
                    (log, folder)
                },
                |(log, folder)| {
                    // Notarise, then finalise, of four threads at once.
                    for cycle in 1..=2 * CYCLES {
                        log.claim(&claims(cycle, 4)).unwrap();
                    }
                    (log, folder)
                },
                BatchSize::PerIteration,
            );
        });
    }
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! {
    name = benches;
    config = short();
    targets = floor, claim, claim_together, decide, state, final_slot, day_off
}
criterion_main!(benches);
