//! One commit serves all that wait.

use crate::group::{Abandoned, Group};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

#[test]
fn who_is_alone_commits_alone_and_at_once() {
    let group = Group::default();
    assert_eq!(
        group.run(1, |works| works.iter().map(|work| work + 1).collect()),
        Ok(2)
    );
    assert_eq!(group.run(5, |works| works.to_vec()), Ok(5));
}

/// Counts those who came, and lets a first commit wait for them.
#[derive(Default)]
struct Gate {
    arrived: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn arrive(&self) {
        *self.arrived.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, count: usize) {
        let arrived = self.arrived.lock().unwrap();
        drop(
            self.changed
                .wait_while(arrived, |arrived| *arrived < count)
                .unwrap(),
        );
    }
}

#[test]
fn all_that_gathered_during_a_commit_share_the_next_one() {
    const THREADS: usize = 8;
    let (group, commits, gate) = (Group::default(), AtomicUsize::new(0), Gate::default());
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (group, commits, gate) = (&group, &commits, &gate);
            scope.spawn(move || {
                gate.arrive();
                let result = group.run(number, |works| {
                    if commits.fetch_add(1, Ordering::SeqCst) == 0 {
                        gate.wait_for(THREADS);
                        while group.waiting() < THREADS - works.len() {
                            std::thread::yield_now();
                        }
                    }
                    works.iter().map(|work| work * 10).collect()
                });
                assert_eq!(result, Ok(number * 10), "each gets its own result");
            });
        }
    });
    assert_eq!(
        commits.load(Ordering::SeqCst),
        2,
        "one for the first, one for all others"
    );
}

#[test]
fn every_work_is_committed_once_under_load() {
    let (group, committed) = (Group::default(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (group, committed) = (&group, &committed);
            scope.spawn(move || {
                for number in 0..500 {
                    let work = thread * 1_000 + number;
                    let result = group.run(work, |works| {
                        committed.fetch_add(works.len(), Ordering::SeqCst);
                        works.to_vec()
                    });
                    assert_eq!(result, Ok(work));
                }
            });
        }
    });
    assert_eq!(committed.load(Ordering::SeqCst), 2_000);
}

#[test]
fn a_panic_in_a_commit_is_an_error_for_who_waited_and_the_group_goes_on() {
    let group = Group::<u8, u8>::default();
    let (in_commit, gate) = (Gate::default(), Gate::default());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            group.run(1, |_| {
                in_commit.arrive();
                gate.wait_for(2);
                while group.waiting() < 2 {
                    std::thread::yield_now();
                }
                vec![1]
            })
        });
        in_commit.wait_for(1);
        let others: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    gate.arrive();
                    let run = || group.run(2, |_| panic!("on purpose"));
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
                })
            })
            .collect();
        assert_eq!(first.join().unwrap(), Ok(1));
        let others: Vec<_> = others
            .into_iter()
            .map(|other| other.join().unwrap())
            .collect();
        assert_eq!(
            others.iter().filter(|other| other.is_err()).count(),
            1,
            "the one that led"
        );
        let waited = others
            .iter()
            .filter(|other| matches!(other, Ok(Err(Abandoned))));
        assert_eq!(waited.count(), 1);
    });
    assert_eq!(group.run(3, <[u8]>::to_vec), Ok(3));
}
