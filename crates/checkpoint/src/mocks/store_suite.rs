//! The contract of [`CheckpointStore`] as a test: run it on every store.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "a suite of tests"
)]

use crate::CheckpointStore;

/// Writes to an empty store, and compares what it reads.
pub fn checkpoint_store_suite(store: &dyn CheckpointStore) {
    let pair = |key: &[u8], value: u8| (key.to_vec(), vec![value]);
    let keys: [&[u8]; 5] = [&[1], &[1, 0], &[1, 255], &[2], &[2, 7]];
    let pairs: Vec<_> = (0_u8..).zip(keys).map(|(n, key)| pair(key, n)).collect();
    let put = |(key, value): &(Vec<u8>, Vec<u8>)| (key.clone(), Some(value.clone()));
    assert_eq!(store.ascending(&[1], &[3], 9).unwrap(), []);
    store.write(pairs.iter().rev().map(put).collect()).unwrap();
    assert_eq!(store.get(&[1, 0]).unwrap(), Some(vec![1]));
    assert_eq!(store.get(&[1, 1]).unwrap(), None);

    assert_eq!(store.ascending(&[1], &[2], 9).unwrap(), pairs[..3]);
    assert_eq!(store.ascending(&[1, 0], &[9], 3).unwrap(), pairs[1..4]);
    assert_eq!(store.ascending(&[2], &[1], 9).unwrap(), []);
    let mut down = pairs.clone();
    down.reverse();
    assert_eq!(store.descending(&[1], &[3], 9).unwrap(), down);
    assert_eq!(store.descending(&[1, 0], &[2], 1).unwrap(), down[2..3]);
    assert_eq!(store.descending(&[2], &[1], 9).unwrap(), []);

    let changes = vec![
        (vec![1], None),
        (vec![1, 255], Some(vec![9])),
        (vec![8], None),
    ];
    store.write(changes).unwrap();
    let left = [pair(&[1, 0], 1), pair(&[1, 255], 9), pairs[3].clone()];
    assert_eq!(store.ascending(&[0], &[2, 1], 9).unwrap(), left);
}
