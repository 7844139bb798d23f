//! What every [`StateStore`] must do, as tests for whoever implements one.

use crate::{Pair, StateBatch, StateSnapshot, StateStore, for_each_pair};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Runs every check, each on a store of its own that `open` makes empty.
///
/// # Panics
/// Where the store breaks its contract.
pub fn check_state_store(mut open: impl FnMut() -> Arc<dyn StateStore>) {
    an_empty_store_has_nothing(&*open());
    the_last_word_on_a_key_wins(&*open());
    a_scan_is_ascending_and_inside_its_bounds(&*open());
    a_scan_goes_on_from_any_key(&*open());
    many_values_are_those_of_each_key(&*open());
    metadata_is_kept_apart_and_until_set_again(&*open());
    values_may_be_empty_or_large(&*open());
    readers_see_all_of_a_batch_or_nothing(&open());
}

/// Runs the checks of what holds after a restart: `reopen` opens the same store, empty at first;
/// everything that it gave before was dropped.
///
/// # Panics
/// Where the store breaks its contract.
pub fn check_reopen(mut reopen: impl FnMut() -> Arc<dyn StateStore>) {
    let store = reopen();
    store
        .commit(batch(&[(b"a", Some(b"1")), (b"b", Some(b"2"))], Some(b"m")))
        .unwrap();
    store
        .commit(batch(&[(b"a", None), (b"c", Some(b"3"))], None))
        .unwrap();
    store.sync().unwrap();
    drop(store);
    let store = reopen();
    assert_eq!(
        all(&*store),
        pairs(&[(b"b", b"2"), (b"c", b"3")]),
        "pairs after a restart"
    );
    assert_eq!(
        store.metadata().unwrap(),
        Some(b"m".to_vec()),
        "metadata after a restart"
    );
    store
        .commit(batch(&[(b"b", Some(b"4"))], Some(b"n")))
        .unwrap();
    drop(store);
    let store = reopen();
    assert_eq!(
        all(&*store),
        pairs(&[(b"b", b"4"), (b"c", b"3")]),
        "commits without sync survive"
    );
    assert_eq!(store.metadata().unwrap(), Some(b"n".to_vec()));
}

/// Runs the checks of snapshots of a store, which is empty at first.
///
/// # Panics
/// Where a snapshot breaks its contract.
pub fn check_state_snapshot(
    store: &dyn StateStore,
    mut take: impl FnMut() -> Arc<dyn StateSnapshot>,
) {
    let empty = take();
    let numbered = |number: u32| number.to_be_bytes().to_vec();
    let mut many = StateBatch::new();
    for number in 0..3_000_u32 {
        many.put(numbered(number), vec![1; 3]);
    }
    many.set_metadata(b"m".to_vec());
    store.commit(many).unwrap();
    let first = take();
    let mut changed = StateBatch::new();
    for number in 0..3_000_u32 {
        match number % 3 {
            0 => changed.delete(numbered(number)),
            1 => changed.put(numbered(number), vec![2]),
            _ => changed.put(numbered(number.saturating_add(10_000)), vec![3]),
        }
    }
    store.commit(changed).unwrap();
    assert_eq!(
        shown(&*empty, &[], usize::MAX),
        [],
        "before the first commit"
    );
    let before: Vec<Pair> = (0..3_000).map(|it| (numbered(it), vec![1; 3])).collect();
    assert_eq!(
        shown(&*first, &[], usize::MAX),
        before,
        "whatever is committed later"
    );
    assert_eq!(
        shown(&*first, &numbered(7), 2_000),
        before[7..2_007],
        "from a key on"
    );
    let between = [&numbered(7)[..], &[0]].concat();
    assert_eq!(
        shown(&*first, &between, 1),
        before[8..9],
        "from between two keys on"
    );
    assert_eq!(shown(&*first, &[255], 1), [], "behind the last key");
    assert_eq!(shown(&*take(), &[], usize::MAX), all(store), "of now");
}

fn shown(snapshot: &dyn StateSnapshot, from: &[u8], limit: usize) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut visitor = |key: &[u8], value: &[u8]| {
        pairs.push((key.to_vec(), value.to_vec()));
        if pairs.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    snapshot.visit(from, &mut visitor).unwrap();
    pairs
}

fn an_empty_store_has_nothing(store: &dyn StateStore) {
    assert_eq!(store.get(b"a").unwrap(), None);
    assert_eq!(store.scan(b"", b"", 10).unwrap(), []);
    assert_eq!(store.metadata().unwrap(), None);
    store.commit(StateBatch::new()).unwrap();
    store.commit(batch(&[(b"a", None)], None)).unwrap();
    assert_eq!(store.scan(b"", b"", 10).unwrap(), []);
}

fn the_last_word_on_a_key_wins(store: &dyn StateStore) {
    store.commit(batch(&[(b"a", Some(b"1"))], None)).unwrap();
    store.commit(batch(&[(b"a", Some(b"2"))], None)).unwrap();
    assert_eq!(store.get(b"a").unwrap(), Some(b"2".to_vec()));
    store.commit(batch(&[(b"a", None)], None)).unwrap();
    assert_eq!(store.get(b"a").unwrap(), None);
    let mut both = StateBatch::new();
    both.put(b"a".to_vec(), b"3".to_vec());
    both.delete(b"a".to_vec());
    both.delete(b"b".to_vec());
    both.put(b"b".to_vec(), b"4".to_vec());
    store.commit(both).unwrap();
    assert_eq!(all(store), pairs(&[(b"b", b"4")]));
}

fn many_values_are_those_of_each_key(store: &dyn StateStore) {
    let key = |number: u32| number.to_be_bytes().to_vec();
    let mut numbers = StateBatch::new();
    // Close together, far apart, and nothing in between.
    for number in (0..300).chain((1_000..20_000).step_by(97)) {
        numbers.put(key(number), number.to_le_bytes().to_vec());
    }
    store.commit(numbers).unwrap();
    let ascending: Vec<_> = (0..3_000).map(key).collect();
    let sparse: Vec<_> = (0..40_000).step_by(31).map(key).collect();
    let descending: Vec<_> = (0..2_000).rev().step_by(3).map(key).collect();
    let twice: Vec<_> = (0..200)
        .flat_map(|number| [key(number), key(number)])
        .collect();
    for keys in [ascending, sparse, descending, twice, vec![]] {
        let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut found = Vec::new();
        store
            .get_many(&asked, &mut |place, value: Option<&[u8]>| {
                found.push((place, value.map(<[u8]>::to_vec)));
            })
            .unwrap();
        let each = asked.iter().map(|key| store.get(key).unwrap());
        assert_eq!(found, each.enumerate().collect::<Vec<_>>());
    }
}

fn a_scan_is_ascending_and_inside_its_bounds(store: &dyn StateStore) {
    let keys: [&[u8]; 7] = [b"a", b"b", b"b\0", b"ba", b"b\xff", b"b\xff\xff", b"c"];
    for key in keys.iter().rev() {
        store.commit(batch(&[(key, Some(b"v"))], None)).unwrap();
    }
    let scan = |prefix: &[u8], from: &[u8], limit| -> Vec<Vec<u8>> {
        let found = store.scan(prefix, from, limit).unwrap();
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(scan(b"", b"", 100), keys, "all");
    assert_eq!(
        scan(b"b", b"", 100),
        keys[1..6],
        "a prefix, its own key included"
    );
    assert_eq!(
        scan(b"b", b"ba", 100),
        keys[3..6],
        "from a key on, included"
    );
    assert_eq!(
        scan(b"b", b"bb", 100),
        keys[4..6],
        "from a key that is not there"
    );
    assert_eq!(
        scan(b"b", b"c", 100),
        Vec::<Vec<u8>>::new(),
        "from beyond the prefix"
    );
    assert_eq!(scan(b"b", b"", 2), keys[1..3], "no more than the limit");
    assert_eq!(
        scan(b"b\xff", b"", 100),
        keys[4..6],
        "a prefix that ends in the last byte"
    );
    assert_eq!(
        scan(b"\xff\xff", b"", 100),
        Vec::<Vec<u8>>::new(),
        "a prefix without an end"
    );
    assert_eq!(
        scan(b"", b"", 0),
        Vec::<Vec<u8>>::new(),
        "nothing was asked for"
    );
}

fn a_scan_goes_on_from_any_key(store: &dyn StateStore) {
    let mut many = StateBatch::new();
    for number in 0..2_500_u32 {
        many.put(number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec());
    }
    store.commit(many).unwrap();
    let mut found = Vec::new();
    for_each_pair(store, b"\0", |key, value| {
        assert_eq!(key.iter().rev().copied().collect::<Vec<_>>(), value);
        found.push(key.to_vec());
        Ok::<_, crate::LedgerError>(())
    })
    .unwrap();
    assert_eq!(found.len(), 2_500);
    assert!(found.is_sorted());
}

fn metadata_is_kept_apart_and_until_set_again(store: &dyn StateStore) {
    store
        .commit(batch(&[(b"a", Some(b"1"))], Some(b"one")))
        .unwrap();
    store.commit(batch(&[(b"a", Some(b"2"))], None)).unwrap();
    assert_eq!(store.metadata().unwrap(), Some(b"one".to_vec()));
    store.commit(batch(&[], Some(b"two"))).unwrap();
    assert_eq!(store.metadata().unwrap(), Some(b"two".to_vec()));
    assert_eq!(all(store), pairs(&[(b"a", b"2")]), "metadata is no pair");
}

fn values_may_be_empty_or_large(store: &dyn StateStore) {
    let large = vec![7; 5_000_000];
    store
        .commit(batch(
            &[(b"empty", Some(b"")), (b"large", Some(&large))],
            None,
        ))
        .unwrap();
    assert_eq!(store.get(b"empty").unwrap(), Some(Vec::new()));
    assert_eq!(store.get(b"large").unwrap(), Some(large));
    let longest = vec![9; crate::keys::MAX_KEY_BYTES];
    store
        .commit(batch(&[(&longest, Some(b"v"))], None))
        .unwrap();
    assert_eq!(store.get(&longest).unwrap(), Some(b"v".to_vec()));
}

fn readers_see_all_of_a_batch_or_nothing(store: &Arc<dyn StateStore>) {
    const ROUNDS: u32 = 200;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                let value = round.to_be_bytes();
                store
                    .commit(batch(&[(b"a", Some(&value)), (b"b", Some(&value))], None))
                    .unwrap();
            }
        });
        loop {
            let found = store.scan(b"", b"", 2).unwrap();
            let values: Vec<_> = found.into_iter().map(|(_, value)| value).collect();
            match values.as_slice() {
                [] => {}
                [a, b] => assert_eq!(a, b, "half of a batch"),
                _ => panic!("half of a batch"),
            }
            if values
                .first()
                .is_some_and(|value| *value == ROUNDS.to_be_bytes())
            {
                return;
            }
            std::thread::yield_now();
        }
    });
}

type Change<'a> = (&'a [u8], Option<&'a [u8]>);

fn batch(changes: &[Change<'_>], metadata: Option<&[u8]>) -> StateBatch {
    let changes = changes
        .iter()
        .map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
    StateBatch {
        changes: changes.collect(),
        metadata: metadata.map(<[u8]>::to_vec),
    }
}

fn pairs(expected: &[(&[u8], &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    expected
        .iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

fn all(store: &dyn StateStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(b"", b"", usize::MAX).unwrap()
}
