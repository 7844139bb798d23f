//! Contexts, hashes and their text form.

use std::collections::BTreeSet;
use std::fmt::Write;

use picot_serialization::testing::{check_canonical, check_value};
use proptest::prelude::*;

use super::unhex;
use crate::{Context, CryptoError, Hash, Hasher};

#[test]
fn every_use_of_a_hash_has_its_own_context_string() {
    let texts: BTreeSet<_> = Context::ALL.iter().map(|context| context.text()).collect();
    assert_eq!(texts.len(), Context::ALL.len());
    let hashes: BTreeSet<_> = Context::ALL
        .iter()
        .map(|context| context.hash(b"same"))
        .collect();
    assert_eq!(hashes.len(), Context::ALL.len());
    assert!(texts.iter().all(|text| text.starts_with("picot 1 ")));
}

/// A changed line here changes ids: it is a new version of the chain.
#[test]
fn context_strings_and_their_hashes_are_pinned() {
    let mut table = String::new();
    for context in Context::ALL {
        writeln!(
            table,
            "{context:?} | {} | {}",
            context.text(),
            context.hash(b"")
        )
        .unwrap();
    }
    assert_eq!(
        table,
        include_str!("../../golden/contexts.txt"),
        "the table is now:\n{table}"
    );
}

/// The test vectors of BLAKE3's authors, `test_vectors/test_vectors.json` of the repository
/// `BLAKE3-team/BLAKE3`, input lengths 0 and 1.
#[test]
fn blake3_agrees_with_its_vectors() {
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(blake3::hash(b"").to_hex().as_str(), empty);
    let one = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213";
    assert_eq!(blake3::hash(&[0]).to_hex().as_str(), one);
    let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    let derived = "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d";
    assert_eq!(blake3::derive_key(context, b""), unhex::<32>(derived));
    let derived = "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c";
    assert_eq!(blake3::derive_key(context, &[0]), unhex::<32>(derived));
}

#[test]
fn the_hash_of_a_context_is_blake3_derive_key() {
    for context in Context::ALL {
        for bytes in [&b""[..], b"abc", &[7; 5_000]] {
            assert_eq!(
                context.hash(bytes).0,
                blake3::derive_key(context.text(), bytes)
            );
        }
    }
}

#[test]
fn the_endless_output_begins_with_the_hash_and_can_be_read_from_anywhere() {
    let mut hasher = Hasher::new(Context::Draw);
    hasher.update(b"seed");
    let mut output = [0; 100];
    hasher.finalize_xof().fill(&mut output);
    assert_eq!(output[..32], hasher.finalize().0);
    let mut reader = hasher.finalize_xof();
    reader.seek(64);
    assert_eq!(reader.next_u64().to_le_bytes(), output[64..72]);
    assert_eq!(reader.next_u64().to_le_bytes(), output[72..80]);
}

#[test]
fn the_hash_of_ids_is_the_hash_of_their_concatenation() {
    let ids = [Hash([1; 32]), Hash([2; 32]), Hash([3; 32])];
    let joined: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
    let context = Context::OperationsHash;
    assert_eq!(context.hash_ids(ids), context.hash(&joined));
    assert_eq!(context.hash_ids::<Hash>([]), context.hash(b""));
}

#[test]
fn only_64_lower_case_digits_are_a_hash() {
    let text = Context::Test.hash(b"x").to_string();
    assert_eq!(text.len(), 64);
    let upper = Hash([0xab; 32]).to_string().to_uppercase();
    let wrong = [
        &text[..62],
        &text[..63],
        &format!("{text}00"),
        &upper,
        &text.replace('0', "g"),
        "",
    ];
    for text in wrong.into_iter().filter(|wrong| *wrong != text) {
        assert_eq!(
            text.parse::<Hash>(),
            Err(CryptoError::NotHexadecimal),
            "{text}"
        );
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_hash_is_a_string_of_digits_in_json() {
    let hash = Context::Test.hash(b"x");
    let json = serde_json::to_string(&hash).unwrap();
    assert_eq!(json, format!("\"{hash}\""));
    assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
    assert!(serde_json::from_str::<Hash>("\"00\"").is_err());
}

proptest! {
    #[test]
    fn hashes_keep_the_codec_laws(bytes: [u8; 32], random: Vec<u8>) {
        check_value(&Hash(bytes));
        check_canonical::<Hash>(&random);
        prop_assert_eq!(Hash(bytes).to_string().parse(), Ok(Hash(bytes)));
    }

    #[test]
    fn pieces_do_not_change_a_hash(bytes: Vec<u8>, cut: prop::sample::Index) {
        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut hasher = Hasher::new(Context::Chunk);
        prop_assert_eq!(hasher.update(left).update(right).finalize(), Context::Chunk.hash(&bytes));
    }
}
