//! A bounded memory of decompressed keys.

use std::collections::BTreeMap;
use std::mem;

use crate::{CryptoError, PublicKey, VerifyingKey};

/// Decompressed keys of those who sign often. Never holds more keys than its capacity.
///
/// Two generations: new and used keys go to the young one; when it is full, it becomes the old one,
/// and the old one is forgotten.
#[derive(Debug, Clone)]
pub struct KeyCache {
    young: BTreeMap<PublicKey, VerifyingKey>,
    old: BTreeMap<PublicKey, VerifyingKey>,
    /// The most keys in a generation.
    generation: usize,
}

impl KeyCache {
    /// An empty cache of at most `capacity` keys, and at least 2.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let generation = capacity.div_euclid(2).max(1);
        Self {
            young: BTreeMap::new(),
            old: BTreeMap::new(),
            generation,
        }
    }

    /// The number of keys held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether no key is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// The key, if it is held: what [`crate::verify_batch_with_keys`] asks for.
    #[must_use]
    pub fn get(&self, public_key: &PublicKey) -> Option<VerifyingKey> {
        self.young
            .get(public_key)
            .or_else(|| self.old.get(public_key))
            .copied()
    }

    /// The key, which is held afterwards.
    ///
    /// # Errors
    /// [`CryptoError::KeyNotOnCurve`].
    pub fn get_or_insert(&mut self, public_key: &PublicKey) -> Result<VerifyingKey, CryptoError> {
        if let Some(key) = self.young.get(public_key) {
            return Ok(*key);
        }
        let key = match self.old.remove(public_key) {
            Some(key) => key,
            None => VerifyingKey::try_from(public_key)?,
        };
        if self.young.len() >= self.generation {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(*public_key, key);
        Ok(key)
    }
}
