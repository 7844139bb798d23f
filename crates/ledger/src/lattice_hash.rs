//! The hash of the whole state, at the cost of what changes.

use crate::{LedgerError, StateStore, for_each_pair};
use picot_crypto::{Context, Hash, Hasher};
use picot_serialization::{Bound, Decode, DecodeError, Encode, IResult, encode_bytes, fail};
use std::fmt;

/// Lanes of the sum.
const LANES: usize = 1_024;
/// Bytes of the sum.
const BYTES: usize = 2_048;

/// A homomorphic hash of a set of pairs: the lane-wise sum of one BLAKE3 expansion for each pair.
///
/// This is LtHash with 16-bit lanes × 1024 (Bellare and Micciancio 1997; Lewi, Kim, Maykov, Weis
/// 2019). Adding and removing a pair costs that pair alone, order does not matter, and two sets have
/// the same sum only if they are equal, as long as no pair is in a set twice: which a map of keys
/// excludes.
#[derive(Clone, PartialEq, Eq)]
pub struct LatticeHash {
    lanes: Box<[u16; LANES]>,
}

impl Default for LatticeHash {
    fn default() -> Self {
        Self {
            lanes: Box::new([0; LANES]),
        }
    }
}

impl fmt::Debug for LatticeHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LatticeHash({})", self.digest())
    }
}

impl LatticeHash {
    /// The length of its bytes.
    pub const LEN: usize = BYTES;

    /// Of no pair.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of all pairs of a store, computed from nothing.
    ///
    /// # Errors
    /// The store failed.
    pub fn of_store(store: &dyn StateStore) -> Result<Self, LedgerError> {
        let mut hash = Self::new();
        for_each_pair(store, &[], |key, value| {
            hash.add(key, value);
            Ok::<_, LedgerError>(())
        })?;
        Ok(hash)
    }

    /// Adds a pair that is not in the set.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let expansion = expand(key, value);
        self.zip(lanes_of(&expansion), u16::wrapping_add);
    }

    /// Removes a pair that is in the set.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        let expansion = expand(key, value);
        self.zip(lanes_of(&expansion), u16::wrapping_sub);
    }

    /// Changes what a key has: nothing, or a value.
    pub fn replace(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.remove(key, old);
        }
        if let Some(new) = new {
            self.add(key, new);
        }
    }

    /// Adds all pairs of another set, which has no pair in common with this one.
    pub fn combine(&mut self, other: &Self) {
        self.zip(other.lanes.iter().copied(), u16::wrapping_add);
    }

    /// The 32 bytes that stand for the set.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Context::StateDigest.hash(&self.to_bytes())
    }

    fn zip(&mut self, others: impl Iterator<Item = u16>, operation: impl Fn(u16, u16) -> u16) {
        for (lane, other) in self.lanes.iter_mut().zip(others) {
            *lane = operation(*lane, other);
        }
    }
}

/// The pair's expansion: BLAKE3's endless output over key and value, each with its length in front
/// so that no two pairs have the same input.
fn expand(key: &[u8], value: &[u8]) -> [u8; BYTES] {
    let mut input = Vec::with_capacity(key.len().saturating_add(value.len()).saturating_add(8));
    encode_bytes(key, &mut input);
    encode_bytes(value, &mut input);
    let mut expansion = [0; BYTES];
    Hasher::new(Context::StateHash)
        .update(&input)
        .finalize_xof()
        .fill(&mut expansion);
    expansion
}

fn lanes_of(bytes: &[u8; BYTES]) -> impl Iterator<Item = u16> + '_ {
    let (lanes, _) = bytes.as_chunks::<2>();
    lanes.iter().map(|lane| u16::from_le_bytes(*lane))
}

impl Encode for LatticeHash {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.lanes.iter().flat_map(|lane| lane.to_le_bytes()));
    }

    fn encoded_len(&self) -> usize {
        BYTES
    }
}

impl Decode for LatticeHash {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        let Some((bytes, rest)) = input.split_first_chunk::<BYTES>() else {
            return fail(&[], "LatticeHash", Bound::Truncated);
        };
        let mut hash = Self::new();
        hash.zip(lanes_of(bytes), |_, lane| lane);
        Ok((rest, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_serialization::decode_exact;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

    fn pairs() -> impl Strategy<Value = Pairs> {
        let bytes = || prop::collection::vec(0..4_u8, 0..4);
        prop::collection::btree_map(bytes(), bytes(), 0..8)
    }

    fn hash_of<'a>(pairs: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> LatticeHash {
        let mut hash = LatticeHash::new();
        for (key, value) in pairs {
            hash.add(key, value);
        }
        hash
    }

    #[test]
    fn the_boundary_between_key_and_value_matters() {
        let mut one = LatticeHash::new();
        one.add(b"ab", b"c");
        let mut other = LatticeHash::new();
        other.add(b"a", b"bc");
        assert_ne!(one, other);
    }

    #[test]
    fn the_same_value_under_swapped_keys_is_another_state() {
        let mut one = LatticeHash::new();
        one.add(b"a", b"1");
        one.add(b"b", b"2");
        let mut other = LatticeHash::new();
        other.add(b"a", b"2");
        other.add(b"b", b"1");
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn the_empty_set_and_one_pair_have_the_digests_they_always_had() {
        assert_eq!(
            LatticeHash::new().digest().to_string(),
            "18331fd87bf40cb6d2433d2729ed0655c8dddeeb88067abcdcb51c1188237181"
        );
        let mut hash = LatticeHash::new();
        hash.add(b"key", b"value");
        assert_eq!(
            hash.digest().to_string(),
            "d0fd27ae46209cc3ea441f0f0fe4ca0df16f2f96ed0518cde32d975986fb6d24"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn order_does_not_matter(pairs in pairs()) {
            prop_assert_eq!(hash_of(&pairs), hash_of(pairs.iter().rev()));
        }

        #[test]
        fn equal_sets_and_no_others_have_equal_hashes(one in pairs(), other in pairs()) {
            prop_assert_eq!(one == other, hash_of(&one).digest() == hash_of(&other).digest());
        }

        #[test]
        fn removing_undoes_adding(pairs in pairs(), key: [u8; 5], value: [u8; 5]) {
            let before = hash_of(&pairs);
            let mut hash = before.clone();
            hash.add(&key, &value);
            prop_assert_ne!(&hash, &before);
            hash.remove(&key, &value);
            prop_assert_eq!(hash, before);
        }

        #[test]
        fn replacing_is_the_same_as_computing_anew(old in pairs(), new in pairs()) {
            let mut hash = hash_of(&old);
            for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
                hash.replace(key, old.get(key).map(Vec::as_slice), new.get(key).map(Vec::as_slice));
            }
            prop_assert_eq!(hash, hash_of(&new));
        }

        #[test]
        fn parts_combine_to_the_whole(pairs in pairs(), cut in 0..8_usize) {
            let mut first = hash_of(pairs.iter().take(cut));
            first.combine(&hash_of(pairs.iter().skip(cut)));
            prop_assert_eq!(first, hash_of(&pairs));
        }

        #[test]
        fn its_bytes_bring_it_back(pairs in pairs()) {
            let hash = hash_of(&pairs);
            let bytes = hash.to_bytes();
            prop_assert_eq!(bytes.len(), LatticeHash::LEN);
            prop_assert_eq!(decode_exact::<LatticeHash>(&bytes), Ok(hash));
            prop_assert!(decode_exact::<LatticeHash>(bytes.get(1..).unwrap_or_default()).is_err());
        }
    }
}
