//! A batch has the verdict of its entries.

use proptest::collection::vec;
use proptest::prelude::*;

use super::torsion::{is_valid, mixed_order, small_order, with_excess_s};
use crate::batch::one_equation_accepts;
use crate::mocks::{hash, signed};
use crate::{
    BatchEntry, KeyCache, PublicKey, Signature, VerifyingKey, verify_batch,
    verify_batch_sequential, verify_batch_with_keys,
};

fn bad_alone(entries: &[BatchEntry]) -> Vec<usize> {
    (0..entries.len())
        .filter(|index| !is_valid(&entries[*index]))
        .collect()
}

/// The bad entries by all ways of verifying a batch, which must agree.
fn bad_together(entries: &[BatchEntry]) -> Vec<usize> {
    let bad =
        |result: Result<(), crate::BatchError>| result.err().map_or(vec![], |error| error.bad);
    let sequential = bad(verify_batch_sequential(entries));
    assert_eq!(bad(verify_batch(entries)), sequential);
    let mut cache = KeyCache::new(entries.len());
    for entry in entries.iter().step_by(2) {
        cache.get_or_insert(&entry.public_key).ok();
    }
    assert_eq!(
        bad(verify_batch_with_keys(entries, |key| cache.get(key))),
        sequential
    );
    sequential
}

fn with_byte(entry: BatchEntry, index: usize, byte: u8) -> BatchEntry {
    let mut bytes = entry.signature.0;
    bytes[index % 64] = byte;
    BatchEntry {
        signature: Signature(bytes),
        ..entry
    }
}

fn entries() -> impl Strategy<Value = BatchEntry> {
    let small = 0_u64..6;
    prop_oneof![
        4 => (small.clone(), small.clone()).prop_map(|(message, signer)| signed(message, signer)),
        1 => (small.clone(), small.clone()).prop_map(|(message, signer)| BatchEntry {
            message: hash(message + 100),
            ..signed(message, signer)
        }),
        2 => (small.clone(), 0..8_usize, 0..8_usize).prop_map(|(i, a, r)| mixed_order(i, a, r)),
        1 => (small.clone(), 0..8_usize, 0..8_usize)
            .prop_map(|(i, a, r)| BatchEntry { message: hash(200), ..mixed_order(i, a, r) }),
        2 => (small.clone(), 0..14_usize, 0..14_usize).prop_map(|(i, a, r)| small_order(i, a, r)),
        1 => (small.clone(), any::<usize>(), any::<u8>())
            .prop_map(|(i, index, byte)| with_byte(signed(i, i), index, byte)),
        1 => (small.clone(), any::<usize>(), any::<u8>())
            .prop_map(|(i, index, byte)| with_byte(small_order(i, 1, 2), index, byte)),
        1 => small.clone().prop_map(|i| with_excess_s(signed(i, i))),
        1 => (small, any::<[u8; 32]>())
            .prop_map(|(i, key)| BatchEntry { public_key: PublicKey(key), ..signed(i, i) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_batch_has_the_verdicts_of_its_entries(entries in vec(entries(), 0..40)) {
        let bad = bad_alone(&entries);
        prop_assert_eq!(&bad_together(&entries), &bad);
        prop_assert_eq!(one_equation_accepts(&entries), bad.is_empty());
        let mut good = entries.clone();
        good.retain(is_valid);
        prop_assert!(one_equation_accepts(&good));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_batch_over_several_threads_has_the_verdicts_of_its_entries(
        good in 130..400_u64, spoiled in vec((any::<prop::sample::Index>(), entries()), 0..6),
    ) {
        let mut entries: Vec<_> = (0..good).map(|index| signed(index, index % 50)).collect();
        for (index, entry) in spoiled {
            let index = index.index(entries.len());
            entries[index] = entry;
        }
        prop_assert_eq!(bad_together(&entries), bad_alone(&entries));
    }
}

#[test]
fn an_empty_batch_is_valid() {
    assert_eq!(verify_batch(&[]), Ok(()));
}

#[test]
fn every_bad_entry_is_named_however_many_there_are() {
    for bad_every in [1, 2, 3, 7, 64, 299] {
        let entries: Vec<_> = (0..300)
            .map(|index| match index % bad_every {
                0 => BatchEntry {
                    message: hash(999),
                    ..signed(index, index)
                },
                _ => signed(index, index),
            })
            .collect();
        let expected: Vec<usize> = (0..300).step_by(bad_every.try_into().unwrap()).collect();
        assert_eq!(bad_together(&entries), expected, "one in {bad_every}");
    }
}

#[test]
fn errors_that_cancel_each_other_are_found() {
    // S + 1 and S − 1: the sum of the equations without coefficients would hold.
    let (mut up, mut down) = (signed(1, 1), signed(2, 2));
    let changed = |entry: &BatchEntry, change: curve25519_dalek::Scalar| {
        let (r, s) = entry.signature.parts();
        let s = curve25519_dalek::Scalar::from_bytes_mod_order(s) + change;
        Signature([r, s.to_bytes()].concat().try_into().unwrap())
    };
    up.signature = changed(&up, curve25519_dalek::Scalar::ONE);
    down.signature = changed(&down, -curve25519_dalek::Scalar::ONE);
    assert_eq!(bad_together(&[up, down]), [0, 1]);
    assert_eq!(
        bad_together(&[up, signed(3, 3), signed(4, 4), signed(5, 5), down]),
        [0, 4]
    );
}

#[test]
fn one_key_may_sign_many_entries() {
    let mut entries: Vec<_> = (0..200).map(|index| signed(index, 1)).collect();
    assert_eq!(bad_together(&entries), Vec::<usize>::new());
    entries[77].message = hash(1_000);
    entries[199].message = hash(1_000);
    assert_eq!(bad_together(&entries), [77, 199]);
}

#[test]
fn indices_are_right_past_the_largest_share() {
    let mut entries = vec![signed(1, 1); 9_000];
    for index in [0, 4_095, 4_096, 8_999] {
        entries[index].message = hash(2);
    }
    assert_eq!(
        verify_batch(&entries).unwrap_err().bad,
        [0, 4_095, 4_096, 8_999]
    );
    assert_eq!(
        verify_batch_sequential(&entries).unwrap_err().bad,
        [0, 4_095, 4_096, 8_999]
    );
}

#[test]
fn a_known_key_of_somebody_else_is_not_used() {
    let other = VerifyingKey::try_from(signed(2, 2).public_key).unwrap();
    assert_eq!(
        verify_batch_with_keys(&[signed(1, 1)], |_| Some(other)),
        Ok(())
    );
}
