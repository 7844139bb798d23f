//! A process that is killed: its files are copied while it runs, and opened elsewhere.

use super::{crash_image, folder, open};
use picot_ledger::{StateBatch, StateStore};
use picot_models::Slot;
use picot_storage::mocks::{candidate, decided_block, decided_miss};
use picot_storage::{BlockArchive, Decided};
use picot_wallet::mocks::request;
use picot_wallet::{ClaimKind, ClaimVerdict, SigningLog};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

fn state_of(period: u64) -> StateBatch {
    let mut batch = StateBatch::new();
    for key in 0..4_u8 {
        batch.put(vec![key], period.to_be_bytes().to_vec());
    }
    batch.set_metadata(period.to_be_bytes().to_vec());
    batch
}

fn decision(period: u64) -> Decided {
    match period % 3 {
        0 => decided_block(&candidate(Slot::new(period, 0), 1, 5)),
        _ => decided_miss(Slot::new(period, 0), period),
    }
}

fn vote(period: u64) -> picot_wallet::ClaimRecord {
    request(1, ClaimKind::Notarise, Slot::new(period, 0), 0, 1)
}

/// The period of the state, which must be that of one commit, whole; 0 before the first.
fn state_period(state: &dyn StateStore) -> u64 {
    let Some(metadata) = state.metadata().unwrap() else {
        assert_eq!(state.scan(b"", b"", 10).unwrap(), []);
        return 0;
    };
    let pairs = state.scan(b"", b"", 10).unwrap();
    assert_eq!(pairs.len(), 4);
    assert!(
        pairs.iter().all(|(_, value)| *value == metadata),
        "a mix of commits: {pairs:?}"
    );
    u64::from_be_bytes(metadata.try_into().unwrap())
}

#[test]
fn everything_that_returned_is_there_after_a_kill() {
    let folder = folder();
    let data = open(folder.path());
    let held = candidate(Slot::new(11, 0), 2, 3);
    for period in 1..=10 {
        data.signing_log().claim(&[vote(period)]).unwrap();
        data.archive().store_decided(&[decision(period)]).unwrap();
        data.state().commit(state_of(period)).unwrap();
    }
    data.archive()
        .store_candidates(std::slice::from_ref(&held))
        .unwrap();
    data.node()
        .write([(b"switch".to_vec(), Some(b"on".to_vec()))])
        .unwrap();
    let image = crash_image(folder.path());
    let after = open(image.path());
    assert_eq!(state_period(&*after.state()), 10);
    let expected: Vec<_> = (1..=10).map(decision).collect();
    assert_eq!(after.archive().decided_from(0, 0, 99).unwrap(), expected);
    assert_eq!(after.archive().block(&held.id()).unwrap(), Some(held));
    let claims = after
        .signing_log()
        .records(&vote(1).address, Slot::GENESIS)
        .unwrap();
    assert_eq!(claims, (1..=10).map(vote).collect::<Vec<_>>());
    assert_eq!(after.node().get(b"switch").unwrap(), Some(b"on".to_vec()));
}

/// Kills at any moment: while a writer runs through claim, archive and state, period by period, the
/// files are copied again and again. A copy takes time, during which the writer goes on; so each
/// file is of another moment, worse than what a kill leaves. What each engine promises must hold in
/// spite of it, for what had returned before the copy began.
#[test]
fn at_any_moment_a_kill_leaves_whole_batches_with_all_before_them() {
    let folder = folder();
    let data = open(folder.path());
    let (done, allowed) = (AtomicU64::new(0), AtomicU64::new(0));
    const ROUNDS: u64 = 8;
    const PERIODS: u64 = 30;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for period in 1..=ROUNDS * PERIODS {
                while period > allowed.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                data.archive().store_decided(&[decision(period)]).unwrap();
                data.state().commit(state_of(period)).unwrap();
                done.store(period, Ordering::SeqCst);
            }
        });
        for round in 0..ROUNDS {
            allowed.store((round + 1) * PERIODS, Ordering::SeqCst);
            while done.load(Ordering::SeqCst) < round * PERIODS + 2 {
                std::thread::yield_now();
            }
            let returned = done.load(Ordering::SeqCst);
            let image = folder_image(folder.path());
            let after = open(image.path());
            let state = state_period(&*after.state());
            let archived = after
                .archive()
                .last_outcome(0)
                .unwrap()
                .unwrap()
                .slot()
                .period;
            assert!(state >= returned, "the state lost {state}..{returned}");
            assert!(archived >= state, "the archive is never behind the state");
            let found = after.archive().decided_from(0, 0, usize::MAX).unwrap();
            assert!(found.iter().map(|one| one.slot().period).eq(1..=archived));
            assert_eq!(found.last(), Some(&decision(archived)));
            after
                .archive()
                .store_decided(&[decision(archived + 1)])
                .unwrap();
        }
    });
}

/// A copy without the signing log, whose file is written in many places and cannot be copied while
/// it is written.
fn folder_image(of: &Path) -> tempfile::TempDir {
    let image = folder();
    super::copy(&of.join("store"), &image.path().join("store"));
    fs::copy(of.join("chain"), image.path().join("chain")).unwrap();
    image
}

fn journal(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder.join("store")).unwrap();
    let mut journals: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    journals.sort();
    journals.pop().unwrap()
}

#[test]
fn a_torn_last_batch_is_dropped_whole() {
    let folder = folder();
    let data = open(folder.path());
    for period in 1..=5 {
        data.archive().store_decided(&[decision(period)]).unwrap();
        data.state().commit(state_of(period)).unwrap();
    }
    // Fjall allocates its journal ahead: what is written ends where the zeros begin.
    let image = crash_image(folder.path());
    let bytes = fs::read(journal(image.path())).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for cut in [1, 5, 20, 40] {
        let image = crash_image(folder.path());
        let file = OpenOptions::new()
            .write(true)
            .open(journal(image.path()))
            .unwrap();
        file.set_len((written - cut) as u64).unwrap();
        let after = open(image.path());
        assert_eq!(state_period(&*after.state()), 4, "cut {cut} bytes");
        assert_eq!(
            after
                .archive()
                .last_outcome(0)
                .unwrap()
                .unwrap()
                .slot()
                .period,
            5
        );
        after.state().commit(state_of(6)).unwrap();
        assert_eq!(state_period(&*after.state()), 6, "and it goes on");
    }
}

#[test]
fn a_claim_that_returned_is_refused_to_others_after_a_kill() {
    let folder = folder();
    let data = open(folder.path());
    for period in 1..=20 {
        let verdicts = data.signing_log().claim(&[vote(period)]).unwrap();
        assert_eq!(verdicts, [ClaimVerdict::Safe]);
        let image = crash_image(folder.path());
        let after = open(image.path());
        let other = request(1, ClaimKind::Notarise, Slot::new(period, 0), 0, 2);
        let verdicts = after.signing_log().claim(&[vote(period), other]).unwrap();
        assert_eq!(verdicts[0], ClaimVerdict::Safe);
        assert!(matches!(verdicts[1], ClaimVerdict::NotSafe { .. }));
    }
}

/// A table may be written before the journal is synced: what of the journal a failing machine loses
/// then is in the table all the same.
#[test]
fn a_machine_that_fails_after_a_table_was_written_leaves_the_state_of_one_commit() {
    let folder = folder();
    let data = open(folder.path());
    data.archive().store_decided(&[decision(1)]).unwrap();
    data.state().commit(state_of(1)).unwrap();
    let journal = folder.path().join("store").join("0.jnl");
    let synced = used_bytes(&journal);
    data.state().commit(state_of(2)).unwrap();
    assert!(used_bytes(&journal) > synced);
    data.state().flush_to_tables();
    let image = crash_image(folder.path());
    let lossy = image.path().join("store").join("0.jnl");
    let file = OpenOptions::new().write(true).open(lossy).unwrap();
    file.set_len(synced).unwrap();
    let after = open(image.path());
    assert_eq!(state_period(&*after.state()), 2);
}

/// The bytes of a journal before the zeros that its space is reserved with.
fn used_bytes(journal: &Path) -> u64 {
    let bytes = fs::read(journal).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last as u64 + 1)
}

#[test]
fn metadata_is_no_pair_and_is_found_where_it_was_before() {
    let folder = folder();
    let data = open(folder.path());
    let state = data.state();
    state.write_former_metadata(b"former");
    assert_eq!(state.metadata().unwrap(), Some(b"former".to_vec()));
    let mut batch = StateBatch::new();
    batch.put(vec![u8::MAX; 512], vec![1]);
    batch.set_metadata(b"new".to_vec());
    state.commit(batch).unwrap();
    assert_eq!(state.metadata().unwrap(), Some(b"new".to_vec()));
    let pairs = [(vec![u8::MAX; 512], vec![1])];
    assert_eq!(state.scan(b"", b"", 9).unwrap(), pairs);
    assert_eq!(state.scan(&[u8::MAX], b"", 9).unwrap(), pairs);
}
