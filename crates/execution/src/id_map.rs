//! Maps by operation id.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map whose keys are hashes that this node computed: a part of one, mixed with what nobody outside
/// knows, says enough.
pub(crate) type IdMap<K, V> = HashMap<K, V, IdState>;

/// What nobody outside knows: so that nobody can make ids that all fall on one place.
#[derive(Debug, Clone)]
pub(crate) struct IdState(u64);

impl Default for IdState {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for IdState {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// Takes the first bytes of whatever is hashed.
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        /// An odd number without a pattern: the golden ratio's fraction.
        const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
        if let Some(first) = bytes.first_chunk::<8>() {
            let mixed = self.0 ^ u64::from_le_bytes(*first);
            // High bits know of all; low ones choose the place.
            self.0 = mixed.wrapping_mul(MULTIPLIER).rotate_left(32);
        }
    }

    /// The length of a hash, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_crypto::Context;
    use picot_models::OperationId;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_found_and_fall_on_different_places() {
        let id = |number: u64| OperationId::from(Context::Test.hash(&number.to_le_bytes()));
        let mut map: IdMap<OperationId, u64> = IdMap::default();
        map.extend((0..10_000).map(|number| (id(number), number)));
        assert!((0..10_000).all(|number| map.get(&id(number)) == Some(&number)));
        assert_eq!(map.get(&id(10_000)), None);
        let place = |number| map.hasher().hash_one(id(number)) % 4_096;
        let places: BTreeSet<_> = (0..4_096).map(place).collect();
        // Of so many balls in so many bins, 63 % of the bins get one.
        assert!(places.len() > 2_000, "{} places", places.len());
        let other: IdMap<OperationId, u64> = IdMap::default();
        assert_ne!(map.hasher().0, other.hasher().0, "each map has its secret");
    }
}
